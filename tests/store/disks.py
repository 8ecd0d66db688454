"""Disks that fail, and a disk that remembers: file layers for SQLite, written in Python.

Register one by making it; its name is what `SqliteStore(..., vfs=name)` takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR_BYTES = 512
_names = count()


class Disk(apsw.VFS):
    """The real disk, with every write, sync, truncation, opening and deletion passing by.

    Attributes:
        name: what it is registered as.
        really_syncs: False leaves all in the system's cache, which a test without power failure keeps.
    """

    def __init__(self, *, really_syncs: bool = True) -> None:
        self.really_syncs = really_syncs
        self.name = f"disk-{next(_names)}"
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.opening(Path(path or ""), flags)
        return _File(self, name, Path(path or ""), flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.deleting(Path(filename), syncdir)
        super().xDelete(filename, syncdir)

    def opening(self, path: Path, flags: list[int]) -> None: ...
    def writing(self, path: Path, data: bytes, offset: int) -> None: ...
    def syncing(self, path: Path) -> None: ...
    def truncating(self, path: Path, size: int) -> None: ...
    def deleting(self, path: Path, durable: bool) -> None: ...


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, path: Path, flags: list[int]) -> None:
        self._disk = disk
        self._path = path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.writing(self._path, bytes(data), offset)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.syncing(self._path)
        if self._disk.really_syncs:
            super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        self._disk.truncating(self._path, size)
        super().xTruncate(size)


class FullDisk(Disk):
    """Has room for so many more bytes, as a file grows; writing over what is there needs none.

    Args:
        ballast: a file whose deletion makes room for as many bytes as it had.
    """

    def __init__(self, room_bytes: int, ballast: Path | None = None) -> None:
        super().__init__()
        self.room_bytes = room_bytes
        self._ballast = ballast
        self._ballast_bytes = ballast.stat().st_size if ballast else 0
        self._sizes: dict[Path, int] = {}

    def writing(self, path: Path, data: bytes, offset: int) -> None:
        size = self._sizes.get(path, path.stat().st_size)
        growth = max(0, offset + len(data) - size)
        if self._ballast and not self._ballast.exists():
            self.room_bytes += self._ballast_bytes
            self._ballast = None
        if growth > self.room_bytes:
            raise apsw.exception_for(apsw.SQLITE_FULL)
        self.room_bytes -= growth
        self._sizes[path] = size + growth

    def truncating(self, path: Path, size: int) -> None:
        self._sizes[path] = size


class BrokenDisk(Disk):
    """Fails one sync, `syncs_left` syncs from now, and counts what is still tried after it.

    Later syncs succeed, as on systems that tell of a lost page once and then call it clean.
    """

    def __init__(self) -> None:
        super().__init__()
        self.syncs_left = -1
        self.failed = False
        self.tried_after = 0

    def syncing(self, path: Path) -> None:
        self.tried_after += self.failed
        if self.syncs_left == 0 and not self.failed:
            self.failed = True
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self.syncs_left -= 1

    def writing(self, path: Path, data: bytes, offset: int) -> None:
        self.tried_after += self.failed


class BadDisk(Disk):
    """Fails writes while `bad` is set to an error code of SQLite."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = 0

    def writing(self, path: Path, data: bytes, offset: int) -> None:
        if self.bad:
            raise apsw.exception_for(self.bad)


class ReadOnlyDisk(Disk):
    """Gives every file for reading only, as the system does for files one may not write."""

    def opening(self, path: Path, flags: list[int]) -> None:
        flags[0] = (
            flags[0] & ~(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) | apsw.SQLITE_OPEN_READONLY
        )


class ForbiddenDisk(Disk):
    """Has no right to make the write-ahead log: a folder that is read-only around a file that is not."""

    def opening(self, path: Path, flags: list[int]) -> None:
        if path.name.endswith("-wal"):
            raise apsw.exception_for(apsw.SQLITE_CANTOPEN)


@dataclass(frozen=True)
class _Step:
    kind: str
    path: Path
    data: bytes = b""
    offset: int = 0


@dataclass
class _Kept:
    """A file as a power failure finds it: what is surely there, and the steps that may be."""

    content: bytearray = field(default_factory=bytearray)
    pending: list[_Step] = field(default_factory=list)
    surely_there: bool = False
    perhaps_gone: bool = False
    syncs_folder: bool = False


class RecordingDisk(Disk):
    """Remembers every step, and makes the files that a power failure after any of them could leave.

    A write is on the disk for sure with the next sync of its file. Before, each of its sectors may be
    there or not, whatever became of the others and of earlier writes. A deletion is for sure with the
    next sync of the folder: at once if asked for, or with the first sync of a new journal or write-ahead
    log (`UNIXFILE_DIRSYNC` in SQLite's os_unix.c).

    Args:
        honest: False forgets the syncs, as a drive does that lies about them.
    """

    def __init__(self, *, honest: bool = True) -> None:
        super().__init__(really_syncs=False)
        self.steps: list[_Step] = []
        self._honest = honest

    def opening(self, path: Path, flags: list[int]) -> None:
        log = flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL)
        if log and flags[0] & apsw.SQLITE_OPEN_CREATE:
            self.steps.append(_Step("open a log", path))

    def writing(self, path: Path, data: bytes, offset: int) -> None:
        end = offset + len(data)
        while offset < end:
            border = min(end, (offset // SECTOR_BYTES + 1) * SECTOR_BYTES)
            piece = data[len(data) - (end - offset) : len(data) - (end - border)]
            self.steps.append(_Step("write", path, piece, offset))
            offset = border

    def syncing(self, path: Path) -> None:
        if self._honest:
            self.steps.append(_Step("sync", path))

    def truncating(self, path: Path, size: int) -> None:
        self.steps.append(_Step("truncate", path, offset=size))

    def deleting(self, path: Path, durable: bool) -> None:
        self.steps.append(_Step("delete durably" if durable else "delete", path))

    def image(self, after: int, random: Random) -> dict[Path, bytes]:
        """The files that a power failure after so many steps may leave; `random` chooses among them."""
        files: dict[Path, _Kept] = {}
        for step in self.steps[:after]:
            _follow(files, step)
        share = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        in_order = random.random() < 0.3
        return {
            path: _settle(kept, share, in_order, random)
            for path, kept in files.items()
            if not (kept.perhaps_gone and random.random() < 0.5)
            if kept.surely_there or share or random.random() < 0.5
        }


def _follow(files: dict[Path, _Kept], step: _Step) -> None:
    kept = files.get(step.path)
    if kept is None or kept.perhaps_gone:
        kept = files[step.path] = _Kept()
    match step.kind:
        case "sync":
            for pending in kept.pending:
                _apply(kept.content, pending)
            kept.pending.clear()
            kept.surely_there = True
            if kept.syncs_folder:
                _sync_folder(files)
                kept.syncs_folder = False
        case "open a log":
            kept.syncs_folder = True
        case "delete":
            kept.perhaps_gone = True
        case "delete durably":
            del files[step.path]
            _sync_folder(files)
        case _:
            kept.pending.append(step)


def _sync_folder(files: dict[Path, _Kept]) -> None:
    for path in [path for path, kept in files.items() if kept.perhaps_gone]:
        del files[path]


def _settle(kept: _Kept, share: float, in_order: bool, random: Random) -> bytes:
    """Part of what is pending reaches the disk: any part, or the first part."""
    first = int(len(kept.pending) * share)
    for number, pending in enumerate(kept.pending):
        if (number < first) if in_order else (random.random() < share):
            _apply(kept.content, pending)
    return bytes(kept.content)


def _apply(content: bytearray, step: _Step) -> None:
    if step.kind == "truncate":
        del content[step.offset :]
        return
    if len(content) < step.offset:
        content.extend(bytes(step.offset - len(content)))
    content[step.offset : step.offset + len(step.data)] = step.data
