"""The agents' own book of what they did: appended and synced line by line, and never read by any hub."""

from __future__ import annotations

import json
import os
import time
from typing import Any

BOOK = "CRASH_BOOK"
"""The variable that names the book's file."""


def write(agent: str, key: str, attempt: int, run_id: str, n: int, output: Any = None) -> None:
    """Note that the effect of this key is performed now; it is when this returns.

    One `write` of less than a page to a file opened for appending is never mixed with another's.
    """
    line = {
        "at": time.time_ns() // 1_000_000, "agent": agent, "key": key, "attempt": attempt, "run": run_id,
        "n": n, "output": output, "pid": os.getpid(),
    }  # fmt: skip
    file = os.open(os.environ[BOOK], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def count(agent: str, run_id: str) -> int:
    """How often an agent has performed for a run."""
    try:
        with open(os.environ[BOOK], encoding="utf-8") as book:
            return sum(f'"agent": "{agent}"' in line and run_id in line for line in book)
    except FileNotFoundError:
        return 0
