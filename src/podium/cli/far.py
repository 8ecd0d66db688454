"""The hub elsewhere that a command is meant for, where it is meant for one."""

from __future__ import annotations

from typing import NamedTuple


class Far(NamedTuple):
    """A hub's address, and an API token for it."""

    url: str
    token: str = ""


chosen: Far | None = None
"""Set for each command by its options; None for the hub of the state folder."""


def choose(url: str, token: str) -> None:
    """Mean the hub at an address; "" means that of the state folder."""
    global chosen
    chosen = Far(url, token) if url else None
