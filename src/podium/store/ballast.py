"""Room kept back on the disk: given up when the disk is full, so that the last records still fit."""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 8 << 20


class Ballast:
    """A file of allocated blocks that holds nothing.

    Args:
        path: where it lies; its folder exists, on the device of the database.
        size_bytes: how much to keep back; 0 keeps nothing.
    """

    def __init__(self, path: Path, size_bytes: int = BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def load(self) -> bool:
        """Take the room if the disk can spare as much again; True if the ballast is there."""
        if not self._size_bytes or self.loaded():
            return True
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._size_bytes:
                return False
            self._allocate()
        except OSError:
            self.drop()
            return False
        return True

    def loaded(self) -> bool:
        try:
            return self._path.stat().st_size == self._size_bytes
        except OSError:
            return False

    def drop(self) -> None:
        """Give the room up."""
        try:
            self._path.unlink()
        except OSError:
            pass  # Not there, or not ours to delete: there is nothing more to give.

    def _allocate(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, self._size_bytes)
            else:
                # Zeroes may be stored as a hole, which keeps no room.
                os.write(handle, os.urandom(self._size_bytes))
        finally:
            os.close(handle)
