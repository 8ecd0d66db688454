"""People suspend and resume: everything, or an agent. One record each, however much waits."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.orders import Abandon, Answer, Recall
from podium.facts.suspension import EVERYTHING
from podium.facts.values import AT_LEAST_ONCE, Accepted, Problem, Refused, Reply, standard_error
from podium.kernel.availability import refused
from podium.kernel.outcome import Outcome
from podium.kernel.rerouting import reroute_queued
from podium.kernel.settling import report
from podium.kernel.state import IN_FLIGHT, Effect, Shard
from podium.kernel.step import Step, View
from podium.kernel.tasks import advance


def suspend(shard: Shard, told: i.SuspendWork, view: View, out: Outcome) -> Reply:
    """Begin nothing there until it is resumed."""
    target = told.agent
    digests = _digests(view, target)
    if target != EVERYTHING and not digests:
        message = f"no agent and no tool is named {target}; `podium get agents` lists them"
        return Refused("not-found", (Problem("unknown-agent", "/agent", message),))
    known = shard.suspended.get(target)
    if known is not None and (known.cancels or not told.cancel):
        return Accepted(created=False, detail=f"{known.told(_named(target))} already")
    event = e.WorkSuspended(agent=target, principal=told.principal, cancels=told.cancel)
    out.emit(shard, None, event, e.WorkSuspendedBody(told.why) if told.why else None)
    out.orders.append(Recall(digests))
    if target != EVERYTHING or told.cancel:
        _see_to_attempts(shard, view, out, target, cancel=told.cancel)
    for digest in digests:
        reroute_queued(shard, digest, view, out, shard.suspended[target].told("it"))
    return Accepted(detail=f"{_named(target)} is suspended")


def resume(shard: Shard, told: i.ResumeWork, out: Outcome) -> Reply:
    """Let go on what was suspended."""
    if told.agent not in shard.suspended:
        listed = ", ".join(name or "everything" for name in shard.suspended) or "nothing"
        message = f"{_named(told.agent)} is not suspended; suspended is: {listed}"
        return Refused("conflict", (Problem("not-suspended", "/agent", message),))
    event = e.WorkResumed(agent=told.agent, principal=told.principal)
    out.emit(shard, None, event, e.WorkResumedBody(told.why) if told.why else None)
    return Accepted(detail=f"{_named(told.agent)} goes on")


def _named(target: str) -> str:
    return "the hub" if target == EVERYTHING else target


def _digests(view: View, target: str) -> tuple[str, ...]:
    agents = view.agents.items() if target != EVERYTHING else ()
    return tuple(digest for digest, one in agents if target in (one.name, f"{one.name}@{one.version}"))


# --- what is under way --------------------------------------------------------------------------------


def _see_to_attempts(shard: Shard, view: View, out: Outcome, target: str, *, cancel: bool) -> None:
    for run in list(shard.runs.values()):
        found = [one for one in run.effects.values() if one.status in IN_FLIGHT and _is_of(one, target)]
        if not found:
            continue
        step = Step(shard, run, view, out)
        for effect in found:
            if effect.id not in run.effects or effect.status not in IN_FLIGHT:
                continue
            if cancel:
                _stop(step, effect)
            elif effect.status == "asking":
                _silence(step, effect)
        if run.status == "running":
            advance(step)


def _is_of(effect: Effect, target: str) -> bool:
    if target == EVERYTHING:
        # What is emitted is with the hub itself, and over as soon as it began.
        return effect.kind != "emit"
    return target in (effect.agent, effect.agent.partition("@")[0])


def _stop(step: Step, effect: Effect) -> None:
    """End an attempt that is under way; whether it did what it was to is not known."""
    run = step.run
    error = refused(step.shard, effect) or standard_error("runtime", effect.task, "the hub is suspended")
    step.out.orders.append(Abandon(run.id, effect.id, effect.token))
    report(step, i.Reported(run_id=run.id, effect=effect.id, token=effect.token, status="lost", error=error))


def _silence(step: Step, effect: Effect) -> None:
    """Let an attempt wait no longer for what it asked for: it is made again, or else is told why."""
    if effect.delivery == AT_LEAST_ONCE:
        step.emit(e.AttemptParked(effect=effect.id, attempt=effect.attempt, task=effect.task))
        return
    error = refused(step.shard, effect)
    for call in effect.calls.values():
        if call.status == "open" and call.attempt == effect.attempt:
            step.out.orders.append(
                Answer(step.run.id, effect.id, effect.token, call.number, None, error, effect.deadline_at)
            )
