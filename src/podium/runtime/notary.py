"""Statements of how far all shards have come, and the signed checkpoints over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from podium.audit.merkle import leaf_hash
from podium.audit.notes import Checkpoint, ShardHead, Statement, parse_statement, sign
from podium.audit.tiles import Tree
from podium.runtime.growth import statements_tree
from podium.runtime.signing import Signer, origin_of, signer_of
from podium.runtime.writer import LogWriter
from podium.store.interface import Stated, Store


class Notary:
    """States what the writers of all shards have made durable.

    Args:
        folder: where the key is kept.
    """

    def __init__(self, store: Store, writers: Sequence[LogWriter], folder: Path) -> None:
        self._store, self._writers, self._folder = store, tuple(writers), folder
        self._signer: Signer | None = None
        self._tree: Tree | None = None
        self._last: Stated | None = None

    def prepare(self, identity: str) -> None:
        """Have the key at hand. From any thread; raises StoreError where there is none to be had."""
        if self._signer is None:
            self._signer = signer_of(self._folder, origin_of(identity))

    @property
    def ready(self) -> bool:
        """Whether the key is at hand."""
        return self._signer is not None

    def state(self, at: int) -> tuple[Stated, bool]:
        """State what is durable now; gives the statement, and whether it is a new one.

        On the hub's thread, between two steps, after `prepare`.

        Args:
            at: ms since 1970.
        Raises:
            StoreError: it could not be kept; nothing was stated.
        """
        signer = self._signer
        assert signer is not None, "the key is at hand"
        if self._tree is None:
            self._tree, self._last = statements_tree(self._store), self._store.last_statement()
        heads = tuple(ShardHead(one.shard, one.head.seq, one.tree.root()) for one in self._writers)
        if self._last is not None and parse_statement(self._last.text).heads == heads:
            return self._last, False
        statement = Statement(at, heads)
        text = statement.render()
        tree, tiles = self._tree.grown([leaf_hash(text.encode())])
        checkpoint = Checkpoint(signer.key.name, tree.size, tree.root(), statement)
        note = sign(checkpoint.render(), signer.key, signer).render()
        stated = Stated(tree.size, text, note)
        self._store.add_statement(stated, {one.shard: one.head for one in self._writers}, tiles)
        self._tree, self._last = tree, stated
        return stated, True

    def amend(self, number: int, note: str) -> None:
        """Keep a checkpoint with more signatures. On the hub's thread. Raises StoreError."""
        self._store.amend_statement(number, note)
        if self._last is not None and self._last.number == number:
            self._last = self._last._replace(note=note)
