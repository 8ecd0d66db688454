"""Workflows of a simulated world that use Podium's own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts.values import JSON
from podium.sim.documents import SLOW_JQ, call, handled_or_token, safe, workflow

_MOST = {
    "call": "map",
    "with": {
        "in": "${ . }",
        "onError": "quorum",
        "quorum": 3,
        "function": {"try": [{"one": call("plain")}], "catch": {"errors": {"with": {"status": 400}}}},
    },
}
"""Over what `collect` gave: a fault in some of them ends nothing."""


def _undoable(name: str) -> dict[str, Any]:
    """A call, and what undoes it, which may fail as well."""
    undo = {"input": "${ .output.token }", "function": {"do": [{"cancel": call("plain")}]}}
    return {"call": "agent", "with": {"capability": f"{name}.do", "compensate": undo}}


_WATCHED = {
    "extensions": [
        {
            "watch": {
                "extend": "call",
                "when": '$task.name == "work" and (tostring | length) > 0',
                "before": [{"check": safe(call("plain"))}],
                "after": [{"nap": {"wait": {"seconds": 2}}}, {"note": {"set": {"n": 1}}}],
            }
        }
    ]
}

FUNCTIONS = (
    workflow(
        "watched",
        [
            {
                "first": {
                    "try": [{"work": call("steady")}],
                    "catch": {"errors": {}, "do": [{"no": {"set": {"x": 1}}}]},
                }
            },
            {"count": {"set": {"given": "${ keys }"}}},
        ],
        use=_WATCHED,
    ),
    workflow(
        "jury",
        [
            {
                "ask": safe(
                    {
                        "call": "agent",
                        "with": {
                            "fanout": {
                                "to": ["plain", "steady", "once"],
                                "quorum": 2,
                                "reconcile": {"agent": "steady"},
                            }
                        },
                    }
                )
            },
        ],
    ),
    workflow(
        "saga",
        [
            {
                "trip": {
                    "try": [
                        {"flight": _undoable("steady")},
                        {"many": {"for": {"in": "${ [1, 2] }"}, "do": [{"room": _undoable("plain")}]}},
                        {"car": _undoable("once")},
                        {"fails": {"raise": {"error": {"type": "https://example.com/sim", "status": 418}}}},
                    ],
                    "catch": {
                        "do": [
                            {
                                "undo": {
                                    "try": [
                                        {
                                            "first": {
                                                "call": "compensate",
                                                "timeout": {"after": {"seconds": 25}},
                                            }
                                        }
                                    ],
                                    "catch": {
                                        "do": [{"again": {"call": "compensate", "with": {"scope": "trip"}}}]
                                    },
                                }
                            }
                        ]
                    },
                }
            },
            {"count": {"set": {"undone": "${ type }"}}},
        ],
    ),
    workflow(
        "plan",
        [
            {
                "steps": {
                    "call": "graph",
                    "with": {
                        "nodes": {
                            "last": {"function": safe(call("once")), "needs": ["left", "right"]},
                            "first": {"function": safe(call("plain"))},
                            "left": {"function": safe(call("steady")), "needs": ["first"]},
                            "right": {
                                "function": {"wait": {"seconds": 8}},
                                "needs": ["first"],
                                "input": {"jq": SLOW_JQ, "of": "${ $needs | keys }"},
                            },
                        }
                    },
                }
            },
            {"names": {"set": {"names": "${ keys }", "right": "${ .right.of }"}}},
        ],
    ),
    workflow(
        "many",
        [
            {
                "all": {
                    "call": "map",
                    "with": {
                        "in": "${ [range(7)] }",
                        "concurrency": 3,
                        "onError": "collect",
                        "function": {
                            "do": [
                                {"nap": {"if": "${ $item == 2 }", "wait": {"seconds": 8}}},
                                {"work": call("steady")},
                                {"again": call("once", timeout={"after": {"seconds": 9}})},
                            ]
                        },
                    },
                }
            },
            {"some": safe(_MOST)},
            {"count": {"set": {"some": "${ . }"}}},
        ],
    ),
)

FUNCTIONS_EXPECTED: dict[str, Callable[[JSON], bool]] = {
    "watched": lambda output: output["given"] in (["x"], ["token"], ["padding", "token"]),
    "jury": handled_or_token,
    "saga": lambda output: bool(output == {"undone": "array"}),
    "plan": lambda output: bool(output == {"names": ["first", "last", "left", "right"], "right": ["first"]}),
    "many": lambda output: bool(
        isinstance(output, dict)
        and ("handled" in output["some"] if isinstance(output["some"], dict) else len(output["some"]) == 3)
    ),
}
"""As `EXPECTED` of the workload."""
