"""Schedules: what is declared of when runs begin by themselves, and what a shard remembers of each."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts.values import JSON

MISSED = ("latest", "skip", "all")
"""What becomes of due times that passed while no hub was there to see them."""

OVERLAPS = ("allow", "skip", "queue", "cancelPrevious")
"""What becomes of a due time while a run that began before is not over."""

MISSED_MAX = 100
"""So many missed due times are made up for, unless a schedule says otherwise; never more than
`MISSED_MOST`."""

MISSED_MOST = 1_000


class ScheduleVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared schedule.

    Attributes:
        name: unique in the catalog; of a workflow that has a `schedule` of its own, the workflow's.
        version: semantic version.
        workflow: what runs, `namespace/name` or `namespace/name@version`.
        when: as the workflow language has it: one of `every`, `cron`, `after` and `on`, and `read`.
        zone: time zone of `cron`, `Europe/Paris`.
        missed: one of `MISSED`; missed_max: `all` makes up for so many, the latest.
        overlap: one of `OVERLAPS`.
        input: of the runs; may hold expressions over `.schedule`, `.due`, `.dueAt` and `.events`. None is
            nothing, or the events.
        labels: for people, and of the runs.
        description: one line for people.
    """

    name: str
    version: str
    workflow: str
    when: dict[str, JSON]
    zone: str = "UTC"
    missed: str = "latest"
    missed_max: int = MISSED_MAX
    overlap: str = "allow"
    input: JSON = None
    labels: dict[str, str] = {}
    description: str = ""


class Gathered(msgspec.Struct, omit_defaults=True):
    """Events that belong together, of a schedule that waits for several: by filter, and their keys."""

    events: dict[int, dict[str, Any]] = {}
    keys: dict[str, JSON] = {}


class Scheduled(msgspec.Struct, omit_defaults=True):
    """What a shard remembers of a schedule, also of one that is not declared any more: it must never begin a
    run twice for one due time.

    Attributes:
        digest: of what it goes by; "" while it is not declared.
        workflow: what runs.
        next_at: when it is due next, ms since 1970; 0 for not by time, or not known yet.
        last_at: the latest due time that was dealt with.
        anchor_at: from when the steps of `every` count; every_ms is that step.
        after_ms: pause after the end of a run, of `after`.
        paused_at: since when it is paused; 0 if it is not. paused_by, why: who did so, and the reason.
        fired: runs that it began. passed: due times that began none.
        last_run: the run that it began last, at fired_at.
        live: its runs that are not over.
        trouble: why the last due time began no run; "" if it did.
        gathered: events that wait for others. seen: keys of events that were taken, the last ones.
    """

    digest: str = ""
    workflow: str = ""
    next_at: int = 0
    last_at: int = 0
    anchor_at: int = 0
    every_ms: int = 0
    after_ms: int = 0
    paused_at: int = 0
    paused_by: str = ""
    why: str = ""
    fired: int = 0
    passed: int = 0
    last_run: str = ""
    fired_at: int = 0
    live: list[str] = []
    trouble: str = ""
    gathered: list[Gathered] = []
    seen: list[str] = []
