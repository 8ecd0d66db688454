"""Tasks inside tasks, as deep as one likes."""

from __future__ import annotations

from typing import Any

WAIT = {"never": {"wait": "PT1S"}}
KINDS = ("do", "for", "try", "fork", "map")


def nested(depth: int, kinds: tuple[str, ...], innermost: dict[str, Any]) -> list[dict[str, Any]]:
    """One task in so many others, of these kinds in turn. It gets the run's input and gives its output."""
    task = innermost
    for level in reversed(range(depth)):
        task = _around(kinds[level % len(kinds)], level, task)
    return [{"top": task}]


def _around(kind: str, level: int, task: dict[str, Any]) -> dict[str, Any]:
    inside = {f"t{level}": task}
    match kind:
        case "do":
            return {"do": [inside]}
        case "for":
            return {"for": {"in": "[1]", "each": f"item{level}", "at": f"at{level}"}, "do": [inside]}
        case "try":
            return {
                "try": [inside],
                "catch": {"errors": {"with": {"status": 499}}, "do": [{"no": {"wait": "PT1S"}}]},
            }
        case "fork":
            return {"fork": {"branches": [inside]}, "output": {"as": ".[0]"}}
        case _:
            return {"call": "map", "with": {"in": "[.]", "function": task}, "output": {"as": ".[0]"}}
