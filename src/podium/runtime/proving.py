"""Proofs that a record is in the log that a checkpoint signs, for people who do not have the log."""

from __future__ import annotations

from podium.audit.chain import entry
from podium.audit.merkle import inclusion, root
from podium.audit.notes import Checkpoint, NoteError, encode, parse, parse_checkpoint, parse_statement
from podium.audit.tiles import TileNodes
from podium.facts.values import JSON
from podium.runtime.growth import tiles_of
from podium.store.interface import GENESIS, STATEMENTS, Reader, Stated

FORMAT = "podium.dev/proof/v1"


class Unprovable(Exception):
    """There is no such proof; the message says why, and what would help."""


def prove(reader: Reader, shard: int, seq: int, note: str = "") -> dict[str, JSON]:
    """The proof that a record is in the log.

    Args:
        note: the signed checkpoint that it is to hold under; the newest of the log where it is "".
    Raises:
        Unprovable: there is no such record, or no checkpoint that knows it.
    """
    stated = _stated(reader, note)
    checkpoint = parse_checkpoint(parse(stated.note).text)
    head = next((one for one in checkpoint.statement.heads if one.shard == shard), None)
    row = reader.row(shard, seq)
    if row is None:
        raise Unprovable(f"there is no record {seq} in shard {shard}")
    if head is None or head.size < seq:
        known = head.size if head is not None else 0
        raise Unprovable(
            f"checkpoint {stated.number} knows {known} records of shard {shard}; take a newer one"
        )
    before = reader.row(shard, seq - 1)
    content = entry(before.hash if before is not None else GENESIS, *row[:8])
    nodes = TileNodes(tiles_of(reader, shard, head.size))
    if root(nodes, head.size) != head.root:
        raise Unprovable(
            f"shard {shard} is not as checkpoint {stated.number} says; see `podium audit verify`"
        )
    statements = TileNodes(tiles_of(reader, STATEMENTS, stated.number))
    return {
        "format": FORMAT,
        "shard": shard,
        "seq": seq,
        "entry": encode(content),
        "inclusion": [encode(hash) for hash in inclusion(nodes, seq - 1, head.size)],
        "statement": stated.text,
        "statement_inclusion": [
            encode(hash) for hash in inclusion(statements, stated.number - 1, checkpoint.size)
        ],
        "checkpoint": stated.note,
    }


def _stated(reader: Reader, note: str) -> Stated:
    """The statement that a checkpoint signs. Raises Unprovable."""
    if not note:
        last = reader.last_statement()
        if last is None:
            raise Unprovable("no checkpoint was made of this log yet; `podium audit checkpoint` makes one")
        return last
    try:
        checkpoint = parse_checkpoint(parse(note).text)
    except NoteError as error:
        raise Unprovable(str(error)) from None
    found = reader.statements(checkpoint.size - 1, 1)
    if not found or _differs(found[0], checkpoint):
        raise Unprovable(
            f"checkpoint {checkpoint.size} is not of this log; see `podium audit verify --against`"
        )
    return found[0]._replace(note=note)


def _differs(stated: Stated, checkpoint: Checkpoint) -> bool:
    if stated.number != checkpoint.size or parse_statement(stated.text) != checkpoint.statement:
        return True
    return parse_checkpoint(parse(stated.note).text).root != checkpoint.root
