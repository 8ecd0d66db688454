"""`top`: a hub on one screen, as it is now."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import moment, money, short, show_one, span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from podium.sdk.client import Client

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]

ROWS = 12
"""So many lines of each list."""

EVERY_LEAST_S = 0.2


def top(*, every: float = 1.0, once: bool = False, options: Given) -> int:
    """Show a hub on one screen: what it does, what waits for people, what nears a ceiling.

    Parameters
    ----------
    every
        Seconds between two looks.
    once
        Look once, and end; so it does where there is no terminal.
    """
    if not (options.format in ("json", "jsonl") or once) and sys.stdout.isatty():
        _watch(lambda: hubs.looked_at(options.state), max(every, EVERY_LEAST_S))
    with hubs.looked_at(options.state) as client:
        if options.format in ("json", "jsonl"):
            show_one(seen(client), options.format)
        else:
            _print(seen(client))
    return Exit.OK


def seen(client: Client) -> Row:
    """What the screen shows, as data."""
    from podium.sdk.client import PodiumError

    def tried(look: Callable[[], Any], else_: Any) -> Any:
        try:
            return look()
        except PodiumError:
            # A folder without a hub, or a token without that scope, still shows the rest.
            return else_

    return {
        "at": time.time_ns() // 1_000_000,
        "hub": tried(client.status, {}),
        "running": tried(client.activity, [])[:ROWS],
        "stuck": [
            one for one in tried(lambda: client.stuck(limit=ROWS * 4), []) if one["who"] != "nobody needs to"
        ][:ROWS],
        "budgets": tried(lambda: client.get("budgets", limit=5), []),
        "schedules": tried(lambda: client.get("schedules", limit=5), []),
        "workers": tried(lambda: client.get("workers"), [])[:ROWS],
        "runs": tried(lambda: client.get("runs", limit=ROWS), []),
    }


def _watch(looked_at: Callable[[], AbstractContextManager[Client]], every_s: float) -> NoReturn:
    """Show it until somebody ends that; a hub that goes, and another one that comes, are followed."""
    from rich.console import Console
    from rich.live import Live

    before: Row = {}
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            with looked_at() as client:
                serves = True
                while serves:
                    now = seen(client)
                    live.update(_screen(now, before or now), refresh=True)
                    before, serves = now, bool(now["hub"])
                    time.sleep(every_s)


def _print(now: Row) -> None:
    from rich.console import Console

    Console().print(_screen(now, now))


def _screen(now: Row, before: Row) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(_head(now, before), style="bold", overflow="ellipsis", no_wrap=True)]
    if trouble := now["hub"].get("trouble"):
        parts.append(Text(f"! {trouble}", style="red"))
    parts += [
        Text(f"! {one['told']}; {one['command']}", style="yellow") for one in now["hub"].get("suspended", ())
    ]
    parts += [
        table
        for table in (
            _table("NEEDS SOMEBODY", now["stuck"], (
                ("run", lambda row: short(row["run_id"])), ("since", lambda row: _ago(now, row["since"])),
                ("waits for", lambda row: row["waits"]), ("command", lambda row: row["command"]),
            )),
            _table("AT WORK", now["running"], (
                ("run", lambda row: short(row["run_id"])), ("task", _task),
                ("agent", lambda row: row["agent"]), ("attempt", lambda row: row["attempt"]),
                ("for", lambda row: _ago(now, row["started_at"])),
                ("says", lambda row: (row["lines"] or [""])[-1] or row["progress"] or ""),
            )),
            _table("WORKERS", now["workers"], (
                ("worker", lambda row: row.get("name") or row["id"]), ("status", lambda row: row["status"]),
                ("at work", lambda row: f"{row['attempts']}/{row['concurrency']}"),
                ("heard", lambda row: _ago(now, row["heard_at"])),
            )),
            _table("BUDGETS", now["budgets"], (
                ("budget", lambda row: f"{row['policy']}/{row['budget']}"),
                ("of", lambda row: " ".join(f"{name}={value}" for name, value in row["scope"].items())),
                ("used", _bar), ("until", lambda row: moment(row["ends_at"])),
            )),
            _table("SCHEDULES", now["schedules"], (
                ("schedule", lambda row: row["name"]), ("when", lambda row: row["summary"]),
                ("next", lambda row: moment(row["next_at"]) or row["status"]),
                ("remark", lambda row: row["trouble"]),
            )),
            _table("RUNS", now["runs"], (
                ("run", lambda row: short(row["id"])), ("workflow", lambda row: row["workflow"]),
                ("status", lambda row: row["phase"]), ("began", lambda row: moment(row["started_at"])),
                ("took", lambda row: span((row["ended_at"] or now["at"]) - row["started_at"])),
                ("cost", lambda row: money(row["cost_nano"])),
            )),
        )
        if table is not None
    ]  # fmt: skip
    return Group(*parts)


def _head(now: Row, before: Row) -> str:
    hub = now["hub"]
    if not hub:
        return f"{moment(now['at'])}  no hub is at work here; this is how the last one left it"
    seconds = (now["at"] - before["at"]) / 1000
    pace = f", {(hub['seq'] - before['hub'].get('seq', hub['seq'])) / seconds:.0f}/s" if seconds else ""
    effects = hub["effects"]
    return (
        f"{moment(now['at'])}  hub {hub['status']}  {hub['seq']} records{pace}  "
        f"{hub['runs_active']} runs go on, {hub['runs_in_memory']} in memory  "
        f"{effects['running']} attempts, {effects['queued']} in line, {effects['backoff']} pause, "
        f"{effects['in_doubt']} in doubt"
    )


def _task(row: Row) -> str:
    return str(row["task"]).rpartition("/")[2]


def _ago(now: Row, at: int) -> str:
    return span(max(now["at"] - at, 0)) if at else ""


def _bar(row: Row) -> str:
    used = (row["spent"] + row["held"]) / row["ceiling"] if row["ceiling"] else 1.0
    full = min(round(used * 10), 10)
    return f"{'█' * full}{'░' * (10 - full)} {used:.0%}"


def _table(
    title: str, rows: list[Row], columns: tuple[tuple[str, Callable[[Row], Any]], ...]
) -> RenderableType | None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return None
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True
    )
    for name, _ in columns[:-1]:
        table.add_column(name, no_wrap=True, overflow="ellipsis", header_style="dim")
    table.add_column(columns[-1][0], overflow="ellipsis", no_wrap=True, header_style="dim", ratio=1)
    for row in rows:
        # Nothing that agents say is markup, or moves the cursor.
        told = (" ".join(str(text(row)).split()) for _, text in columns)
        table.add_row(*(Text("".join(c for c in one if c.isprintable())) for one in told))
    return table
