"""Agents whose results have a history, and explanations of what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.provenance.deeds import Evidence
from podium.provenance.explaining import Target, explain
from podium.provenance.explanation import Explanation, Part
from podium.runtime.presenting import record_from
from podium.workflow.compile import compile_workflow
from tests.runtime.serving import House, agent

AGENTS = """

async def price(input):
    return {"net": input["count"] * 10, "currency": "EUR", "tags": ["new", "bulk"]}


async def rate(input):
    return {"tax": 0.25, "of": input}


async def stock(input):
    return {"left": 3, "where": "Lyon"}


async def pick(input):
    return {"agent": "price", "reason": "it knows"}


async def breaks(input):
    raise ValueError("no stock is known")
"""


def apply(house: House, folder: Path, *resources: Any) -> None:
    """Declare the agents, and these."""
    cost = {"cost_nano": 2_000_000, "description": "Says what a thing costs."}
    agents = [
        agent(folder, "price", **cost),
        *(agent(folder, name) for name in ("rate", "stock", "pick", "breaks", "echo")),
    ]
    with (folder / "agents.py").open("a") as code:
        code.write(AGENTS)
    house.apply(*agents, *resources)


def evidence(house: House, run_id: str) -> Evidence:
    """What the hub gives to explain a run."""
    shown = house.call("evidence", run_id=run_id)
    program, problems = compile_workflow(shown["workflow"]["document"], shown["workflow"]["digest"])
    assert program is not None, problems
    records = [record_from(record) for record in shown["records"]]
    return Evidence(shown["run_id"], program, records, shown["performers"])


def explained(house: House, run_id: str, **target: Any) -> Explanation:
    return explain(evidence(house, run_id), Target(**target), lambda other: evidence(house, other))


def origins(part: Part) -> set[tuple[str, int, str]]:
    """Where what stands in a place was made of comes from: kind, effect and path."""
    return {(one.kind, one.effect, one.path) for one in part.sources if one.how == "value"}


def choices(part: Part) -> set[tuple[str, int, str]]:
    return {(one.kind, one.effect, one.path) for one in part.sources if one.how == "choice"}


def named(explanation: Explanation) -> dict[str, Part]:
    """The parts of what is explained, by their path."""
    return {part.path: part for part in explanation.parts}
