"""`get schedules` and `schedule`: what begins by itself, and when."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import cut, moment, say, short, show_one, show_rows

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def schedules(*, limit: int = 100, options: Given) -> int:
    """List schedules, the next one due first.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("schedules", limit=limit)
    columns = (
        ("schedule", lambda row: row["name"]),
        ("when", lambda row: cut(row["summary"])),
        ("workflow", lambda row: row["workflow"]),
        ("status", lambda row: row["status"]),
        ("next", _next),
        ("last run", lambda row: short(row["last_run"])),
        ("began", lambda row: row["fired"]),
        ("passed", lambda row: row["passed"] or ""),
        ("remark", _remark),
    )
    show_rows(rows, options.format or "table", columns, "no schedules; `podium apply` declares some")
    return Exit.OK


def _next(row: Row) -> str:
    if row["next_at"]:
        return moment(row["next_at"])
    if row["status"] == "paused":
        return "when resumed"
    return "with an event" if "on" in row["when"] else "after its run"


def _remark(row: Row) -> str:
    if row["status"] == "paused":
        why = f": {row['why']}" if row["why"] else ""
        return cut(f"paused by {row['paused_by']}{why}")
    return cut(f"the last began nothing: {row['trouble']}") if row["trouble"] else ""


def pause(schedule: str, /, *, why: str = "", options: Given) -> int:
    """Let a schedule begin nothing until it is resumed.

    What falls due meanwhile is not made up for.

    Parameters
    ----------
    schedule
        Its name; of a workflow with a schedule of its own, `namespace/name`.
    why
        For the audit, and for whoever finds it paused.
    """
    return _see_to(schedule, "pause", options, why=why)


def resume(schedule: str, /, *, why: str = "", options: Given) -> int:
    """Let a schedule that is paused go on.

    Parameters
    ----------
    schedule
        Its name.
    why
        For the audit.
    """
    return _see_to(schedule, "resume", options, why=why)


def trigger(schedule: str, /, *, key: str = "", options: Given) -> int:
    """Begin a run of a schedule now.

    It may be paused; what it says of runs that overlap holds.

    Parameters
    ----------
    schedule
        Its name.
    key
        Asked for again with the same one, no other run begins.
    """
    return _see_to(schedule, "trigger", options, key=key)


def _see_to(schedule: str, action: str, options: Options, **given: str) -> int:
    with hubs.asked(options.state) as client:
        done = client.see_to_schedule(schedule, action, **given)
    if options.format in ("json", "jsonl"):
        show_one(done, options.format)
    elif action == "trigger":
        print(done["run_id"])
        if not done["created"]:
            say(str(done["detail"]))
    else:
        say(f"{schedule}: {done['detail']}")
    return Exit.OK
