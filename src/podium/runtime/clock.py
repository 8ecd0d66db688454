"""The host's clock: wall time that cannot run away from the monotonic clock unnoticed."""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_MS = 30_000
"""Wall time further than this from what the monotonic clock expects is not believed."""


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _monotonic() -> int:
    """Milliseconds that go on while the machine sleeps, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


class GuardedClock:
    """Kernel time for a host.

    Attributes:
        jumped_ms: how far the wall clock is off from what is expected, when that is not believed; 0 else.
    """

    def __init__(self, wall: Callable[[], int] = _wall, monotonic: Callable[[], int] = _monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self.jumped_ms = 0

    def now(self) -> int:
        """Milliseconds since 1970. Small corrections of the wall clock are followed, jumps are not."""
        wall, expected = self._wall(), self._monotonic() + self._offset
        drift = wall - expected
        if -JUMP_MS <= drift <= JUMP_MS:
            self.jumped_ms = 0
            return wall
        self.jumped_ms = drift
        return expected

    def at_least(self, at: int) -> None:
        """Go on from a time that is known to have been; a wall clock far behind it is not believed.

        Time would stand still otherwise, and every timer with it, until the wall clock had caught up.
        """
        if self.now() < at:
            self._offset = at - self._monotonic()
