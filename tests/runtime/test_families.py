"""Runs that wait for runs, in a whole hub: in the cold, past a restart, in lists and in stories."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts.identity import child_run_id_of
from podium.views.story import tell
from tests.runtime.serving import House, agent, call, human, workflow


def run_of(name: str, *, waits: bool = True) -> dict[str, Any]:
    return {"run": {"workflow": {"namespace": "test", "name": name, "version": "latest"}, "await": waits}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.apply(
        agent(tmp_path, "echo"),
        workflow("ask", {"ask": human("Go?")}, {"then": call("echo")}),
        workflow("middle", {"below": run_of("ask")}),
        workflow("top", {"below": run_of("middle")}, {"last": call("echo")}),
        workflow("two", {"both": {"fork": {"branches": [{"a": run_of("ask")}, {"b": run_of("middle")}]}}}),
        workflow("loose", {"below": run_of("ask", waits=False)}),
        workflow("limited", {"below": {**run_of("ask"), "timeout": {"after": {"milliseconds": 50}}}}),
    )
    yield house
    house.close()


def begun(house: House, name: str) -> list[str]:
    """The run, and those below it along the first task of each, when the last one waits for a person."""
    run_id = house.submit(name, {"n": 1})
    found = [run_id]
    while True:
        awaited = house.call("run", run_id=found[-1])["waiting_for"]
        if awaited and awaited[0]["kind"] == "human":
            return found
        if awaited and awaited[0]["kind"] == "run":
            found.append(awaited[0]["run"])
        else:
            house.until(found[-1], "human")


def in_memory(house: House) -> list[str]:
    hub = house.serving.hub
    return hub.do(lambda: list(hub.shard.state.runs if hub.shard.state else ())).result()


def test_a_family_that_waits_leaves_memory_and_comes_back(house: House) -> None:
    top, middle, ask = begun(house, "top")
    assert (middle, ask) == (child_run_id_of(top, 1), child_run_id_of(middle, 1))
    assert in_memory(house) == []
    house.call("answer", run_id=ask, principal="user:ada")
    ended = house.call("wait", run_id=top)
    assert (ended["status"], ended["output"]["by"]) == ("completed", "user:ada")
    assert in_memory(house) == []


def test_a_family_outlives_a_hub(house: House) -> None:
    top, middle, ask = begun(house, "top")
    house.restart()
    assert in_memory(house) == []
    house.call("answer", run_id=ask, principal="user:ada")
    assert house.call("wait", run_id=top)["status"] == "completed"
    assert house.call("run", run_id=middle)["output"]["by"] == "user:ada"


def test_cancelling_a_family_in_the_cold(house: House) -> None:
    family = begun(house, "top")
    house.restart()
    house.call("cancel", run_id=family[0])
    assert [house.call("run", run_id=one)["status"] for one in family] == ["cancelled"] * 3


def test_suspending_a_family_in_the_cold(house: House) -> None:
    family = begun(house, "top")
    house.call("suspend", run_id=family[0])
    assert [house.call("run", run_id=one)["phase"] for one in family] == ["suspended"] * 3
    house.call("resume", run_id=family[0])
    assert [house.call("run", run_id=one)["phase"] for one in family] == ["running", "running", "waiting"]


def test_a_timeout_above_reaches_those_in_the_cold(house: House) -> None:
    run_id = house.submit("limited")
    ended = house.call("wait", run_id=run_id)
    assert ended["error"]["status"] == 408
    assert house.call("run", run_id=child_run_id_of(run_id, 1))["status"] == "cancelled"


def test_one_of_two_goes_on_while_the_other_waits(house: House) -> None:
    run_id = house.submit("two")
    first, second = child_run_id_of(run_id, 1), child_run_id_of(run_id, 2)
    house.until(child_run_id_of(second, 1), "human")
    house.call("answer", run_id=first, principal="user:ada")
    assert house.call("wait", run_id=first)["status"] == "completed"
    assert house.call("run", run_id=run_id)["status"] == "running"
    assert in_memory(house) == []
    house.call("answer", run_id=child_run_id_of(second, 1), principal="user:bob")
    assert [one["by"] for one in house.call("wait", run_id=run_id)["output"]] == ["user:ada", "user:bob"]


def test_lists_show_those_at_the_top_unless_asked(house: House) -> None:
    top, middle, ask = begun(house, "top")
    loose = house.call("execute", workflow="loose", input={"n": 1})["id"]
    below_loose = child_run_id_of(loose, 1)
    house.until(below_loose, "human")

    def listed(**asked: Any) -> set[str]:
        return {row["id"] for row in house.call("get", kind="runs", **asked)}

    assert listed() == {top, loose, below_loose}
    assert listed(nested=True) == {top, middle, ask, loose, below_loose}
    assert listed(parent=top) == {middle}
    assert listed(parent=loose[:8]) == {below_loose}
    assert listed(parent=top, workflow="test/ask") == set()
    assert listed(status="waiting") == {ask, below_loose}
    assert listed(status="running", workflow="test/middle", nested=True) == {middle}
    assert listed(workflow="test/middle") == set()
    same = house.call("unfinished", workflow="ask", input={"n": 1})
    assert [row["id"] for row in same] == [below_loose]
    house.serving.hub.views.close()
    assert listed() == {top, loose, below_loose}
    assert listed(parent=top) == {middle}


def test_each_says_what_it_has_to_do_with_the_other(house: House) -> None:
    top, middle, _ = begun(house, "top")
    [awaited] = house.call("run", run_id=top)["waiting_for"]
    assert (awaited["kind"], awaited["run"], awaited["workflow"]) == ("run", middle, "test/middle@1.0.0")
    described = house.call("describe", kind="run", name=middle)
    assert (described["parent"], described["parent_task"], described["nested"]) == (top, "/do/0/below", True)
    above = [line.text for line in tell(house.call("events", run_id=top), 0)]
    assert f"/do/0/below runs test/middle@1.0.0 as run {middle}" in above
    assert any(line.startswith(f"/do/0/below (test/middle@1.0.0) waits for run {middle}") for line in above)
    below = [line.text for line in tell(house.call("events", run_id=middle), 0)]
    assert f"by /do/0/below of run {top}, which waits for it" in below


def test_many_families_at_once(house: House) -> None:
    """Whatever was asked first: every family comes to its end."""
    families = [begun(house, "top") for _ in range(10)]
    threads = [
        threading.Thread(target=house.call, args=("answer",), kwargs={"run_id": family[-1]})
        for family in families
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {house.call("wait", run_id=family[0])["status"] for family in families} == {"completed"}
    assert in_memory(house) == []
