"""What is suspended, as those see it who ask the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.runtime.identity import Caller
from tests.runtime.serving import House, agent, call, workflow


@pytest.fixture
def declared(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.apply(agent(tmp_path, "echo"), workflow("flow", {"a": call("echo")}))
    yield house
    house.close()


def test_lists_and_descriptions_say_who_is_suspended(declared: House) -> None:
    declared.call("suspend_work", agent="echo@1.0.0", why="it looks wrong")
    (shown,) = declared.call("get", kind="agents")
    assert shown["suspended"].startswith("echo@1.0.0 is suspended by user:")
    assert declared.call("describe", kind="agent", name="echo")["suspended"] == shown["suspended"]
    run = declared.call("submit", workflow="flow")["run_id"]
    (waits,) = declared.call("run", run_id=run)["waiting_for"]
    assert (waits["message"], waits["command"]) == (
        shown["suspended"], "podium resume --agent echo@1.0.0 --why …",
    )  # fmt: skip
    (listed,) = declared.call("get", kind="runs")
    assert listed["waiting_for"][0]["message"] == shown["suspended"]
    first, second = declared.call("stuck")
    assert (first["run_id"], second["run_id"], first["waits"]) == ("", run, second["waits"])
    declared.call("resume_work", agent="echo@1.0.0")
    assert declared.call("wait", run_id=run)["status"] == "completed"
    assert declared.call("get", kind="agents")[0]["suspended"] == ""


def test_agents_suspend_nobody(declared: House) -> None:
    refused = declared.door.call("suspend_work", {}, Caller(principal="agent:echo"))
    assert refused["refused"]["problems"][0]["rule"] == "not-a-person"
    assert declared.call("suspensions") == []
