"""What runs in a simulated world: agents of every promise, and workflows that use every kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts.values import JSON
from podium.sim.documents import (
    SLOW_JQ,
    SLOW_TIME_JQ,
    agent,
    call,
    catch_all,
    described,
    emit,
    event,
    handled_or_token,
    http,
    human,
    kin,
    run,
    safe,
    shell,
    tool,
    use,
    workflow,
)
from podium.sim.functions import FUNCTIONS, FUNCTIONS_EXPECTED
from podium.sim.mending import MENDED
from podium.sim.scheduled import EXPECTED as TIMED

STEADY_ATTEMPTS = 4

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

TOOLS = (
    tool("look.up", concurrency=2, deadline_ms=4_000),
    tool(
        "book", side_effect="write", delivery="at-most-once", concurrency=3, deadline_ms=6_000,
        undo={"tool": "book.cancel", "args": {"was": "${ .output.token }"}},
    ),
    tool("book.cancel", side_effect="write", concurrency=3, deadline_ms=6_000),
)  # fmt: skip

_LEADS: dict[str, Any] = {"retry": {"attempts": 3, "delay_ms": 300}, "deadline_ms": 8_000, "concurrency": 2}

LEADERS = (
    agent("leader", park_ms=3_000, on_divergence="compensate", **_LEADS),
    agent("chief", on_divergence="ask", **_LEADS),
    agent("clerk", **_LEADS),
)
"""Agents that ask for tools and for each other; see `sim.leaders`."""

_SEQUENCE = [
    {"one": safe(call("plain"))},
    {"two": safe(call("steady"))},
    {"three": safe(call("once"))},
]

WORKFLOWS = (
    MENDED,
    workflow("sequence", _SEQUENCE),
    workflow("led", [{"one": safe(call("leader"))}, {"two": safe(call("clerk"))}]),
    workflow(
        "directed",
        [
            {
                "trip": {
                    "try": [
                        {"first": use("look.up", {"what": "trains"})},
                        {"train": use("book", {"what": "${ .token }"})},
                        {"rest": call("chief")},
                        {"fails": {"raise": {"error": {"type": "https://example.com/sim", "status": 418}}}},
                    ],
                    "catch": {"do": [{"undo": {"call": "compensate"}}]},
                }
            },
            {"count": {"set": {"undone": "${ type }"}}},
        ],
    ),
    workflow(
        "fork",
        [
            {
                "all": {
                    "fork": {
                        "branches": [
                            {"left": safe(call("plain"))},
                            {"middle": safe(call("steady"))},
                            {
                                "right": {
                                    "do": [
                                        {"nap": {"wait": {"seconds": 2}}},
                                        {"last": safe(call("once"))},
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
                        "branches": [{"fast": safe(call("plain"))}, {"slow": {"wait": {"seconds": 8}}}],
                    }
                }
            },
            {
                "second": {
                    "fork": {
                        "compete": True,
                        "branches": [{"left": safe(call("steady"))}, {"right": safe(call("once"))}],
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
                    "try": [{"work": call("plain", timeout={"after": {"seconds": 6}})}],
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
        on_conflict="cancelPrevious",
    ),
    workflow(
        "loop",
        [
            {"list": {"set": {"items": [1, 2, 3]}}},
            {
                "each": {
                    "for": {"each": "item", "in": "${ .items }"},
                    "do": [{"one": safe(call("steady"))}],
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
        on_conflict="queue",
    ),
    workflow(
        "people",
        [
            {"ask": human("Go on?")},
            {"work": safe(call("once"))},
            {"hear": {"listen": {"to": {"one": event("sim.go")}}}},
            {"finish": safe(call("plain"))},
            {"again": {"listen": {"to": {"all": [event("sim.go"), event("sim.stop")]}}}},
            {"count": {"set": {"heard": "${ length }"}}},
        ],
    ),
    workflow(
        "limits",
        [
            {
                "guarded": {
                    "try": [{"ask": human("Now?", timeout={"after": "PT40S"})}],
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
                    "listen": {"to": {"one": event("sim.go", data='${ tostring | test("sim") }')}},
                    "output": {"as": "${ . }"},
                    "export": {"as": {"heard": "${ length }"}},
                }
            },
            {"rest": {"wait": {"seconds": 30}}},
            {"any": {"listen": {"to": {"any": [event("sim.go"), event("sim.stop")]}}}},
            {"last": {"set": {"heard": "${ $context.heard }"}}},
        ],
        input={"from": {"asked": SLOW_JQ}},
        output={"as": {"patient": SLOW_JQ, "heard": "${ .heard }"}},
    ),
    # Something is done for each event while others come, until one ends it; then events that belong together.
    workflow(
        "stream",
        [
            {
                "each": {
                    "listen": {"to": {"any": [event("sim.go")], "until": {"one": event("sim.stop")}}},
                    "foreach": {
                        "item": "event",
                        "do": [{"work": safe(call("steady"))}],
                        "output": {"as": "$event.for"},
                        "export": {"as": {"done": SLOW_JQ}},
                    },
                }
            },
            {
                "some": {
                    "listen": {"to": {"any": [kin("sim.go"), kin("sim.stop")], "until": "length > 2"}},
                    "timeout": {"after": "PT10M"},
                }
            },
            {"count": {"set": {"heard": "${ length }"}}},
        ],
    ),
    # What one branch tells reaches the other, and whoever else listens.
    workflow(
        "herald",
        [
            {
                "both": {
                    "fork": {
                        "branches": [
                            {
                                "hear": {
                                    "listen": {
                                        "to": {
                                            "all": [
                                                event("sim.told", of="${ $workflow.id }"),
                                                event("sim.late", of="${ $workflow.id }"),
                                            ]
                                        }
                                    }
                                }
                            },
                            {
                                "tell": {
                                    "do": [
                                        {"now": emit("sim.told", data=SLOW_JQ)},
                                        {"work": safe(call("plain"))},
                                        {"late": emit("sim.late")},
                                        {"go": emit("sim.go", data={"for": "sim"})},
                                    ]
                                }
                            },
                        ]
                    }
                }
            },
            {"count": {"set": {"heard": "${ .[0] | length }", "told": "${ .[1].type }"}}},
        ],
    ),
    # Of those below, one is at work at once; or the last one, as it ends those before it.
    workflow(
        "crowd",
        [
            {"each": {"fork": {"branches": [{name: safe(run("single", {"group": 0}))} for name in "abc"]}}},
            {"last": {"fork": {"branches": [{name: safe(run("newest", {"group": 0}))} for name in "de"]}}},
            {"count": {"set": {"joined": "${ length }"}}},
        ],
    ),
    workflow(
        "single", [{"one": safe(call("steady"))}, {"nap": {"wait": {"seconds": 2}}}], on_conflict="queue"
    ),
    workflow("newest", [{"one": safe(call("steady"))}], on_conflict="cancelPrevious"),
    # Runs that wait for runs, with time, people and agents below them, and a limit above.
    workflow(
        "above",
        [
            {
                "both": {
                    "fork": {
                        "branches": [
                            {"one": safe(run("sequence"))},
                            {"two": safe(run("people", timeout={"after": "PT5M"}))},
                            {"three": safe(run("nest", {"n": 2}))},
                        ]
                    }
                }
            },
            {"alone": run("web", waits=False)},
            {"count": {"set": {"joined": "${ length }"}}},
        ],
    ),
    workflow(
        "nest",
        [
            {"look": {"switch": [{"enough": {"when": "(.n // 1) < 1", "then": "rest"}}]}},
            {"again": {**run("nest", {"n": "${ (.n // 1) - 1 }"}), "then": "last"}},
            {"rest": {"wait": {"seconds": 7}}},
            {"work": safe(call("steady"))},
            {"last": {"set": {"nested": True}}},
        ],
    ),
    workflow(
        "chase",
        [
            {
                "race": {
                    "fork": {
                        "compete": True,
                        "branches": [{"below": safe(run("nest"))}, {"clock": {"wait": {"seconds": 9}}}],
                    }
                }
            },
            {
                "again": {
                    "try": [{"below": run("limits")}],
                    "catch": {
                        "errors": {"with": {"status": 418}},
                        "retry": {"delay": {"seconds": 1}, "limit": {"attempt": {"count": 1}}},
                        "do": [{"gave_up": {"set": {"chased": True}}}],
                    },
                }
            },
        ],
    ),
    workflow(
        "web",
        [
            {"program": safe(shell("true", KEY="${ .key }"))},
            {"get": safe(http("get", "things"))},
            {"post": safe(http("post", "things"))},
            {"described": safe(described("things.list"))},
            {"done": {"set": {"called": True}}},
        ],
        use={"secrets": ["key"]},
        input={"from": {"key": "${ $secrets.key }", "text": SLOW_JQ}},
    ),
    workflow(
        "deadline",
        [
            {
                "scope": {
                    "do": [{"work": safe(call("plain"))}, {"wait": {"wait": {"seconds": 3}}}],
                    "timeout": {"after": {"seconds": 20}},
                }
            },
            {"ask": human("Still there?")},
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
                                "try": [{"work": call("plain")}],
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
                    "catch": catch_all(),
                }
            },
        ],
    ),
    workflow("brief", [{"one": safe(call("once"))}, {"two": call("plain")}], timeout={"after": "PT12S"}),
    *FUNCTIONS,
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
    workflow("sequence", [*_SEQUENCE, {"four": safe(call("plain"))}], "1.1.0"),
)
"""New versions of some, declared while work goes on."""


EXPECTED: dict[str, Callable[[JSON], bool]] = {
    **FUNCTIONS_EXPECTED,
    **TIMED,
    "sequence": handled_or_token,
    "mended": handled_or_token,
    "led": handled_or_token,
    "directed": lambda output: bool(output == {"undone": "array"}),
    "fork": lambda output: bool(output == {"joined": 3}),
    "crowd": lambda output: bool(output == {"joined": 2}),
    "single": handled_or_token,
    "newest": handled_or_token,
    "race": lambda output: bool(output == {"raced": True}),
    "retry": lambda output: isinstance(output, dict) and ("token" in output or output == {"gave_up": True}),
    "loop": lambda output: isinstance(output, dict) and ("text" in output or "handled" in output),
    "people": lambda output: bool(output == {"heard": 2}),
    "patient": lambda output: isinstance(output, dict) and output.get("heard") == 1,
    "stream": lambda output: bool(output == {"heard": 3}),
    "herald": lambda output: bool(output == {"heard": 2, "told": "sim.go"}),
    "above": lambda output: bool(output == {"joined": 3}),
    "nest": lambda output: bool(output == {"nested": True}),
    "chase": lambda output: bool(output == {"chased": True}),
    "web": lambda output: bool(output == {"called": True}),
    "deadline": lambda output: bool(output == {"in_time": True}),
    "busy": lambda output: bool(output == {"at": 349}),
    "nested": lambda output: isinstance(output, dict) and ("token" in output or output == {"handled": 409}),
    "brief": lambda output: isinstance(output, dict) and "token" in output,
    "keyed": lambda output: isinstance(output, dict) and "token" in output,
}
"""What a completed run of each workflow may have given; one that is not here never completes."""
