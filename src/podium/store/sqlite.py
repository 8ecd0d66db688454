"""The log on SQLite: one connection that writes and checkpoints, fenced by epoch, seq and hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import apsw

from podium.audit.tiles import Tile
from podium.store import damage
from podium.store.ballast import BYTES, Ballast
from podium.store.connecting import BUSY_MS, open_writer
from podium.store.damage import SHARD_BITS
from podium.store.faults import fail_stop, is_damage, translate
from podium.store.interface import (
    STATEMENTS,
    ColdRun,
    Fenced,
    Head,
    Row,
    Snapshot,
    Stated,
    StorageFull,
    StoreError,
)
from podium.store.reading import Doing, Reading

CHECKPOINT_PAGES = 512
"""4 MiB of write-ahead log: a checkpoint of it takes milliseconds, and fits into the ballast."""

CHECKPOINT_MS = 20
"""How long a checkpoint waits for readers to finish; readers are short, or not ours."""

SNAPSHOTS_KEPT = 3

_CLAIM = "INSERT INTO shard (shard, epoch) VALUES (?, 1) ON CONFLICT (shard) DO UPDATE SET epoch = epoch + 1"
_BLOB = "INSERT INTO blob (digest, bytes) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
_THAW = "DELETE FROM waits WHERE shard = ? AND run = ?"
_COLD = (
    "INSERT INTO cold_run (shard, run, seq, status, state, crc) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (shard, run) DO UPDATE SET seq = excluded.seq, status = excluded.status, "
    "state = excluded.state, crc = excluded.crc"
)
_WAIT = "INSERT OR IGNORE INTO waits (shard, run, kind, key_hash, wake_at) VALUES (?, ?, ?, ?, ?)"
_DUE = (
    "SELECT DISTINCT wake_at, run FROM waits WHERE shard = ? AND wake_at > 0 AND wake_at <= ? "
    "ORDER BY wake_at, run LIMIT ?"
)
_WAITING = (
    "SELECT DISTINCT run FROM waits WHERE shard = ? AND kind = ? AND key_hash = ? AND run > ? "
    "AND kind <> 'timer' ORDER BY run LIMIT ?"
)
_TILE = "INSERT OR REPLACE INTO tile (shard, level, number, hashes) VALUES (?, ?, ?, ?)"
_STATE = "INSERT INTO statement (number, text, note) VALUES (?, ?, ?)"
_AMEND = "UPDATE statement SET note = ? WHERE number = ?"
_STATED = "SELECT coalesce(max(number), 0) FROM statement"
_SNAPSHOT = "INSERT OR REPLACE INTO snapshot (shard, seq, epoch, state, digest) VALUES (?, ?, ?, ?, ?)"
_DROP_SNAPSHOTS = (
    "DELETE FROM snapshot WHERE shard = ?1 AND seq NOT IN "
    "(SELECT seq FROM snapshot WHERE shard = ?1 ORDER BY seq DESC LIMIT ?2)"
)


class SqliteStore(Reading):
    """A store in one SQLite file (`store.interface.Store`). One thread uses it; others have readers.

    Args:
        path: the database; made if it is not there. Its folder exists.
        vfs: name of the SQLite file layer; the system's unless given.
        checkpoint_pages: how long the write-ahead log may grow before an append moves it into the file.
        ballast_bytes: room kept back for when the disk is full; 0 for none.
    Raises:
        Unwritable: the place cannot be written, or the file is another application's.
        Corrupted: the file is not a database or damaged.
        NewerFormat: a newer release wrote it.
    """

    def __init__(
        self,
        path: Path,
        *,
        vfs: str | None = None,
        checkpoint_pages: int = CHECKPOINT_PAGES,
        ballast_bytes: int = BYTES,
    ) -> None:
        self._ballast = Ballast(path.with_name(path.name + ".ballast"), ballast_bytes)
        try:
            connection = open_writer(path, vfs)
        except StorageFull:
            self._ballast.drop()
            connection = open_writer(path, vfs)
        super().__init__(connection, path)
        self.full = not self._ballast.load()
        """Whether the disk ran full, the ballast is spent, and there is not yet room to restore it."""
        self._lost = ""
        self._checkpoint_pages = self._checkpoint_at = checkpoint_pages
        self._wal_pages = 0
        connection.set_wal_hook(self._committed)
        # If the last process ended on a failed fsync, its pages may be in the cache alone: write them again.
        self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def claim(self, shard: int) -> Head:
        if not 0 <= shard < 1 << 23:
            raise ValueError(f"shard {shard} is not between 0 and {(1 << 23) - 1}")
        try:
            return self._claim(shard)
        except StorageFull:
            # The ballast is given up by now: a hub must be able to start, and to show what it holds.
            return self._claim(shard)

    def append(
        self,
        shard: int,
        rows: Sequence[Row],
        previous: Head,
        *,
        blobs: Iterable[tuple[bytes, bytes]] = (),
        cold: Iterable[ColdRun] = (),
        thawed: Iterable[bytes] = (),
        tiles: Iterable[Tile] = (),
    ) -> None:
        _check(rows, previous)
        base = shard << SHARD_BITS
        with _Writing(self, "append to the log", shard):
            self._guard(shard, previous)
            many = self._connection.executemany
            many(_BLOB, blobs)
            many(
                "INSERT INTO log (position, epoch, run, type, version, at, envelope, body, hash) "
                f"VALUES (?1 + {base}, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            many(_THAW, ((shard, run) for run in thawed))
            self._cool(shard, {run.run: run for run in cold})
            many(_TILE, ((shard, *tile) for tile in tiles))
        if self._wal_pages < self._checkpoint_at or self._checkpoint(self._mode()):
            self.look_for_room()

    def due(self, shard: int, now: int, limit: int = 1000) -> list[tuple[int, bytes]]:
        with Doing(self, "read the timers"):
            return [(row[0], row[1]) for row in self._connection.execute(_DUE, (shard, now, limit))]

    def waiting(
        self, shard: int, kind: str, key_hash: bytes, after: bytes = b"", limit: int = 1000
    ) -> list[bytes]:
        with Doing(self, "read who waits"):
            found = self._connection.execute(_WAITING, (shard, kind, key_hash, after, limit))
            return [row[0] for row in found]

    def save_snapshot(self, shard: int, snapshot: Snapshot) -> None:
        with _Writing(self, "save a snapshot", shard):
            epoch = self._head(shard).epoch
            if epoch != snapshot.epoch or not epoch:
                raise Fenced(_fenced(shard, f"its epoch is {epoch}, this writer's {snapshot.epoch}"))
            self._connection.execute(_SNAPSHOT, (shard, *snapshot))
            self._connection.execute(_DROP_SNAPSHOTS, (shard, SNAPSHOTS_KEPT))

    def save_tiles(self, shard: int, tiles: Iterable[Tile], previous: Head) -> None:
        with _Writing(self, "keep the tree over the log", shard):
            self._guard(shard, previous)
            self._connection.executemany(_TILE, ((shard, *tile) for tile in tiles))

    def add_statement(self, stated: Stated, heads: Mapping[int, Head], tiles: Iterable[Tile]) -> None:
        with _Writing(self, "keep a statement", min(heads)):
            for shard, head in heads.items():
                self._guard(shard, head)
            last = self._connection.execute(_STATED).get
            if stated.number != last + 1:
                raise Fenced(f"statement {stated.number} does not follow {last}. Nothing was stored")
            self._connection.execute(_STATE, stated)
            self._connection.executemany(_TILE, ((STATEMENTS, *tile) for tile in tiles))

    def amend_statement(self, number: int, note: str) -> None:
        with _Writing(self, "add to a statement", STATEMENTS):
            self._connection.execute(_AMEND, (note, number))

    def checkpoint(self) -> None:
        """Move the whole write-ahead log into the file and empty it; for when there is nothing to do.

        Readers in the way and a full disk are no error: what was committed is safe where it is.

        Raises:
            StoreError: with `fail_stop`, if the device fails to keep what it is given.
        """
        self._refuse_if_lost()
        if self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE):
            self.look_for_room()
        self._refuse_if_lost()

    def close(self) -> None:
        """Close; what was committed moves into the file, unless the device has failed before."""
        if self._lost:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        try:
            super().close()
        except apsw.Error:
            pass  # What was committed is in the write-ahead log, whatever became of its last checkpoint.

    def _claim(self, shard: int) -> Head:
        with _Writing(self, f"claim shard {shard}", shard):
            self._connection.execute(_CLAIM, (shard,))
            head = self._head(shard)
            # The next record links to the last one's hash: it had better be the hash of what is there.
            self.row(shard, head.seq)
            return head

    def _guard(self, shard: int, previous: Head) -> None:
        """Refuse unless the shard is as the writer believes. Under BEGIN IMMEDIATE it stays so."""
        head = self._head(shard)
        if head != previous or not head.epoch:
            raise Fenced(
                _fenced(shard, f"it stands at {_place(head)}; this writer believed {_place(previous)}")
            )

    def _cool(self, shard: int, runs: dict[bytes, ColdRun]) -> None:
        if not runs:
            return
        many = self._connection.executemany
        many(_COLD, ((shard, *run[:4], damage.checksum(*run[:4])) for run in runs.values()))
        many(_THAW, ((shard, run) for run in runs))
        many(_WAIT, ((shard, run.run, *wait) for run in runs.values() for wait in run.waits))

    def _committed(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """SQLite tells how long the write-ahead log is after a commit."""
        if pages < self._wal_pages:
            self._checkpoint_at = self._checkpoint_pages
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _mode(self) -> int:
        """Passive never waits; where readers kept the log from restarting for long, wait for them."""
        if self._wal_pages < 8 * self._checkpoint_pages:
            return apsw.SQLITE_CHECKPOINT_PASSIVE
        return apsw.SQLITE_CHECKPOINT_RESTART

    def _checkpoint(self, mode: int) -> bool:
        """Move committed pages into the file; whether the device bears it.

        What fails here was committed before and stays so: no caller may be told that its append failed.
        """
        self._checkpoint_at = self._wal_pages + self._checkpoint_pages
        try:
            self._connection.set_busy_timeout(CHECKPOINT_MS)
            self._connection.wal_checkpoint(mode=mode)
        except (apsw.BusyError, apsw.LockedError):
            pass  # Readers are in the way; the next one will do.
        except apsw.Error as error:
            if not isinstance(self._write_failure(error, "checkpoint"), StorageFull):
                self._lost = _named(error)
            return False
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
        return True

    def look_for_room(self) -> None:
        if self.full:
            self.full = not self._ballast.load()

    def _refuse_if_lost(self) -> None:
        if self._lost:
            raise fail_stop(f"{self._path}: refused, because the device failed before ({self._lost}). ")

    def _write_failure(
        self, error: apsw.Error | UnicodeError, doing: str, shard: int | None = None
    ) -> StoreError:
        if not isinstance(error, apsw.Error) or is_damage(error):
            return self._failure(error, doing, shard, 0)
        failure = translate(error, self._path, doing, self._connection.system_errno)
        if failure.fail_stop:
            self._lost = _named(error)
        if isinstance(failure, StorageFull):
            self._ballast.drop()
            self.full = True
        return failure


class _Writing:
    """One transaction: all of it is durable when the block ends, or none of it is stored."""

    __slots__ = ("_connection", "_doing", "_shard", "_store")

    def __init__(self, store: SqliteStore, doing: str, shard: int) -> None:
        self._store = store
        self._connection = store._connection
        self._doing = doing
        self._shard = shard

    def __enter__(self) -> None:
        self._store._refuse_if_lost()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise self._store._write_failure(error, self._doing, self._shard) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._connection.execute("COMMIT")
                return
            except apsw.Error as refused:
                error = refused
        failure: BaseException | None = None
        if isinstance(error, (apsw.Error, UnicodeError)):
            # Asked before the rollback: it overwrites the system's error number.
            failure = self._store._write_failure(error, self._doing, self._shard)
        self._roll_back()
        if failure is not None:
            raise failure from error

    def _roll_back(self) -> None:
        if self._connection.get_autocommit():
            return  # SQLite did so itself, as it does after most faults of the device.
        try:
            self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            self._store._write_failure(error, "roll back", self._shard)


def _check(rows: Sequence[Row], previous: Head) -> None:
    """Refuse a batch that no writer may make: the store would keep a broken log for ever."""
    seq = previous.seq + 1
    if [row[0] for row in rows] != list(range(seq, seq + len(rows))):
        raise StoreError(f"the batch does not run from record {seq} without gaps; nothing was stored")
    if any(row[1] != previous.epoch for row in rows):
        raise StoreError(
            f"the batch holds records of another epoch than {previous.epoch}; nothing was stored"
        )


def _named(error: apsw.Error) -> str:
    return f"{type(error).__name__}: {error}"


def _place(head: Head) -> str:
    return f"epoch {head.epoch}, record {head.seq} ({head.hash.hex()[:12]}…)"


def _fenced(shard: int, why: str) -> str:
    return f"shard {shard} has another writer: {why}. Nothing was stored; drop the shard and reload it"
