"""What was done to a log where its chain breaks: a diagnosis from the records around the break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from podium.audit.chain import Linked, link

Kind = Literal[
    "changed", "missing", "inserted", "reordered", "truncated", "dropped", "forked", "resigned", "unsigned",
    "epoch", "blob", "tree", "unreadable",
]  # fmt: skip

WINDOW = 256
"""Records from a break on that a diagnosis looks at."""


class Finding(NamedTuple):
    """One thing that is wrong with a log.

    Attributes:
        kind: `changed`, `missing`, `inserted`, `reordered`: records, as the chain tells; `truncated`,
            `dropped` (a whole shard), `forked` (rewritten, and all hashes with it): as a statement or a
            checkpoint tells; `resigned` (by another key), `unsigned`; `epoch` (a record of a writer that was
            not the shard's); `blob` (a body that is kept beside its record); `tree` (what is kept of the
            tree is not the records'); `unreadable`.
        shard: -1 where it is about none.
        seq: the first record that it is about; 0 for none.
        message: a sentence.
    """

    kind: Kind
    shard: int
    seq: int
    message: str


class Diagnosis(NamedTuple):
    """What is wrong at a break; `resumes` says that the records behind the first one can be checked on."""

    kind: Kind
    seq: int
    message: str
    resumes: bool


def fits(previous: bytes, seq: int, row: Linked) -> bool:
    """Whether a record is the one that was linked as `seq` to the record with hash `previous`."""
    return row.hash == link(
        previous, seq, row.epoch, row.run, row.type, row.version, row.at, row.envelope, row.body
    )


def diagnose(previous: bytes, seq: int, rows: Sequence[Linked]) -> Diagnosis:
    """What was done where record `seq`, which follows the one with hash `previous`, does not fit.

    Args:
        rows: the records from the break on, up to `WINDOW`; not empty.
    """
    first, rest = rows[0], rows[1:]
    if first.seq > seq:
        return Diagnosis("missing", seq, f"{_records(seq, first.seq - 1)} missing", True)
    found = next((at for at, row in enumerate(rest, 1) if fits(previous, seq, row)), 0)
    if found:
        return _displaced(previous, seq, rows, found)
    if rest and _follows_as_it_was(previous, seq, first, rest[0]):
        message = f"record {seq} has another hash than its content, to which the next record links"
        return Diagnosis("changed", seq, message, True)
    removed = _removed(seq, first, rest)
    if removed:
        message = f"{_records(seq, seq + removed - 1)} missing, and those behind were numbered anew"
        return Diagnosis("missing", seq, message, False)
    before = f", or record {seq - 1} was and its hash made to fit" if seq > 1 else ""
    return Diagnosis("changed", seq, f"record {seq} was changed{before}", True)


def _displaced(previous: bytes, seq: int, rows: Sequence[Linked], found: int) -> Diagnosis:
    """The record that belongs here stands `found` places further on."""
    right, behind = rows[found], rows[found + 1 : found + 2]
    before = right.hash if found == 1 else rows[found - 1].hash
    swapped = fits(before, right.seq, rows[0])
    if not swapped and (not behind or fits(right.hash, seq + 1, behind[0])):
        message = f"{_records(seq, seq + found - 1)} inserted; what stood there has moved by {found}"
        return Diagnosis("inserted", seq, message, False)
    message = f"record {seq} stands in the place of record {right.seq}: they were put in another order"
    return Diagnosis("reordered", seq, message, False)


def _follows_as_it_was(previous: bytes, seq: int, row: Linked, following: Linked) -> bool:
    """Whether the next record links to what this one's hash should be."""
    own = link(previous, seq, row.epoch, row.run, row.type, row.version, row.at, row.envelope, row.body)
    return fits(own, seq + 1, following)


def _removed(seq: int, first: Linked, rest: Sequence[Linked]) -> int:
    """How many records were taken out before the first, if it and the next were numbered anew; else 0."""
    if not rest:
        return 0
    return next((by for by in range(1, WINDOW) if fits(first.hash, seq + 1 + by, rest[0])), 0)


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"
