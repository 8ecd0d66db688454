"""Schedules as people look at them and see to them."""

from __future__ import annotations

from uuid import uuid4

from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.schedules import Scheduled, ScheduleVersion
from podium.facts.values import JSON
from podium.kernel.books import Books
from podium.kernel.catalog import Catalog
from podium.resources.durations import parse_duration
from podium.runtime.presenting import Shown


def told(schedule: str, action: str, key: str, why: str, principal: str, tenant: str) -> i.Input:
    """What the kernel is told where somebody sees to a schedule: `pause`, `resume` or `trigger`.

    Args:
        key: of a trigger: one run for each; "" for one more.
    """
    if action == "trigger":
        run_id = run_id_of(tenant, f"trigger {schedule}\x00{key}") if key else str(uuid4())
        return i.TriggerSchedule(schedule=schedule, run_id=run_id, principal=principal)
    if action == "pause":
        return i.PauseSchedule(schedule=schedule, principal=principal, why=why)
    return i.ResumeSchedule(schedule=schedule, principal=principal, why=why)


def listed(books: Books, catalog: Catalog) -> list[Shown]:
    """Each schedule that is declared, those of workflows included, the next one due first.

    `next_at` is 0 where it waits for events, for the end of a run, or for being resumed.
    """
    rows = []
    for name, table in catalog.schedules.items():
        known = books.schedules.get(name, Scheduled())
        rows.append(
            {
                "name": name, "version": table.version.version, "workflow": table.version.workflow,
                "own": "/" in name, "when": table.version.when, "summary": summary(table.version),
                "zone": table.version.zone, "missed": table.version.missed, "overlap": table.version.overlap,
                "status": "paused" if known.paused_at else "active",
                "next_at": 0 if known.paused_at else known.next_at, "last_at": known.last_at,
                "last_run": known.last_run, "fired_at": known.fired_at, "fired": known.fired,
                "passed": known.passed, "live": list(known.live), "trouble": known.trouble,
                "paused_at": known.paused_at, "paused_by": known.paused_by, "why": known.why,
                "gathered": len(known.gathered), "description": table.version.description,
                "labels": table.version.labels,
            }
        )  # fmt: skip
    rows.sort(key=lambda row: (row["status"] == "paused", row["next_at"] == 0, row["next_at"], row["name"]))
    return rows


def summary(version: ScheduleVersion) -> str:
    """When it is due, in a few words."""
    when = version.when
    if "cron" in when:
        return f"{when['cron']} ({version.zone})"
    if "on" in when:
        return f"on {_events(when['on'])}"
    kind = "every" if "every" in when else "after"
    return f"{'every' if kind == 'every' else 'after each run'} {_span(parse_duration(when[kind]))}"


def _events(strategy: JSON) -> str:
    mode = next((mode for mode in ("one", "any", "all") if mode in strategy), "any")
    filters = [strategy["one"]] if mode == "one" else strategy[mode]
    kinds = [str(one.get("with", {}).get("type", "an event")) for one in filters]
    return (" and " if mode == "all" else " or ").join(kinds) or "any event"


_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


def _span(ms: int) -> str:
    parts = []
    for size, unit in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
