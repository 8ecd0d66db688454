"""What runs in a simulated world: agents of every promise, and workflows that use every kind of task."""

from __future__ import annotations

from typing import Any

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of

_OUTPUT = {
    "type": "object",
    "required": ["token"],
    "properties": {"token": {"type": "integer"}, "value": {"type": "integer"}},
}


def agent(name: str, **fields: Any) -> Declared:
    """An agent that the world itself plays."""
    spec = {
        "name": name,
        "version": "1.0.0",
        "capabilities": [{"name": f"{name}.do", "output": _OUTPUT}],
        "runtime": {"type": "http", "url": "sim:", "headers": {}},
        **fields,
    }
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


def workflow(name: str, tasks: list[dict[str, Any]], **fields: Any) -> Declared:
    document = {
        "document": {"dsl": "1.0.3", "namespace": "sim", "name": name, "version": "1.0.0"},
        "do": tasks,
        **fields,
    }
    spec = {"namespace": "sim", "name": name, "version": "1.0.0", "document": document}
    return Declared("Workflow", f"sim/{name}", "1.0.0", digest_of(spec), spec)


def _call(name: str, **fields: Any) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": f"{name}.do"}, **fields}


AGENTS = (
    agent("plain", concurrency=3, deadline_ms=20_000),
    agent(
        "steady",
        concurrency=2,
        deadline_ms=5_000,
        retry={"attempts": 4, "delay_ms": 500, "jitter_ms": 300, "delay_max_ms": 3_000},
    ),
    agent("once", delivery="at-most-once", concurrency=2, deadline_ms=10_000),
)

_CATCH_ALL = {"errors": {}, "do": [{"handled": {"set": {"handled": "${ $error.status }"}}}]}


def _safe(name: str) -> dict[str, Any]:
    """A call whose failure is caught."""
    return {"try": [{"call": _call(name)}], "catch": _CATCH_ALL}


WORKFLOWS = (
    workflow("sequence", [{"one": _safe("plain")}, {"two": _safe("steady")}, {"three": _safe("once")}]),
    workflow(
        "fork",
        [
            {
                "all": {
                    "fork": {
                        "branches": [
                            {"left": _safe("plain")},
                            {"middle": _safe("steady")},
                            {"right": {"do": [{"nap": {"wait": {"seconds": 2}}}, {"last": _safe("once")}]}},
                        ]
                    }
                }
            },
            {"count": {"set": {"joined": "${ length }"}}},
        ],
    ),
    workflow(
        "race",
        [
            {
                "first": {
                    "fork": {
                        "compete": True,
                        "branches": [
                            {"fast": _safe("plain")},
                            {"slow": {"wait": {"seconds": 8}}},
                        ],
                    }
                }
            },
            {"after": _safe("once")},
        ],
    ),
    workflow(
        "retry",
        [
            {
                "stubborn": {
                    "try": [{"work": _call("plain", timeout={"after": {"seconds": 6}})}],
                    "catch": {
                        "errors": {},
                        "retry": {
                            "delay": {"seconds": 1},
                            "backoff": {"exponential": {}},
                            "jitter": {"from": {"milliseconds": 0}, "to": {"milliseconds": 700}},
                            "limit": {"attempt": {"count": 3}},
                        },
                        "do": [{"gave_up": {"set": {"gave_up": True}}}],
                    },
                }
            }
        ],
    ),
    workflow(
        "loop",
        [
            {"list": {"set": {"items": [1, 2, 3]}}},
            {"each": {"for": {"each": "item", "in": "${ .items }"}, "do": [{"one": _safe("steady")}]}},
            {
                "choose": {
                    "switch": [
                        {"handled": {"when": "${ .handled != null }", "then": "end"}},
                        {"other": {"then": "rest"}},
                    ]
                }
            },
            {"rest": {"wait": {"minutes": 3}}},
            {"jq": {"set": {"text": '${ tostring | test("a") | tostring }'}}},
        ],
    ),
    workflow(
        "people",
        [
            {"ask": {"call": "human", "with": {"title": "Go on?"}}},
            {"work": _safe("once")},
            {"hear": {"listen": {"to": {"one": {"with": {"type": "sim.go"}}}}}},
            {"finish": _safe("plain")},
        ],
    ),
    workflow(
        "limits",
        [
            {
                "guarded": {
                    "try": [{"ask": {"call": "human", "with": {"title": "Now?"}, "timeout": {"after": "PT40S"}}}],
                    "catch": {"errors": {"with": {"status": 408}}, "do": [{"late": {"set": {"late": True}}}]},
                }
            },
            {"fails": {"raise": {"error": {"type": "https://example.com/sim", "status": 418}}}},
        ],
    ),
)
