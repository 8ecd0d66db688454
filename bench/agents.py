"""The agents of the benchmarks: they do nothing, and answer 300 bytes."""

from __future__ import annotations

from typing import Any

ANSWER = {"id": 7, "ok": True, "text": "x" * 258}


async def step(input: Any) -> dict[str, Any]:
    """A step of no work."""
    return ANSWER
