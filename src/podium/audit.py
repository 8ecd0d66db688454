"""The tamper-evident chain: what links one record to the next, and what a break looks like."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

_HEADER = struct.Struct(">QQqIHII16s")


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
    """SHA-256 over the previous record's hash and everything stored of this one.

    Lengths stand in the header, so no two different records share a preimage.
    """
    name = type.encode()
    header = _HEADER.pack(seq, epoch, at, version, len(name), len(envelope), len(body), run)
    return sha256(b"".join((previous, header, name, envelope, body))).digest()


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
