"""Trees in tiles, as C2SP `tlog-tiles` cuts them: 256 hashes wide, eight levels of the tree high.

A tree that grows keeps in memory only the hashes of the tiles at its right edge. Of the tiles it makes, a
full one of the lowest level never changes; one above grows by a hash with every full tile below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from podium.audit.merkle import EMPTY, fold, parents, subtree

WIDTH = 256
"""Hashes in a full tile."""

HASH_BYTES = 32
_BITS = 8


class Tile(NamedTuple):
    """A tile: `level` 0 holds leaf hashes, each above the roots of full tiles below; `hashes` end to end."""

    level: int
    number: int
    hashes: bytes


class Tree(NamedTuple):
    """A tree that grows: how many leaves it has, and the hashes at its right edge, level by level."""

    size: int = 0
    edge: tuple[list[bytes], ...] = ()

    def grown(self, leaves: list[bytes]) -> tuple[Tree, list[Tile]]:
        """The tree with more leaves, and the tiles that came to be or grew. This one stays as it is.

        Args:
            leaves: their hashes.
        """
        if not leaves:
            return self, []
        size = self.size + len(leaves)
        lowest = self.edge[0] + leaves if self.edge else leaves
        if len(lowest) < WIDTH:
            return Tree(size, (lowest, *self.edge[1:])), []
        tiles: list[Tile] = []
        edge: list[list[bytes]] = []
        level, rising = 0, leaves
        while rising or level < len(self.edge):
            before = self.edge[level] if level < len(self.edge) else []
            number = self.size >> _BITS * (level + 1)
            hashes = before + rising
            above: list[bytes] = []
            while len(hashes) >= WIDTH:
                full, hashes = hashes[:WIDTH], hashes[WIDTH:]
                tiles.append(Tile(level, number, b"".join(full)))
                above.append(subtree(full))
                number += 1
            if level and hashes and rising:
                tiles.append(Tile(level, number, b"".join(hashes)))
            edge.append(hashes)
            level, rising = level + 1, above
        return Tree(size, tuple(edge)), tiles

    def root(self) -> bytes:
        """The root over all leaves."""
        right: bytes | None = None
        for hashes in self.edge:
            right = fold(hashes, right)
        return EMPTY if right is None else right


def edge_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Of the tiles at the right edge of a tree that are not full: level, number and width, lowest first."""
    level = 0
    while size >> _BITS * level:
        width = (size >> _BITS * level) % WIDTH
        if width:
            yield level, size >> _BITS * (level + 1), width
        level += 1


def tree_of(size: int, read: Callable[[int, int], bytes]) -> Tree | None:
    """The growing tree of so many leaves, from its tiles; None if they do not hold all of its edge.

    Args:
        read: gives the hashes of a tile by level and number; b"" if it is not there.
    """
    edge: list[list[bytes]] = []
    for level, number, width in edge_tiles(size):
        hashes = split(read(level, number))
        if len(hashes) < width:
            return None
        edge += [[] for _ in range(level - len(edge))]
        edge.append(hashes[:width])
    return Tree(size, tuple(edge))


class TileNodes:
    """The nodes of a tree in tiles. Tiles that were looked at are kept.

    Args:
        read: gives the hashes of a tile by level and number, at least as wide as the tree is large.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._rows: dict[tuple[int, int], list[list[bytes]]] = {}

    def node(self, height: int, index: int) -> bytes:
        level, up = divmod(height, _BITS)
        number, place = divmod(index, WIDTH >> up)
        rows = self._rows.get((level, number))
        if rows is None:
            rows = self._rows[level, number] = [split(self._read(level, number))]
        while len(rows) <= up:
            rows.append(parents(rows[-1]))
        return rows[up][place]


def split(hashes: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


# --- as files ---------------------------------------------------------------------------------------


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Where `tlog-tiles` has a tile; `level` is `entries` for a bundle of entries."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{partial}"


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries as a `tlog-tiles` bundle: each behind its length in two bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
