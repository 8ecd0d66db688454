"""Which records are damaged: SQLite names a page at best, people need the range of records."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256
from zlib import crc32

import apsw

from podium.audit.chain import link
from podium.store.interface import GENESIS, Row

SHARD_BITS = 40
LAST_SEQ = (1 << SHARD_BITS) - 1

COLUMNS = "position & 1099511627775, epoch, run, type, version, at, envelope, body, hash"
END = "SELECT max(position) FROM log WHERE position BETWEEN ?1 << 40 AND (?1 << 40) + 1099511627775"
_ONE = f"SELECT {COLUMNS} FROM log WHERE position = ?"

_UNREADABLE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, UnicodeError)


def digest(content: bytes) -> bytes:
    """The digest by which blobs and snapshots are known."""
    return sha256(content).digest()


def checksum(run: bytes, seq: int, status: str, state: bytes) -> int:
    """CRC-32 of a cold run: against flipped bits, not against people."""
    return crc32(b"%b %d %b" % (run, seq, status.encode()), crc32(state))


def first_break(previous: bytes, after: int, rows: Sequence[Row]) -> int:
    """The seq of the first row that does not continue the chain from seq `after`; 0 if all do."""
    for row in rows:
        if not _holds(previous, row):
            return after + 1
        after, previous = row.seq, row.hash
    return 0


def span(connection: apsw.Connection, shard: int, start: int) -> tuple[int, int]:
    """The first stretch of damaged or missing records at or after seq `start`, where reading failed.

    Returns:
        its first and last seq; the last is 0 if nothing after it can be read.
    """
    end = _end(connection, shard)
    previous = GENESIS if start == 1 else _hash(_probe(connection, shard, start - 1))
    first, seq = 0, start
    while not end or seq <= end:
        row = _probe(connection, shard, seq)
        sound = row is not None and (previous is None or _holds(previous, row))
        if not sound and not first:
            first = seq
            if not end:
                return first, 0
        if sound and first:
            break
        previous = _hash(row)
        seq += 1
    return (first, seq - 1) if first else (start, start)


def tail(connection: apsw.Connection, shard: int) -> int:
    """The seq from which on nothing can be read, when not even the log's end can be found; 0 if unknown."""
    high = 1
    while not _raises(connection, shard, high):
        if high > LAST_SEQ >> 1:
            return 0
        high *= 2
    low = high >> 1
    while high - low > 1:
        middle = (low + high) >> 1
        if _raises(connection, shard, middle):
            high = middle
        else:
            low = middle
    return high


def _end(connection: apsw.Connection, shard: int) -> int:
    """The last seq; 0 if it cannot be read."""
    try:
        return (connection.execute(END, (shard,)).get or 0) & LAST_SEQ
    except _UNREADABLE:
        return 0


def _holds(previous: bytes, row: Row) -> bool:
    """Whether the row is what was linked to the record with hash `previous`."""
    try:
        expected = link(
            previous, row.seq, row.epoch, row.run, row.type, row.version, row.at, row.envelope, row.body
        )
    except (TypeError, ValueError, AttributeError, struct.error):
        return False  # A damaged record header gives values of another type or size.
    return expected == row.hash


def _hash(row: Row | None) -> bytes | None:
    return None if row is None else row.hash


def _probe(connection: apsw.Connection, shard: int, seq: int) -> Row | None:
    """A row by its key alone; None if it cannot be read or is not there."""
    try:
        found = connection.execute(_ONE, ((shard << SHARD_BITS) + seq,)).fetchone()
    except _UNREADABLE:
        return None
    return None if found is None else Row(*found)


def _raises(connection: apsw.Connection, shard: int, seq: int) -> bool:
    try:
        connection.execute(_ONE, ((shard << SHARD_BITS) + seq,)).fetchone()
    except _UNREADABLE:
        return True
    return False
