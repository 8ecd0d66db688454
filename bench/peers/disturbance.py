"""How much of the machine others used while a sample ran, so that a reader can tell a disturbed one."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # idle, iowait
_ALREADY_IN_USER = (8, 9)  # guest, guest_nice


class Disturbance:
    """Started before a sample, asked after it."""

    def __init__(self) -> None:
        self._before = _clocks()

    def other_cores(self) -> float | None:
        """Cores that others kept busy, not this process or its ended children; None off Linux."""
        after = _clocks()
        if self._before is None or after is None:
            return None
        seconds, busy, own = (now - then for now, then in zip(after, self._before, strict=True))
        return round(max(0.0, (busy - own) / seconds), 2)


def _clocks() -> tuple[float, float, float] | None:
    """Wall clock, CPU of the whole machine, CPU of this process and its ended children; all in seconds."""
    if not _STAT.exists():
        return None
    ticks = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:]]
    busy = sum(count for place, count in enumerate(ticks) if place not in (*_IDLE, *_ALREADY_IN_USER))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = sum(one.ru_utime + one.ru_stime for one in used)
    return time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), own
