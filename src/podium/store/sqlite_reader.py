"""The read-only companion: a connection of its own, for one other thread or process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from podium.store.connecting import open_reader
from podium.store.faults import RESTORE
from podium.store.interface import Corrupted, Row
from podium.store.reading import Reading


class _Link(msgspec.Struct):
    """The one field of an envelope that a store reads: the seq of the run's record before this one."""

    p: int = 0


_link = msgspec.json.Decoder(_Link)


class SqliteReader(Reading):
    """Reads what is committed; each answer comes from one short transaction.

    Args:
        path: the database; it must exist.
        vfs: name of the SQLite file layer; the system's unless given.
    Raises:
        Unwritable: there is no database, or it is another application's.
        Corrupted: the file is not a database or damaged.
        NewerFormat: a newer release wrote it.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        super().__init__(open_reader(path, vfs), path)

    def chain(self, shard: int, last: int) -> Iterator[Row]:
        """The records of one run, newest first, by their back-pointers from seq `last`."""
        seq = last
        while seq > 0:
            row = self.row(shard, seq)
            if row is None:
                return
            yield row
            try:
                before = _link.decode(row.envelope).p
            except msgspec.DecodeError as error:
                raise self._broken(shard, seq, f"its envelope is no JSON object: {error}") from error
            if before >= seq:
                raise self._broken(shard, seq, f"it points forward to record {before}")
            seq = before

    def _broken(self, shard: int, seq: int, why: str) -> Corrupted:
        return Corrupted(f"{self._path}: record {seq} of shard {shard} cannot be followed: {why}. {RESTORE}")
