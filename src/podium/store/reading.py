"""Reading the log and what is derived from it, on whichever connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from podium.store import damage
from podium.store.damage import COLUMNS, END, LAST_SEQ, SHARD_BITS
from podium.store.faults import RESTORE, is_damage, translate
from podium.store.interface import GENESIS, ColdRun, Corrupted, Head, Row, Snapshot, Stated, StoreError

_EPOCH = "SELECT epoch FROM shard WHERE shard = ?"
_LAST = f"SELECT position & 1099511627775, hash FROM log WHERE position = ({END})"
_RANGE = f"SELECT {COLUMNS} FROM log WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?"
_BLOB = "SELECT bytes FROM blob WHERE digest = ?"
_COLD = "SELECT run, seq, status, state, crc FROM cold_run WHERE shard = ? AND run = ?"
_NEXT_WAKE = "SELECT min(wake_at) FROM waits WHERE shard = ? AND wake_at > 0"
_COLD_RUNS_OF = (
    "SELECT run, seq, status, state, crc FROM cold_run WHERE shard = ? AND status = ? AND run > ? "
    "ORDER BY run LIMIT ?"
)
_TILE = "SELECT hashes FROM tile WHERE shard = ? AND level = ? AND number = ?"
_STATEMENTS = "SELECT number, text, note FROM statement WHERE number > ? ORDER BY number LIMIT ?"
_LAST_STATEMENT = "SELECT number, text, note FROM statement ORDER BY number DESC LIMIT 1"
_CLAIMED = "SELECT shard FROM shard"
_NEXT_SHARD = "SELECT min(position) >> 40 FROM log WHERE position >= ? << 40"
_SNAPSHOT_SEQS = "SELECT seq FROM snapshot WHERE shard = ? ORDER BY seq DESC"
_SNAPSHOT_AT = "SELECT seq, epoch, state, digest FROM snapshot WHERE shard = ? AND seq = ?"
_COLD_RUNS = (
    "SELECT run, seq, status, state, crc FROM cold_run WHERE shard = ? AND run > ? ORDER BY run LIMIT ?"
)


class Reading:
    """The reading half of a store. Answers are complete when they return: no cursor stays open."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def head(self, shard: int) -> Head:
        with Doing(self, "find the end of the log", shard):
            return self._head(shard)

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        base = shard << SHARD_BITS
        with Doing(self, "read the log", shard, after + 1):
            # The record before the first comes along: the first must link to it.
            found = self._connection.execute(_RANGE, (base + after, base + LAST_SEQ, limit + (after > 0)))
            rows = [Row(*row) for row in found]
        previous = GENESIS
        if after > 0 and rows and rows[0].seq == after:
            previous = rows.pop(0).hash
        if first := damage.first_break(previous, after, rows):
            raise self._damaged(shard, first, "read the log", "its hash link does not hold")
        return rows

    def row(self, shard: int, seq: int) -> Row | None:
        rows = self.read(shard, seq - 1, 1) if seq > 0 else []
        return rows[0] if rows else None

    def blob(self, digest: bytes) -> bytes:
        with Doing(self, f"read the blob {digest.hex()}"):
            content = self._connection.execute(_BLOB, (digest,)).get
        if content is None:
            raise KeyError(digest.hex())
        if damage.digest(content) != digest:
            raise Corrupted(f"{self._path}: the bytes of the blob {digest.hex()} are damaged. {RESTORE}")
        return bytes(content)

    def cold(self, shard: int, runs: Iterable[bytes]) -> list[ColdRun]:
        with Doing(self, "read runs that left memory"):
            wanted = dict.fromkeys(runs)
            return [found for run in wanted for found in self._cold_runs(_COLD, (shard, run))]

    def cold_runs(self, shard: int, status: str = "", after: bytes = b"", limit: int = 1000) -> list[ColdRun]:
        with Doing(self, "read runs that left memory"):
            if status:
                return self._cold_runs(_COLD_RUNS_OF, (shard, status, after, limit))
            return self._cold_runs(_COLD_RUNS, (shard, after, limit))

    def next_wake(self, shard: int) -> int:
        with Doing(self, "read the timers"):
            return self._connection.execute(_NEXT_WAKE, (shard,)).get or 0

    def snapshot(self, shard: int) -> Snapshot | None:
        """The newest snapshot whose digest holds; damaged ones are passed over: the log is the truth."""
        for (seq,) in self._readable(_SNAPSHOT_SEQS, (shard,)):
            for found in self._readable(_SNAPSHOT_AT, (shard, seq)):
                if damage.digest(found[2]) == found[3]:
                    return Snapshot(*found)
        return None

    def scan(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        """Rows with seq > after, in order, as they are stored: for whoever checks them himself."""
        base = shard << SHARD_BITS
        with Doing(self, "read the log", shard, after + 1):
            found = self._connection.execute(_RANGE, (base + after + 1, base + LAST_SEQ, limit))
            return [Row(*row) for row in found]

    def shards(self) -> list[int]:
        """The numbers of all shards that were claimed or have records."""
        with Doing(self, "list the shards"):
            found = {number for (number,) in self._connection.execute(_CLAIMED)}
            number = -1
            while (number := self._connection.execute(_NEXT_SHARD, (number + 1,)).get) is not None:
                found.add(number)
            return sorted(found)

    def tile(self, shard: int, level: int, number: int) -> bytes:
        """The hashes of a tile; b"" if it is not there. They are not checked against the log."""
        with Doing(self, "read the tree over the log"):
            return self._connection.execute(_TILE, (shard, level, number)).get or b""

    def statements(self, after: int = 0, limit: int = 1000) -> list[Stated]:
        """Statements with number > after, in order."""
        with Doing(self, "read the statements"):
            return [Stated(*row) for row in self._connection.execute(_STATEMENTS, (after, limit))]

    def last_statement(self) -> Stated | None:
        with Doing(self, "read the statements"):
            found = self._connection.execute(_LAST_STATEMENT).fetchone()
        return Stated(*found) if found is not None else None

    def iterate(self, shard: int, after: int = 0, batch: int = 1000) -> Iterator[Row]:
        """All rows with seq > after, in order, read in short batches. Raises as `read` does."""
        while rows := self.read(shard, after, batch):
            yield from rows
            after = rows[-1].seq

    def identity(self) -> str:
        """What tells this database from any other: 32 hex digits, drawn when it was made."""
        with Doing(self, "read the identity"):
            return str(self._connection.execute("SELECT value FROM meta WHERE name = 'identity'").get)

    def close(self) -> None:
        self._connection.close(True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _head(self, shard: int) -> Head:
        epoch = self._connection.execute(_EPOCH, (shard,)).get
        last = self._connection.execute(_LAST, (shard,)).fetchone()
        if last is None:
            return Head(epoch or 0, 0, GENESIS)
        return Head(epoch or 0, last[0], last[1])

    def _cold_runs(self, sql: str, bindings: tuple[int | bytes | str, ...]) -> list[ColdRun]:
        found = []
        for run, seq, status, state, crc in self._connection.execute(sql, bindings):
            if damage.checksum(run, seq, status, state) != crc:
                raise Corrupted(f"{self._path}: the state of run {run.hex()} is damaged. {RESTORE}")
            found.append(ColdRun(run, seq, status, state))
        return found

    def _readable(self, sql: str, bindings: tuple[int, ...]) -> list[tuple[Any, ...]]:
        """Rows, or none if they are damaged."""
        try:
            return list(self._connection.execute(sql, bindings))
        except apsw.Error as error:
            if is_damage(error):
                return []
            raise self._failure(error, "read a snapshot", None, 0) from error

    def _damaged(self, shard: int, first: int, doing: str, reason: str) -> Corrupted:
        first, last = damage.span(self._connection, shard, first)
        records = f"record {first}" if first == last else f"records {first} to {last or 'the end'}"
        return Corrupted(
            f"{self._path}: could not {doing}: {records} of shard {shard} cannot be trusted ({reason}). "
            f"The shard is stopped. {RESTORE}"
        )

    def _failure(self, error: Exception, doing: str, shard: int | None, first: int) -> StoreError:
        if isinstance(error, apsw.Error) and not is_damage(error):
            return translate(error, self._path, doing, self._connection.system_errno, writing=False)
        if shard is not None and (first := first or damage.tail(self._connection, shard)):
            return self._damaged(shard, first, doing, str(error))
        return Corrupted(f"{self._path}: could not {doing}: the file is damaged ({error}). {RESTORE}")


class Doing:
    """While something is read: turns what SQLite raises into the store's errors."""

    __slots__ = ("_doing", "_first", "_reading", "_shard")

    def __init__(self, reading: Reading, doing: str, shard: int | None = None, first: int = 0) -> None:
        self._reading = reading
        self._doing = doing
        self._shard = shard
        self._first = first

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (apsw.Error, UnicodeError)):
            raise self._reading._failure(error, self._doing, self._shard, self._first) from error
