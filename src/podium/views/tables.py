"""The tables as the follower keeps them: folded batches go in, unfinished runs come back out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import apsw
import msgspec

from podium.facts.events import Record
from podium.facts.lifecycles import RUN_ENDED
from podium.views.fold import Fold
from podium.views.opening import close_writer, file_id, open_writer
from podium.views.rows import DeletedRow, EffectRow, Open, RunRow

RUNS_KEPT = 4_096
"""Active runs that stay in memory between batches; others are read from their rows again."""

IDS_KEPT = 10_000
"""Routes, and definitions, whose ids stay in memory."""

_RUN = (
    "run_id, definition, status, principal, key, started_at, ended_at, updated_at, effects_open, "
    "effects_done, cost_nano, error_title, labels, last_seq, open, parent, nested, run"
)
_FIND_RUN = f"SELECT {_RUN} FROM runs WHERE run_id = ?"
_ADD_RUN = f"INSERT INTO runs ({_RUN}) VALUES ({', '.join('?' * 18)})"
_CHANGE_RUN = (
    "UPDATE runs SET status = ?, ended_at = ?, updated_at = ?, effects_open = ?, effects_done = ?, "
    "cost_nano = ?, error_title = ?, last_seq = ?, open = ? WHERE run = ?"
)
_ROUTE = ("kind", "agent", "capability", "reason", "verdict")
_FIND_EFFECT = "SELECT * FROM effects WHERE run = ? AND effect = ?"
_PUT_EFFECT = f"REPLACE INTO effects VALUES ({', '.join('?' * len(EffectRow.__struct_fields__))})"
_ADD_LABEL = "INSERT OR IGNORE INTO labels (name, value, run) VALUES (?, ?, ?)"
_PUT_APPROVAL = "REPLACE INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?)"
_END_APPROVAL = "DELETE FROM approvals WHERE run = ? AND effect = ?"
_PUT_ESCALATION = "REPLACE INTO escalations VALUES (?, ?, ?, ?, ?, ?, ?)"
_END_ESCALATION = "DELETE FROM escalations WHERE run = ? AND effect = ?"
_ADD_OVERRIDE = "REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_ACT = "REPLACE INTO acts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OUTDATE = "UPDATE resources SET current = 0 WHERE kind = ? AND name = ? AND current"
_PUT_RESOURCE = (
    "REPLACE INTO resources (kind, name, version, digest, applied_at, principal, revision, description, "
    "capabilities, deprecated, forced, deleted_at, current) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1)"
)
_DELETE_RESOURCE = (
    "UPDATE resources SET deleted_at = ?4, current = 0 WHERE kind = ?1 AND name = ?2 AND version = ?3"
)
_MAKE_CURRENT = (
    "UPDATE resources SET current = revision = (SELECT max(revision) FROM resources "
    "WHERE kind = ?1 AND name = ?2 AND NOT deleted_at) WHERE kind = ?1 AND name = ?2 AND NOT deleted_at"
)
_SPEND = (
    "INSERT INTO spend (day, agent, calls, cost_nano) "
    "SELECT ?1, CASE agent WHEN '' THEN kind ELSE agent END, ?3, ?4 FROM routes WHERE id = ?2 "
    "ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, cost_nano = cost_nano + excluded.cost_nano"
)
_TOTAL = "UPDATE totals SET count = count + ? WHERE name = ?"
_PROGRESS = "REPLACE INTO progress (shard, seq, hash) VALUES (?, ?, ?)"

_encode = msgspec.json.Encoder().encode
_decode_open = msgspec.json.Decoder(Open).decode


class Tables:
    """The views' file, and in memory what the next batch will most likely touch (`fold.Memory`).

    After any exception it must be closed and opened anew: the memory may say more than the file.

    Args:
        path: the file; made if it is not there or cannot be trusted.
    Attributes:
        progress: shard to (seq, hash) of the last record that the file reflects.
    Raises:
        apsw.Error: the place cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_writer(path)
        self._file = file_id(path)
        self._runs: dict[str, RunRow] = {}
        try:
            found = self._connection.execute("SELECT shard, seq, hash FROM progress")
            self.progress: dict[int, tuple[int, bytes]] = {shard: (seq, hash) for shard, seq, hash in found}
            self._routes = _Ids(self._connection, "routes", _ROUTE)
            self._definitions = _Ids(self._connection, "definitions", ("workflow", "version", "digest"))
        except apsw.Error:
            self.abandon()
            raise
        self.route = self._routes.id
        self.definition = self._definitions.id
        self._fold = Fold(self)

    @property
    def present(self) -> bool:
        """Whether the path still names the file that is written; anyone may delete it."""
        return self._file is not None and file_id(self._path) == self._file

    def take(self, shard: int, records: Iterable[Record]) -> None:
        """Fold records into memory; the file does not show them before `write`."""
        self._fold.take(shard, records)

    def write(self, progress: dict[int, tuple[int, bytes]]) -> None:
        """Write what was folded, in one transaction.

        Args:
            progress: of the shards folded: seq and hash of their last record.
        """
        fold = self._fold
        fold.finish()
        with self._connection:
            self._definitions.write()
            self._routes.write()
            self._write_runs(fold)
            self._write_others(fold)
            many = self._connection.executemany
            many(_TOTAL, ((change, name) for name, change in fold.totals.items() if change))
            many(_PROGRESS, ((shard, *at) for shard, at in progress.items()))
        self.progress.update(progress)
        self._keep(fold.runs)
        fold.clear()

    def close(self) -> None:
        close_writer(self._connection)

    def abandon(self) -> None:
        """Close without vouching for the file."""
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close(True)

    # --- writing -------------------------------------------------------------------------------------

    def _write_runs(self, fold: Fold) -> None:
        many = self._connection.executemany
        added: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        for run in fold.runs.values():
            status = run.status
            if not run.written:
                added.append(_added(run, status))
            else:
                changed.append(_changed(run, status))
            if status != run.written:
                _moved(fold.totals, run.written, status)
                run.written = status
        many(_ADD_RUN, added)
        many(_CHANGE_RUN, changed)
        many(_ADD_LABEL, fold.labels)
        dirty = chain.from_iterable(run.dirty.values() for run in fold.runs.values())
        many(_PUT_EFFECT, map(msgspec.structs.astuple, dirty))

    def _write_others(self, fold: Fold) -> None:
        many = self._connection.executemany
        many(_END_APPROVAL, fold.approvals.keys())
        many(_PUT_APPROVAL, filter(None, fold.approvals.values()))
        many(_END_ESCALATION, fold.escalations.keys())
        many(_PUT_ESCALATION, filter(None, fold.escalations.values()))
        many(_ADD_OVERRIDE, fold.overrides)
        many(_ADD_ACT, fold.acts)
        for resource in fold.resources:
            if isinstance(resource, DeletedRow):
                self._connection.execute(_DELETE_RESOURCE, resource)
                self._connection.execute(_MAKE_CURRENT, resource[:2])
            else:
                self._connection.execute(_OUTDATE, resource[:2])
                self._connection.execute(_PUT_RESOURCE, resource)
        many(_SPEND, ((*key, *booked) for key, booked in fold.spend.items()))

    # --- remembering ---------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunRow:
        """A run that has a row."""
        kept = self._runs.get(run_id)
        if kept is not None:
            return kept
        row = self._connection.execute(_FIND_RUN, (run_id,)).fetchone()
        assert row is not None, f"the views have no run {run_id}, though the log goes on with it"
        (
            _, definition, status, principal, key, started_at, ended_at, updated_at, _, done, cost_nano,
            error_title, labels, last_seq, held, parent, nested, position,
        ) = row  # fmt: skip
        lifecycle = "running" if status == "waiting" else status
        run = RunRow(position, run_id, definition, principal, key, started_at, lifecycle)
        run.parent, run.nested = parent, bool(nested)
        run.written = status
        run.labels, run.error_title = labels, error_title
        run.ended_at, run.updated_at, run.last_seq = ended_at, updated_at, last_seq
        run.effects_done, run.cost_nano = done, cost_nano
        parts = _decode_open(held)
        run.frames, run.failed = parts.frames, parts.failed
        for number in parts.effects:
            found = self._connection.execute(_FIND_EFFECT, (position, number)).fetchone()
            assert found is not None, f"the views have no effect {number} of run {run_id}"
            run.effects[number] = EffectRow(*found)
        run.asks = any(effect.asker for effect in run.effects.values())
        return run

    def _keep(self, runs: dict[str, RunRow]) -> None:
        """Hold on to the runs that something goes on in; the many that wait must not fill the memory."""
        kept = self._runs
        for run_id, run in runs.items():
            kept.pop(run_id, None)
            if run.written == "running":
                run.dirty.clear()
                kept[run_id] = run
        for run_id in list(kept)[: max(len(kept) - RUNS_KEPT, 0)]:
            del kept[run_id]


class _Ids:
    """Small numbers for texts that many rows have in common."""

    def __init__(self, connection: apsw.Connection, table: str, columns: tuple[str, ...]) -> None:
        self._connection = connection
        self._find = f"SELECT id FROM {table} WHERE " + " AND ".join(f"{column} = ?" for column in columns)
        self._add = f"INSERT INTO {table} ({', '.join(columns)}, id) VALUES (?{', ?' * len(columns)})"
        self._last: int = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").get
        self._known: dict[tuple[str, ...], int] = {}
        self._added: dict[tuple[str, ...], int] = {}

    def id(self, key: tuple[str, ...]) -> int:
        """The number of these texts, a new one if they never were."""
        known = self._known.get(key)
        return known if known is not None else self._look_up(key)

    def _look_up(self, key: tuple[str, ...]) -> int:
        found: int | None = self._connection.execute(self._find, key).get
        if found is None:
            self._last += 1
            found = self._added[key] = self._last
        self._known[key] = found
        return found

    def write(self) -> None:
        """Write the new ones."""
        self._connection.executemany(self._add, ((*key, number) for key, number in self._added.items()))
        self._added.clear()
        if len(self._known) > IDS_KEPT:
            self._known.clear()


def _held(run: RunRow) -> str:
    if run.lifecycle in RUN_ENDED:
        return "{}"
    return _encode(Open(run.frames, list(run.effects), run.failed)).decode()


def _added(run: RunRow, status: str) -> tuple[Any, ...]:
    return (
        run.run_id, run.definition, status, run.principal, run.key, run.started_at, run.ended_at,
        run.updated_at, len(run.effects), run.effects_done, run.cost_nano, run.error_title, run.labels,
        run.last_seq, _held(run), run.parent, run.nested, run.run,
    )  # fmt: skip


def _changed(run: RunRow, status: str) -> tuple[Any, ...]:
    return (
        status, run.ended_at, run.updated_at, len(run.effects), run.effects_done, run.cost_nano,
        run.error_title, run.last_seq, _held(run), run.run,
    )  # fmt: skip


def _moved(totals: dict[str, int], before: str, now: str) -> None:
    """A run went from one status to another: "" if it is new."""
    if before:
        totals[f"runs.{before}"] = totals.get(f"runs.{before}", 0) - 1
    totals[f"runs.{now}"] = totals.get(f"runs.{now}", 0) + 1
