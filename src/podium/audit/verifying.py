"""Verification of a whole log: chain, epochs and trees of its shards, its statements, and checkpoints.

Pure: whoever reads the log feeds it in, and hands in how signatures are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol, cast

from podium.audit.chain import Linked, entry
from podium.audit.merkle import Leaves, leaf_hash, root
from podium.audit.notes import (
    Checkpoint,
    Key,
    Note,
    NoteError,
    ShardHead,
    Verify,
    parse,
    parse_checkpoint,
    signed_by,
)
from podium.audit.tampering import WINDOW, Finding, Kind, diagnose
from podium.audit.tiles import Tile, Tree, split

GENESIS = bytes(32)
FINDINGS_MAX = 20
"""No more is said of one shard."""

_EPOCH = re.compile(rb'"epoch":(\d+)')

Stored = tuple[int, int, bytes, str, int, int, bytes, bytes, bytes]
"""A record: seq, epoch, run, type, version, at, envelope, body, hash."""


class Mark(NamedTuple):
    """What a statement or a checkpoint says of a shard: the root over its first `size` records."""

    size: int
    root: bytes
    by: str


class ShardCheck:
    """The records of one shard, held to each other and to what was stated of them.

    Attributes:
        size: records checked; `hash` the last one's.
        findings: what is wrong, in the order in which it was found.
        broken: whether what follows cannot be checked.
    """

    def __init__(self, shard: int, marks: Iterable[Mark] = ()) -> None:
        self.shard = shard
        self.size, self.hash = 0, GENESIS
        self.findings: list[Finding] = []
        self.broken = False
        self.tree = Tree()
        self._epoch = 0
        self._sound_up_to = 0
        self._marks = sorted(marks, reverse=True)
        self._check_marks()

    def take(self, rows: Sequence[Stored]) -> list[Tile]:
        """Check the records that follow; gives the full tiles of their hashes.

        Where the chain breaks, the diagnosis looks at the rest of these rows: give it some more than one.
        """
        leaves: list[bytes] = []
        previous, seq, epoch = self.hash, self.size, self._epoch
        for at, row in enumerate(rows):
            content = entry(previous, *row[:8])
            hash = sha256(content).digest()
            seq += 1
            if hash != row[8] or row[0] != seq:
                found = diagnose(previous, seq, cast(Sequence[Linked], rows[at : at + WINDOW]))
                self._add(found.kind, found.seq, found.message)
                if not found.resumes:
                    self.broken = True
                    break
                seq, hash = row[0], row[8]
            if row[1] != epoch:
                self._begin(epoch, row)
                epoch = row[1]
            previous = hash
            leaves.append(sha256(b"\0" + content).digest())
        tiles = self._grow(leaves)
        self.size, self.hash, self._epoch = seq, previous, epoch
        return tiles

    def compare(self, tile: Tile, kept: bytes) -> None:
        """Hold what is kept of the tree to what the records make of it."""
        if tile.hashes == kept or self.findings:
            return
        if len(kept) < len(tile.hashes):
            place = f"tile {tile.number} of level {tile.level}"
            self._add("tree", 0, f"{place} of the tree is missing or cut; start the hub to make it again")
            return
        pairs = zip(split(tile.hashes), split(kept), strict=False)
        at = next(at for at, (made, stored) in enumerate(pairs) if made != stored)
        if tile.level:
            self._add("tree", 0, f"tile {tile.number} of level {tile.level} is not the records'")
        else:
            seq = tile.number * 256 + at + 1
            self._add("changed", seq, f"record {seq} is not the one over which the tree was made")

    def end(self, epoch: int) -> None:
        """All records were given; `epoch` is the shard's present one."""
        if self._epoch > epoch:
            self._add("epoch", self.size, f"the last record is of epoch {self._epoch}, the shard of {epoch}")
        if self.broken:
            return
        for mark in self._marks:
            if mark.size <= self.size:
                continue
            if not self.size:
                self._add("dropped", 0, f"the whole shard is gone; {mark.by} knew {mark.size} records of it")
            else:
                gone = f"records {self.size + 1} to {mark.size}"
                self._add("truncated", self.size + 1, f"{gone} are cut off; {mark.by} knew them")
            return

    def _grow(self, leaves: list[bytes]) -> list[Tile]:
        full: list[Tile] = []
        start = 0
        while start < len(leaves):
            limit = self._marks[-1].size - self.tree.size if self._marks else len(leaves)
            piece = leaves[start : start + max(limit, 1)]
            self.tree, tiles = self.tree.grown(piece)
            full += [tile for tile in tiles if len(tile.hashes) == 8192]
            start += len(piece)
            self._check_marks()
        return full

    def _check_marks(self) -> None:
        """Hold the tree to what was said of it at its present size."""
        while self._marks and self._marks[-1].size <= self.tree.size:
            mark = self._marks.pop()
            if mark.size < self.tree.size or self.findings:
                continue
            if self.tree.root() == mark.root:
                self._sound_up_to = mark.size
                continue
            first = self._sound_up_to + 1
            message = f"records {first} to {mark.size} are not all those that {mark.by} is about"
            self._add("forked", first, f"{message}: they were rewritten, with all hashes")

    def _begin(self, before: int, row: Stored) -> None:
        if row[1] < before:
            self._add("epoch", row[0], f"record {row[0]} is of epoch {row[1]}, after one of epoch {before}")
        elif row[3] != "EpochStarted" or not _names_epoch(row):
            self._add("epoch", row[0], f"record {row[0]} is of epoch {row[1]}, which never started")

    def _add(self, kind: Kind, seq: int, message: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(kind, self.shard, seq, f"shard {self.shard}: {message}"))


def _names_epoch(row: Stored) -> bool:
    named = _EPOCH.search(row[6])
    return named is not None and int(named[1]) == row[1]


# --- statements and checkpoints ---------------------------------------------------------------------


class Stated(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def note(self) -> str: ...


class StatementsCheck:
    """The statements of a log with their checkpoints, held to each other and to checkpoints from elsewhere.

    Args:
        origin: the log's name.
        key: who has to have signed; None where that is not to be checked.
    Attributes:
        marks: by shard, what they say of it.
    """

    def __init__(self, origin: str, key: Key | None, verify: Verify) -> None:
        self.findings: list[Finding] = []
        self.marks: dict[int, list[Mark]] = {}
        self.size = 0
        self._origin, self._key, self._verify = origin, key, verify
        self._leaves: list[bytes] = []
        self._tree = Tree()
        self._heads: dict[int, ShardHead] = {}

    def take(self, statements: Iterable[Stated]) -> None:
        """Check the statements that follow."""
        for stated in statements:
            self.size += 1
            leaf = leaf_hash(stated.text.encode())
            self._leaves.append(leaf)
            self._tree, _ = self._tree.grown([leaf])
            said_by = f"statement {stated.number}"
            if stated.number != self.size:
                self._add("missing", f"statement {self.size} is missing")
                self.size = stated.number
            try:
                note = parse(stated.note)
                checkpoint = parse_checkpoint(note.text)
            except NoteError as error:
                self._add("changed", f"the checkpoint of {said_by} cannot be read: {error}")
                continue
            if checkpoint.statement.render() != stated.text or checkpoint.size != stated.number:
                self._add("changed", f"{said_by} is not the one that its checkpoint signs")
                continue
            self._check_signature(note, said_by)
            if checkpoint.root != self._tree.root():
                self._add("forked", f"the statements up to {stated.number} are not those that were signed")
            self._check_heads(checkpoint, said_by)
            self._mark(checkpoint, said_by)

    def against(self, content: str, name: str) -> None:
        """Hold the log to a checkpoint from elsewhere.

        Args:
            content: the signed note.
            name: of the checkpoint, for people.
        """
        try:
            note = parse(content)
            checkpoint = parse_checkpoint(note.text)
        except NoteError as error:
            self._add("unreadable", f"{name}: {error}")
            return
        if checkpoint.origin != self._origin:
            self._add("forked", f"{name} is of the log {checkpoint.origin}; this is {self._origin}")
            return
        self._check_signature(note, name)
        if checkpoint.size > self.size:
            message = f"{name} counts {checkpoint.size} statements, the log has {self.size}"
            self._add("truncated", message)
        elif checkpoint.root != root(Leaves(self._leaves), checkpoint.size):
            self._add("forked", f"the first {checkpoint.size} statements are not those of {name}")
        self._mark(checkpoint, name)

    def _check_signature(self, note: Note, said_by: str) -> None:
        if self._key is None or signed_by(note, self._key, self._verify):
            return
        signers = sorted({f"{one.name}+{one.key_id.hex()}" for one in note.signatures})
        if any(one.name == self._key.name and one.key_id == self._key.id for one in note.signatures):
            self._add("changed", f"the signature of {said_by} does not hold")
        else:
            wanted = f"{self._key.name}+{self._key.id.hex()}"
            self._add("resigned", f"{said_by} is signed by {', '.join(signers)}, not by {wanted}")

    def _check_heads(self, checkpoint: Checkpoint, said_by: str) -> None:
        """Nothing that was stated of a shard may be taken back later."""
        heads = {one.shard: one for one in checkpoint.statement.heads}
        for shard, before in self._heads.items():
            if shard not in heads:
                self._add("dropped", f"{said_by} leaves out shard {shard}", shard)
            elif heads[shard].size < before.size:
                self._add("truncated", f"{said_by} knows fewer records of shard {shard}", shard)
        self._heads = heads

    def _mark(self, checkpoint: Checkpoint, said_by: str) -> None:
        for head in checkpoint.statement.heads:
            if head.size:
                self.marks.setdefault(head.shard, []).append(Mark(head.size, head.root, said_by))

    def _add(self, kind: Kind, message: str, shard: int = -1) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(kind, shard, 0, message))
