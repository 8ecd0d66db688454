"""What begins by itself in a world: who sees to schedules, and whether each due time was dealt with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.events import Record
from podium.facts.values import Reply
from podium.sim.scheduled import NARROW, SCHEDULES, STEP_MS, STEPS
from podium.sim.stage import Stage
from podium.sim.violation import hold


class Timetable:
    """Whoever declares schedules, pauses them, sends what they wait for, and in the end deletes them."""

    def __init__(
        self, stage: Stage, apply: Callable[[Any], None],
        tell: Callable[[Any, Callable[[Reply], None] | None], None],
    ) -> None:  # fmt: skip
        self._stage, self._apply, self._tell = stage, apply, tell

    def begin(self) -> None:
        """Plan what happens when."""
        stage = self._stage
        if not stage.conditions.schedules:
            return
        chance, troubled_ms = stage.chance["schedules"], stage.conditions.troubled_ms
        stage.at(chance.randrange(troubled_ms // 4), lambda: self._apply(SCHEDULES))
        for number in range(8):
            kind = "sim.left" if number % 2 else "sim.right"
            event = {
                "specversion": "1.0", "type": kind, "source": "sim", "id": f"pair {number}",
                "data": {"number": number // 2},
            }  # fmt: skip
            for _ in range(2):
                stage.at(chance.randrange(troubled_ms), partial(self._say, i.SendEvent(event=event)))
        for _ in range(3):
            stage.at(chance.randrange(troubled_ms), lambda: self._say(i.PauseSchedule(schedule=NARROW)))
            stage.at(chance.randrange(troubled_ms), lambda: self._say(i.ResumeSchedule(schedule=NARROW)))
        stage.at(troubled_ms + 40_000, self._end)

    def _say(self, told: i.Input) -> None:
        self._tell(told, None)

    def _end(self) -> None:
        """Delete them, until no hub knows them any more."""
        stage = self._stage
        if not stage.over:
            for name in stage.ledger.catalog.schedules:
                self._say(i.Delete(kind="Schedule", name=name))
            stage.after(5_000, self._end)

    @property
    def over(self) -> bool:
        """Whether nothing begins by itself any more."""
        replica = self._stage.ledger.replica
        gone = not any(known.digest for known in replica.schedules.values())
        return not self._stage.conditions.schedules or (gone and bool(replica.schedules))


def dealt_with(records: list[Record]) -> None:
    """Every due time was dealt with once, in its order. Raises Violation: I17.

    Args:
        records: all of the shard, oldest first.
    """
    last: dict[str, int] = {}
    fired: dict[str, str] = {}
    anchor = 0
    for record in records:
        event = record.event
        if isinstance(event, e.ScheduleSet) and event.schedule == STEPS:
            anchor = event.anchor_at
        elif isinstance(event, e.ScheduleFired | e.SchedulePassed) and event.due_at:
            before, name = last.get(event.schedule, 0), event.schedule
            hold(event.due_at > before, "I17", f"{name} deals with {event.due_at} after {before}")
            hold(event.due_at <= record.at, "I17", f"{name} deals with {event.due_at} at {record.at}")
            if name == STEPS:
                passed = event.count if isinstance(event, e.SchedulePassed) else 1
                expected = (before or anchor) + STEP_MS * passed
                hold(event.due_at == expected, "I17", f"{name} deals with {event.due_at}, not {expected}")
            last[name] = event.due_at
        if isinstance(event, e.ScheduleFired):
            hold(event.run not in fired, "I17", f"run {event.run} is begun twice")
            fired[event.run] = event.schedule
    begun = {
        record.run_id
        for record in records
        if isinstance(record.event, e.RunStarted) and record.event.principal.startswith("schedule:")
    }
    hold(begun == fired.keys(), "I17", f"runs that schedules began: {begun ^ fired.keys()}")
