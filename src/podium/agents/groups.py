"""The record of process groups that the hub started, kept so that none of them outlives it.

Two keepers: the reaper, a helper process that kills them when the hub dies; and a file in
`processes/`, by which the next hub finds what both left behind (a machine out of memory may kill the
hub and its reaper alike).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from podium.agents import reaper
from podium.agents.reaper import kill_group

LINES_MAX = 10_000
"""The record is written anew after this many lines."""

_log = logging.getLogger("podium.worker")
_number = itertools.count(1)


class Groups:
    """Every process group that is alive because of this hub. Its `spawned` is what adapters are given."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: where the record is kept, `.podium/processes`; made when the first process starts.
        """
        self._folder = folder
        self._file = folder / f"{os.getpid()}-{next(_number)}"
        self._record: IO[bytes] | None = None
        self._lines = 0
        self._alive: dict[int, str] = {}
        self._reaper: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def spawned(self, group: int) -> None:
        """Note a new group, or by its negated id one that is gone."""
        with self._lock:
            if group > 0:
                self._alive[group] = started_at(group)
                self._tell(f"+{group}")
                self._write(f"+{group} {self._alive[group]}")
            else:
                self._alive.pop(-group, None)
                self._tell(f"{group}")
                self._write(f"{group}")

    def holds(self, group: int) -> bool:
        """Whether a group is one of them."""
        return group in self._alive

    def close(self) -> None:
        """Kill whatever is left, and end the reaper."""
        with self._lock:
            for group in self._alive:
                kill_group(group)
            self._alive.clear()
            if self._reaper is not None and self._reaper.stdin is not None:
                with contextlib.suppress(OSError):
                    self._reaper.stdin.close()
                self._reaper.wait()
                self._reaper = None
            if self._record is not None:
                self._record.close()
                self._record = None
                self._file.unlink(missing_ok=True)

    def _tell(self, line: str) -> None:
        if self._reaper is None or self._reaper.poll() is not None:
            self._reaper = _start_reaper()
            line = "\n".join(f"+{group}" for group in self._alive)
        assert self._reaper.stdin is not None
        try:
            self._reaper.stdin.write(line.encode() + b"\n")
        except OSError:
            _log.warning("the reaper died; it is started again with the next process")

    def _write(self, line: str) -> None:
        try:
            if self._record is None or self._lines > LINES_MAX:
                self._begin()
            assert self._record is not None
            self._record.write(line.encode() + b"\n")
            self._lines += 1
        except OSError as error:
            # Without a record the reaper still stands guard; a full disk must not stop agents.
            _log.warning("the record of processes cannot be written: %s", error)

    def _begin(self) -> None:
        if self._record is not None:
            self._record.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._record = self._file.open("wb", buffering=0)
        self._lines = 0
        self._record.write(f"{_boot()} {os.getpid()} {started_at(os.getpid())}\n".encode())
        for group, start in self._alive.items():
            self._record.write(f"+{group} {start}\n".encode())


def _start_reaper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        bufsize=0,
    )


# --- what a former hub left behind ------------------------------------------------------------


def reap_leftovers(folder: Path) -> list[int]:
    """Kill the process groups that dead hubs recorded in `folder` and that are still the same processes.

    Where there is no `/proc` to tell by, nothing is killed.

    Returns:
        ids of the killed groups.
    """
    killed: list[int] = []
    for file in sorted(folder.glob("*-*")) if folder.is_dir() else ():
        try:
            head, *lines = file.read_text().splitlines() or [""]
        except (OSError, UnicodeDecodeError):
            continue
        boot, pid, start = [*head.split(), "", "", ""][:3]
        if boot == _boot() and pid.isdigit():
            if start and started_at(int(pid)) == start:
                continue
            killed += [
                group for group, start in _left(lines).items() if _same(group, start) and kill_group(group)
            ]
        with contextlib.suppress(OSError):
            file.unlink()
    if killed:
        _log.warning("killed %d process groups that a former hub left running: %s", len(killed), killed)
    return killed


def _left(lines: list[str]) -> dict[int, str]:
    groups: dict[int, str] = {}
    for line in lines:
        number, _, start = line[1:].partition(" ")
        if not number.isdigit():
            continue
        if line.startswith("+"):
            groups[int(number)] = start
        else:
            groups.pop(int(number), None)
    return groups


def _same(group: int, start: str) -> bool:
    """Whether the group is still the one that was recorded, its leader alive or not."""
    if not start:
        return False
    now = started_at(group)
    if now:
        return now == start
    # The leader is gone; as long as a member lives, its id is not given away.
    return any(int(member) >= int(start) for member in _members(group))


def _members(group: int) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(entry.name)
        if len(fields) > 19 and fields[2] == str(group):
            found.append(fields[19])
    return found


def started_at(pid: int) -> str:
    """When a process started, in clock ticks since boot, as text; "" if nobody can tell."""
    fields = _stat(str(pid))
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""


def _stat(pid: str) -> list[str]:
    """Fields of `/proc/<pid>/stat` from the third on; a name may hold blanks and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
