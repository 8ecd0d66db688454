"""Schedules: runs begin when they are due, when what they wait for has come, or when somebody asks for it.

A due time is dealt with by one record, in the step that begins its run: so a crash cannot begin it twice, and
what was due while no hub was there is found by the next one, and becomes of it what is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.schedules import Scheduled
from podium.facts.secrets import inert
from podium.facts.values import JSON, Accepted, Problem, Refused, Reply
from podium.kernel.arguments import iso
from podium.kernel.bounds import excess
from podium.kernel.claiming import Wanted, cancelled, wanted
from podium.kernel.due_times import missed, next_due
from podium.kernel.nesting import NESTING_MAX
from podium.kernel.outcome import Outcome
from podium.kernel.starting import data_labels, run_started, tenant_of
from podium.kernel.state import Run, Shard
from podium.kernel.step import Step, View
from podium.kernel.tasks import advance
from podium.kernel.timetables import Timetable
from podium.workflow.program import Program

LATE_MS = 60_000
"""A due time that is so long ago was missed: nobody was there to see it."""

QUEUE_MAX = 100
"""So many runs of a schedule wait for the one before; more are passed over."""

SCHEDULE = "podium.dev/schedule"
"""The label of runs that a schedule began: its name."""

CLAIM = "schedule "
"""What claims begin with that runs of one schedule hold."""


class Cause(NamedTuple):
    """Why a schedule is to begin a run now.

    Attributes:
        key: what tells it from all others of the schedule.
        due_at, next_at: as in `ScheduleFired`. principal: likewise; "" for the schedule's own.
        events: what came, in the order of the filters.
        sender: the run that sent the event; None if none did.
        gathered: as in `ScheduleFired`.
    """

    kind: str
    key: str
    due_at: int = 0
    next_at: int = 0
    principal: str = ""
    events: tuple[dict[str, JSON], ...] = ()
    sender: Run | None = None
    gathered: int = -1
    run_id: str = ""


def resync(shard: Shard, view: View, out: Outcome) -> None:
    """Let the schedules go by what is declared now."""
    declared = view.schedules
    for name, known in list(shard.schedules.items()):
        if known.digest and name not in declared:
            out.emit(shard, None, e.ScheduleRemoved(schedule=name))
    for name, table in declared.items():
        present = shard.schedules.get(name, _NEW)
        if present.digest != table.digest:
            out.emit(shard, None, _set(shard, name, table, present))


_NEW = Scheduled()


def _set(shard: Shard, name: str, table: Timetable, known: Scheduled) -> e.ScheduleSet:
    timing, now = table.timing, shard.now
    kept = known.anchor_at and known.every_ms == timing.every_ms
    anchor_at = known.anchor_at if kept else now
    next_at = next_due(timing, table.where, anchor_at, max(now, known.last_at))
    if timing.after_ms and not known.live:
        next_at = now + timing.after_ms
    return e.ScheduleSet(
        schedule=name, digest=table.digest, workflow=table.version.workflow, next_at=next_at,
        anchor_at=anchor_at if timing.every_ms else 0, every_ms=timing.every_ms, after_ms=timing.after_ms,
    )  # fmt: skip


# --- by time ----------------------------------------------------------------------------------------


def fire_due(shard: Shard, view: View, out: Outcome) -> None:
    """Begin what is due by now."""
    for name, known in list(shard.schedules.items()):
        if known.digest and known.next_at and known.next_at <= shard.now and not known.paused_at:
            table = view.schedules.get(name)
            if table is not None:
                _fire(shard, view, out, table, known)
    shard.wake_schedules()


def _fire(shard: Shard, view: View, out: Outcome, table: Timetable, known: Scheduled) -> None:
    name, now = table.version.name, shard.now
    if table.timing.after_ms:
        kind = "missed" if now - known.next_at > LATE_MS else "due"
        begin(shard, view, out, table, Cause(kind, iso(known.next_at), known.next_at))
        return
    most = table.version.missed_max
    # One more than run: the last of those that are passed over is told of.
    come = missed(table.timing, table.where, known.anchor_at, known.next_at, now, most + 1)
    chosen = _chosen(table.version.missed, come.times[-most:], now)
    if len(chosen) < len(come.times) or not come.total:
        first = chosen[0] if chosen else 0
        event = e.SchedulePassed(
            schedule=name, reason="missed",
            due_at=next(at for at in reversed(come.times) if at < first or not first),
            next_at=first or come.next_at, count=come.total - len(chosen) if come.total else 0,
        )  # fmt: skip
        out.emit(shard, None, event)
    for place, due_at in enumerate(chosen):
        following = chosen[place + 1] if place + 1 < len(chosen) else come.next_at
        kind = "missed" if now - due_at > LATE_MS else "due"
        begin(shard, view, out, table, Cause(kind, iso(due_at), due_at, following))


def _chosen(policy: str, times: list[int], now: int) -> list[int]:
    """The due times that begin a run, of those that have come."""
    in_time = [at for at in times if now - at <= LATE_MS]
    if policy == "all" or len(in_time) == len(times):
        return times
    return in_time if in_time or policy == "skip" else times[-1:]


# --- beginning --------------------------------------------------------------------------------------


def begin(shard: Shard, view: View, out: Outcome, table: Timetable, cause: Cause) -> str:
    """Begin a run of a schedule. Gives its id; "" where none begins, which is recorded with the reason."""
    program, given, obstacle = _prepared(view, table, cause)
    if program is None or obstacle:
        _pass(shard, out, table, cause, "refused", obstacle)
        return ""
    found = _wanted(shard, view, table, program, given)
    if isinstance(found, str):
        _pass(shard, out, table, cause, "refused", found)
        return ""
    conduct = _conduct(table, program)
    if found.waits and conduct == "skip":
        _pass(shard, out, table, cause, "overlap", f"run {found.busy[0]} is not over")
        return ""
    if found.waits and len(found.busy) > QUEUE_MAX:
        _pass(shard, out, table, cause, "overlap", f"{QUEUE_MAX} runs wait already")
        return ""
    name, sender = table.version.name, cause.sender
    run_id = cause.run_id or run_id_of(CLAIM + name, cause.key)
    principal = cause.principal or f"schedule:{name}"
    last = cause.events[-1] if cause.events else {}
    fired = e.ScheduleFired(
        schedule=name, run=run_id, cause=cause.kind, due_at=cause.due_at, next_at=cause.next_at,
        principal=cause.principal, id=str(last.get("id", "")), source=str(last.get("source", "")),
        gathered=cause.gathered,
    )  # fmt: skip
    out.emit(shard, None, fired)
    labels = {**table.version.labels, SCHEDULE: name}
    started = run_started(
        shard, program, view.current("Workflow", table.version.workflow), principal=principal,
        labels=_labels(table, sender), claim=found.claim, waits=found.waits,
        depth=sender.depth + 1 if sender is not None else 0,
        tree=(sender.tree or sender.id) if sender is not None else "",
        trace=sender.trace if sender is not None else "",
        tenant=tenant_of(table.version.labels) or (sender.tenant if sender is not None else ""),
        priority=program.priority,
    )  # fmt: skip
    run = out.start(shard, run_id, started, e.RunStartedBody(given, labels))
    if found.waits and conduct == "cancelPrevious":
        limit = program.concurrency.limit if program.concurrency is not None else 1
        out.inputs += (cancelled(former, run_id) for former in found.busy[: len(found.busy) + 1 - limit])
    if not found.waits:
        advance(Step(shard, run, view, out))
    return run_id


def _labels(table: Timetable, sender: Run | None) -> tuple[str, ...]:
    """The labels of the data that a run begins with: those of the run that sent the event, too."""
    sent = sender.data_labels if sender is not None else ()
    return tuple(sorted({*data_labels(table.version.labels), *sent}))


def _prepared(view: View, table: Timetable, cause: Cause) -> tuple[Program | None, JSON, str]:
    """What is to run, with what input; and why it cannot, "" if it can."""
    name = table.version.workflow
    digest = view.current("Workflow", name)
    if not digest:
        return None, None, f"no workflow is named {name}; apply it"
    program = view.program(digest)
    if program.subject is not None:
        return None, None, f"{program.label} is about somebody; a schedule cannot say about whom"
    if cause.sender is not None and cause.sender.depth >= NESTING_MAX:
        return None, None, f"runs have led to each other more than {NESTING_MAX} times in a row"
    try:
        given = table.input_of(cause.due_at, list(cause.events))
    except ValueError as failure:
        return None, None, str(failure)
    if program.secrets and cause.events:
        given = inert(given)
    too_much = excess(given)
    if too_much:
        return None, None, f"its input has {too_much}"
    breaches = program.input_schema.check(given) if program.input_schema is not None else []
    if breaches:
        first = breaches[0]
        return None, None, f"its input does not keep the schema: {first.path or '/'}: {first.message}"
    return program, given, ""


def _wanted(shard: Shard, view: View, table: Timetable, program: Program, given: JSON) -> Wanted | str:
    """What the run must hold: what its workflow says; else, unless they may overlap, the schedule's place."""
    if program.concurrency is not None or table.version.overlap == "allow":
        return wanted(shard, view, program, given)
    claim = CLAIM + table.version.name
    known = shard.claims.get(claim)
    if known is None:
        return Wanted(claim)
    return Wanted(claim, bool(known.holders or known.waiting), (*known.holders, *known.waiting))


def _conduct(table: Timetable, program: Program) -> str:
    """What becomes of a run that others are in the way of."""
    own = program.concurrency.on_conflict if program.concurrency is not None else "queue"
    if table.version.overlap != "allow":
        return table.version.overlap
    return own if own in ("queue", "cancelPrevious") else "skip"


def _pass(shard: Shard, out: Outcome, table: Timetable, cause: Cause, reason: str, message: str) -> None:
    last = cause.events[-1] if cause.events else {}
    # What comes after the end of a run would never come again.
    again_at = shard.now + table.timing.after_ms if table.timing.after_ms else 0
    event = e.SchedulePassed(
        schedule=table.version.name, reason=reason, due_at=cause.due_at, next_at=cause.next_at or again_at,
        id=str(last.get("id", "")), source=str(last.get("source", "")), gathered=cause.gathered,
    )  # fmt: skip
    out.emit(shard, None, event, e.SchedulePassedBody(message))


# --- by people --------------------------------------------------------------------------------------


def _known(shard: Shard, view: View, name: str) -> Timetable | Refused:
    table = view.schedules.get(name)
    if table is not None and name in shard.schedules:
        return table
    message = f"no schedule is named {name}; `podium get schedules` lists them"
    return Refused("not-found", (Problem("unknown-schedule", "/schedule", message),))


def trigger(shard: Shard, told: i.TriggerSchedule, view: View, out: Outcome) -> Reply:
    """Begin a run of a schedule now, paused or not."""
    table = _known(shard, view, told.schedule)
    if isinstance(table, Refused):
        return table
    if told.run_id in shard.runs:
        return Accepted(told.run_id, created=False, detail="it was triggered before")
    if table.timing.events is not None and table.timing.input is None:
        message = f"{told.schedule} waits for events; `podium send` sends one"
        return Refused("usage", (Problem("needs-events", "/schedule", message),))
    known = shard.schedules[told.schedule]
    cause = Cause("trigger", told.run_id, shard.now, known.next_at, told.principal, run_id=told.run_id)
    begun = begin(shard, view, out, table, cause)
    if begun:
        return Accepted(begun)
    trouble = shard.schedules[told.schedule].trouble
    return Refused("conflict", (Problem("not-begun", "/schedule", f"nothing began: {trouble}"),))


def pause(shard: Shard, told: i.PauseSchedule, view: View, out: Outcome) -> Reply:
    """Let a schedule begin nothing until it is resumed."""
    table = _known(shard, view, told.schedule)
    if isinstance(table, Refused):
        return table
    if shard.schedules[told.schedule].paused_at:
        return Accepted(created=False, detail="it was paused before")
    body = e.SchedulePausedBody(told.why) if told.why else None
    out.emit(shard, None, e.SchedulePaused(schedule=told.schedule, principal=told.principal), body)
    return Accepted(detail="paused")


def resume(shard: Shard, told: i.ResumeSchedule, view: View, out: Outcome) -> Reply:
    """Let a schedule go on; what fell due meanwhile is not made up for."""
    table = _known(shard, view, told.schedule)
    if isinstance(table, Refused):
        return table
    known = shard.schedules[told.schedule]
    if not known.paused_at:
        return Accepted(created=False, detail="it was not paused")
    next_at = next_due(table.timing, table.where, known.anchor_at, max(shard.now, known.last_at))
    if known.after_ms and not known.live:
        next_at = max(known.next_at, shard.now)
    body = e.ScheduleResumedBody(told.why) if told.why else None
    event = e.ScheduleResumed(schedule=told.schedule, principal=told.principal, next_at=next_at)
    out.emit(shard, None, event, body)
    return Accepted(detail="running")


def supersedes(view: View, claim: str) -> bool:
    """Whether the newest who waits for a claim takes the place of those before, by its schedule."""
    table = view.schedules.get(claim.removeprefix(CLAIM)) if claim.startswith(CLAIM) else None
    return table is not None and table.version.overlap == "cancelPrevious"


SCHEDULE_ACTS: dict[type[i.Input], Callable[[Shard, Any, View, Outcome], Reply]] = {
    i.TriggerSchedule: trigger,
    i.PauseSchedule: pause,
    i.ResumeSchedule: resume,
}
"""What people do about schedules."""
