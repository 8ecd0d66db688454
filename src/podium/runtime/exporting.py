"""Exports of the log for people who do not have Podium: JSON lines, tiles, checkpoints, and the key.

The format is described in docs/reference/audit-format.md; `tools/verify_podium.py` checks it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from podium.audit.chain import CONTENT_BYTES_MAX, entry
from podium.audit.merkle import root
from podium.audit.notes import Key, NoteError, parse, parse_checkpoint
from podium.audit.tiles import WIDTH, Tile, TileNodes, Tree, bundle, edge_tiles, tile_path
from podium.facts.identity import run_text
from podium.facts.stored import BLOB
from podium.runtime.growth import tiles_of
from podium.store.interface import GENESIS, STATEMENTS, Reader, Row, Stated, StoreError

BATCH = 16 * WIDTH

_encode = msgspec.json.Encoder().encode


class Exported(NamedTuple):
    """What an export holds: statements, and records by shard."""

    statements: int
    records: dict[int, int]


class Unexportable(Exception):
    """Nothing can be exported there; the message says why, and what would help."""


def export(reader: Reader, folder: Path, key: Key) -> Exported:
    """Write all that the newest checkpoint knows into a folder.

    Raises:
        Unexportable: there is no checkpoint, or the folder holds something else.
        OSError: the folder cannot be written.
        StoreError: the log cannot be read.
    """
    last = reader.last_statement()
    if last is None:
        raise Unexportable("no checkpoint was made of this log yet; `podium audit checkpoint` makes one")
    checkpoint = parse_checkpoint(parse(last.note).text)
    _refuse_other(folder, checkpoint.origin)
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    _statements(reader, folder, last.number)
    records = {}
    for head in checkpoint.statement.heads:
        _shard(reader, folder, head.shard, head.size)
        records[head.shard] = head.size
    (folder / "key").write_text(f"{key.text}\n", encoding="utf-8")
    # Last: whoever finds it finds all that it signs.
    (folder / "checkpoint").write_text(last.note, encoding="utf-8")
    return Exported(last.number, records)


def _refuse_other(folder: Path, origin: str) -> None:
    known = folder / "checkpoint"
    if known.exists():
        try:
            found = parse_checkpoint(parse(known.read_text(encoding="utf-8")).text).origin
        except (NoteError, UnicodeDecodeError):
            found = "something else"
        if found != origin:
            raise Unexportable(f"{folder} holds an export of {found}; choose another folder")
    elif folder.exists() and any(folder.iterdir()):
        raise Unexportable(f"{folder} is not empty, and holds no export; choose another folder")


class _Tiles:
    """Writes the tiles and the bundles of a tree as it grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tree = Tree()
        self._entries: list[bytes] = []

    def add(self, entries: Iterable[bytes]) -> None:
        """Take the entries that follow."""
        entries = list(entries)
        self.tree, tiles = self.tree.grown([sha256(b"\0" + one).digest() for one in entries])
        self._entries += entries
        for tile in tiles:
            if len(tile.hashes) == WIDTH * 32:
                self._write(tile)
        number = (self.tree.size - len(self._entries)) // WIDTH
        while len(self._entries) >= WIDTH:
            self._write_bundle(number, self._entries[:WIDTH])
            del self._entries[:WIDTH]
            number += 1

    def end(self) -> None:
        """Write what is not full."""
        for level, number, width in edge_tiles(self.tree.size):
            self._write(Tile(level, number, b"".join(self.tree.edge[level][:width])))
        if self._entries:
            self._write_bundle(self.tree.size // WIDTH, self._entries)

    def _write(self, tile: Tile) -> None:
        path = tile_path(tile.level, tile.number, len(tile.hashes) // 32)
        _write(self._folder / path, tile.hashes)

    def _write_bundle(self, number: int, entries: list[bytes]) -> None:
        _write(self._folder / tile_path("entries", number, len(entries)), bundle(entries))


def _statements(reader: Reader, folder: Path, size: int) -> None:
    tiles = _Tiles(folder)
    while tiles.tree.size < size and (found := reader.statements(tiles.tree.size, BATCH)):
        found = [one for one in found if one.number <= size]
        tiles.add(one.text.encode() for one in found)
        for stated in found:
            _keep_checkpoint(folder, stated)
    tiles.end()
    if tiles.tree.root() != _kept_root(reader, STATEMENTS, size):
        raise StoreError("the statements are not those of their tree; see `podium audit verify`")


def _keep_checkpoint(folder: Path, stated: Stated) -> None:
    path = folder / "checkpoints" / f"{stated.number:08}.checkpoint"
    path.write_text(stated.note, encoding="utf-8")


def _kept_root(reader: Reader, shard: int, size: int) -> bytes:
    return root(TileNodes(tiles_of(reader, shard, size)), size)


def _shard(reader: Reader, folder: Path, shard: int, size: int) -> None:
    place = folder / "shard" / str(shard)
    place.mkdir(parents=True, exist_ok=True)
    tiles, previous = _Tiles(place), GENESIS
    with (place / "records.jsonl").open("wb") as file:
        while tiles.tree.size < size:
            rows = reader.read(shard, tiles.tree.size, min(BATCH, size - tiles.tree.size))
            if not rows:
                raise StoreError(f"shard {shard} ends before record {size}; see `podium audit verify`")
            entries = []
            for row in rows:
                entries.append(entry(previous, *row[:8]))
                previous = row.hash
                _keep_beside(reader, folder, row)
                file.write(_line(row))
            tiles.add(entries)
    tiles.end()


def _line(row: Row) -> bytes:
    """A record as a line of JSON, with its envelope and body as they are stored."""
    shown: dict[str, Any] = {
        "seq": row.seq, "epoch": row.epoch, "run": run_text(row.run), "type": row.type,
        "version": row.version, "at": row.at, "hash": row.hash.hex(), "envelope": msgspec.Raw(row.envelope),
    }  # fmt: skip
    if row.body[:1] == BLOB:
        shown["blob"] = row.body[1:33].hex()
    elif row.body and row.body[0] <= 3:
        shown["sealed"] = base64.b64encode(row.body).decode()
    elif row.body:
        shown["body"] = msgspec.Raw(row.body)
    return _encode(shown) + b"\n"


def _keep_beside(reader: Reader, folder: Path, row: Row) -> None:
    """Write what stands in the record, or in its entry, by its digest alone."""
    if row.body[:1] == BLOB:
        _write_blob(folder, reader.blob(row.body[1:33]))
    if len(row.envelope) + len(row.body) > CONTENT_BYTES_MAX:
        _write_blob(folder, b"".join((row.type.encode(), row.envelope, row.body)))


def _write_blob(folder: Path, content: bytes) -> None:
    path = folder / "blobs" / sha256(content).hexdigest()
    if not path.exists():
        _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
