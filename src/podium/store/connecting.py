"""Opening the database: whose file it is, how durable it writes, and how a newcomer starts one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from podium.store.faults import translate
from podium.store.interface import Unwritable
from podium.store.migrations import migrate, refuse_other, steps

APPLICATION_ID = 0x506F6469
"""`Podi` in the file's header, so that `file(1)` and we tell it from any other database."""

OLDEST = (3, 51, 3)
"""SQLite before 3.51.3 can damage a database when a checkpoint meets a restart of the write-ahead log."""

PAGE_BYTES = 8192
BUSY_MS = 500

_WRITER = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA auto_vacuum = NONE",
    # The first page goes through a rollback journal. Were its deletion lost with the power, a later start
    # would roll everything back; EXTRA makes it durable.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    # A plain fsync on macOS leaves the bytes in the drive's cache.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    # A mapped page that cannot be read is a signal that kills the process, not an error.
    "PRAGMA mmap_size = 0",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA cache_size = -8000",
)


def open_writer(path: Path, vfs: str | None) -> apsw.Connection:
    """The connection that writes and checkpoints, on a database of the newest format.

    Raises:
        Unwritable: the place cannot be written, or the file is another application's.
        Corrupted: the file is not a database or damaged.
        NewerFormat: a newer release wrote it.
        StorageFull: there is no room even to open it.
    """
    refuse_old(apsw.sqlite_lib_version())
    return _open(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, vfs, _prepare)


def open_reader(path: Path, vfs: str | None) -> apsw.Connection:
    """A connection that can only read. The database must be there, in the newest format.

    Raises:
        Unwritable, Corrupted, NewerFormat, StorageFull: as for the writer.
        StoreError: its format is older than this release's.
    """
    return _open(path, apsw.SQLITE_OPEN_READONLY, vfs, _look)


def _open(
    path: Path, flags: int, vfs: str | None, setup: Callable[[apsw.Connection, Path], None]
) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    except apsw.Error as error:
        raise translate(error, path, "open the database", writing=False) from error
    connection.set_busy_timeout(BUSY_MS)
    try:
        setup(connection, path)
    except apsw.Error as error:
        failure = translate(error, path, "open the database", connection.system_errno, writing=False)
        connection.close(True)
        raise failure from error
    except BaseException:
        connection.close(True)
        raise
    return connection


def _prepare(connection: apsw.Connection, path: Path) -> None:
    """Make the database what a writer needs. A crash between its steps does no harm."""
    new = _is_new(connection, path)
    if connection.readonly("main"):
        raise Unwritable(
            f"{path} can only be read: let this user write to it, or choose another state folder"
        )
    for pragma in _WRITER:
        connection.execute(pragma).fetchall()
    if new:
        connection.pragma("application_id", APPLICATION_ID)
        _keep_entry(path.parent)
    migrate(connection, path, steps())


def _look(connection: apsw.Connection, path: Path) -> None:
    if _is_new(connection, path):
        raise Unwritable(f"{path} holds nothing yet: start the hub first")
    connection.pragma("query_only", True)
    connection.pragma("mmap_size", 0)
    refuse_other(connection, path, len(steps()))


def _keep_entry(folder: Path) -> None:
    """Make a new folder's name in its parent durable; SQLite does so for its files in the folder."""
    try:
        handle = os.open(folder.parent, os.O_RDONLY)
    except PermissionError:
        return  # A parent that may not be listed was not made by us just now.
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_new(connection: apsw.Connection, path: Path) -> bool:
    """Whether nobody has written to the file yet. Refuses another application's."""
    owner = connection.pragma("application_id")
    if owner == APPLICATION_ID:
        return False
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if owner == 0 and tables == 0 and connection.pragma("user_version") == 0:
        return True
    raise Unwritable(
        f"{path} is the database of another application (application id {owner:#x}, {tables} tables): "
        "move it away or choose another state folder"
    )


def refuse_old(version: str) -> None:
    """Refuse a SQLite, `3.54.1`, that is known to damage databases."""
    if tuple(map(int, version.split("."))) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise Unwritable(f"SQLite {version} can damage databases (fixed in {wanted}): install a newer apsw")
