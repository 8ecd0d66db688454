"""Prints of agents in the hub's process: to their attempt's log, never to the hub's own stdout."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO

from podium.runtime.running import CURRENT


class Prints(io.TextIOBase):
    """A stdout that hands on what attempts print to their logs, and everything else to the real one.

    It tells by the context; a thread that an agent starts by itself has none and prints for real.
    """

    def __init__(self, real: TextIO) -> None:
        self.real = real

    def write(self, text: str) -> int:
        running = CURRENT.get(None)
        if running is None:
            return self.real.write(text)
        running.say(text)
        return len(text)

    def flush(self) -> None:
        self.real.flush()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.real.encoding

    def isatty(self) -> bool:
        return self.real.isatty()

    def fileno(self) -> int:
        return self.real.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def install() -> None:
    """Put it in place of stdout, once."""
    if not isinstance(sys.stdout, Prints):
        sys.stdout = Prints(sys.stdout)


def remove() -> None:
    """Give stdout back, unless somebody else took its place."""
    if isinstance(sys.stdout, Prints):
        sys.stdout = sys.stdout.real
