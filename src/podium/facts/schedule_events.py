"""Events of schedules: what they are set to, the runs that they begin, and the due times that begin none."""

from __future__ import annotations

from typing import Any

from podium.facts.event import Body, Event
from podium.facts.values import JSON


class ScheduleSet(Event):
    """A schedule goes by what is declared now. `next_at` is when it is due next, 0 for not by time.

    `digest` is that of what it goes by; `anchor_at` is from when the steps of `every_ms` count, `after_ms`
    the pause after the end of a run.
    """

    schedule: str = ""
    digest: str = ""
    workflow: str = ""
    next_at: int = 0
    anchor_at: int = 0
    every_ms: int = 0
    after_ms: int = 0


class ScheduleRemoved(Event):
    """A schedule is not declared any more. What it began goes on."""

    schedule: str = ""


class ScheduleFired(Event):
    """A schedule begins a run, which is the next record: what was due is dealt with once.

    `cause` is `due`; `missed`, where it comes late, as no hub was there; `event`; or `trigger`, where a
    person asked for it. `due_at` is the due time, 0 if there is none; `next_at` the next one. `id` and
    `source` are those of the last event that it waited for; `gathered` is which of what it gathered is used
    up, -1 for none.
    """

    schedule: str = ""
    run: str = ""
    cause: str = "due"
    due_at: int = 0
    next_at: int = 0
    principal: str = ""
    id: str = ""
    source: str = ""
    gathered: int = -1


class SchedulePassedBody(Body):
    """`message` says what was in the way."""

    message: str = ""


class SchedulePassed(Event):
    """Due times began no run: `count` of them, the last at `due_at`; 0 for a count that nobody made.

    `reason` is `missed`, by what is declared of those; `overlap`, as a run that began before is not over; or
    `refused`, as the workflow cannot begin so.
    """

    BODY = SchedulePassedBody
    schedule: str = ""
    reason: str = ""
    due_at: int = 0
    next_at: int = 0
    count: int = 1
    id: str = ""
    source: str = ""
    gathered: int = -1


class ScheduleHeardBody(Body):
    event: dict[str, Any] = {}
    keys: dict[str, JSON] = {}


class ScheduleHeard(Event):
    """An event is one of several that a schedule waits for: it passed the filter `slot`, and is kept with
    what was `gathered` before, by place; where that is new, it stands at the end.
    """

    BODY = ScheduleHeardBody
    schedule: str = ""
    gathered: int = 0
    slot: int = 0
    id: str = ""
    source: str = ""


class SchedulePausedBody(Body):
    why: str = ""


class SchedulePaused(Event):
    """A schedule begins nothing until it is resumed; what falls due meanwhile is not made up for."""

    BODY = SchedulePausedBody
    schedule: str = ""
    principal: str = ""


class ScheduleResumedBody(Body):
    why: str = ""


class ScheduleResumed(Event):
    """A schedule goes on, with the first due time from now."""

    BODY = ScheduleResumedBody
    schedule: str = ""
    principal: str = ""
    next_at: int = 0
