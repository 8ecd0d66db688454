"""The door: what each call gives, what it refuses, and that waiting misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import apsw
import pytest

from podium.bootstrap import LOG, RUNS_SHARD, look
from podium.store.interface import StoreError, Unwritable
from tests.cli.command import until
from tests.runtime.serving import House, agent, call, human, workflow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def declared(house: House, tmp_path: Path) -> House:
    house.apply(
        agent(tmp_path, "echo"),
        agent(tmp_path, "gate"),
        workflow("echo", {"one": call("echo")}, {"two": call("echo")}),
        workflow("gate", {"pass": call("gate")}),
        workflow("ask", {"ask": human("Go?")}, {"then": call("echo")}),
        workflow("hear", {"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}),
        workflow("fail", {"no": {"raise": {"error": {"type": "https://example.com/no", "status": 400}}}}),
        workflow("loop", {"all": {"for": {"in": "${ .items }"}, "do": [{"each": call("echo")}]}}),
    )
    return house


def test_what_is_declared_is_listed_and_described(declared: House) -> None:
    assert [row["name"] for row in declared.call("get", kind="agents")] == ["echo", "gate"]
    assert [row["name"] for row in declared.call("get", kind="workflows", limit=2)] == [
        "test/ask",
        "test/echo",
    ]
    assert declared.call("describe", kind="agent", name="echo")["runtime"]["callable"] == "agents:echo"
    described = declared.call("describe", kind="workflow", name="ask")
    assert described["document"]["do"][0]["ask"]["with"]["title"] == "Go?"
    assert declared.refused("describe", kind="agent", name="nobody") == ("not-found", "unknown-agent")
    assert declared.refused("describe", kind="thing", name="x") == ("usage", "unknown-kind")
    assert declared.apply(workflow("ask", {"ask": human("Go?")}, {"then": call("echo")})) == []


def test_a_run_to_its_end(declared: House) -> None:
    ended = declared.call("execute", workflow="echo", input={"n": 1}, trace=True)
    assert (ended["status"], ended["output"], ended["created"]) == ("completed", {"n": 1}, True)
    assert ended["trace"] == ["/do/0/one", "/do/1/two"] == declared.call("trace", run_id=ended["id"])
    assert declared.call("wait", run_id=ended["id"])["output"] == {"n": 1}
    kinds = [record["type"] for record in declared.call("events", run_id=ended["id"])]
    assert kinds[0] == "RunStarted" and kinds[-1] == "RunCompleted"
    assert declared.call("describe", kind="run", name=ended["id"][:7])["input"] == {"n": 1}
    assert declared.call("verify")["sound"]


def test_a_key_finds_the_first_result(declared: House) -> None:
    first = declared.call("execute", workflow="echo", input=1, key="k", trace=True)
    again = declared.call("execute", workflow="echo", input=1, key="k", trace=True)
    assert (again["id"], again["created"], again["trace"]) == (first["id"], False, first["trace"])
    assert declared.refused("execute", workflow="echo", input=2, key="k") == ("conflict", "key-taken")
    assert declared.refused("submit", workflow="ask", input=1, key="k") == ("conflict", "key-taken")


def test_the_trace_tells_every_turn_and_what_failed_at_once(declared: House) -> None:
    looped = declared.call("execute", workflow="loop", input={"items": [1, 2]}, trace=True)
    assert looped["trace"] == ["/do/0/all", "/do/0/all/do/0/each", "/do/0/all/do/0/each"]
    assert declared.call("trace", run_id=looped["id"]) == looped["trace"]
    failed = declared.call("execute", workflow="fail", trace=True)
    assert (failed["status"], failed["trace"]) == ("faulted", ["/do/0/no"])
    assert failed["error"]["instance"] == "/do/0/no"


def test_waiting_misses_no_end(declared: House) -> None:
    futures = [
        declared.door.start("execute", {"workflow": "echo", "input": number, "key": f"k{number % 7}"})
        for number in range(7)
        for _ in range(20)
    ]
    replies = [future.result(timeout=60) for future in futures]
    assert [reply["result"]["output"] for reply in replies] == [n for n in range(7) for _ in range(20)]
    run_ids = [declared.submit("echo", number) for number in range(50)]
    waits = [declared.door.start("wait", {"run_id": run_id}) for run_id in run_ids]
    assert [wait.result(timeout=60)["result"]["output"] for wait in waits] == list(range(50))


def test_waiting_may_be_limited(declared: House) -> None:
    run_id = declared.submit("ask")
    stands = declared.call("wait", run_id=run_id, timeout_ms=0)
    assert (stands["status"], stands["ended_at"]) == ("running", 0)
    late = declared.call("execute", workflow="ask", timeout_ms=0)
    assert late["status"] == "running"
    waiting = declared.door.start("wait", {"run_id": run_id, "timeout_ms": 60_000})
    declared.call("cancel", run_id=run_id, why="enough")
    assert waiting.result(timeout=60)["result"]["status"] == "cancelled"


def test_a_person_is_asked_and_answers(declared: House) -> None:
    run_id = declared.submit("ask", {"n": 1})
    declared.until(run_id, "human")
    (asked,) = declared.call("run", run_id=run_id)["waiting_for"]
    assert (asked["title"], asked["decisions"], asked["task"]) == ("Go?", ["approve", "deny"], "/do/0/ask")
    assert [row["id"] for row in declared.call("get", kind="runs", status="waiting")] == [run_id]
    assert declared.refused("answer", run_id=run_id, decision="maybe") == ("usage", "unknown-decision")
    declared.call("answer", run_id=run_id[:9], decision="approve", principal="user:ada", why="fine")
    ended = declared.call("wait", run_id=run_id)
    assert ended["output"]["by"] == "user:ada"
    settled = next(r for r in declared.call("events", run_id=run_id) if r["type"] == "EffectSettled")
    assert (settled["principal"], settled["via"], settled["body"]["why"]) == (
        "user:ada",
        "in-process",
        "fine",
    )
    assert declared.refused("answer", run_id=run_id) == ("conflict", "run-ended")


def test_events_reach_one_run_or_all_that_listen(declared: House) -> None:
    first, second = declared.submit("hear"), declared.submit("hear")
    for run_id in (first, second):
        declared.until(run_id, "event")
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "go", "data": 1}
    declared.call("send", run_id=first, event=event)
    assert declared.call("wait", run_id=first)["output"] == [1]
    declared.call("send", event={**event, "id": "2", "data": 2})
    assert declared.call("wait", run_id=second)["output"] == [2]


def test_suspended_runs_start_nothing(declared: House, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    run_id = declared.submit("gate", {"gate": str(gate)})
    declared.until(run_id, "attempt")
    # On record it has started; the worker takes it a moment later.
    (attempt,) = until(lambda: declared.call("activity", run_id=run_id))
    assert (attempt["agent"], attempt["task"]) == ("gate@1.0.0", "/do/0/pass")
    declared.call("suspend", run_id=run_id)
    gate.touch()
    assert [row["id"] for row in declared.call("get", kind="runs", status="suspended")] == [run_id]
    declared.call("resume", run_id=run_id)
    assert declared.call("wait", run_id=run_id)["status"] == "completed"


def test_following_tells_each_record_once(declared: House) -> None:
    run_id = declared.submit("ask")
    stream = declared.door.follow(run_id)
    heard = [next(stream)["item"]["type"] for _ in range(2)]
    assert heard == ["RunStarted", "EffectRequested"]
    declared.call("answer", run_id=run_id)
    rest = list(stream)
    assert rest[-1]["result"]["status"] == "completed"
    followed = [reply["item"]["seq"] for reply in rest[:-1]]
    assert followed == [r["seq"] for r in declared.call("events", run_id=run_id)][2:]
    after = followed[1]
    again = [reply["item"]["seq"] for reply in declared.door.follow(run_id, after) if "item" in reply]
    assert again == followed[2:]
    assert [set(reply) for reply in declared.door.follow("ffffffff")] == [{"refused"}]


def test_runs_are_listed_newest_first_wherever_they_are(declared: House) -> None:
    ended = [declared.call("execute", workflow="echo", input=n)["id"] for n in range(3)]
    cold = declared.submit("ask")
    declared.until(cold, "human")
    listed = [row["id"] for row in declared.call("get", kind="runs")]
    assert listed[0] == cold or cold in listed[:2]
    assert sorted(listed) == sorted([*ended, cold])
    assert len(declared.call("get", kind="runs", limit=2)) == 2
    assert [row["id"] for row in declared.call("get", kind="runs", workflow="test/ask")] == [cold]
    assert {row["id"] for row in declared.call("get", kind="runs", status="completed")} == set(ended)
    assert [row["id"] for row in declared.call("unfinished", workflow="ask")] == [cold]
    assert declared.call("unfinished", workflow="ask", input=1) == []
    assert declared.refused("get", kind="runs", status="lost") == ("usage", "unknown-status")
    assert declared.refused("get", kind="runs", limit=0) == ("usage", "bad-limit")


def test_the_beginning_of_an_id_must_mean_one_run(declared: House) -> None:
    ids = [declared.call("execute", workflow="echo", input=n, key=f"k{n}")["id"] for n in range(20)]
    firsts = [run_id[0] for run_id in ids]
    shared = next(first for first in firsts if firsts.count(first) > 1)
    assert declared.refused("run", run_id=shared) == ("usage", "ambiguous-run")
    for run_id in ids:
        assert declared.call("run", run_id=run_id[:13])["id"] == run_id
        assert declared.call("run", run_id=run_id.upper())["id"] == run_id
    for nobody in ("", "zz", "0" * 40, "-", "00000000-0000-0000-0000-000000000000"):
        assert declared.refused("run", run_id=nobody) == ("not-found", "unknown-run")


@pytest.mark.parametrize(
    ("name", "params", "rule"),
    [
        ("nothing", {}, "unknown-call"),
        ("submit", {}, "bad-parameter"),
        ("submit", {"workflow": 3}, "bad-parameter"),
        ("submit", {"workflow": "echo", "surprise": 1}, "bad-parameter"),
        ("cancel", {"run_id": ""}, "bad-parameter"),
        ("apply", {"resources": [{"kind": "Agent"}]}, "bad-parameter"),
        ("submit", {"workflow": "gone"}, "unknown-workflow"),
    ],
)
def test_calls_that_are_not_as_they_must_be(declared: House, name: str, params: Any, rule: str) -> None:
    assert declared.refused(name, **params)[1] == rule


def test_the_hub_says_how_it_is(declared: House, tmp_path: Path) -> None:
    status = declared.call("status")
    assert (status["status"], status["trouble"], status["busy"], status["epoch"]) == ("serving", "", False, 1)
    gate = tmp_path / "open"
    run_id = declared.submit("gate", {"gate": str(gate)})
    declared.until(run_id, "attempt")
    status = declared.call("status")
    assert (status["busy"], status["runs_active"], status["effects"]["running"]) == (True, 1, 1)
    waits = declared.submit("ask")
    declared.until(waits, "human")
    gate.touch()
    declared.call("wait", run_id=run_id)
    # Somebody else must act first: nothing keeps a hub in the background for that.
    assert declared.call("status")["busy"] is False


def test_a_hub_that_stops_queues_what_it_may_not_start(declared: House, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    run_id = declared.submit("gate", {"gate": str(gate)})
    declared.until(run_id, "attempt")
    waiting = declared.door.start("wait", {"run_id": run_id})
    declared.restart()
    assert set(waiting.result(timeout=60)) == {"gone"}
    assert declared.serving.hub.resumed == 1
    gate.touch()
    assert declared.call("wait", run_id=run_id)["status"] == "completed"
    kinds = [r["type"] for r in declared.call("events", run_id=run_id)]
    assert "RunFaulted" not in kinds
    assert kinds.count("EffectSettled") == 1


def test_calls_on_a_stopped_hub_say_so(declared: House) -> None:
    run_id = declared.submit("ask")
    door = declared.door
    declared.restart()
    assert set(door.call("status", {})) == {"gone"}
    assert set(door.call("run", {"run_id": run_id})) == {"gone"}
    assert [set(reply) for reply in door.follow(run_id)] == [{"gone"}]
    assert door.call("submit", {"workflow": "ask"})["refused"]["problems"][0]["rule"] == "hub-stopped"


def test_a_folder_without_a_hub_is_looked_at(declared: House, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    ended = declared.call("execute", workflow="echo", input={"n": 1})["id"]
    asked, running = declared.submit("ask"), declared.submit("gate", {"gate": str(gate)})
    declared.until(asked, "human")
    declared.until(running, "attempt")
    declared.serving.stop(0)
    before = (declared.state / "log.db").read_bytes()
    door = look(declared.state)
    rows = door.start("get", {"kind": "runs", "status": "unfinished"}).result()["result"]
    assert {row["id"] for row in rows} == {asked, running}
    assert door.start("run", {"run_id": ended}).result()["result"]["output"] == {"n": 1}
    assert door.start("trace", {"run_id": ended[:8]}).result()["result"] == ["/do/0/one", "/do/1/two"]
    assert door.start("verify", {}).result()["result"]["sound"]
    assert [list(reply) for reply in door.follow(asked)][-1] == ["result"]
    assert door.start("cancel", {"run_id": asked}).result()["refused"]["code"] == "usage"
    door.close()
    assert (declared.state / "log.db").read_bytes() == before


def test_a_folder_without_state(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="no hub has worked there"):
        look(tmp_path / ".podium")


def test_a_broken_link_is_found(declared: House) -> None:
    run_id = declared.call("execute", workflow="echo", input={"n": 1})["id"]
    seq = declared.call("events", run_id=run_id)[1]["seq"]
    declared.close()
    connection = apsw.Connection(str(declared.state / LOG))
    position = (RUNS_SHARD << 40) + seq
    connection.execute("UPDATE log SET envelope = CAST('{}' AS BLOB) WHERE position = ?", (position,))
    connection.close()
    door = look(declared.state)
    found = door.start("verify", {}).result()["result"]
    door.close()
    assert not found["sound"]
    assert [shard["break"] is None for shard in found["shards"]] == [True, False]
    assert f"record {seq} " in found["shards"][1]["break"]["reason"]


def held(house: House) -> Event:
    """Keep the hub's thread until the event is set: what is told meanwhile is one batch."""
    holds, go = Event(), Event()

    def hold() -> None:
        holds.set()
        go.wait(60)

    house.serving.hub.do(hold)
    assert holds.wait(60)
    return go


def test_a_key_given_twice_at_once_is_refused_though_its_run_ends_before(house: House) -> None:
    house.apply(workflow("set", {"same": {"set": "${ . }"}}))
    go = held(house)
    futures = [
        house.door.start("execute", {"workflow": "set", "input": number, "key": "k", "trace": True})
        for number in (1, 2, 1)
    ]
    go.set()
    first, other, again = (future.result(timeout=60) for future in futures)
    assert first["result"]["output"] == again["result"]["output"] == 1
    assert (first["result"]["created"], again["result"]["created"]) == (True, False)
    assert first["result"]["trace"] == again["result"]["trace"] == ["/do/0/same"]
    assert other["refused"]["problems"][0]["rule"] == "key-taken"


def test_a_submission_that_is_refused_is_not_answered_by_the_run_of_its_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.apply(workflow("set", {"same": {"set": "${ . }"}}))
    hub = house.serving.hub
    tell = hub.tell

    def late(told: Any) -> Any:
        """The run of the same key begins and ends before this submission reaches the hub."""
        monkeypatch.setattr(hub, "tell", tell)
        assert house.call("execute", workflow="set", input=1, key="k")["output"] == 1
        return tell(told)

    monkeypatch.setattr(hub, "tell", late)
    assert house.refused("execute", workflow="set", input=2, key="k") == ("conflict", "key-taken")


def test_a_time_that_is_over_before_the_run_is_accepted(house: House) -> None:
    house.apply(workflow("ask", {"ask": human("Go?")}))
    go = held(house)
    late = house.door.start("execute", {"workflow": "ask", "timeout_ms": 0})
    go.set()
    assert late.result(timeout=60)["result"]["status"] == "running"


def test_a_hub_that_breaks_lets_nobody_wait(house: House) -> None:
    house.apply(workflow("set", {"same": {"set": "${ . }"}}))
    go = held(house)
    # No client sends such a thing; it stands for any defect that ends a hub.
    lost = house.door.start("execute", {"workflow": "set", "input": object()})
    looked = house.serving.hub.do(lambda: 1)
    go.set()
    assert lost.result(timeout=60).keys() & {"refused", "gone"}
    assert isinstance(looked.exception(timeout=60), StoreError)
    house.door.close()
    assert house.door.start("execute", {"workflow": "set"}).result(timeout=60).keys() & {"refused", "gone"}


@pytest.mark.parametrize(
    "event", [{}, {"type": ""}, {"type": 1}, {"type": "go", "id": ""}, {"type": "go", "source": []}]
)
def test_an_event_that_is_none(house: House, event: dict[str, Any]) -> None:
    assert house.refused("send", event=event) == ("usage", "bad-event")


def test_views_that_cannot_be_made_are_not_waited_for(house: House) -> None:
    house.apply(workflow("set", {"same": {"set": "${ . }"}}))
    house.call("execute", workflow="set", input=1)
    house.serving.stop(0)
    (house.state / "views.db").unlink()
    (house.state / "views.db").mkdir()
    house.restart()
    found = house.call("rebuild_views")
    assert not found["done"]
    assert "views stand still" in found["trouble"]
    (house.state / "views.db").rmdir()
    assert house.call("rebuild_views", timeout_ms=60_000)["done"]
