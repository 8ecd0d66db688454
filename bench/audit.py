"""What the audit costs: a record more in the tree, a log verified, a proof.

python -m bench.audit
"""

from __future__ import annotations

import json
import statistics
import time
from hashlib import sha256
from os import urandom

from bench import world
from podium.audit.chain import entry
from podium.audit.merkle import inclusion, leaf_hash, verify_inclusion
from podium.audit.tiles import TileNodes, Tree
from podium.runtime.growth import tiles_of
from podium.runtime.signing import verify_signature
from podium.runtime.verifying import verify_log
from podium.store.interface import Head, Row
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader

ENVELOPE, BODY = b'{"n":1,"p":1,' + b"e" * 187, b"{" + b"b" * 400
SHARD = 1


def append_us(records: int = 200_000, batch: int = 16) -> float:
    """What the tree adds to appending a record: its leaf hash, and its part of the tree's growth."""
    entries = [urandom(80) + ENVELOPE + BODY for _ in range(1000)]
    taken = []
    for _ in range(3):
        tree, begun = Tree(), time.perf_counter()
        for start in range(0, records, batch):
            leaves = [sha256(b"\0" + entries[at % 1000]).digest() for at in range(start, start + batch)]
            tree, _ = tree.grown(leaves)
        taken.append((time.perf_counter() - begun) / records * 1e6)
    return statistics.median(taken)


def rows_after(head: Head, count: int) -> tuple[list[Row], list[bytes], Head]:
    rows, leaves, hash = [], [], head.hash
    for seq in range(head.seq + 1, head.seq + 1 + count):
        kind = "EpochStarted" if seq == 1 else "EffectSettled"
        envelope = b'{"epoch":1}' if seq == 1 else ENVELOPE
        content = entry(hash, seq, head.epoch, b"r" * 16, kind, 1, 1_700_000_000_000, envelope, BODY)
        hash = sha256(content).digest()
        leaves.append(leaf_hash(content))
        rows.append(Row(seq, head.epoch, b"r" * 16, kind, 1, 1_700_000_000_000, envelope, BODY, hash))
    return rows, leaves, Head(head.epoch, rows[-1].seq, hash)


def fill(store: SqliteStore, records: int) -> Tree:
    """A log of so many records, with its tree."""
    head, tree = store.claim(SHARD), Tree()
    while tree.size < records:
        rows, leaves, following = rows_after(head, min(5000, records - tree.size))
        tree, tiles = tree.grown(leaves)
        store.append(SHARD, rows, head, tiles=tiles)
        head = following
    return tree


def proofs_ms(reader: SqliteReader, tree: Tree) -> list[float]:
    """Making an inclusion proof, each from nothing."""
    root, taken = tree.root(), []
    for at in range(50):
        index = at * (tree.size // 50)
        begun = time.perf_counter()
        proof = inclusion(TileNodes(tiles_of(reader, SHARD, tree.size)), index, tree.size)
        taken.append((time.perf_counter() - begun) * 1e3)
        row, before = reader.row(SHARD, index + 1), reader.row(SHARD, index)
        assert row is not None
        leaf = leaf_hash(entry(before.hash if before is not None else bytes(32), *row[:8]))
        assert verify_inclusion(leaf, index, tree.size, proof, root)
    return sorted(taken)


def measure(records: int = 1_000_000) -> dict[str, float]:
    """All figures of the audit."""
    path = world.fresh_folder("audit") / "log.db"
    store = SqliteStore(path, ballast_bytes=0)
    tree = fill(store, records)
    store.checkpoint()
    with SqliteReader(path) as reader:
        begun = time.perf_counter()
        report = verify_log(reader, None, verify_signature)
        took = time.perf_counter() - begun
        assert report.sound, report.findings
        proofs = proofs_ms(reader, tree)
    store.close()
    return {
        "append_us": round(append_us(), 2),
        "verify_records_per_s": round(records / took),
        "inclusion_proof_at_1000000_p50_ms": round(statistics.median(proofs), 2),
        "inclusion_proof_at_1000000_max_ms": round(proofs[-1], 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
