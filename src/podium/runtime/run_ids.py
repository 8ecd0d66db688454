"""Ids of runs that have no key: random, drawn many at a time.

Each draw from the operating system lets other threads have the interpreter; a submit must not wait for that.
"""

from __future__ import annotations

import os
from collections import deque
from uuid import UUID

DRAWN = 256

_drawn: deque[bytes] = deque()


def new_run_id() -> str:
    """A random id. From any thread."""
    while True:
        try:
            return str(UUID(bytes=_drawn.pop(), version=4))
        except IndexError:
            drawn = os.urandom(16 * DRAWN)
            _drawn.extend(drawn[at : at + 16] for at in range(0, len(drawn), 16))
