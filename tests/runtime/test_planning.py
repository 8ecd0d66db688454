"""An agent plans, and a real hub runs what it planned, also over a restart; the log tells all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.provenance.explaining import Target, explain
from podium.views.story import tell
from tests.provenance.team import evidence
from tests.runtime.serving import House, agent, call, workflow

CODE = """

async def planner(input):
    steps = [{"first": {"call": "agent", "with": {"capability": "echo", "input": {"n": "${ .n + 1 }"}}}}]
    if "ask" in input:
        ask = {"call": "human", "with": {"title": input["ask"]}, "output": {"as": "${ .decision }"}}
        steps.append({"ask": ask})
    if "more" in input:
        steps.append({"more": {"call": "agent", "with": {"capability": input["more"]}}})
    steps.append({"last": {"set": {"planned": "${ . }"}}})
    return {"do": steps}
"""
ALLOW = {"calls": ["agent", "human"], "capabilities": ["echo"]}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    agents = [agent(tmp_path, "echo", cost_nano=5, priced=True), agent(tmp_path, "planner")]
    with (tmp_path / "agents.py").open("a") as code:
        code.write(CODE)
    house.apply(
        *agents,
        workflow("plans", {"research": plan(limits={"money": {"usd": "1"}})}, {"after": call("echo")}),
    )
    yield house
    house.close()


def plan(**more: Any) -> dict[str, Any]:
    return {"call": "plan", "with": {"capability": "planner", "allow": ALLOW, **more}}


def child_of(house: House, run_id: str) -> str:
    (child,) = house.call("get", kind="runs", parent=run_id)
    return str(child["id"])


def test_what_was_planned_runs_and_is_told(house: House) -> None:
    ended = house.call("execute", workflow="plans", input={"n": 1})
    assert (ended["status"], ended["output"]) == ("completed", {"planned": {"n": 2}})
    child = child_of(house, ended["id"])
    shown = house.call("run", run_id=child)
    assert (shown["workflow"], shown["parent"]) == ("test/plans.plan@1.0.0", ended["id"])
    lines = [line.text for line in tell(house.call("events", run_id=ended["id"]), shown["ended_at"])]
    assert f"/do/0/research/with/plan runs test/plans.plan@1.0.0 as run {child}" in lines
    assert "and waits for it: 2 tasks that planner planned" in lines
    told = explain(evidence(house, ended["id"]), Target(), lambda other: evidence(house, other))
    assert told.value == {"planned": {"n": 2}}
    assert (told.cost_nano, told.run_cost_nano) == (5, 5)
    below = explain(evidence(house, child), Target(), lambda other: evidence(house, other))
    assert below.value == {"planned": {"n": 2}}
    assert house.call("verify")["sound"]


def test_a_plan_leaves_memory_and_goes_on_in_another_hub(house: House) -> None:
    run_id = house.submit("plans", {"n": 1, "ask": "Go?"})
    house.until(run_id, "run")
    child = child_of(house, run_id)
    house.until(child, "human")
    assert house.call("tasks", run_id=child) == ["/do/0/first", "/do/1/ask", "/do/2/last"]
    hub = house.serving.hub
    assert hub.do(lambda: list(hub.shard.state.runs if hub.shard.state else ())).result() == []
    house.restart()
    house.call("answer", run_id=child, principal="user:ada")
    ended = house.call("wait", run_id=run_id)
    assert ended["output"] == {"planned": "approve"}
    assert house.call("verify")["sound"]


def test_a_refused_plan_is_told_in_the_story(house: House) -> None:
    ended = house.call("execute", workflow="plans", input={"n": 1, "more": "delete"})
    assert ended["status"] == "faulted"
    assert ended["error"]["detail"].startswith("not-allowed at /do/1/more: The capability delete ")
    assert not house.call("get", kind="runs", parent=ended["id"])
