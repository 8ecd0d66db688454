"""The tamper-evident chain: the bytes that stand for a record, what links it to the next, and breaks."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

_HEADER = struct.Struct(">QQqIHII16s")

CONTENT_BYTES_MAX = 65_000
"""Longer content stands in an entry by its digest: `tlog-tiles` gives an entry no more than 65,535 bytes."""


class Linked(Protocol):
    """The fields of a stored record that its hash covers."""

    @property
    def seq(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def run(self) -> bytes: ...
    @property
    def type(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def envelope(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def hash(self) -> bytes: ...


def entry(
    previous: bytes,
    seq: int,
    epoch: int,
    run: bytes,
    type: str,
    version: int,
    at: int,
    envelope: bytes,
    body: bytes,
) -> bytes:
    """The bytes that stand for a record: in the chain by their SHA-256, in the tree as its leaf.

    The previous record's hash, a header, and everything stored of this one. Lengths stand in the header, so
    no two different records share an entry. Content above `CONTENT_BYTES_MAX` stands there by its SHA-256.
    """
    name = type.encode()
    header = _HEADER.pack(seq, epoch, at, version, len(name), len(envelope), len(body), run)
    if len(envelope) + len(body) > CONTENT_BYTES_MAX:
        return b"".join((previous, header, sha256(b"".join((name, envelope, body))).digest()))
    return b"".join((previous, header, name, envelope, body))


def link(
    previous: bytes,
    seq: int,
    epoch: int,
    run: bytes,
    type: str,
    version: int,
    at: int,
    envelope: bytes,
    body: bytes,
) -> bytes:
    """The hash of a record: SHA-256 of its entry, which begins with the hash of the record before."""
    return sha256(entry(previous, seq, epoch, run, type, version, at, envelope, body)).digest()


class Break(Exception):
    """The chain does not hold at `seq`: a record was changed, removed or inserted there or before."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"record {seq}: {reason}")
        self.seq = seq


def verify(previous: bytes, after: int, rows: Iterable[Linked]) -> tuple[int, bytes]:
    """Check that rows continue the chain from seq `after`, whose record has hash `previous`.

    Returns:
        seq and hash of the last row (`after` and `previous` if there was none).
    Raises:
        Break: at the first row that does not fit.
    """
    for row in rows:
        if row.seq != after + 1:
            raise Break(row.seq, f"follows record {after}; records between them are missing")
        expected = link(
            previous, row.seq, row.epoch, row.run, row.type, row.version, row.at, row.envelope, row.body
        )
        if expected != row.hash:
            raise Break(row.seq, "its hash does not match its content and its predecessor")
        after, previous = row.seq, row.hash
    return after, previous
