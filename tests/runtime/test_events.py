"""Events that runs emit, in a whole hub: to those in the cold, and past a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts.inputs import SendEvent
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


def test_an_event_wakes_those_alone_that_listen_for_its_type(house: House) -> None:
    others = [{"with": {"type": "other"}}, {"with": {"type": "another"}}]
    house.apply(
        workflow("other", {"hear": {"listen": {"to": {"any": others}}}}),
        workflow("any", {"hear": {"listen": {"to": {"any": []}}}}),
    )
    waits = {name: house.submit(name, {"me": "ann"}) for name in ("hear", "other", "any")}
    for run_id in waits.values():
        house.until(run_id, "event")
    hub = house.serving.hub
    event = {"specversion": "1.0", "type": "go", "source": "s", "id": "1", "for": "nobody"}

    def woken() -> set[str]:
        state = hub.shard.state
        assert state is not None
        return set(hub.shard._thaw(state, [SendEvent(event=event)], state.now))

    assert hub.do(woken).result() == {waits["hear"], waits["any"]}
