"""Schedules: what records say about them, folded. Called by `evolve`, and by looks at the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.schedules import Gathered, Scheduled
from podium.kernel.state import Shard

SEEN_MAX = 1_000
"""So many events of a schedule are remembered, so that one that began no run is not taken for a new one."""


def fold_schedule(shard: Shard, record: Record) -> None:
    """Fold a record about a schedule in."""
    event: Any = record.event
    known = shard.schedules.setdefault(event.schedule, Scheduled())
    SCHEDULE_EVENTS[type(event)](shard, known, event, record)
    if known.digest and known.next_at and not known.paused_at:
        shard.wake_schedules()


def key_of(source: str, name: str) -> str:
    """What tells an event from all others, by its `source` and `id`."""
    return f"{source}\0{name}"


def run_ended(shard: Shard, run_id: str, at: int) -> None:
    """A run that a schedule began is over."""
    known = shard.schedules[shard.scheduled.pop(run_id)]
    known.live.remove(run_id)
    if known.after_ms and not known.live:
        known.next_at = at + known.after_ms
        shard.wake_schedules()


def _set(shard: Shard, known: Scheduled, event: e.ScheduleSet, record: Record) -> None:
    known.digest, known.workflow, known.next_at = event.digest, event.workflow, event.next_at
    known.anchor_at, known.every_ms, known.after_ms = event.anchor_at, event.every_ms, event.after_ms
    known.gathered, known.trouble = [], ""


def _removed(shard: Shard, known: Scheduled, event: e.ScheduleRemoved, record: Record) -> None:
    known.digest, known.next_at, known.after_ms, known.gathered = "", 0, 0, []


def _dealt_with(known: Scheduled, event: e.ScheduleFired | e.SchedulePassed) -> None:
    known.next_at = event.next_at
    known.last_at = max(known.last_at, event.due_at)
    if event.id:
        _saw(known, event)
    if event.gathered >= 0:
        del known.gathered[event.gathered]


def _saw(known: Scheduled, event: Any) -> None:
    known.seen.append(key_of(event.source, event.id))
    del known.seen[:-SEEN_MAX]


def _fired(shard: Shard, known: Scheduled, event: e.ScheduleFired, record: Record) -> None:
    _dealt_with(known, event)
    known.fired += 1
    known.trouble, known.last_run, known.fired_at = "", event.run, record.at
    known.live.append(event.run)
    shard.scheduled[event.run] = event.schedule


def _passed(shard: Shard, known: Scheduled, event: e.SchedulePassed, record: Record) -> None:
    _dealt_with(known, event)
    known.passed += event.count
    body = record.body
    known.trouble = body.message if isinstance(body, e.SchedulePassedBody) else event.reason


def _heard(shard: Shard, known: Scheduled, event: e.ScheduleHeard, record: Record) -> None:
    body = record.body if isinstance(record.body, e.ScheduleHeardBody) else e.ScheduleHeardBody()
    if event.gathered == len(known.gathered):
        known.gathered.append(Gathered({}, {}))
    gathered = known.gathered[event.gathered]
    gathered.events[event.slot] = body.event
    gathered.keys.update(body.keys)
    _saw(known, event)


def _paused(shard: Shard, known: Scheduled, event: e.SchedulePaused, record: Record) -> None:
    known.paused_at, known.paused_by = record.at, event.principal
    known.why = record.body.why if isinstance(record.body, e.SchedulePausedBody) else ""


def _resumed(shard: Shard, known: Scheduled, event: e.ScheduleResumed, record: Record) -> None:
    known.paused_at, known.paused_by, known.why = 0, "", ""
    known.next_at = event.next_at


SCHEDULE_EVENTS: dict[type[e.Event], Callable[[Shard, Scheduled, Any, Record], None]] = {
    e.ScheduleSet: _set,
    e.ScheduleRemoved: _removed,
    e.ScheduleFired: _fired,
    e.SchedulePassed: _passed,
    e.ScheduleHeard: _heard,
    e.SchedulePaused: _paused,
    e.ScheduleResumed: _resumed,
}
