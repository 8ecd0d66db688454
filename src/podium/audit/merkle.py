"""Merkle trees by RFC 6962 over any sequence of entries: roots, and proofs with their verification.

A proof is asked of `Nodes`, which knows the hash of every complete subtree; where those come from (leaves in
memory, stored tiles) is their business.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


class Nodes(Protocol):
    def node(self, height: int, index: int) -> bytes:
        """The hash of the `index`-th complete subtree of 2**height leaves."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up; an odd one at the end is left out."""
    pairs = zip(hashes[::2], hashes[1::2], strict=False)
    return [sha256(b"\1" + left + right).digest() for left, right in pairs]


def subtree(hashes: Sequence[bytes]) -> bytes:
    """The hash over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = parents(hashes)
    return hashes[0]


def fold(hashes: Sequence[bytes], right: bytes | None = None) -> bytes | None:
    """The hash over equally large complete subtrees and, behind them, a smaller rest; None over nothing."""
    end = len(hashes)
    while end:
        width = end & -end
        left = subtree(hashes[end - width : end])
        right = left if right is None else node_hash(left, right)
        end -= width
    return right


class Leaves:
    """The nodes of a tree whose leaf hashes are at hand."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._hashes = hashes

    def node(self, height: int, index: int) -> bytes:
        return subtree(self._hashes[index << height : (index + 1) << height])


def root(nodes: Nodes, size: int) -> bytes:
    """The root over the first `size` leaves."""
    return _range(nodes, 0, size) if size else EMPTY


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index` (from 0) is in the tree of the first `size` leaves, lowest hash first.

    Source: RFC 6962, 2.1.1.
    """
    assert 0 <= index < size
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range(nodes, middle, end))
            end = middle
        else:
            proof.append(_range(nodes, start, middle))
            start = middle
    proof.reverse()
    return proof


def consistency(nodes: Nodes, old: int, size: int) -> list[bytes]:
    """The proof that the tree of the first `old` leaves is a prefix of that of the first `size`.

    Empty where it needs none: the old tree has no leaves, or the size is the same. Source: RFC 6962, 2.1.2.
    """
    assert 0 <= old <= size
    if old in (0, size):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, size, True
    while end > old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range(nodes, middle, end))
            end = middle
        else:
            proof.append(_range(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(_range(nodes, start, end))
    proof.reverse()
    return proof


def _range(nodes: Nodes, start: int, end: int) -> bytes:
    """The hash over leaves that begin where a subtree of their size may begin."""
    right: bytes | None = None
    while end > start:
        height = ((end - start) & (start - end)).bit_length() - 1
        left = nodes.node(height, (end >> height) - 1)
        right = left if right is None else node_hash(left, right)
        end -= 1 << height
    assert right is not None
    return right


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf with this hash is at `index` in the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    inner = (index ^ (size - 1)).bit_length()
    if len(proof) != inner + (index >> inner).bit_count():
        return False
    for height, hash in enumerate(proof):
        if height >= inner or index >> height & 1:
            leaf = node_hash(hash, leaf)
        else:
            leaf = node_hash(leaf, hash)
    return leaf == root


def verify_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Whether the tree of `old` leaves with `old_root` is a prefix of that of `size` leaves with `root`."""
    if not 0 <= old <= size:
        return False
    if old in (0, size):
        return not proof and old_root == (EMPTY if old == 0 else root)
    rest = list(proof)
    # An old tree that is one complete subtree is the proof's beginning, and left out of it.
    begin = old_root if old & (old - 1) == 0 else (rest.pop(0) if rest else b"")
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    small = large = begin
    for hash in rest:
        if last == 0:
            return False
        if node & 1 or node == last:
            small, large = node_hash(hash, small), node_hash(hash, large)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            large = node_hash(large, hash)
        node, last = node >> 1, last >> 1
    return last == 0 and small == old_root and large == root
