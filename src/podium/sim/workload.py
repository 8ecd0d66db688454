"""What runs in a simulated world: agents of every promise, and workflows that use every kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import JSON

_OUTPUT = {
    "type": "object",
    "required": ["token"],
    "properties": {"token": {"type": "integer"}, "padding": {"type": "string"}},
}


def agent(name: str, version: str = "1.0.0", **fields: Any) -> Declared:
    """An agent that the world itself plays."""
    spec = {
        "name": name,
        "version": version,
        "capabilities": [{"name": f"{name}.do", "output": _OUTPUT}],
        "runtime": {"type": "http", "url": "sim:", "headers": {}},
        **fields,
    }
    return Declared("Agent", name, version, digest_of(spec), spec)


def workflow(name: str, tasks: list[dict[str, Any]], version: str = "1.0.0", **fields: Any) -> Declared:
    """A workflow of these tasks; `fields` are further members of its document."""
    document = {
        "document": {"dsl": "1.0.3", "namespace": "sim", "name": name, "version": version},
        "do": tasks,
        **fields,
    }
    spec = {"namespace": "sim", "name": name, "version": version, "document": document}
    return Declared("Workflow", f"sim/{name}", version, digest_of(spec), spec)


def _call(name: str, **fields: Any) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": f"{name}.do"}, **fields}


def _human(title: str, **fields: Any) -> dict[str, Any]:
    return {"call": "human", "with": {"title": title}, **fields}


def _http(method: str, path: str) -> dict[str, Any]:
    return {"call": "http", "with": {"method": method, "endpoint": f"https://sim.example/{path}"}}


def _event(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"with": {"type": kind, **attributes}}


def _catch_all() -> dict[str, Any]:
    return {"errors": {}, "do": [{"handled": {"set": {"handled": "${ $error.status }"}}}]}


def _safe(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose failure is caught."""
    return {"try": [{"call": task}], "catch": _catch_all()}


SLOW_JQ = '${ tostring | test("a") | tostring }'
"""An expression that has no native form."""

SLOW_TIME_JQ = '${ $task.startedAt.epoch.milliseconds | tostring | test("1") | tostring }'
"""The same, and what it asks depends on when its task began."""

STEADY_ATTEMPTS = 4

COST_NANO = 1_000
"""What every attempt costs."""

AGENTS = (
    agent("plain", concurrency=3, deadline_ms=20_000),
    agent(
        "steady",
        concurrency=2,
        deadline_ms=5_000,
        retry={
            "attempts": STEADY_ATTEMPTS,
            "delay_ms": 500,
            "backoff": "exponential",
            "jitter_ms": 300,
            "delay_max_ms": 9_000,
        },
    ),
    agent("once", delivery="at-most-once", concurrency=2, deadline_ms=10_000, retry={"attempts": 3}),
)

_SEQUENCE = [
    {"one": _safe(_call("plain"))},
    {"two": _safe(_call("steady"))},
    {"three": _safe(_call("once"))},
]

WORKFLOWS = (
    workflow("sequence", _SEQUENCE),
    workflow(
        "fork",
        [
            {
                "all": {
                    "fork": {
                        "branches": [
                            {"left": _safe(_call("plain"))},
                            {"middle": _safe(_call("steady"))},
                            {
                                "right": {
                                    "do": [
                                        {"nap": {"wait": {"seconds": 2}}},
                                        {"last": _safe(_call("once"))},
                                    ]
                                }
                            },
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
                        "branches": [{"fast": _safe(_call("plain"))}, {"slow": {"wait": {"seconds": 8}}}],
                    }
                }
            },
            {
                "second": {
                    "fork": {
                        "compete": True,
                        "branches": [{"left": _safe(_call("steady"))}, {"right": _safe(_call("once"))}],
                    }
                }
            },
            {"after": {"set": {"raced": True}}},
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
                            "limit": {"attempt": {"count": 1}},
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
            {
                "each": {
                    "for": {"each": "item", "in": "${ .items }"},
                    "do": [{"one": _safe(_call("steady"))}],
                }
            },
            {
                "choose": {
                    "switch": [
                        {"handled": {"when": "${ .handled != null }", "then": "end"}},
                        {"other": {"then": "rest"}},
                    ]
                }
            },
            {"rest": {"wait": {"minutes": 3}}},
            {"jq": {"set": {"text": SLOW_JQ}}},
        ],
    ),
    workflow(
        "people",
        [
            {"ask": _human("Go on?")},
            {"work": _safe(_call("once"))},
            {"hear": {"listen": {"to": {"one": _event("sim.go")}}}},
            {"finish": _safe(_call("plain"))},
            {"again": {"listen": {"to": {"all": [_event("sim.go"), _event("sim.stop")]}}}},
            {"count": {"set": {"heard": "${ length }"}}},
        ],
    ),
    workflow(
        "limits",
        [
            {
                "guarded": {
                    "try": [{"ask": _human("Now?", timeout={"after": "PT40S"})}],
                    "catch": {
                        "errors": {"with": {"status": 408}},
                        "do": [{"late": {"set": {"late": True}}}],
                    },
                }
            },
            {"fails": {"raise": {"error": {"type": "https://example.com/sim", "status": 418}}}},
        ],
    ),
    # Events are buffered while it waits; its timers and its conditions need the evaluator.
    workflow(
        "patient",
        [
            {"stamp": {"set": {"since": SLOW_TIME_JQ}}},
            {"nap": {"wait": {"seconds": 7}, "output": {"as": {"slept": SLOW_JQ}}}},
            {
                "hear": {
                    "listen": {"to": {"one": _event("sim.go", data='${ tostring | test("sim") }')}},
                    "output": {"as": "${ . }"},
                    "export": {"as": {"heard": "${ length }"}},
                }
            },
            {"rest": {"wait": {"seconds": 30}}},
            {"any": {"listen": {"to": {"any": [_event("sim.go"), _event("sim.stop")]}}}},
            {"last": {"set": {"heard": "${ $context.heard }"}}},
        ],
        input={"from": {"asked": SLOW_JQ}},
        output={"as": {"patient": SLOW_JQ, "heard": "${ .heard }"}},
    ),
    workflow(
        "web",
        [
            {"get": _safe(_http("get", "things"))},
            {"post": _safe(_http("post", "things"))},
            {"done": {"set": {"called": True}}},
        ],
    ),
    workflow(
        "deadline",
        [
            {
                "scope": {
                    "do": [{"work": _safe(_call("plain"))}, {"wait": {"wait": {"seconds": 3}}}],
                    "timeout": {"after": {"seconds": 20}},
                }
            },
            {"ask": _human("Still there?")},
            {"answered": {"set": {"in_time": True}}},
        ],
        timeout={"after": {"minutes": 1}},
    ),
    # What catches an error does not catch those of its own catch.
    workflow(
        "nested",
        [
            {
                "outer": {
                    "try": [
                        {
                            "inner": {
                                "try": [{"work": _call("plain")}],
                                "catch": {
                                    "errors": {},
                                    "do": [
                                        {
                                            "worse": {
                                                "raise": {
                                                    "error": {
                                                        "type": "https://example.com/sim",
                                                        "status": 409,
                                                    }
                                                }
                                            }
                                        }
                                    ],
                                },
                            }
                        }
                    ],
                    "catch": _catch_all(),
                }
            },
        ],
    ),
    workflow("brief", [{"one": _safe(_call("once"))}, {"two": _call("plain")}], timeout={"after": "PT12S"}),
    workflow(
        "keyed",
        [
            {
                "pay": {
                    "try": [
                        {
                            "call": {
                                "call": "agent",
                                "with": {"capability": "plain.do", "idempotencyKey": "${ $workflow.id }"},
                            }
                        }
                    ],
                    "catch": {
                        "errors": {},
                        "retry": {"delay": {"seconds": 2}, "limit": {"duration": {"seconds": 6}}},
                    },
                }
            }
        ],
    ),
)

BUSY = workflow(
    "busy",
    [
        {"range": {"set": {"items": "${ [range(350)] }"}}},
        {
            "each": {
                "for": {"each": "item", "in": "${ .items }"},
                "do": [{"one": {"set": {"at": "${ $item }"}}}],
            }
        },
    ],
)
"""Has more to do than one step does."""

LATER = (
    agent("plain", "1.1.0", concurrency=1, deadline_ms=15_000),
    workflow("sequence", [*_SEQUENCE, {"four": _safe(_call("plain"))}], "1.1.0"),
)
"""New versions of some, declared while work goes on."""


def _handled_or_token(output: JSON) -> bool:
    return isinstance(output, dict) and ("token" in output or "handled" in output)


EXPECTED: dict[str, Callable[[JSON], bool]] = {
    "sequence": _handled_or_token,
    "fork": lambda output: bool(output == {"joined": 3}),
    "race": lambda output: bool(output == {"raced": True}),
    "retry": lambda output: isinstance(output, dict) and ("token" in output or output == {"gave_up": True}),
    "loop": lambda output: isinstance(output, dict) and ("text" in output or "handled" in output),
    "people": lambda output: bool(output == {"heard": 2}),
    "patient": lambda output: isinstance(output, dict) and output.get("heard") == 1,
    "web": lambda output: bool(output == {"called": True}),
    "deadline": lambda output: bool(output == {"in_time": True}),
    "busy": lambda output: bool(output == {"at": 349}),
    "nested": lambda output: isinstance(output, dict) and ("token" in output or output == {"handled": 409}),
    "brief": lambda output: isinstance(output, dict) and "token" in output,
    "keyed": lambda output: isinstance(output, dict) and "token" in output,
}
"""What a completed run of each workflow may have given; one that is not here never completes."""
