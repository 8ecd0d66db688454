"""Schedules of a world, and what the runs that they begin give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import JSON
from podium.sim.documents import workflow

STEP_MS = 7_000

STEPS, NARROW, PAIRS = "steps", "narrow", "pairs"


def _schedule(name: str, what: str, when: JSON, **terms: Any) -> Declared:
    spec = {"name": name, "version": "1.0.0", "workflow": f"sim/{what}", "when": when, **terms}
    return Declared("Schedule", name, "1.0.0", digest_of(spec), spec)


_BOTH = ("sim.left", "sim.right")
_PAIR = {"correlate": {"number": {"from": ".data.number"}}}

SCHEDULES = (
    workflow("due", [{"keep": {"set": {"due": "${ .due }"}}}]),
    workflow("slow", [{"pause": {"wait": "PT20S"}}, {"keep": {"set": {"due": True}}}]),
    _schedule(
        STEPS, "due", {"every": {"milliseconds": STEP_MS}}, missed="all", missed_max=50,
        input={"due": "${ .dueAt }"},
    ),
    _schedule(NARROW, "slow", {"every": {"seconds": 5}}, overlap="skip"),
    _schedule(
        PAIRS, "due", {"on": {"all": [{"with": {"type": kind}, **_PAIR} for kind in _BOTH]}},
        input={"due": "${ .events[0].number }"},
    ),
)  # fmt: skip
"""One whose due times all begin a run, one that passes some over, and one that waits for two events."""

EXPECTED: dict[str, Callable[[JSON], bool]] = {
    "due": lambda output: isinstance(output, dict) and isinstance(output.get("due"), int),
    "slow": lambda output: bool(output == {"due": True}),
}
