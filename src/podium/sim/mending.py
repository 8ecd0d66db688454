"""Agents of a simulated world that fail where something is declared for that, and who makes use of them."""

from __future__ import annotations

from random import Random
from typing import Any

from podium.facts.orders import Perform
from podium.facts.values import JSON
from podium.sim.documents import OUTPUT, agent, safe, workflow

_PAIR: dict[str, Any] = {
    "capabilities": [{"name": "pair.do", "output": OUTPUT}],
    "breaker": {"failures": 2, "within_ms": 20_000, "open_ms": 4_000},
    "deadline_ms": 6_000, "concurrency": 2,
}  # fmt: skip

MENDERS = (
    agent("near", **{**_PAIR, "breaker": {"failures": 1, "open_ms": 4_000}}),
    agent("far", **{**_PAIR, "retry": {"attempts": 2, "delay_ms": 200}}),
    agent(
        "paid", delivery="at-most-once", deadline_ms=8_000, concurrency=2, probe="paid.status",
        capabilities=[{"name": "paid.do", "output": OUTPUT}, {"name": "paid.status", "output": OUTPUT}],
        breaker={"failures": 3, "out_of": 8, "open_ms": 3_000, "probes": 2},
    ),
    agent(
        "picker", concurrency=2, deadline_ms=4_000,
        capabilities=[{"name": "picker.do", "output": {**OUTPUT, "required": ["token", "agent"]}}],
    ),
)  # fmt: skip

_ASKS_PAIR = {"call": "agent", "with": {"capability": "pair.do", "reroute": True}}
_ASKS_CHOSEN = {
    "call": "agent", "with": {"capability": "pair.do", "select": {"by": "picker.do"}, "reroute": True},
}  # fmt: skip

MENDED = workflow(
    "mended",
    [
        {"first": safe(_ASKS_PAIR)},
        {"pay": safe({"call": "agent", "with": {"capability": "paid.do", "onFailure": "deadLetter"}})},
        {"second": safe(_ASKS_PAIR)},
        {"third": safe(_ASKS_CHOSEN)},
    ],
)


def fails(order: Perform, random: Random) -> bool:
    """Whether an agent that is often out of order is."""
    return order.agent.startswith("near@") and random.random() < 0.6


def said_by_probe(order: Perform, random: Random) -> dict[str, JSON]:
    """What a probe says: it does not always know."""
    status = random.choice(("done", "not_done", "failed", "unknown", "unknown"))
    return {"token": order.token, "status": status, "output": {"token": order.token}}


def chosen(order: Perform, random: Random) -> dict[str, JSON]:
    """What says whom of the candidates a chooser chose; it may name somebody who is none."""
    names = [one["agent"] for one in order.input["candidates"]]
    return {"token": order.token, "agent": random.choice([*names, "far", "near", "nobody"])}
