"""Events that runs emit, in a whole hub: to those in the cold, and past a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.serving import House, workflow

HEAR = {"hear": {"listen": {"to": {"one": {"with": {"type": "go", "for": "${ $input.me }"}}}}}}
TELL = {"tell": {"emit": {"event": {"with": {"type": "go", "for": "${ .whom }", "data": "${ . }"}}}}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.apply(workflow("hear", HEAR), workflow("tell", TELL))
    yield house
    house.close()


def test_an_event_reaches_runs_in_the_cold(house: House) -> None:
    listening = {name: house.submit("hear", {"me": name}) for name in ("ann", "bob")}
    for run_id in listening.values():
        house.until(run_id, "event")
    assert house.serving.hub.do(lambda: list(house.serving.hub.shard.state.runs)).result() == []  # type: ignore[union-attr]
    told = house.call("execute", workflow="tell", input={"whom": "ann"})
    heard = house.call("wait", run_id=listening["ann"])
    assert heard["output"] == [{"whom": "ann"}]
    assert house.call("run", run_id=listening["bob"])["status"] == "running"
    [received] = [r for r in house.call("events", run_id=heard["id"]) if r["type"] == "EventReceived"]
    assert (received["body"]["event"], received["principal"]) == (told["output"], f"run:{told['id']}")


def test_an_event_reaches_runs_that_another_hub_knew(house: House) -> None:
    run_id = house.submit("hear", {"me": "ann"})
    house.until(run_id, "event")
    house.restart()
    house.call("execute", workflow="tell", input={"whom": "ann"})
    assert house.call("wait", run_id=run_id)["output"] == [{"whom": "ann"}]
