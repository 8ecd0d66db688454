"""The agents of the benchmarks: they do nothing, and answer 300 bytes."""

from __future__ import annotations

import asyncio
from typing import Any

ANSWER = {"id": 7, "ok": True, "text": "x" * 258}


async def step(input: Any) -> dict[str, Any]:
    """A step of no work."""
    return ANSWER


async def stall(input: Any) -> None:
    """A step that does not end by itself."""
    await asyncio.sleep(3_600)
