"""`get`, `describe`, `story`, `events` and `audit verify`: what there is, and what happened."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import cut, moment, money, say, short, show_json, show_line, show_one, show_rows, span
from podium.cli.progress import name_of
from podium.cli.watching import OWN_KEY
from podium.facts.sharing import NORMAL

if TYPE_CHECKING:
    from podium.views.story import Line

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]
Status = Literal[
    "queued", "running", "suspended", "completed", "faulted", "cancelled", "unfinished", "waiting"
]

_FOR_PEOPLE = {
    "human": "a person", "in_doubt": "a verdict", "dead_letter": "an operator", "event": "an event",
    "timer": "time", "run": "a run",
}  # fmt: skip


# --- lists ------------------------------------------------------------------------------------


def runs(
    *, status: Status | None = None, workflow: str = "", parent: str = "", nested: bool = False,
    limit: int = 20, options: Given,
) -> int:  # fmt: skip
    """List runs.

    Parameters
    ----------
    status
        Only those; `waiting` are the unfinished ones that wait for people.
    workflow
        Only those of a workflow: `name`, `namespace/name` or `namespace/name@version`.
    parent
        Only those that tasks of this run started: its id, or the beginning of it.
    nested
        Those that other runs wait for, too. With `--status waiting` they always are there.
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get(
            "runs", status=status or "", workflow=workflow, parent=parent, nested=nested, limit=limit
        )
    now = time.time_ns() // 1_000_000
    columns = (
        ("run", lambda row: short(row["id"])),
        ("workflow", lambda row: row["workflow"]),
        ("status", lambda row: row["phase"]),
        ("started", lambda row: moment(row["started_at"])),
        ("took", lambda row: span((row["ended_at"] or now) - row["started_at"])),
        ("cost", lambda row: money(row["cost_nano"])),
        ("remark", _remark),
    )
    show_rows(rows, options.format or "table", columns, "no runs")
    return Exit.OK


def agents(*, limit: int = 100, options: Given) -> int:
    """List agents.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("agents", limit=limit)
    columns = (
        ("agent", lambda row: row["name"]),
        ("version", lambda row: row["version"]),
        ("runtime", lambda row: row["runtime"]),
        ("capabilities", lambda row: ", ".join(row["capabilities"])),
        ("breaker", lambda row: row.get("breaker", "").replace("_", " ")),
        ("description", lambda row: _described(row["description"], row)),
    )
    show_rows(rows, options.format or "table", columns, "no agents; `podium apply` declares some")
    return Exit.OK


def tools(*, limit: int = 100, options: Given) -> int:
    """List tools.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("tools", limit=limit)
    columns = (
        ("tool", lambda row: row["name"]),
        ("version", lambda row: row["version"]),
        ("side effect", lambda row: row["side_effect"]),
        ("risk", lambda row: row["risk"]),
        ("groups", lambda row: ", ".join(row["groups"])),
        ("undo", lambda row: row["undo"]),
        ("description", lambda row: _described(row["description"], row)),
    )
    show_rows(rows, options.format or "table", columns, "no tools; `podium apply` declares some")
    return Exit.OK


def policies(*, limit: int = 100, options: Given) -> int:
    """List policies.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("policies", limit=limit)
    columns = (
        ("policy", lambda row: row["name"]),
        ("version", lambda row: row["version"]),
        ("mode", lambda row: row["mode"]),
        ("rules", lambda row: row["rules"]),
        ("limits", lambda row: ", ".join(row["limits"])),
        ("tests", lambda row: row["tests"]),
        ("description", lambda row: row["description"]),
    )
    show_rows(rows, options.format or "table", columns, "no policies; `podium apply` declares some")
    return Exit.OK


def workflows(*, limit: int = 100, options: Given) -> int:
    """List workflows.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("workflows", limit=limit)
    columns = (
        ("workflow", lambda row: row["name"]),
        ("version", lambda row: row["version"]),
        ("summary", lambda row: _described(row["title"] or row["summary"], row)),
    )
    show_rows(rows, options.format or "table", columns, "no workflows; `podium apply` declares some")
    return Exit.OK


def _described(text: str, row: Row) -> str:
    """What a resource is, and whether it should still be used, or is now."""
    if row.get("suspended"):
        return str(row["suspended"])
    return f"deprecated: {row['deprecated']}" if row["deprecated"] else text


def _remark(row: Row) -> str:
    """Why a run faulted, or whom it waits for; and whose it is, if it is another run's."""
    parts = []
    if row["parent"]:
        how = "" if row["nested"] else ", which went on"
        parts.append(f"started by run {short(row['parent'])}{how}")
    if row["priority"] != NORMAL and not row["ended_at"]:
        parts.append(f"priority {row['priority']}")
    if row["error"]:
        parts.append(str(row["error"]["title"]))
    elif waits := [_awaited(one) for one in row["waiting_for"] if one["kind"] in _FOR_PEOPLE]:
        parts.append(f"waits for {', '.join(waits)}")
    elif reasons := {one["message"] for one in row["waiting_for"] if one.get("message")}:
        parts += sorted(reasons)
    return "; ".join(parts)


def _awaited(one: Row) -> str:
    what = _FOR_PEOPLE[one["kind"]]
    if one["kind"] == "run":
        what = f"run {short(one['run'])}"
    return f"{what} ({name_of(one['task'])})"


# --- one thing --------------------------------------------------------------------------------


def describe(
    kind: Literal["run", "agent", "tool", "schedule", "subscription", "workflow"],
    name: str,
    /,
    *,
    options: Given,
) -> int:
    """Show all that is known of one run or resource.

    Parameters
    ----------
    kind
        What it is.
    name
        Of a run its id, or the beginning of it.
    """
    with hubs.looked_at(options.state) as client:
        found = client.describe(kind, name)
    show_one(found, options.format)
    return Exit.OK


def story(run: str, /, *, options: Given) -> int:
    """Tell what happened in a run, and why.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    """
    from podium.views.story import tell

    with hubs.looked_at(options.state) as client:
        records = client.events(run)
    for record in records:
        if str(record.get("key", "")).startswith(OWN_KEY):
            # Nobody chose it, so it tells nobody anything.
            record["key"] = ""
    lines = tell(records, time.time_ns() // 1_000_000)
    if options.format == "json":
        show_json([_told(line) for line in lines])
    elif options.format == "jsonl":
        for line in lines:
            show_line(_told(line))
    else:
        for line in lines:
            print(_written(line))
    return Exit.OK


def _told(line: Line) -> Row:
    import msgspec

    told: Row = msgspec.to_builtins(line)
    return told


def _written(line: Line) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(line.at / 1000)) if line.at else " " * 8
    return f"{at}  {'  ' * line.depth}{line.text}".rstrip()


def events(
    run: str, /, *, follow: bool = False, after: int = 0, cloudevents: bool = False, options: Given
) -> int:
    """Show the records of a run as the log has them.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    follow
        Go on showing them as they are committed, until the run ends.
    after
        Only those later than this position.
    cloudevents
        Show the lifecycle events of the workflow language instead, as JSON lines.
    """
    with hubs.looked_at(options.state) as client:
        if cloudevents:
            records = client.follow(run) if follow else client.events(run)
            return _show_lifecycle(records, client.tasks(run), after, options)
        records = client.follow(run, after) if follow else client.events(run, after)
        if options.format == "json" and not follow:
            show_json(list(records))
            return Exit.OK
        for record in records:
            if options.format in ("json", "jsonl"):
                show_line(record)
            else:
                print(_event(record), flush=follow)
    return Exit.OK


def _show_lifecycle(records: Iterable[Row], tasks: list[str], after: int, options: Options) -> int:
    from podium.runtime.presenting import record_from
    from podium.views.lifecycle import Lifecycle

    lifecycle = Lifecycle(tasks)
    told = (
        event for record in records for event in lifecycle.hear(record_from(record)) if record["seq"] > after
    )
    if options.format == "json":
        show_json(list(told))
        return Exit.OK
    for event in told:
        show_line(event)
    return Exit.OK


_NOTED = (
    "workflow", "kind", "agent", "capability", "attempt", "status", "verdict", "reason", "key", "principal",
)  # fmt: skip
"""What a person reads in a record beside its type and task; `-o json` has the rest."""

_USUAL = (("kind", "agent"), ("attempt", 1), ("status", "succeeded"), ("verdict", "allow"))


def _event(record: Row) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(record["at"] / 1000))
    notes = [
        f"{name}={record[name]}" for name in _NOTED if record.get(name) and (name, record[name]) not in _USUAL
    ]
    error = (record["body"] or {}).get("error")
    notes += [str(error.get("title"))] if error else []
    parts = (f"{record['seq']:>8}", at, f"{record['type']:<15}", record.get("task", ""), " ".join(notes))
    return cut("  ".join(filter(None, parts)))


# --- the log ----------------------------------------------------------------------------------


def version(*, options: Given) -> int:
    """Print the version."""
    from podium import __version__

    if options.format in ("json", "jsonl"):
        show_one({"version": __version__}, options.format)
    else:
        print(__version__)
    return Exit.OK


def rebuild(*, timeout: float = 300.0, options: Given) -> int:
    """Make the tables for queries again from the log.

    Parameters
    ----------
    timeout
        Seconds to wait until they are up with the log; they go on being made afterwards.
    """
    wait_s = values.seconds(timeout, "--timeout") or 0
    with hubs.asked(options.state) as client:
        found = client.rebuild_views(int(wait_s * 1000))
    if options.format is not None and options.format != "table":
        show_line(found)
    if not found["done"] and found["trouble"]:
        hint = "the log is not touched by this; lists are made from it meanwhile"
        raise Stop(Exit.REFUSED, f"the views cannot be made: {found['trouble']}", hint)
    if not found["done"]:
        raise Stop(Exit.TIMED_OUT, f"the views are not up with the log after {timeout:g} s; they go on")
    say(f"the views reflect the log up to {found['seq']}")
    return Exit.OK
