"""Trees and proofs are those of RFC 6962, whatever made them."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.audit import merkle
from podium.audit.merkle import Leaves, leaf_hash, verify_consistency, verify_inclusion
from podium.audit.tiles import TileNodes, Tree, tree_of

ENTRIES = [b"entry %d" % number for number in range(700)]
HASHES = [leaf_hash(entry) for entry in ENTRIES]


def plain_root(entries: list[bytes]) -> bytes:
    """The definition, word for word: RFC 6962, 2.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    half = 1
    while half * 2 < len(entries):
        half *= 2
    return sha256(b"\1" + plain_root(entries[:half]) + plain_root(entries[half:])).digest()


KNOWN = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots that certificate transparency's implementations agree on."""


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    hashes = [leaf_hash(bytes.fromhex(entry)) for entry in KNOWN[:size]]
    assert merkle.root(Leaves(hashes), size).hex() == KNOWN_ROOTS[size - 1]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 700])
def test_roots_are_those_of_the_definition(size: int) -> None:
    expected = plain_root(ENTRIES[:size])
    assert merkle.root(Leaves(HASHES), size) == expected
    assert Tree().grown(HASHES[:size])[0].root() == expected


@given(st.data())
def test_every_leaf_has_its_proof_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    nodes = Leaves(HASHES)
    root, proof = merkle.root(nodes, size), merkle.inclusion(nodes, index, size)
    assert verify_inclusion(HASHES[index], index, size, proof, root)
    assert not verify_inclusion(HASHES[index + 1], index, size, proof, root)
    assert not verify_inclusion(HASHES[index], index, size, [*proof, root], root)
    if proof:
        assert not verify_inclusion(HASHES[index], index, size, proof[:-1], root)
        other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index))
        assert not verify_inclusion(HASHES[index], other, size, proof, root)
    assert not verify_inclusion(HASHES[index], size, size, proof, root)


@given(st.data())
def test_every_prefix_has_its_proof_and_no_fork(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 300))
    old = data.draw(st.integers(0, size))
    nodes = Leaves(HASHES)
    old_root, root = merkle.root(nodes, old), merkle.root(nodes, size)
    proof = merkle.consistency(nodes, old, size)
    assert verify_consistency(old, size, proof, old_root, root)
    assert not verify_consistency(old, size, [*proof, root], old_root, root)
    if old:
        assert not verify_consistency(old, size, proof, leaf_hash(b"another"), root)
    if 0 < old < size:
        assert not verify_consistency(old, size, proof, old_root, leaf_hash(b"another"))
        assert not verify_consistency(old, size, proof[:-1], old_root, root)
        forked = Leaves([leaf_hash(b"forked"), *HASHES[1:]])
        root = merkle.root(forked, size)
        assert not verify_consistency(old, size, merkle.consistency(forked, old, size), old_root, root)


class Kept:
    """Tiles as a store keeps them."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.leaves: list[bytes] = []
        self.tree = Tree()

    def add(self, leaves: list[bytes]) -> None:
        self.tree, tiles = self.tree.grown(leaves)
        self.leaves += leaves
        self.tiles.update({(tile.level, tile.number): tile.hashes for tile in tiles})

    def read(self, level: int, number: int) -> bytes:
        if level:
            return self.tiles.get((level, number), b"")
        return b"".join(self.leaves[number * 256 : number * 256 + 256])


@given(st.lists(st.integers(0, 400), max_size=6))
def test_a_tree_that_grows_is_one_that_was_made_at_once(steps: list[int]) -> None:
    kept, size = Kept(), 0
    for step in steps:
        more = [leaf_hash(b"%d" % number) for number in range(size, size + step)]
        kept.add(more)
        size += step
        assert kept.tree.size == size
        assert kept.tree.root() == merkle.root(Leaves(kept.leaves), size)
        assert tree_of(size, kept.read) == kept.tree
        assert all(len(hashes) == 8192 for (level, _), hashes in kept.tiles.items() if level == 0)


def test_a_large_tree_proves_from_tiles_what_it_proves_from_leaves() -> None:
    size = 70_001
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    kept = Kept()
    for start in range(0, size, 1000):
        kept.add(leaves[start : start + 1000])
    assert tree_of(size, kept.read) == kept.tree
    root = kept.tree.root()
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        proof = merkle.inclusion(TileNodes(kept.read), index, size)
        assert verify_inclusion(leaves[index], index, size, proof, root)
    for old in (1, 256, 65_536, 69_999):
        nodes = TileNodes(kept.read)
        proof = merkle.consistency(nodes, old, size)
        assert verify_consistency(old, size, proof, merkle.root(nodes, old), root)


def test_an_edge_that_is_not_there_is_noticed() -> None:
    kept = Kept()
    kept.add([leaf_hash(b"%d" % number) for number in range(1000)])
    del kept.tiles[1, 0]
    assert tree_of(1000, kept.read) is None
