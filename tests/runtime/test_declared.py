"""Plans, deletion and history by the door: with a hub, and of a folder that has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.bootstrap import look
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.runtime.serving import House, agent, call, human, workflow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def shown(*resources: Declared) -> list[Any]:
    return [msgspec.to_builtins(one) for one in resources]


ASK = workflow("ask", {"ask": human("Go?")})
ASK_AGAIN = workflow("ask", {"ask": human("Go now?")})


def test_a_plan_changes_nothing_and_is_the_same_with_a_hub_and_without(house: House, tmp_path: Path) -> None:
    house.apply(agent(tmp_path, "echo"), workflow("echo", {"one": call("echo")}))
    wanted = shown(workflow("echo", {"one": call("nobody")}), ASK)
    before = house.call("status")["revision"]
    planned = house.call("plan", resources=wanted)
    assert house.call("status")["revision"] == before
    assert [(one["action"], one["name"]) for one in planned["changes"]] == [
        ("change", "test/echo"),
        ("add", "test/ask"),
    ]
    assert [(one["weight"], one["rule"]) for one in planned["remarks"]] == [
        ("breaks", "missing-agent"),
        ("warns", "same-version"),
    ]
    assert (planned["differs"], planned["breaks"]) == (True, True)
    assert house.refused("apply", resources=wanted) == ("refused", "missing-agent")
    house.close()
    door = look(house.state)
    try:
        assert door.start("plan", {"resources": wanted}).result() == {"result": planned}
        assert "refused" in door.start("delete", {"kind": "Agent", "name": "echo"}).result()
    finally:
        door.close()


def test_runs_are_counted_in_memory_and_out_of_it(house: House, tmp_path: Path) -> None:
    gate = workflow("gate", {"pass": call("gate")})
    house.apply(agent(tmp_path, "gate"), gate, ASK)
    waiting = house.submit("ask")
    house.until(waiting, "human")
    house.submit("gate", {"gate": str(tmp_path / "open")})
    planned = house.call("plan", resources=[], prune=True)
    found = {one["name"]: one["runs"] for one in planned["changes"]}
    assert found == {"gate": 0, "test/gate": 1, "test/ask": 1}
    assert sorted(one["rule"] for one in planned["remarks"]) == ["in-use", "in-use", "missing-agent"]
    assert house.refused("delete", kind="Workflow", name="ask") == ("refused", "in-use")
    [change] = house.call("plan", resources=shown(ASK_AGAIN))["changes"]
    assert (change["action"], change["runs"]) == ("change", 1)
    house.call("answer", run_id=waiting)
    house.call("wait", run_id=waiting)
    assert house.call("delete", kind="Workflow", name="ask")["names"] == ["Workflow/test/ask@1.0.0"]
    (tmp_path / "open").touch()


def test_a_run_keeps_what_it_is_pinned_to(house: House) -> None:
    house.apply(ASK)
    waiting = house.submit("ask")
    house.until(waiting, "human")
    house.apply(ASK_AGAIN)
    assert house.refused("delete", kind="Workflow", name="ask") == ("refused", "in-use")
    house.call("delete", kind="Workflow", name="ask", force=True, why="asked elsewhere")
    house.restart()
    house.call("answer", run_id=waiting)
    assert house.call("wait", run_id=waiting)["status"] == "completed"
    assert house.refused("submit", workflow="ask") == ("not-found", "unknown-workflow")


def test_history_names_every_revision_and_outlives_the_hub(house: House) -> None:
    house.apply(ASK)
    house.apply(ASK_AGAIN)
    house.call("delete", kind="Workflow", name="test/ask@1.0.0")
    house.apply(ASK)
    house.restart()
    found = [
        (one["revision"], one["action"], one["digest"] == ASK.digest, one["current"])
        for one in house.call("history", name="ask")
    ]
    assert found == [
        (4, "applied", True, True),
        (3, "deleted", False, False),
        (2, "applied", False, False),
        (1, "applied", True, False),
    ]
    assert house.refused("history", name="nobody") == ("not-found", "unknown-name")
    assert house.refused("history", name="ask", kind="Agent") == ("not-found", "unknown-agent")


def test_a_revision_is_found_by_any_of_its_names(house: House, tmp_path: Path) -> None:
    house.apply(ASK)
    echo = agent(tmp_path, "echo")
    house.apply(ASK_AGAIN, echo)

    def title(which: str) -> str:
        content = house.call("revision", name="test/ask", which=which)["content"]
        return str(content["do"][0]["ask"]["with"]["title"])

    assert (title(""), title("current"), title("previous")) == ("Go now?", "Go now?", "Go?")
    assert (title("1"), title(ASK.digest), title(ASK.digest[7:15])) == ("Go?", "Go?", "Go?")
    assert title("1.0.0") == "Go now?"
    assert house.call("revision", name="echo")["content"]["name"] == "echo"
    assert digest_of(house.call("revision", name="echo")["spec"]) == echo.digest
    assert house.refused("revision", name="ask", which="9.9.9") == ("not-found", "unknown-revision")


def test_a_name_of_two_kinds_must_be_told_apart(house: House, tmp_path: Path) -> None:
    house.apply(agent(tmp_path, "echo"), workflow("echo", {"one": call("echo")}))
    assert house.refused("history", name="echo") == ("usage", "ambiguous-name")
    assert house.call("history", name="echo", kind="Agent")[0]["kind"] == "Agent"


def test_notices_come_with_apply_and_submit(house: House, tmp_path: Path) -> None:
    old = agent(tmp_path, "echo", deprecated="use shout")
    reply = house.call("apply", resources=shown(old, workflow("echo", {"one": call("echo")})))
    assert reply["notices"] == ["Workflow/test/echo@1.0.0/do/0/one/with: echo@1.0.0 is deprecated: use shout"]
    header = {"metadata": {"deprecated": "nobody asks any more"}}
    one = workflow("old", {"ask": human("Go?")})
    document = {**one.spec["document"], "document": {**one.spec["document"]["document"], **header}}
    spec = {**one.spec, "document": document}
    house.apply(Declared("Workflow", "test/old", "1.0.0", digest_of(spec), spec))
    assert house.call("submit", workflow="old")["notices"] == [
        "test/old@1.0.0 is deprecated: nobody asks any more"
    ]
