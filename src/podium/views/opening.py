"""Opening the views' file: made anew wherever what is there cannot be trusted."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path

import apsw

VERSION = 5
"""Of the tables in schema.sql. A file of any other version is dropped: the log can make it again."""

APPLICATION_ID = 0x506F6456
"""`PodV` in the file's header."""

PAGE_BYTES = 4096
BUSY_MS = 2_000

DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)

_FAST = (
    "PRAGMA synchronous = OFF",
    "PRAGMA mmap_size = 0",
    # A short log costs no more time than a long one, as nothing waits for the device.
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA cache_size = -1000",
    "PRAGMA journal_size_limit = 2097152",
    "PRAGMA foreign_keys = OFF",
)
_SAFE = "PRAGMA synchronous = FULL"
_NO_BOOT = "unknown"
_MARK = "INSERT OR REPLACE INTO meta (name, value) VALUES ('boot', ?)"


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that writes, on a file with our tables; a file that is not ours to trust is dropped.

    It writes without waiting for the device, so a crash of the machine may tear the file. It therefore bears
    the machine's boot id while it is open: whoever finds another boot's id in it drops it.

    Raises:
        apsw.Error: the place cannot be written.
    """
    connection = _existing(path)
    if connection is None:
        drop(path)
        connection = _new(path)
    _mark(connection, _this_boot())
    for pragma in _FAST:
        connection.execute(pragma).fetchall()
    return connection


def close_writer(connection: apsw.Connection) -> None:
    """Close so that the file outlives a crash of the machine, if no reader is in the way."""
    try:
        if _mark(connection, _this_boot()):
            connection.execute(_MARK, ("",))
    finally:
        connection.close(True)


def open_reader(path: Path) -> apsw.Connection:
    """A connection that can only read.

    Raises:
        apsw.Error: there is no file, or none of ours.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MS)
    try:
        connection.pragma("query_only", True)
        connection.pragma("mmap_size", 0)
        if not _is_ours(connection):
            raise apsw.NotADBError(f"{path} holds no views of version {VERSION}")
    except BaseException:
        connection.close(True)
        raise
    return connection


def drop(path: Path) -> None:
    """Remove the file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def file_id(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _existing(path: Path) -> apsw.Connection | None:
    if not path.exists():
        return None
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS)
    try:
        if _is_ours(connection) and _is_whole(connection):
            return connection
    except (*DAMAGED, apsw.SQLError):
        pass
    except BaseException:
        connection.close(True)
        raise
    _discard(connection)
    return None


def _discard(connection: apsw.Connection) -> None:
    """Close what is to be removed; its write-ahead log need not be moved into it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close(True)


def _is_ours(connection: apsw.Connection) -> bool:
    found = connection.pragma("application_id"), connection.pragma("user_version")
    return found == (APPLICATION_ID, VERSION)


def _is_whole(connection: apsw.Connection) -> bool:
    found: str | None = connection.execute("SELECT value FROM meta WHERE name = 'boot'").get
    return found == "" or (found == _this_boot() and found != _NO_BOOT)


@cache
def _this_boot() -> str:
    """What tells this boot of the machine from any other, where the system says it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _NO_BOOT


def _new(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MS)
    for pragma in (f"page_size = {PAGE_BYTES}", "journal_mode = WAL", "synchronous = OFF"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    schema = (files("podium.views") / "schema.sql").read_text(encoding="utf-8")
    with connection:
        connection.execute(schema)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", VERSION)
    return connection


def _mark(connection: apsw.Connection, boot: str) -> bool:
    """Say in the file, durably, which boot it is open in. False if readers kept it from being synced."""
    connection.execute(_SAFE).fetchall()
    connection.execute(_MARK, (boot,))
    try:
        # Only a checkpoint that has something to move syncs the file; the mark is something.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    return True
