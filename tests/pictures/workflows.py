"""Documents to be drawn."""

from __future__ import annotations

from typing import Any


def workflow(*tasks: dict[str, Any]) -> dict[str, Any]:
    about = {"dsl": "1.0.3", "namespace": "test", "name": "drawn", "version": "1.0.0"}
    return {"document": about, "do": list(tasks)}


def chain(tasks: int) -> dict[str, Any]:
    return workflow(*({f"t{number}": {"set": {"n": number}}} for number in range(tasks)))


def nested(depth: int, wide: int = 2) -> dict[str, Any]:
    tasks = [{"leaf": {"set": {"n": 1}}}]
    for level in range(depth):
        others = [{f"other{level}-{number}": {"set": {"n": 1}}} for number in range(wide - 1)]
        tasks = [{f"scope{level}": {"do": tasks}}, *others]
    return workflow(*tasks)


_TEAPOT = {"type": "https://example.com/teapot", "status": 418}

EVERYTHING = workflow(
    {"classify": {"call": "agent", "with": {"capability": "ticket.classify"}, "if": "${ .ticket }"}},
    {
        "route": {
            "switch": [
                {"urgent": {"when": "${ .level > 3 }", "then": "race"}},
                {"other": {"then": "end"}},
            ]
        }
    },
    {
        "race": {
            "fork": {
                "compete": True,
                "branches": [
                    {"ask": {"call": "human", "with": {"title": "Refund?"}}},
                    {
                        "look": {
                            "call": "http",
                            "with": {"method": "get", "endpoint": "https://example.com/a"},
                        }
                    },
                ],
            }
        }
    },
    {
        "care": {
            "try": [
                {
                    "each": {
                        "for": {"each": "one", "in": "${ .items }"},
                        "do": [{"pause": {"wait": {"seconds": 5}}}],
                    }
                }
            ],
            "catch": {"errors": {"with": {"status": 418}}, "do": [{"note": {"set": {"failed": True}}}]},
        }
    },
    {"hear": {"listen": {"to": {"any": [{"with": {"type": "a"}}, {"with": {"type": "b"}}]}}}},
    {"stop": {"raise": {"error": _TEAPOT}}},
)
