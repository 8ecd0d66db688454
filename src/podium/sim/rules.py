"""What a record must not be, given all records before it.

The numbers are those of docs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.catalog import AgentVersion
from podium.facts.events import Record
from podium.kernel.catching import DOUBLINGS_MAX, PAUSE_MAX_MS
from podium.kernel.requests import DEADLINES_MS
from podium.kernel.rerouting import LOSSES_MAX
from podium.kernel.state import IN_FLIGHT, Effect, Frame, Run
from podium.kernel.suspensions import of_agent, of_askers
from podium.sim import held_still, mended
from podium.sim.documents import COST_NANO
from podium.sim.ledger import Ledger
from podium.sim.violation import hold
from podium.sim.workload import EXPECTED
from podium.workflow.program import Try

LATE_MS = 5_000
"""A timer fires at most this much late once the world has healed."""

WHILE_SUSPENDED = frozenset(
    "AttemptBegun AttemptFailed EffectSettled EffectInDoubt EffectResolved StaleReply EventReceived "
    "RunResumed RunCancelled EffectRequested AskRepeated AskRefused AttemptParked ResultsUnclaimed "
    "ApprovalDecided ApprovalDelegated ActionEdited DecisionOverridden DataDeclassified EffectRerouted "
    "EffectDeadLettered EffectRedriven TargetPaused".split()
)


def look(ledger: Ledger, run: Run, record: Record) -> None:
    """Hold a record to the state of its run before it. Raises Violation: I5 to I9."""
    event = record.event
    name = type(event).__name__
    if run.ended:
        hold(name == "StaleReply", "I7", f"{name} at {record.seq} in run {run.id}, which has ended")
    elif run.status == "suspended":
        begins = isinstance(event, e.EffectRequested) and (event.started or not event.asker)
        allowed = name in WHILE_SUSPENDED and not begins
        hold(allowed, "I7", f"{name} at {record.seq} in run {run.id}, which is suspended")
    rule = _RULES.get(type(event))
    if rule is not None:
        rule(ledger, run, event, record)


# --- tasks and runs ---------------------------------------------------------------------------------


def _task_started(ledger: Ledger, run: Run, event: e.TaskStarted, record: Record) -> None:
    if event.kind == "listen":
        ledger.listening[run.id, event.frame] = record.seq


def _task_completed(ledger: Ledger, run: Run, event: e.TaskCompleted, record: Record) -> None:
    frame = run.frames.get(event.frame)
    if frame is not None and frame.kind == "wait":
        _in_time(ledger, record, frame.wake_at)


def _task_faulted(ledger: Ledger, run: Run, event: e.TaskFaulted, record: Record) -> None:
    error = getattr(record.body, "error", None)
    frame = run.frames.get(event.frame)
    if frame is not None and error is not None and error.title == "the task took longer than its timeout":
        _in_time(ledger, record, frame.deadline_at)
    catcher = run.frames[event.catcher]
    hold(catcher.phase == "", "I6", f"{catcher.task} catches what went wrong after it had caught an error")
    _tried_again(ledger, run, catcher, event.retry_at)


def _tried_again(ledger: Ledger, run: Run, catcher: Frame, retry_at: int) -> None:
    detail = ledger.node(run, catcher.node).detail
    assert isinstance(detail, Try)
    policy = detail.catch.retry
    if policy is None:
        hold(not retry_at, "I6", f"{catcher.task} is tried again without a policy")
        return
    if policy.attempts is not None:
        left = policy.attempts - catcher.tries
        hold(left > 0 or not retry_at, "I6", f"{catcher.task} is tried more than it may be")
        hold(left <= 0 or retry_at > 0, "I6", f"{catcher.task} is given up {left} tries early")
    if policy.duration.ms:
        last = catcher.entered_at + policy.duration.ms
        hold(retry_at <= last, "I6", f"{catcher.task} is tried again at {retry_at}; its limit is {last}")


def _task_resumed(ledger: Ledger, run: Run, event: e.TaskResumed, record: Record) -> None:
    _in_time(ledger, record, run.frames[event.frame].wake_at)


def _run_faulted(ledger: Ledger, run: Run, event: e.RunFaulted, record: Record) -> None:
    error = getattr(record.body, "error", None)
    if error is not None and error.title == "the workflow took longer than its timeout":
        _in_time(ledger, record, run.deadline_at)


def _run_completed(ledger: Ledger, run: Run, event: e.RunCompleted, record: Record) -> None:
    output = run.frames[1].data if event.same else getattr(record.body, "output", None)
    expected = EXPECTED.get(run.workflow.split("@")[0].split("/")[1])
    fits = expected is not None and expected(output)
    hold(fits, "I6", f"run {run.id} of {run.workflow} completed with {output!r}")


def _in_time(ledger: Ledger, record: Record, due: int) -> None:
    late = record.at - due
    hold(late >= 0, "I9", f"record {record.seq} at {record.at} is due at {due}")
    if ledger.punctual_from and due > ledger.punctual_from:
        hold(late <= LATE_MS, "I9", f"record {record.seq} at {record.at} was due at {due}")


# --- attempts ---------------------------------------------------------------------------------------


def _effect_requested(ledger: Ledger, run: Run, event: e.EffectRequested, record: Record) -> None:
    if not event.started:
        return
    for other in ledger.replica.runs.values():
        for effect in other.effects.values() if other.status == "running" else ():
            first = effect.digest == event.digest and effect.status == "queued"
            first = first and of_askers(ledger.replica, other, effect) is None
            hold(not first, "I8", f"{event.task} of {run.id} overtakes effect {effect.id} of {other.id}")
    held_still.begins(ledger, run, event.agent, event.asker, event.task)
    limit = run.frames[event.frame].deadline_at if event.asker else event.task_deadline_at
    _deadline(ledger, event.kind, event.digest, limit, event, record)
    mended.begins(ledger, event.digest, event.task)


def _attempt_started(ledger: Ledger, run: Run, event: e.AttemptStarted, record: Record) -> None:
    effect = run.effects[event.effect]
    hold(effect.retry_at <= record.at, "I9", f"attempt at {record.seq} starts early")
    held_still.begins(ledger, run, effect.agent, effect.asker, event.task)
    mended.begins(ledger, effect.digest, event.task)
    _deadline(ledger, effect.kind, effect.digest, run.frames[effect.frame].deadline_at, event, record)


def _deadline(
    ledger: Ledger, kind: str, digest: str, task: int, event: e.EffectRequested | e.AttemptStarted,
    record: Record,
) -> None:  # fmt: skip
    """An attempt may last as long as its contract says, and no longer than its task."""
    agent = ledger.catalog.agents.get(digest)
    lasts_ms = agent.deadline_ms if agent is not None else DEADLINES_MS.get(kind, 0)
    ends = [at for at in (record.at + lasts_ms if lasts_ms else 0, task) if at]
    right = min(ends, default=0)
    hold(event.deadline_at == right, "I9", f"{event.task} has the deadline {event.deadline_at}, not {right}")


def _attempt_failed(ledger: Ledger, run: Run, event: e.AttemptFailed, record: Record) -> None:
    effect = run.effects[event.effect]
    _had_outcome(ledger, run, effect)
    who = f"effect {effect.id} of run {run.id}"
    if event.final:
        mended.final(ledger, run, effect, event, _attempts(ledger, effect))
        key = (run.id, effect.id)
        ledger.again[key] = ledger.again.get(key, 0) + (event.status == "unstarted")
        return
    if of_agent(ledger.replica, effect.agent) is not None:
        hold(event.retry_at == record.at, "I6", f"{who} is tried again at {event.retry_at}, not when it may")
    elif event.status != "lost":
        limit = _attempts(ledger, effect)
        hold(effect.failures + 1 < limit, "I6", f"{who} fails {effect.failures + 1} times of {limit}")
        low, high = _pause(ledger.catalog.agents[effect.digest], effect)
        pause = event.retry_at - record.at
        hold(low <= pause <= high, "I6", f"{who} pauses for {pause} ms, not for {low} to {high}")
    key = (run.id, effect.id)
    ledger.again[key] = ledger.again.get(key, 0) + (event.status == "unstarted")
    may_again = effect.delivery == "at-least-once" or event.status == "unstarted"
    hold(may_again, "I5", f"{who} is at-most-once, {event.status}, and will be attempted again")


def _pause(agent: AgentVersion, effect: Effect) -> tuple[int, int]:
    retry = agent.retry
    growth = {
        "constant": 1,
        "linear": effect.failures + 1,
        "exponential": 2 ** min(effect.failures, DOUBLINGS_MAX),
    }
    pause = min(retry.delay_ms * growth[retry.backoff], retry.delay_max_ms or PAUSE_MAX_MS)
    return pause, pause + retry.jitter_ms


def _attempts(ledger: Ledger, effect: Effect) -> int:
    agent = ledger.catalog.agents.get(effect.digest)
    return agent.retry.attempts if agent is not None else 1


def _in_doubt(ledger: Ledger, run: Run, event: e.EffectInDoubt, record: Record) -> None:
    effect = run.effects[event.effect]
    _had_outcome(ledger, run, effect)
    hold(effect.delivery == "at-most-once", "I6", f"effect {effect.id} of run {run.id} is not in doubt")


def _effect_settled(ledger: Ledger, run: Run, event: e.EffectSettled, record: Record) -> None:
    effect = run.effects.get(event.effect)
    key = (run.id, event.effect)
    hold(key not in ledger.settled, "I7", f"{key} settled twice, at record {record.seq}")
    hold(effect is not None, "I7", f"{key} settled at record {record.seq}, though it is gone")
    assert effect is not None
    ledger.settled[key] = event
    if effect.status == "nested":
        _child_ended(ledger, effect, event, record)
    if effect.status not in IN_FLIGHT:
        return
    _had_outcome(ledger, run, effect)
    if event.status == "succeeded":
        _succeeded(ledger, run, effect, event, record)
    else:
        _given_up(ledger, run, effect)


def _child_ended(ledger: Ledger, effect: Effect, event: e.EffectSettled, record: Record) -> None:
    """A task that waits for a run gives what that run gave."""
    child = ledger.replica.runs.get(effect.key)
    if child is None:
        # Nobody waits for it: it begins with the next record.
        hold(event.status == "succeeded", "I6", f"run {effect.key} never began, and its task failed")
        return
    hold(child.ended, "I7", f"{effect.task} ends before run {child.id}, which it waits for")
    same = (child.status == "completed") == (event.status == "succeeded")
    hold(same, "I7", f"{effect.task} {event.status}, and its run {child.id} {child.status}")
    if event.status == "succeeded":
        given = getattr(record.body, "output", None)
        hold(given == child.output, "I7", f"{effect.task} does not give what run {child.id} gave")


def _succeeded(ledger: Ledger, run: Run, effect: Effect, event: e.EffectSettled, record: Record) -> None:
    attempt = (run.id, effect.id, effect.token)
    output = getattr(record.body, "output", None)
    if effect.kind == "emit":
        hold(output == effect.input, "I7", f"{attempt} settled by another event than it emitted")
        return
    answered = attempt in ledger.answers and ledger.answers[attempt] == output
    hold(answered, "I7", f"{attempt} settled by what its agent did not answer")
    keeps = effect.kind != "agent" or "token" in ledger.answers[attempt]
    hold(keeps, "I7", f"{attempt} settled by an output that breaks its contract")
    hold(event.cost_nano == COST_NANO, "I7", f"{attempt} cost {event.cost_nano}, not {COST_NANO}")


def _given_up(ledger: Ledger, run: Run, effect: Effect) -> None:
    said = ledger.said.get((run.id, effect.id, effect.token), set())
    who = f"effect {effect.id} of run {run.id}"
    if effect.delivery == "at-most-once":
        known = said & {"failed", "succeeded", "unstarted"}
        hold(bool(known), "I5", f"nobody knows what became of {who}, and it is settled")
    if effect.delivery == "at-least-once" or said == {"unstarted"}:
        last = effect.failures + 1 >= _attempts(ledger, effect) or effect.losses + 1 >= LOSSES_MAX
        hold(last, "I6", f"{who} is given up after {effect.failures + 1} failures")


def _had_outcome(ledger: Ledger, run: Run, effect: Effect) -> None:
    if effect.status in IN_FLIGHT:
        ledger.outcomes.add((run.id, effect.id, effect.token))


def _unclaimed(ledger: Ledger, run: Run, event: e.ResultsUnclaimed, record: Record) -> None:
    """Nothing is left over that was asked for, and what is kept is an outcome."""
    effect = run.effects[event.effect]
    for number in event.calls:
        call = effect.calls[number]
        hold(call.attempt < effect.attempt, "I7", f"{call.asked} of effect {effect.id} was asked for again")
    if event.then in ("compensate", "ask"):
        _had_outcome(ledger, run, effect)


def _parked(ledger: Ledger, run: Run, event: e.AttemptParked, record: Record) -> None:
    """It only waits, and may be made again."""
    effect = run.effects[event.effect]
    _had_outcome(ledger, run, effect)
    hold(effect.delivery == "at-least-once", "I5", f"effect {effect.id} of run {run.id} is parked")


def _repeated(ledger: Ledger, run: Run, event: e.AskRepeated, record: Record) -> None:
    """What is asked for again was asked for by an earlier attempt, or by its key."""
    call = run.effects[event.effect].calls[event.call]
    again = call.attempt < event.attempt or call.key != ""
    hold(again, "I7", f"{call.asked} of effect {event.effect} is given twice to attempt {event.attempt}")


def _resolved(ledger: Ledger, run: Run, event: e.EffectResolved, record: Record) -> None:
    key = (run.id, event.effect)
    ledger.again[key] = ledger.again.get(key, 0) + (event.verdict == "retry")


def _stale_reply(ledger: Ledger, run: Run, event: e.StaleReply, record: Record) -> None:
    key = (run.id, event.effect, event.token)
    ledger.stale[key] = ledger.stale.get(key, 0) + 1


# --- events from outside ----------------------------------------------------------------------------


def _event_received(ledger: Ledger, run: Run, event: e.EventReceived, record: Record) -> None:
    key = (run.id, event.source, event.id)
    hold(key not in ledger.heard, "I7", f"{key} was received twice")
    ledger.heard[key] = frozenset(frame.id for frame in run.frames.values() if frame.kind == "listen")


def _event_consumed(ledger: Ledger, run: Run, event: e.EventConsumed, record: Record) -> None:
    taken = run.buffer[event.index].event
    for_all = taken.get("subject", "all") == "all"
    listened = ledger.heard[run.id, str(taken["source"]), str(taken["id"])]
    hold(
        not for_all or not event.frame or event.frame in listened,
        "I7",
        f"a task of run {run.id} took an event for all from before it listened, at record {record.seq}",
    )


_RULES: dict[type[e.Event], Callable[[Ledger, Run, Any, Record], None]] = {
    e.TaskStarted: _task_started,
    e.TaskCompleted: _task_completed,
    e.TaskFaulted: _task_faulted,
    e.TaskResumed: _task_resumed,
    e.RunFaulted: _run_faulted,
    e.RunCompleted: _run_completed,
    e.EffectRequested: _effect_requested,
    e.AttemptStarted: _attempt_started,
    e.AttemptFailed: _attempt_failed,
    e.EffectInDoubt: _in_doubt,
    e.EffectResolved: _resolved,
    e.EffectRerouted: mended.rerouted,
    e.EffectDeadLettered: mended.dead_lettered,
    e.EffectRedriven: mended.redriven,
    e.AskRepeated: _repeated,
    e.AttemptParked: _parked,
    e.ResultsUnclaimed: _unclaimed,
    e.EffectSettled: _effect_settled,
    e.StaleReply: _stale_reply,
    e.EventReceived: _event_received,
    e.EventConsumed: _event_consumed,
}
