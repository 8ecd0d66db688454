"""`get subscriptions`: who is sent lifecycle events, and how far that is."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import cut, show_rows

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def subscriptions(*, limit: int = 100, options: Given) -> int:
    """List subscriptions, and how far each is.

    `waiting` means that it begins no more deliveries for now, and the remark says why; what comes meanwhile
    is sent later. Each delivery is a run: `podium get runs --workflow subscriptions/NAME`.

    Parameters
    ----------
    limit
        So many at most.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.get("subscriptions", limit=limit)
    columns = (
        ("subscription", lambda row: row["name"]),
        ("sink", lambda row: cut(row["sink"])),
        ("types", lambda row: cut(", ".join(map(_short, row["types"])))),
        ("of", lambda row: cut(_of(row))),
        ("signed", lambda row: "yes" if row["signed"] else "no"),
        ("status", lambda row: row["status"] or "no hub"),
        ("unfinished", lambda row: row["unfinished"] or ""),
        ("remark", lambda row: cut(row["trouble"])),
    )
    show_rows(rows, options.format or "table", columns, "no subscriptions; `podium apply` declares some")
    return Exit.OK


def _short(kind: str) -> str:
    return kind.removeprefix("io.serverlessworkflow.").removesuffix(".v1")


def _of(row: Row) -> str:
    labels = [f"{name}={value}" for name, value in row["match"].items()]
    return " ".join((*(row["workflows"] or ["all workflows"]), *labels))
