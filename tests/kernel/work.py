"""How much work something is, counted in calls: the same on every machine, and however busy that is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def work(done: Callable[[], Any]) -> int:
    """Calls of functions, and steps of generators, that `done` takes."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        done()
    finally:
        sys.setprofile(before)
    return calls
