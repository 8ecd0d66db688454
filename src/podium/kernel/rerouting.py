"""What is done where an agent failed for good: another is asked, or what failed is kept for an operator."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.catalog import AgentVersion
from podium.facts.events import Body, Event
from podium.facts.inputs import Reported
from podium.facts.values import AT_LEAST_ONCE, Error
from podium.kernel.availability import obstacle
from podium.kernel.booking import UNPERFORMED
from podium.kernel.catching import is_caught
from podium.kernel.outcome import Outcome
from podium.kernel.routing import choose
from podium.kernel.state import Effect, Shard
from podium.kernel.step import Step, View, program_of
from podium.kernel.undoing import is_undoing
from podium.workflow.program import CallAgent, CallTool

LOSSES_MAX = 20
"""After so many attempts lost to crashes an effect fails: what it does may be what crashes them."""


def after_failure(
    step: Step, effect: Effect, reported: Reported, error: Error
) -> tuple[Event, Body | None] | None:
    """What is recorded beside the failure of an attempt, where that does not settle the effect already."""
    if effect.asker:
        return None
    detail = step.node(step.run.frames[effect.frame]).detail
    if isinstance(detail, CallAgent) and detail.reroute and _may_go_on(effect, reported):
        rerouted = _elsewhere(step, effect, detail, "failed for good")
        if rerouted is not None:
            return rerouted, None
    if is_kept(step, effect, error):
        dead = e.EffectDeadLettered(effect=effect.id, attempt=effect.attempt, task=effect.task)
        return dead, e.EffectDeadLetteredBody(error)
    return None


def _may_go_on(effect: Effect, reported: Reported) -> bool:
    """Whether somebody else may do what was perhaps done already, or what perhaps crashed the others."""
    if effect.delivery != AT_LEAST_ONCE and reported.status not in UNPERFORMED:
        return False
    return reported.status not in ("lost", "returned") or effect.losses + 1 < LOSSES_MAX


def is_kept(step: Step, effect: Effect, error: Error) -> bool:
    """Whether an effect that failed for good is a dead letter."""
    frame = step.run.frames[effect.frame]
    detail = step.node(frame).detail
    if isinstance(detail, CallAgent | CallTool) and detail.dead_letter:
        return not is_undoing(step, frame)
    return step.program.dead_letters and not is_caught(step, step.run.frames[frame.parent], error)


def _elsewhere(step: Step, effect: Effect, call: CallAgent, why: str) -> e.EffectRerouted | None:
    """The record by which an effect goes to another agent; None where there is none for it."""
    tried = (*effect.tried, effect.digest)
    if len(tried) > call.reroute:
        return None
    fitting: list[tuple[str, AgentVersion]] = []
    told: list[str] = []
    for digest, agent in step.view.candidates(call.capability):
        obstacle = _obstacle(step, effect, call, digest, agent, tried)
        told.append(f"{agent.name}@{agent.version}: {obstacle or 'could do it'}")
        if not obstacle:
            fitting.append((digest, agent))
    if not fitting:
        return None
    running = step.shard.running
    route = choose(call, fitting, lambda digest: running.get(digest, 0), fleet=step.view.fleet)
    assert not isinstance(route, str), "those that fit carry all labels"
    agent = route.agent
    return e.EffectRerouted(
        effect=effect.id, task=effect.task, before=effect.agent, agent=f"{agent.name}@{agent.version}",
        digest=route.digest, delivery=AT_LEAST_ONCE if agent.delivery == AT_LEAST_ONCE else agent.delivery,
        heartbeat_ms=agent.heartbeat_ms, reason=f"{effect.agent} {why}; {route.reason}",
        candidates=tuple(told), capability=effect.capability,
    )  # fmt: skip


def _obstacle(
    step: Step, effect: Effect, call: CallAgent, digest: str, agent: AgentVersion, tried: tuple[str, ...]
) -> str:
    """Why an agent cannot take over; "" if it can."""
    if digest in tried:
        return "was asked already"
    missing = [f"{name}={value}" for name, value in call.require.items() if agent.labels.get(name) != value]
    if missing:
        return f"does not carry {', '.join(missing)}"
    if why := obstacle(step.shard, step.view, digest):
        return why
    if step.view.contract(digest, call.capability)[0](effect.input):
        return "its contract does not take the input"
    return ""


def reroute_queued(shard: Shard, digest: str, view: View, out: Outcome, why: str) -> None:
    """Let what waits for an agent that is not asked now, and `why`, go to others, where that is declared."""
    for run_id, number in tuple(shard.queues.get(digest, ())):
        run = shard.runs.get(run_id)
        effect = run.effects.get(number) if run is not None else None
        if run is None or effect is None or run.status != "running" or effect.asker:
            continue
        if effect.status not in ("queued", "backoff") or effect.digest != digest:
            continue
        detail = program_of(view, run).nodes[run.frames[effect.frame].node].detail
        if isinstance(detail, CallAgent) and detail.reroute:
            step = Step(shard, run, view, out)
            rerouted = _elsewhere(step, effect, detail, f"is not asked: {why}")
            if rerouted is not None:
                step.emit(rerouted)
