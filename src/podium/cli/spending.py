"""`get budgets`: what is spent and held of every ceiling."""

from __future__ import annotations

import time
from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import moment, money, show_rows, span

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def budgets(*, limit: int = 100, options: Given) -> int:
    """List budgets, those nearest to their ceiling first.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("budgets", limit=limit)
    columns = (
        ("budget", lambda row: f"{row['policy']}/{row['budget']}"),
        ("of", _scope),
        ("used", _used),
        ("spent", lambda row: _amount(row, row["spent"])),
        ("held", _held),
        ("ceiling", lambda row: _amount(row, row["ceiling"])),
        ("unit", lambda row: "money" if row["unit"] == "nano" else row["unit"].replace("_", " ")),
        ("until", lambda row: moment(row["ends_at"])),
    )
    show_rows(rows, options.format or "table", columns, "nothing was taken of any budget")
    return Exit.OK


def _scope(row: Row) -> str:
    return " ".join(f"{name}={value[:20]}" for name, value in row["scope"].items()) or "all"


def _used(row: Row) -> str:
    taken = row["spent"] + row["held"]
    return f"{100 * taken // row['ceiling']}%" if row["ceiling"] else "-"


def _held(row: Row) -> str:
    if not row["doubtful"]:
        return _amount(row, row["held"])
    lost = ", lost" if 0 < row["lost_at"] <= time.time() * 1000 else ""
    return f"{_amount(row, row['held'])} ({_amount(row, row['doubtful'])} in doubt{lost})"


def _amount(row: Row, amount: int) -> str:
    if row["unit"] == "nano":
        return money(amount) or "0"
    return span(amount) if row["unit"] == "ms" else str(amount)
