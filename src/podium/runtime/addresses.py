"""Addresses: where the sockets of a state folder are."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path

HUB = "hub.sock"
"""By which clients reach the hub."""

AGENTS = "agents.sock"
"""By which the agents that it runs ask it for something."""

_PATH_BYTES_MAX = 100
"""The kernel takes 108 bytes on Linux and 104 on macOS, the last of them 0."""


def socket_path(folder: Path, name: str = HUB) -> Path:
    """Where a socket of a state folder is: in it, or in the temporary folder if that would be too long."""
    inside = folder / name
    if len(os.fsencode(inside)) <= _PATH_BYTES_MAX:
        return inside
    unique = f"podium-{os.getuid()}-{sha256(os.fsencode(folder)).hexdigest()[:16]}"
    return Path(tempfile.gettempdir(), unique, name)


def make_parent(parent: Path) -> None:
    """Make sure of a folder that is this user's own. Raises OSError."""
    parent.mkdir(mode=0o700, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{parent} belongs to another user")
