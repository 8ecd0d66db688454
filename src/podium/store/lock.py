"""One hub per state folder: a lock on `hub.lock` that the kernel drops when the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from podium.store.interface import Unwritable


class HubLock:
    """Holds `path` locked from construction until `release`, or until the process ends.

    The lock only keeps a second hub from starting by mistake; what fences a writer out is the epoch.

    Raises:
        Unwritable: another hub holds it, or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unwritable(
                f"{path} cannot be opened ({error.strerror}): check that {path.parent} is a folder which "
                "this user may write to, or choose another state folder"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._handle)
            os.close(self._handle)
            raise Unwritable(
                f"another hub (pid {holder}) holds {path}: "
                "talk to that one, stop it, or choose another state folder"
            ) from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another hub start. The file stays: deleting it would let two hubs lock two files."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def held(path: Path) -> bool:
    """Whether a hub holds the lock now."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
