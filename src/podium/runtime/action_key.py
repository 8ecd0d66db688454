"""The key that digests of actions are made with, so that nobody can guess an action by its digest.

It stays with the state folder. Where it is lost, whatever people granted and was not done yet is asked again.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from podium.store.interface import StoreError, Unwritable

KEY = "actions.key"
"""The file of the key in the state folder."""

KEY_BYTES = 32


def action_key(folder: Path) -> bytes:
    """The key of a state folder, made if there is none.

    Raises:
        Unwritable: it can be neither read nor made.
        StoreError: the file holds something else.
    """
    path = folder / KEY
    try:
        if not path.exists():
            _make(path)
        found = path.read_bytes()
    except OSError as error:
        raise Unwritable(f"the key for digests of actions, {path}: {error.strerror}") from error
    if len(found) != KEY_BYTES:
        message = f"{path} holds no key; delete it, and people are asked again for what they granted"
        raise StoreError(message)
    return found


def _make(path: Path) -> None:
    # Whole or not at all: a hub that dies meanwhile leaves no half of a key.
    made = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    made.rename(path)
