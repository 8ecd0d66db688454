"""Questions about acts: who did what, and what the hub did by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from podium.views.acts import SHARD_BITS
from podium.views.answers import Act

SOON_MS = 5_000
"""What comes of what a person is about to do is in the log so soon."""

_SAME = "other.key = acts.key AND other.about = acts.about AND other.principal = acts.principal"
_ROWS = f"""
SELECT position, at, people, noted, about, act, principal, CASE via WHEN '' THEN coalesce((
    SELECT other.via FROM acts AS other WHERE {_SAME} AND other.noted
    AND other.at BETWEEN acts.at - {SOON_MS} AND acts.at ORDER BY other.at DESC LIMIT 1
), '') ELSE via END, target, why FROM acts
WHERE people = ? AND (at, position) < (?, ?) AND at >= ? AND NOT (noted AND EXISTS (
    SELECT 1 FROM acts AS other WHERE {_SAME} AND NOT other.noted
    AND other.at BETWEEN acts.at AND acts.at + {SOON_MS}
))
"""
_LATEST = (1 << 62, 0)


def acts_of(
    ask: Callable[[Callable[[apsw.Connection], list[Any]]], list[Any]], people: bool, principal: str,
    about: str, between: tuple[int, int], limit: int, before: str,
) -> list[Act]:  # fmt: skip
    """Acts, newest first; of what was noted and then done, what was done. Raises ValueError."""
    since, until = between
    at, position = _place(before) if before else _LATEST
    if until and until < at:
        at, position = until, 0
    sql = _ROWS
    bindings: list[Any] = [people, at, position, since]
    for column, value in (("principal", principal), ("about", about)):
        if value:
            sql, bindings = f"{sql} AND {column} = ?", [*bindings, value]
    sql += " ORDER BY at DESC, position DESC LIMIT ?"
    rows = ask(lambda of: of.execute(sql, (*bindings, limit)).fetchall())
    return [_act(*row) for row in rows]


def _act(position: int, at: int, people: int, noted: int, *rest: Any) -> Act:
    seq = position & ((1 << SHARD_BITS) - 1)
    about, act, principal, via, target, why = rest
    return Act(
        position >> SHARD_BITS, seq, at, bool(people), bool(noted), about, act, principal, via, target, why,
        f"{at}-{position}",
    )  # fmt: skip


def _place(cursor: str) -> tuple[int, int]:
    at, _, position = cursor.partition("-")
    return int(at), int(position)
