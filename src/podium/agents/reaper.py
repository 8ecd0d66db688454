"""The reaper: a tiny process that outlives the hub just long enough to kill what it left behind.

It is told of process groups on stdin, `+<pgid>` and `-<pgid>` a line. When stdin ends, or the hub is no
longer its parent, it kills every group that is left, and exits. It is started by its file with the
interpreter's `-I -S`, so it may use nothing but the standard library.
"""

from __future__ import annotations

import os
import select
import signal
import sys

POLL_S = 2.0
"""Should another process hold the pipe's other end, the hub's death is noticed this late."""


def main() -> None:
    """Read until the hub is gone, then kill."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    parent = os.getppid()
    groups: set[int] = set()
    rest = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], POLL_S)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            change(groups, line)
    for group in groups:
        kill_group(group)


def change(groups: set[int], line: bytes) -> None:
    """Apply one line to the set of groups; anything but `+<pgid>` and `-<pgid>` is ignored."""
    sign, number = line[:1], line[1:]
    if not number.isdigit() or int(number) <= 1:
        return
    if sign == b"+":
        groups.add(int(number))
    elif sign == b"-":
        groups.discard(int(number))


def kill_group(group: int) -> bool:
    """Kill a process group; whether there was one. Never the reader's own."""
    if group <= 1 or group == os.getpgrp():
        return False
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
    sys.exit(0)
