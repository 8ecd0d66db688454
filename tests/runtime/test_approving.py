"""Approvals through a running hub: who decides is who the caller is, whatever he says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts.policy_version import Rule, Tier
from podium.runtime.identity import Caller, user_name
from podium.runtime.shard import ShardHost
from podium.sdk.client import Client, SocketTransport
from tests.policies import ANYTHING, policy
from tests.runtime.serving import House, agent, call, workflow

ME = f"user:{user_name(os.getuid())}"
ASKS = policy(
    rules=(ANYTHING, Rule("ask", "approve", tier=1, message="it is dear")),
    tiers={"1": Tier(("operator",))},
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.apply(agent(tmp_path, "echo"), workflow("ask", {"one": call("echo")}), ASKS)
    yield made
    made.close()


def waiting(house: House) -> dict[str, Any]:
    (found,) = house.call("approvals")
    return dict(found)


def test_what_waits_is_shown_with_all_that_it_takes_to_decide(house: House) -> None:
    run_id = house.submit("ask", {"text": "hello"})
    house.until(run_id, "approval")
    shown = waiting(house)
    assert shown["id"] == f"{run_id}/1"
    assert (shown["input"], shown["target"], shown["rules"]) == ({"text": "hello"}, "echo", ["house/ask"])
    assert shown["message"] == "it is dear"
    assert shown["policy"].startswith("sha256:")
    assert (shown["roles"], shown["quorum"]) == (["operator"], 1)
    assert shown["if_silent"] == "it goes on waiting, as long as its task may"
    assert house.call("run", run_id=run_id)["phase"] == "waiting"


def test_it_costs_a_row_while_it_waits_and_is_decided_from_there(house: House) -> None:
    run_id = house.submit("ask", {"text": "hello"})
    house.until(run_id, "approval")
    host: ShardHost = house.serving.hub.shard
    assert house.serving.hub.do(lambda: run_id in (host.state.runs if host.state else {})).result() is False
    shown = waiting(house)
    house.call("decide", run_id=run_id, effect=1, action=shown["action"], verdict="approve", why="fine")
    ended = house.call("wait", run_id=run_id, timeout_ms=30_000)
    assert ended["output"] == {"text": "hello"}
    assert house.call("approvals") == []


def test_nobody_is_who_he_says_he_is(house: House) -> None:
    run_id = house.submit("ask", {})
    house.until(run_id, "approval")
    shown = waiting(house)
    forged = {
        "run_id": run_id, "effect": 1, "action": shown["action"], "verdict": "approve",
        "principal": "user:boss", "roles": ["operator"], "via": "signed by the boss himself",
    }  # fmt: skip
    stranger = Caller("unix-socket", 4_000_000, 0)
    reply = house.door.call("decide", forged, stranger)
    assert reply["refused"]["problems"][0]["rule"] == "missing-role"
    house.door.call("decide", forged)
    (decided,) = [one for one in house.call("events", run_id=run_id) if one["type"] == "ApprovalDecided"]
    assert (decided["principal"], decided["roles"]) == (ME, ("operator",))
    assert decided["via"] == f"in-process uid={os.getuid()}"


def test_what_is_for_people_is_not_for_the_processes_of_agents(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = house.submit("ask", {})
    house.until(run_id, "approval")
    monkeypatch.setattr(house.door._identities, "_is_agent", lambda group: group == os.getpid())
    inside = Caller("unix-socket", os.getuid(), os.getpid())
    decision = {"run_id": run_id, "action": waiting(house)["action"], "verdict": "approve"}
    for name, params in (
        ("decide", decision), ("apply", {"resources": []}), ("cancel", {"run_id": run_id}),
        ("answer", {"run_id": run_id}), ("override", {**decision, "expires_at": 1, "why": "x"}),
    ):  # fmt: skip
        reply = house.door.call(name, params, inside)
        assert reply["refused"]["problems"][0]["rule"] == "not-a-person", name
    assert house.door.call("whoami", {}, inside)["result"]["principal"].startswith("agent:")
    assert "result" in house.door.call("run", {"run_id": run_id}, inside)


def test_decisions_come_through_the_socket_by_the_user_of_the_other_end(house: House) -> None:
    run_id = house.submit("ask", {})
    house.until(run_id, "approval")
    with Client(SocketTransport(house.state)) as client:
        assert client.whoami() == {"principal": ME, "roles": ["operator"], "trouble": ""}
        (shown,) = client.approvals()
        client.decide(run_id, 1, str(shown["action"]), verdict="deny", why="no")
    ended = house.call("wait", run_id=run_id, timeout_ms=30_000)
    assert ended["error"]["status"] == 403


def test_what_was_granted_outlives_the_hub(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.apply(agent(tmp_path, "echo"), workflow("ask", {"one": call("echo")}), ASKS)
    run_id = house.submit("ask", {})
    house.until(run_id, "approval")
    first = waiting(house)
    house.close()
    house = House(tmp_path)
    try:
        shown = waiting(house)
        assert shown["action"] == first["action"]
        house.call("decide", run_id=run_id, effect=1, action=shown["action"], verdict="approve")
        assert house.call("wait", run_id=run_id, timeout_ms=30_000)["status"] == "completed"
    finally:
        house.close()
