"""Records on their way to the store: encoded, big bodies set aside as blobs, linked, appended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from podium.audit.chain import entry
from podium.audit.tiles import Tree
from podium.facts import stored
from podium.facts.events import Record
from podium.facts.identity import run_bytes, run_text
from podium.runtime.growth import tree_at
from podium.runtime.sealing import UNSEALED, Sealing
from podium.store.interface import ColdRun, Head, Reader, Row, Store

BODY_BYTES_MAX = 4096
"""A body that is longer goes to a blob; the record keeps its digest."""


class LogWriter:
    """The one writer of a shard: knows the end of the log and moves it.

    Attributes:
        head: epoch, last seq and last hash, as the store has confirmed them.
        tree: the Merkle tree over the records up to there.
        appended_bytes: envelope and body bytes appended since the start, blobs included.
    """

    __slots__ = ("_sealing", "_store", "appended_bytes", "head", "shard", "tree")

    def __init__(self, store: Store, shard: int, sealing: Sealing = UNSEALED) -> None:
        self._store, self._sealing = store, sealing
        self.shard = shard
        self.head = Head(0, 0, b"")
        self.tree = Tree()
        self.appended_bytes = 0

    def claim(self) -> Head:
        """Become the shard's writer; fences every other out."""
        return self.go_on(self._store.claim(self.shard))

    def go_on(self, head: Head) -> Head:
        """Go on from where the store says that the log ends."""
        self.head = head
        self.tree = tree_at(self._store, self.shard, head)
        return head

    def append(
        self, records: Sequence[Record], cold: Iterable[ColdRun] = (), thawed: Iterable[bytes] = ()
    ) -> list[Row]:
        """Make records durable. Raises what `Store.append` raises; then nothing here has changed."""
        epoch, _, hash = self.head
        rows: list[Row] = []
        leaves: list[bytes] = []
        blobs: list[tuple[bytes, bytes]] = []
        encode, seal, place_of = stored.encode, self._sealing.seal, stored.place_of
        size = 0
        for record in records:
            event = record.event
            envelope, body = encode(event, record.body)
            run = run_bytes(record.run_id)
            if record.subject and body:
                body = seal(record.subject, place_of(run, event.ordinal), body)
            size += len(envelope) + len(body)
            if len(body) > BODY_BYTES_MAX:
                digest = sha256(body).digest()
                blobs.append((digest, body))
                body = stored.BLOB + digest
            name, version = type(event).__name__, event.VERSION
            content = entry(hash, record.seq, epoch, run, name, version, record.at, envelope, body)
            hash = sha256(content).digest()
            leaves.append(sha256(b"\0" + content).digest())
            rows.append(Row(record.seq, epoch, run, name, version, record.at, envelope, body, hash))
        tree, tiles = self.tree.grown(leaves)
        self._store.append(self.shard, rows, self.head, blobs=blobs, cold=cold, thawed=thawed, tiles=tiles)
        if rows:
            self.head = Head(epoch, rows[-1].seq, hash)
            self.tree = tree
        self.appended_bytes += size
        return rows


def read_records(
    store: Store | Reader, shard: int, after: int, batch: int = 2000, sealing: Sealing = UNSEALED
) -> Iterator[Record]:
    """The shard's records after a seq, decoded, in order."""
    while rows := store.read(shard, after, batch):
        for row in rows:
            yield decode_row(row, store, sealing)
        after = rows[-1].seq


def decode_row(row: Row, store: Store | Reader, sealing: Sealing = UNSEALED) -> Record:
    """One stored record as the kernel knows it."""
    return stored.decode(
        row.seq, run_text(row.run), row.type, row.version, row.at, row.envelope, row.body, store.blob,
        sealing.unseal,
    )  # fmt: skip
