"""The trees over the log as a store keeps them: read at their right edge, or made again from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from podium.audit.chain import entry
from podium.audit.merkle import leaf_hash
from podium.audit.tiles import WIDTH, Tree, tree_of
from podium.store.interface import GENESIS, STATEMENTS, Head, Reader, Row, Store

_BATCH = 16 * WIDTH


def tree_at(store: Store, shard: int, head: Head) -> Tree:
    """The tree over a shard's records; made again and kept where the store has not got it.

    That is so of a log from a release that knew no trees. Tiles are not checked against the log here: that is
    for whoever verifies it.
    """
    found = tree_of(head.seq, _with_last(store, shard, head.seq))
    return found if found is not None else rebuilt(store, shard, head)


def rebuilt(store: Store, shard: int, head: Head) -> Tree:
    """Make a shard's tree again from its records, and keep it. Raises StoreError."""
    tree = Tree()
    while rows := store.read(shard, tree.size, _BATCH):
        tree, tiles = tree.grown(leaves_of(rows, _hash_before(store, shard, rows[0].seq)))
        store.save_tiles(shard, tiles, head)
    return tree


def statements_tree(store: Store | Reader) -> Tree:
    """The tree over the statements."""
    last = store.last_statement()
    size = last.number if last is not None else 0
    tree = tree_of(size, tiles_of(store, STATEMENTS, size))
    assert tree is not None, "statements and their tree are kept together"
    return tree


def leaves_of(rows: Iterable[Row], previous: bytes) -> list[bytes]:
    """The leaf hashes of rows that follow the record with hash `previous`."""
    leaves = []
    for row in rows:
        leaves.append(leaf_hash(entry(previous, *row[:8])))
        previous = row.hash
    return leaves


Tiles = Callable[[int, int], bytes]


def tiles_of(store: Store | Reader, shard: int, size: int) -> Tiles:
    """Reads the tiles of a tree; the last of the lowest level is made of the records, or statements."""
    return _with_last_statements(store, size) if shard == STATEMENTS else _with_last(store, shard, size)


def _with_last(store: Store | Reader, shard: int, size: int) -> Tiles:
    def read(level: int, number: int) -> bytes:
        if level or number < size // WIDTH:
            return store.tile(shard, level, number)
        after = number * WIDTH
        rows = store.read(shard, after, size - after)
        return b"".join(leaves_of(rows, _hash_before(store, shard, after + 1)))

    return read


def _with_last_statements(store: Store | Reader, size: int) -> Tiles:
    def read(level: int, number: int) -> bytes:
        if level or number < size // WIDTH:
            return store.tile(STATEMENTS, level, number)
        after = number * WIDTH
        return b"".join(leaf_hash(one.text.encode()) for one in store.statements(after, size - after))

    return read


def _hash_before(store: Store | Reader, shard: int, seq: int) -> bytes:
    row = store.row(shard, seq - 1)
    return row.hash if row is not None else GENESIS
