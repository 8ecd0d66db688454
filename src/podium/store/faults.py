"""What SQLite says went wrong, in the words of the store."""

from __future__ import annotations

import errno
from pathlib import Path

import apsw

from podium.store.interface import Corrupted, StorageFull, StoreError, Unwritable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ROOM_FOR = {
    # The index of the write-ahead log grows after a commit was written: then nobody knows if it is stored.
    True: {apsw.SQLITE_IOERR_WRITE},
    False: {apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMOPEN},
}
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_FORBIDDEN = (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError)


def is_damage(error: apsw.Error) -> bool:
    """Whether the bytes of the file are wrong, as far as SQLite can see."""
    return isinstance(error, _DAMAGED)


def translate(
    error: apsw.Error, path: Path, doing: str, system_errno: int = 0, *, writing: bool = True
) -> StoreError:
    """The store's error for one of SQLite's.

    Args:
        path: the database.
        doing: what was tried, as in "could not <doing>".
        system_errno: the operating system's number of the last fault, 0 if unknown.
        writing: whether a transaction was being written: then an I/O error is the end of this process.
    """
    code = getattr(error, "extendedresult", 0)
    if isinstance(error, apsw.FullError) or (system_errno in _NO_ROOM and code in _NO_ROOM_FOR[writing]):
        return StorageFull(
            f"{path}: could not {doing}: no room is left on the device. Nothing of it was stored; all that "
            f"was stored before stays readable. Free space under {path.parent}; work then goes on by itself"
        )
    if isinstance(error, _DAMAGED):
        return Corrupted(
            f"{path}: could not {doing}: the file is damaged or not a database ({error}). {RESTORE}"
        )
    if isinstance(error, _FORBIDDEN):
        return Unwritable(
            f"{path}: could not {doing}: the place cannot be used ({error}). Check that {path.parent} is a "
            "folder which this user may write to, or choose another state folder"
        )
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return StoreError(
            f"{path}: could not {doing}: another process keeps the database locked ({error}). Try again"
        )
    if writing and isinstance(error, apsw.IOError):
        return fail_stop(f"{path}: could not {doing}: input/output error ({error}). ")
    return StoreError(f"{path}: could not {doing}: {error}")


RESTORE = "Copy the file away for inspection and restore the state folder from a backup"


def fail_stop(what: str) -> StoreError:
    """An error after which this process must not write again."""
    failure = StoreError(
        what + "Whether the last write was stored is unknown: end this process, check the device, start again"
    )
    failure.fail_stop = True
    return failure
