"""The tools of a bank. What counts as done is the line in the bank's own book, one for each key."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

BOOK = "CRASH_BOOK"


def _note(tool: str, key: str) -> None:
    path = Path(os.environ[BOOK])
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, f"{tool} {key}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


async def charge(input: Any, context: Any) -> str:
    """May be repeated: the bank knows a charge by its key."""
    await asyncio.sleep(0.01)
    _note("charge", context.key)
    await asyncio.sleep(0.01)
    return "charged"


async def pay(input: Any, context: Any) -> str:
    """At most once."""
    await asyncio.sleep(0.01)
    _note("pay", context.key)
    await asyncio.sleep(0.03)
    return "paid"
