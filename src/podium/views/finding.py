"""Which runs fit: a page of them, newest first, in about the same time however many there are.

Runs that may fit are taken from an index, newest first, and looked at in growing bunches. Where several
indexes could give them, it is the one whose next few lie furthest apart: it leaves out most. No more than
`LOOKED_AT_MAX` are looked at for a page, which may therefore be short, and still another follow it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import apsw
import msgspec

NEWEST = (1 << 63) - 1
"""As `before`: the first page."""

STATUSES = ("queued", "running", "waiting", "suspended", "completed", "faulted", "cancelled")
"""All that a run in the views can have."""

LOOKED_AT_MAX = 10_000
"""So many runs are looked at for a page."""

RUN_ROWS = (
    "SELECT run_id, workflow, version, digest, status, principal, key, started_at, ended_at, updated_at, "
    "effects_open, effects_done, cost_nano, error_title, labels, last_seq, parent, nested, run "
    "FROM runs JOIN definitions ON definitions.id = runs.definition"
)
_PROBED = 500
"""So many of each index are looked at to tell which leaves out most."""

_BUNCH_MAX = 4_000

_WITHIN = " run < ? AND run >= ? ORDER BY run DESC"
_ALL = "SELECT run FROM runs WHERE" + _WITHIN
_OF_STATUS = "SELECT run FROM runs WHERE nested = ? AND status = ? AND" + _WITHIN
_OF_DEFINITION = "SELECT run FROM runs WHERE definition = ? AND nested = ? AND status = ? AND" + _WITHIN
_OF_PARENT = "SELECT run FROM runs WHERE parent = ? AND parent != '' AND" + _WITHIN
_OF_LABEL = "SELECT run FROM labels WHERE name = ? AND value = ? AND" + _WITHIN
_ASKING = "SELECT DISTINCT run FROM approvals WHERE" + _WITHIN
_IN_TROUBLE = "SELECT DISTINCT run FROM escalations WHERE kind IN ('in_doubt', 'dead_letter') AND" + _WITHIN
_LABELLED = "EXISTS (SELECT 1 FROM labels WHERE name = ? AND value = ? AND labels.run = runs.run)"
_FOR_PEOPLE = (
    "(EXISTS (SELECT 1 FROM approvals WHERE approvals.run = runs.run) OR EXISTS (SELECT 1 FROM escalations "
    "WHERE escalations.run = runs.run AND kind IN ('in_doubt', 'dead_letter')))"
)
_CHOSEN = f"{RUN_ROWS} WHERE run IN (SELECT value FROM json_each(?))"

Row = tuple[Any, ...]
Source = Iterator[int]

_encode = msgspec.json.Encoder().encode


class Wanted(NamedTuple):
    """Which runs.

    Attributes:
        statuses: of `STATUSES`; none for all.
        definitions: ids of those that they are pinned to; None for all.
        labels: (name, value); they have all of these.
        parent: they were started by a task of this run; "" for any.
        nested: whether those that other runs wait for are among them.
        for_people: only those that wait for people.
        low, high: they are of this position or a later one, and of an earlier one than that.
        conditions: more of them, in SQL, each with its bindings.
    """

    statuses: Sequence[str] = ()
    definitions: Sequence[int] | None = None
    labels: Sequence[tuple[str, str]] = ()
    parent: str = ""
    nested: bool = True
    for_people: bool = False
    low: int = 0
    high: int = NEWEST
    conditions: Sequence[tuple[str, Sequence[Any]]] = ()


class Found(NamedTuple):
    """Rows as `RUN_ROWS` gives them, and where the next page begins; 0 where none follows."""

    rows: list[Row]
    next: int


def find(connection: apsw.Connection, wanted: Wanted, limit: int) -> Found:
    """A page of runs, newest first."""
    if wanted.definitions is not None and not wanted.definitions:
        return Found([], 0)
    conditions, bindings = _conditions(wanted)
    candidates = _sparsest(connection, wanted)
    rows: list[Row] = []
    bunch, looked_at, last = limit, 0, 0
    while looked_at < LOOKED_AT_MAX:
        some = list(islice(candidates, bunch))
        if some:
            asked = (_encode(some).decode(), *bindings, limit - len(rows))
            sql = f"{_CHOSEN}{conditions} ORDER BY run DESC LIMIT ?"
            rows += connection.execute(sql, asked).fetchall()
        if len(rows) >= limit:
            return Found(rows, rows[-1][-1])
        if len(some) < bunch:
            return Found(rows, 0)
        looked_at += len(some)
        last = some[-1]
        bunch = min(bunch * 4, _BUNCH_MAX, max(LOOKED_AT_MAX - looked_at, 1))
    return Found(rows, last)


def definitions_of(connection: apsw.Connection, workflow: str) -> list[int]:
    """Those of a workflow: `name` or `namespace/name`, with or without `@version`, or its digest."""
    name, at, version = workflow.partition("@")
    # There are as many as versions of workflows ever ran, so looking at each is cheap.
    sql = (
        "SELECT id FROM definitions WHERE (workflow = ?1 OR digest = ?1 OR "
        "substr(workflow, -length(?1) - 1) = '/' || ?1)" + (" AND version = ?2" if at else "")
    )
    rows: list[Row] = connection.execute(sql, (name, version) if at else (name,)).fetchall()
    return [row[0] for row in rows]


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    """All that a run must fulfil, whichever index it comes from.

    A `+` keeps SQLite from looking for runs by an index of its own choice: it has been told which.
    """
    parts = list(wanted.conditions)
    if wanted.statuses:
        parts.append((f"+status IN ({', '.join('?' * len(wanted.statuses))})", wanted.statuses))
    if wanted.definitions is not None:
        parts.append((f"+definition IN ({', '.join(map(str, wanted.definitions))})", ()))
    if wanted.parent:
        parts.append(("+parent = ?", (wanted.parent,)))
    if wanted.for_people:
        parts.append((_FOR_PEOPLE, ()))
    if not wanted.nested:
        parts.append(("+nested = 0", ()))
    parts += [(_LABELLED, label) for label in wanted.labels]
    return "".join(f" AND {sql}" for sql, _ in parts), list(chain.from_iterable(of for _, of in parts))


def _sparsest(connection: apsw.Connection, wanted: Wanted) -> Source:
    """The runs of one index, newest first, all that fit among them."""
    sources = list(_sources(connection, wanted))
    if len(sources) == 1:
        return sources[0]
    probed = [(list(islice(source, _PROBED)), source) for source in sources]
    for first, _ in probed:
        if len(first) < _PROBED:
            return iter(first)
    first, rest = min(probed, key=lambda one: one[0][-1])
    return chain(first, rest)


def _sources(connection: apsw.Connection, wanted: Wanted) -> Iterator[Source]:
    """Every index that has all that fit."""

    def runs(sql: str, *of: Any) -> Source:
        return (run for (run,) in connection.execute(sql, (*of, wanted.high, wanted.low)))

    for label in wanted.labels:
        yield runs(_OF_LABEL, *label)
    if wanted.for_people:
        yield _merged([runs(_ASKING), runs(_IN_TROUBLE)])
    if wanted.parent:
        yield runs(_OF_PARENT, wanted.parent)
        return
    kinds = (0, 1) if wanted.nested else (0,)
    statuses = wanted.statuses or STATUSES
    if wanted.definitions is not None:
        yield _merged([
            runs(_OF_DEFINITION, definition, kind, status)
            for definition in wanted.definitions for kind in kinds for status in statuses
        ])  # fmt: skip
    elif wanted.statuses or not wanted.nested:
        yield _merged([runs(_OF_STATUS, kind, status) for kind in kinds for status in statuses])
    elif not wanted.labels and not wanted.for_people:
        yield runs(_ALL)


def _merged(sources: list[Source]) -> Source:
    """All runs of several indexes, each once."""
    if len(sources) == 1:
        return sources[0]
    return _once(heapq.merge(*sources, reverse=True))


def _once(source: Source) -> Source:
    before = -1
    for run in source:
        if run != before:
            yield run
        before = run
