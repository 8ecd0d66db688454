"""The log of an agent's process: its stderr as lines, bounded in every direction."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

LINE_BYTES_MAX = 4096
LINES_MAX = 10_000
"""Lines of one attempt that are kept; what follows is counted only."""
TAIL_LINES = 20


class Lines:
    """Turns chunks into lines and hands them on; remembers the last ones for error messages."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""
        self._cut = False
        self._count = 0

    def feed(self, chunk: bytes) -> None:
        """Take what was written, in pieces of any size."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if self._cut:
                self._cut = False
            else:
                self._keep(line)
        if len(rest) > LINE_BYTES_MAX and not self._cut:
            self._keep(rest)
            self._cut = True
        self._rest = b"" if self._cut else rest

    def finish(self) -> None:
        """The log ended, maybe in the middle of a line."""
        if self._rest:
            self._keep(self._rest)
        self._rest = b""

    def fresh(self, log: Callable[[str], None]) -> None:
        """What follows belongs to another attempt."""
        self.finish()
        self.log = log
        self.tail.clear()
        self._count = 0

    def text(self) -> str:
        """The last lines."""
        return "\n".join(self.tail)

    def _keep(self, raw: bytes) -> None:
        line = raw[:LINE_BYTES_MAX].decode("utf-8", "replace").rstrip("\r")
        if len(raw) > LINE_BYTES_MAX:
            line += "…"
        self.tail.append(line)
        self._count += 1
        if self._count <= LINES_MAX:
            self.log(line)
        elif self._count == LINES_MAX + 1:
            self.log(f"(more than {LINES_MAX} lines; the rest is not kept)")
