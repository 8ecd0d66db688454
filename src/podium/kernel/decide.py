"""The kernel's one door: an input, the state, the time and a frozen view give records, orders and replies.

Deterministic: no clock, no chance, no I/O. No exception leaves it but a broken assertion.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Literal

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import digest_of
from podium.facts.values import JSON, Accepted, Problem, Refused
from podium.kernel.admitting import admit, resume_claims
from podium.kernel.answering import answer_human, resolve_effect
from podium.kernel.approving import ACTS, expire_due
from podium.kernel.asking import ask, park_due
from podium.kernel.bounds import excess
from podium.kernel.breaking import reset, try_again
from podium.kernel.claiming import conflicted, supersede, wanted
from podium.kernel.crowding import crowded
from podium.kernel.dead_letters import settle_dead_letter
from podium.kernel.erasing import erase
from podium.kernel.families import below, tend
from podium.kernel.outcome import Outcome, perform
from podium.kernel.outside import disarmed
from podium.kernel.pausing import PAUSE, pause
from podium.kernel.queueing import decide_deferred, decide_due, requeue_due, start_queued
from podium.kernel.receiving import send_event
from podium.kernel.scheduling import SCHEDULE_ACTS, fire_due, resync
from podium.kernel.settling import overdue, report, settle, stale
from podium.kernel.starting import data_labels, run_started, tenant_of
from podium.kernel.state import EVENTS_BUFFERED_MAX, IN_FLIGHT, SCHEDULES, Run, Shard, next_wake
from podium.kernel.step import Step, View
from podium.kernel.summoning import summon
from podium.kernel.suspending import resume as resume_work
from podium.kernel.suspending import suspend as suspend_work
from podium.kernel.tasks import advance


def decide(shard: Shard, told: i.Input, now: int, view: View, out: Outcome) -> None:
    """Decide one input.

    The runs that it names, if they exist at all, are hot: the host loads them before.

    Args:
        shard: changed in place by the records that are emitted.
        told: any input but `Apply`, which is the catalog's.
        now: host time in ms; kernel time never goes back, so an earlier one counts as the last.
        view: the catalog as it is.
        out: what is added to; nothing in it may be released before its records are durable.
    """
    if now > shard.now:
        shard.now = now
    _INPUTS[type(told)](shard, told, view, out)
    if shard.breakers:
        try_again(shard, view, out)
    while shard.kin or shard.freed or shard.released or shard.freed_claims:
        tend(shard, view, out)
        admit(shard, view, out)
        decide_deferred(shard, view, out)
        start_queued(shard, view, out)


def recover(shard: Shard, view: View, out: Outcome) -> None:
    """After a takeover: attempts in flight are lost with the hub that made them; all else goes on.

    What workers elsewhere have may well go on: whoever looks after them is told of it. What they were not let
    begin yet they never will: it is handed out anew.
    """
    for run in list(shard.runs.values()):
        step = Step(shard, run, view, out)
        for effect in list(run.effects.values()):
            if effect.status not in IN_FLIGHT or effect.id not in run.effects:
                continue
            if effect.digest in view.fleet and not effect.unbegun:
                out.orders.append(perform(shard, run, effect, again=True))
            else:
                status: Literal["lost", "returned"] = "returned" if effect.unbegun else "lost"
                report(step, i.Reported(run_id=run.id, effect=effect.id, token=effect.token, status=status))
    resume(shard, view, out)


def resume(shard: Shard, view: View, out: Outcome) -> None:
    """Let every hot run go on that can, whatever kept it from doing so."""
    for run in list(shard.runs.values()):
        if run.status == "running":
            _advance(Step(shard, run, view, out))
    resume_claims(shard, view, out)
    tend(shard, view, out)
    try_again(shard, view, out)
    shard.released = True
    shard.freed.extend(shard.queues)
    while shard.kin or shard.freed or shard.released or shard.freed_claims:
        tend(shard, view, out)
        admit(shard, view, out)
        decide_deferred(shard, view, out)
        start_queued(shard, view, out)


def _advance(step: Step) -> None:
    overdue(step)
    park_due(step)
    requeue_due(step)
    expire_due(step)
    decide_due(step)
    advance(step, late=True)


def _known(shard: Shard, told: Any, out: Outcome) -> Run | None:
    """The run an input names, or None and a refusal."""
    run = shard.runs.get(told.run_id)
    if run is None:
        message = f"there is no run {told.run_id}; `podium get runs` lists them"
        out.reply(told.ticket, Refused("not-found", (Problem("unknown-run", "/run_id", message),)))
    return run


def _submit(shard: Shard, told: i.SubmitRun, view: View, out: Outcome) -> None:
    digest = view.current("Workflow", told.workflow) or _deleted(shard, told)
    if not digest:
        message = f"no workflow is named {told.workflow}; `podium get workflows` lists them"
        out.reply(told.ticket, Refused("not-found", (Problem("unknown-workflow", "/workflow", message),)))
        return
    if _is_excessive(told.input, "/input", told, out):
        return
    program = view.program(digest)
    if program.secrets:
        told = disarmed(told, "input")
    submitted = digest_of([program.namespace, program.name, told.input]) if told.key else ""
    known = shard.runs.get(told.run_id)
    if known is not None:
        _submitted_again(known, told, submitted, out)
        return
    if program.input_schema is not None:
        breaches = program.input_schema.check(told.input)
        if breaches:
            problems = tuple(
                Problem("input-schema", f"/input{breach.path}", breach.message) for breach in breaches[:10]
            )
            out.reply(told.ticket, Refused("usage", problems))
            return
    refusal = crowded(shard, view, program, tenant_of(told.labels))
    if refusal is not None:
        out.reply(told.ticket, refusal)
        return
    claim = wanted(shard, view, program, told.input)
    if isinstance(claim, str):
        out.reply(told.ticket, Refused("usage", (Problem("concurrency-key", "/input", claim),)))
        return
    reply = conflicted(told, program, claim)
    if reply is not None:
        out.reply(told.ticket, reply)
        return
    started = run_started(
        shard, program, digest, key=told.key, principal=told.principal, labels=data_labels(told.labels),
        subject=told.subject, claim=claim.claim, waits=claim.waits, trace=told.trace,
        tenant=tenant_of(told.labels), priority=told.priority or program.priority,
    )  # fmt: skip
    body = e.RunStartedBody(told.input, told.labels, submitted)
    run = out.start(shard, told.run_id, started, body)
    supersede(out, program, claim, run.id)
    if not claim.waits:
        advance(Step(shard, run, view, out))
    notice = f"{program.label} is deprecated: {started.deprecated}" if started.deprecated else ""
    out.reply(told.ticket, Accepted(run.id, notices=(notice,) if notice else ()))


def _deleted(shard: Shard, told: i.SubmitRun) -> str:
    """The digest of a workflow that was deleted since, where its run is asked for again by its key; ""."""
    known = shard.runs.get(told.run_id)
    if known is None or not told.key:
        return ""
    full, _, version = known.workflow.partition("@")
    bare = full.rpartition("/")[2]
    names = (full, bare, known.workflow, f"{bare}@{version}", known.digest)
    return known.digest if told.workflow in names else ""


def _submitted_again(known: Run, told: i.SubmitRun, submitted: str, out: Outcome) -> None:
    erased = known.subject and not known.submitted
    if told.key and (known.submitted == submitted or erased):
        out.reply(told.ticket, Accepted(known.id, created=False))
        return
    message = f"the key {told.key} already stands for run {known.id}, of another workflow or input"
    out.reply(told.ticket, Refused("conflict", (Problem("key-taken", "/key", message),)))


def _reported(shard: Shard, told: i.Reported, view: View, out: Outcome) -> None:
    run = shard.runs.get(told.run_id)
    if run is None:
        return
    step = Step(shard, run, view, out)
    if run.secrets:
        told = disarmed(told, "output", "error", "provenance")
    if run.ended:
        stale(step, told)
        return
    if PAUSE in told.provenance:
        pause(step, told)
    report(step, told)
    if run.status == "running":
        advance(step)


def _begun(shard: Shard, told: i.Begun, view: View, out: Outcome) -> None:
    run = shard.runs.get(told.run_id)
    effect = run.effects.get(told.effect) if run is not None else None
    if run is not None and effect is not None and effect.unbegun and effect.token == told.token:
        begun = e.AttemptBegun(effect=effect.id, attempt=effect.attempt, task=effect.task, worker=told.worker)
        Step(shard, run, view, out).emit(begun)


def _asked(shard: Shard, told: i.Asked, view: View, out: Outcome) -> None:
    run = shard.runs.get(told.run_id)
    if run is None:
        return
    if run.secrets:
        told = disarmed(told, "args")
    step = Step(shard, run, view, out)
    ask(step, told)
    if run.status == "running":
        advance(step)


def _evaluated(shard: Shard, told: i.Evaluated, view: View, out: Outcome) -> None:
    run, pending = shard.runs.get(told.run_id), shard.pending.get(told.run_id)
    key = (told.program, told.argument)
    if run is None or pending is None or key not in pending.asked:
        return
    pending.answers[key] = (told.value, told.failure)
    if run.status == "running":
        advance(Step(shard, run, view, out))


def _tick(shard: Shard, told: i.Tick, view: View, out: Outcome) -> None:
    now = shard.now
    for run_id in _due(shard):
        if run_id == SCHEDULES:
            fire_due(shard, view, out)
        run = shard.runs.get(run_id)
        if run is None or run.ended:
            continue
        if run.status == "running":
            _advance(Step(shard, run, view, out))
        following = next_wake(run, now)
        if following:
            shard.wake(run_id, following)


def _due(shard: Shard) -> list[str]:
    """Take the runs whose time has come off the timers, each once, whatever is due again at once."""
    due = []
    while shard.timers and shard.timers[0][0] <= shard.now:
        at, run_id = heapq.heappop(shard.timers)
        if shard.timer_of.get(run_id) == at:
            del shard.timer_of[run_id]
            due.append(run_id)
    return due


def _live(shard: Shard, told: Any, out: Outcome) -> Run | None:
    """The run an input names, if it has not ended; else None and a refusal."""
    run = _known(shard, told, out)
    if run is not None and run.ended:
        message = f"run {run.id} has ended ({run.status}); nothing was changed"
        out.reply(told.ticket, Refused("conflict", (Problem("run-ended", "/run_id", message),)))
        return None
    return run


def _cancel(shard: Shard, told: i.CancelRun, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is not None:
        out.emit(shard, run, e.RunCancelled(principal=told.principal), _why(e.RunCancelledBody, told))
        out.reply(told.ticket, Accepted(run.id, detail="cancelled"))


def _suspend(shard: Shard, told: i.SuspendRun, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is None:
        return
    for one in (run, *below(shard, run)):
        if one.status == "running":
            out.emit(shard, one, e.RunSuspended(principal=told.principal), _why(e.RunSuspendedBody, told))
    out.reply(told.ticket, Accepted(run.id, detail="suspended"))


def _resume(shard: Shard, told: i.ResumeRun, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is None:
        return
    resumed = [one for one in (run, *below(shard, run)) if one.status == "suspended"]
    for one in resumed:
        out.emit(shard, one, e.RunResumed(principal=told.principal), _why(e.RunResumedBody, told))
    for one in resumed:
        if one.status == "running":
            _advance(Step(shard, one, view, out))
        at = next_wake(one, shard.now)
        if at:
            shard.wake(one.id, at)
    out.reply(told.ticket, Accepted(run.id, detail="running"))


def _why(body: Any, told: Any) -> Any:
    return body(told.why) if told.why else None


def _is_excessive(value: JSON, path: str, told: i.Input, out: Outcome) -> bool:
    """Whether a value is too large or too deep to be kept; then that has been replied."""
    too_much = excess(value)
    if too_much:
        message = f"the value at {path} has {too_much}; put it into a file and pass its path"
        out.reply(told.ticket, Refused("usage", (Problem("too-large", path, message),)))
    return bool(too_much)


def _answer(shard: Shard, told: i.AnswerHuman, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is not None and not _is_excessive(told.data, "/data", told, out):
        step = Step(shard, run, view, out)
        if run.secrets:
            told = disarmed(told, "data", "decision", "why")
        out.reply(told.ticket, answer_human(step, told))
        advance(step)


def _act(shard: Shard, told: i.Deciding, view: View, out: Outcome) -> None:
    """Somebody does something about an action that waits for people, or that was denied."""
    overrides = isinstance(told, i.OverrideDecision)
    run = _known(shard, told, out) if overrides else _live(shard, told, out)
    if run is None:
        return
    step = Step(shard, run, view, out)
    if run.secrets:
        told = disarmed(told, "why")
    out.reply(told.ticket, ACTS[type(told)](step, told))
    if run.status == "running":
        advance(step)


def _resolve(shard: Shard, told: i.ResolveEffect, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is not None and not _is_excessive(told.output, "/output", told, out):
        step = Step(shard, run, view, out)
        if run.secrets:
            told = disarmed(told, "output", "why")
        out.reply(told.ticket, resolve_effect(step, told))
        advance(step)


def _settle_dead_letter(shard: Shard, told: i.SettleDeadLetter, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is not None:
        step = Step(shard, run, view, out)
        if run.secrets:
            told = disarmed(told, "why")
        out.reply(told.ticket, settle_dead_letter(step, told))
        if run.status == "running":
            advance(step)


def _reset_breaker(shard: Shard, told: i.ResetBreaker, view: View, out: Outcome) -> None:
    out.reply(told.ticket, reset(shard, told, out))


def _suspend_work(shard: Shard, told: i.SuspendWork, view: View, out: Outcome) -> None:
    out.reply(told.ticket, suspend_work(shard, told, view, out))


def _resume_work(shard: Shard, told: i.ResumeWork, view: View, out: Outcome) -> None:
    out.reply(told.ticket, resume_work(shard, told, out))


def _erase(shard: Shard, told: i.EraseSubject, view: View, out: Outcome) -> None:
    out.reply(told.ticket, erase(shard, told, out))


def _send(shard: Shard, told: i.SendEvent, view: View, out: Outcome) -> None:
    if _is_excessive(told.event, "/event", told, out):
        return
    if told.run_id:
        _send_to_one(shard, told, view, out)
        return
    reached, full = _broadcast(shard, told, view, out)
    begun = summon(shard, told.event, view, out) if shard.schedules else 0
    detail = f"reached {reached} run{'' if reached == 1 else 's'}"
    if full:
        detail += (
            f"; {full} more hold {EVENTS_BUFFERED_MAX} events that no task has taken, and did not get it"
        )
    if begun:
        detail += f", and {begun} schedule{'' if begun == 1 else 's'}"
    out.reply(told.ticket, Accepted(created=reached + begun > 0, detail=detail))


def _broadcast(shard: Shard, told: i.SendEvent, view: View, out: Outcome) -> tuple[int, int]:
    """Give an event to every run that listens now: how many took it, and how many could hold no more."""
    reached = full = 0
    for run_id in list(shard.listeners):
        step = Step(shard, shard.runs[run_id], view, out)
        before = step.run.seq
        # A run that can hold no more events must not keep the others from theirs.
        full += send_event(step, told) is not None
        reached += step.run.seq > before
        advance(step)
    return reached, full


def _emitted(shard: Shard, told: i.Emitted, view: View, out: Outcome) -> None:
    run = shard.runs.get(told.run_id)
    effect = run.effects.get(told.effect) if run is not None else None
    if run is None or effect is None or effect.token != told.token or effect.status != "running":
        return
    step = Step(shard, run, view, out)
    # Before it is received: what the run does with an event of its own must not end the task that emits it.
    settle(step, effect, told.event, 0, {})
    sent = i.SendEvent(event=told.event, principal=f"run:{run.id}", labels=run.data_labels)
    _broadcast(shard, sent, view, out)
    if shard.schedules:
        summon(shard, told.event, view, out, run)
    if run.status == "running":
        advance(step)


def _send_to_one(shard: Shard, told: i.SendEvent, view: View, out: Outcome) -> None:
    run = _live(shard, told, out)
    if run is None:
        return
    step = Step(shard, run, view, out)
    before = run.seq
    refusal = send_event(step, told)
    if refusal is not None:
        out.reply(told.ticket, refusal)
        return
    reached = run.seq > before
    advance(step)
    detail = "received" if reached else "had been received before"
    out.reply(told.ticket, Accepted(run.id, created=reached, detail=detail))


def _fleet_changed(shard: Shard, told: i.FleetChanged, view: View, out: Outcome) -> None:
    shard.freed.extend(told.capacity)


def _see_to_schedule(shard: Shard, told: Any, view: View, out: Outcome) -> None:
    out.reply(told.ticket, SCHEDULE_ACTS[type(told)](shard, told, view, out))


def _catalog_changed(shard: Shard, told: i.CatalogChanged, view: View, out: Outcome) -> None:
    if told.revision > shard.revision:
        out.emit(shard, None, e.CatalogAdvanced(revision=told.revision, digest=told.digest))
        resync(shard, view, out)


_INPUTS: dict[type[i.Input], Callable[[Shard, Any, View, Outcome], None]] = {
    i.SubmitRun: _submit,
    i.Reported: _reported,
    i.Asked: _asked,
    i.Begun: _begun,
    i.Evaluated: _evaluated,
    i.Tick: _tick,
    i.CancelRun: _cancel,
    i.SuspendRun: _suspend,
    i.ResumeRun: _resume,
    i.AnswerHuman: _answer,
    i.ResolveEffect: _resolve,
    i.SettleDeadLetter: _settle_dead_letter,
    i.ResetBreaker: _reset_breaker,
    i.SuspendWork: _suspend_work,
    i.ResumeWork: _resume_work,
    i.EraseSubject: _erase,
    **dict.fromkeys(SCHEDULE_ACTS, _see_to_schedule),
    **dict.fromkeys(ACTS, _act),
    i.SendEvent: _send,
    i.Emitted: _emitted,
    i.CatalogChanged: _catalog_changed,
    i.FleetChanged: _fleet_changed,
}
