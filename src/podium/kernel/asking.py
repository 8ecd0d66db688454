"""What attempts ask for while they are under way: tools, and other agents.

Each is an effect of its own below the one that asked. What was done for an attempt is kept with that effect
until it ends itself, so that a later attempt which asks for the same again gets what there is already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from podium.facts import events as e
from podium.facts.identity import digest_of
from podium.facts.inputs import Asked
from podium.facts.orders import Abandon, Answer
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.availability import avoided, refused
from podium.kernel.bounds import excess
from podium.kernel.outcome import answer
from podium.kernel.requests import request_asked, same_promise
from podium.kernel.settling import fail
from podium.kernel.state import Call, Effect, Run
from podium.kernel.step import Step, validation_error
from podium.kernel.tools import tool_fields
from podium.workflow.program import CallAgent

CALLS_MAX = 10_000
"""So much may attempts of one effect ask for, all of them together."""

DEPTH_MAX = 10
"""So many agents may ask each other for something, one for the other."""

REPEATS_MAX = 5
"""So often may one agent be among those that ask each other."""


class _Wanted(NamedTuple):
    """What an attempt asks for, put so that it can be found again."""

    asked: str
    digest: str
    key: str


def ask(step: Step, told: Asked) -> None:
    """Do what an attempt asks for, or tell it why not."""
    effect = step.run.effects.get(told.effect)
    if effect is None or effect.token != told.token or effect.status not in ("running", "asking"):
        # Whoever asks is not the one who is waited for: nothing is done for him, or kept.
        error = standard_error("authorization", "", "this attempt is over", "its token counts no more")
        _tell(step, told, error)
        return
    try:
        _ask(step, effect, told, _wanted(step.run, effect, told))
    except Faulted as faulted:
        _refuse(step, effect, told, faulted.error)


def _wanted(run: Run, effect: Effect, told: Asked) -> _Wanted:
    own = f"{effect.key or f'{run.id}/{effect.id}'}/{told.key}" if told.key else ""
    name = f"{told.agent} for {told.target}" if told.agent and told.target else told.agent or told.target
    return _Wanted(f"{told.kind} {name}", digest_of(told.args), own)


def _ask(step: Step, effect: Effect, told: Asked, wanted: _Wanted) -> None:
    _check_asker(step, effect, told)
    if (same := _same(effect, told)) is not None:
        # Said again, as whoever asks did not hear that it was heard: the answer comes, or comes again.
        if (same.asked, same.digest) != (wanted.asked, wanted.digest):
            title = f"the number {told.number} stands for {same.asked} with other arguments"
            raise _refusal(effect, "configuration", title, "give each thing that is asked for its own number")
        if same.status != "open":
            step.out.orders.append(answer(step.shard, step.run.id, effect.id, same.effect))
        return
    agent = step.view.agents.get(effect.digest)
    strict = agent is not None and agent.replay == "strict"
    if strict and effect.code and told.code != effect.code:
        _diverge(step, effect, told, "the code that asks is not what it was when the effect began")
        return
    known = _known(effect, wanted, strict=strict)
    if known is not None:
        _repeat(step, effect, told, known, wanted)
    elif strict and (expected := next(_before(effect), None)) is not None:
        _diverge(
            step, effect, told, f"it asks for {wanted.asked}, where {expected.asked} was asked for before"
        )
    elif told.kind == "tool":
        _ask_tool(step, effect, told, wanted)
    else:
        _ask_agent(step, effect, told, wanted)


def _check_asker(step: Step, effect: Effect, told: Asked) -> None:
    if (error := refused(step.shard, effect)) is not None:
        raise Faulted(error)
    if effect.kind != "agent":
        raise _refusal(effect, "authorization", "only agents may ask for something", "this is a tool")
    if len(effect.calls) >= CALLS_MAX:
        title = f"more than {CALLS_MAX} things were asked for"
        raise _refusal(effect, "runtime", title, "let several agents share the work")
    too_much = excess(told.args)
    if too_much:
        raise _refusal(effect, "validation", f"the arguments have {too_much}", "pass a path or a reference")


def _refusal(effect: Effect, kind: str, title: str, detail: str) -> Faulted:
    return Faulted(standard_error(kind, effect.task, title, detail))


# --- what is there already --------------------------------------------------------------------------


def _same(effect: Effect, told: Asked) -> Call | None:
    """What this very attempt asked for by the same number."""
    asked = (call for call in effect.calls.values() if call.number == told.number)
    return next((call for call in asked if call.attempt == effect.attempt), None)


def _before(effect: Effect) -> Iterator[Call]:
    """What earlier attempts asked for that this one has not, oldest first."""
    return (call for call in effect.calls.values() if call.attempt < effect.attempt)


def _known(effect: Effect, wanted: _Wanted, *, strict: bool) -> Call | None:
    """What was asked for before and is meant again: by its key, else by what it is and how often it was."""
    if wanted.key:
        named = (call for call in effect.calls.values() if call.key == wanted.key)
        return next(named, None)
    for call in _before(effect):
        if not call.key and (call.asked, call.digest) == (wanted.asked, wanted.digest):
            return call
        if strict:
            return None
    return None


def _repeat(step: Step, effect: Effect, told: Asked, call: Call, wanted: _Wanted) -> None:
    if (call.asked, call.digest) != (wanted.asked, wanted.digest):
        title = f"the key {told.key} stands for {call.asked} with other arguments"
        raise _refusal(effect, "configuration", title, "give each thing that is asked for a key of its own")
    if call.status == "open" and call.attempt == effect.attempt:
        title = f"{call.asked} is asked for twice at once by the key {told.key}"
        raise _refusal(effect, "configuration", title, "wait for the first answer")
    step.emit(
        e.AskRepeated(
            effect=effect.id, attempt=effect.attempt, task=effect.task, call=call.effect, number=told.number,
            park_at=_park_at(step, effect) if call.status == "open" else 0,
        )
    )  # fmt: skip


def _park_at(step: Step, effect: Effect) -> int:
    """When an attempt that waits now is parked; 0 for never. One that must not be made twice never is."""
    agent = step.view.agents.get(effect.digest)
    if effect.asking or agent is None or not agent.park_ms or effect.delivery == "at-most-once":
        return 0
    return step.shard.now + agent.park_ms


# --- what is new ------------------------------------------------------------------------------------


def _ask_tool(step: Step, effect: Effect, told: Asked, wanted: _Wanted) -> None:
    digest, fields = tool_fields(
        step.view, told.target, told.args, effect.task, f"{effect.agent} asks for it"
    )
    request_asked(
        step, effect, wanted.asked, told.args, step.view.tools[digest].deadline_ms,
        key=wanted.key, number=told.number, park_at=_park_at(step, effect), code=_code(effect, told),
        **fields,
    )  # fmt: skip


def _ask_agent(step: Step, effect: Effect, told: Asked, wanted: _Wanted) -> None:
    running = step.shard.running
    call = CallAgent(told.target, told.agent, None, None)
    route = step.view.route(call, lambda digest: running.get(digest, 0), avoided(step))
    if isinstance(route, str):
        raise _refusal(effect, "configuration", route, "apply an agent that offers it")
    agent = route.agent
    capability = told.target or agent.capabilities[0].name
    _check_chain(step.run, effect, route.digest, capability, wanted.digest)
    check, _ = step.view.contract(route.digest, capability)
    breaches = check(told.args)
    if breaches:
        title = f"the input breaks the contract of {capability} ({agent.name}@{agent.version})"
        raise Faulted(validation_error(effect.task, title, breaches))
    request_asked(
        step, effect, wanted.asked, told.args, agent.deadline_ms,
        kind="agent", agent=f"{agent.name}@{agent.version}", digest=route.digest, capability=capability,
        delivery=same_promise(agent.delivery), reason=f"{effect.agent} asks for it; {route.reason}",
        hold_nano=agent.cost_nano, heartbeat_ms=agent.heartbeat_ms, candidates=route.candidates,
        key=wanted.key, number=told.number, park_at=_park_at(step, effect), code=_code(effect, told),
    )  # fmt: skip


def _code(effect: Effect, told: Asked) -> str:
    """The digest of the code that asks, with the first thing that it asks for."""
    return "" if effect.code else told.code


def _check_chain(run: Run, effect: Effect, digest: str, capability: str, arguments: str) -> None:
    """Refuse hand-offs that go too deep, or in a circle.

    Args:
        digest, capability: who would be asked for what.
        arguments: digest of what it would get.
    """
    if effect.depth + 1 > DEPTH_MAX:
        title = f"agents ask each other more than {DEPTH_MAX} deep"
        raise _refusal(effect, "runtime", title, "let one agent ask several, not one the next")
    repeats = 0
    for above in askers(run, effect):
        repeats += above.digest == digest
        if (above.digest, above.capability) == (digest, capability) and digest_of(above.input) == arguments:
            title = f"{above.agent} would be asked for what it was asked for already: {capability}"
            raise _refusal(effect, "runtime", title, "agents hand it to each other without end")
    if repeats >= REPEATS_MAX:
        title = f"one agent would be asked {repeats + 1} times in one line, for {capability}"
        raise _refusal(effect, "runtime", title, "agents hand it to each other without end")


def askers(run: Run, effect: Effect | None) -> Iterator[Effect]:
    """An effect, whose attempt asks for something, and those above it that wait for it."""
    while effect is not None:
        yield effect
        effect = run.effects.get(effect.asker)


# --- what cannot be had -----------------------------------------------------------------------------


def _refuse(step: Step, effect: Effect, told: Asked, error: Error) -> None:
    step.emit(
        e.AskRefused(
            effect=effect.id, attempt=effect.attempt, task=effect.task, number=told.number,
            asked=f"{told.kind} {told.agent or told.target}"[:200],
        ),
        e.AskRefusedBody(error, None if excess(told.args) else told.args),
    )  # fmt: skip
    _tell(step, told, error, effect.deadline_at)


def _tell(step: Step, told: Asked, error: Error, deadline_at: int = 0) -> None:
    output: JSON = None
    step.out.orders.append(
        Answer(told.run_id, told.effect, told.token, told.number, output, error, deadline_at)
    )


def _diverge(step: Step, effect: Effect, told: Asked, why: str) -> None:
    """Fail an effect whose attempt does not do what an earlier one did, though it promised to."""
    error = standard_error("runtime", effect.task, f"{effect.agent} does not repeat what it did", why)
    _refuse(step, effect, told, error)
    step.out.orders.append(Abandon(step.run.id, effect.id, effect.token))
    fail(step, effect, error)


def park_due(step: Step) -> None:
    """Stop attempts that have waited long for what they asked for; others are made when it is there."""
    for effect in step.run.effects.values():
        if effect.status == "asking" and 0 < effect.park_at <= step.shard.now:
            step.emit(e.AttemptParked(effect=effect.id, attempt=effect.attempt, task=effect.task))
