"""The story of what policy holds back: asked, edited, denied, and let through whatever policy says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.catalog import Declared
from podium.resources.manifest import read_text
from podium.views.story import tell
from tests.provenance.team import explained
from tests.runtime.serving import House, agent, workflow

POLICY = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: gifts}
spec:
  version: 1.0.0
  tiers:
    1: {approvers: {roles: [operator]}, quorum: 1, timeout: 4h, onTimeout: deny}
  rules:
    - {id: any, effect: allow, match: {kinds: [agent]}}
    - {id: dear, effect: approve, tier: 1, match: {kinds: [agent]}, when: args.price > 10, message: dear}
    - {id: no, effect: deny, match: {kinds: [agent]}, when: args.price > 100, message: that is too dear}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    (policy,), troubles = read_text(POLICY, "gifts.yaml", "/")
    assert not troubles
    declared = Declared("Policy", policy.name, policy.version, policy.digest, policy.spec)
    ask = {"call": "agent", "with": {"capability": "echo", "input": "${ . }"}}
    many = {"call": "map", "with": {"in": "${ . }", "function": "ask"}}
    house.apply(
        agent(tmp_path, "echo"), declared, workflow("give", {"gift": ask}),
        workflow("all", {"gifts": many}, use={"functions": {"ask": ask}}),
    )  # fmt: skip
    yield house
    house.close()


def told(house: House, run_id: str) -> list[str]:
    records = house.call("events", run_id=run_id)
    return [line.text for line in tell(records, records[-1]["at"])]


def held(house: House, workflow: str, input: Any) -> tuple[str, dict[str, Any]]:
    """A run that waits for people, and what it waits with."""
    run_id = house.submit(workflow, input)
    for record in house.door.follow(run_id):
        event = record["item"]
        if event["type"] == "EffectRequested" and event["verdict"] == "approve":
            return run_id, {"run_id": run_id, "effect": event["effect"], "action": event["action"]}
    raise AssertionError("nothing waits")


def act(house: House, name: str, **params: Any) -> None:
    house.call(name, **{"principal": "user:ann", "roles": ["operator"], **params})


def test_an_action_that_was_asked_for_edited_and_let_through(house: House) -> None:
    run_id, action = held(house, "give", {"price": 50})
    said = told(house, run_id)
    assert "policy: approve by gifts/dear" in said and "because dear" in said
    assert "having read args.price = 50" in said
    assert any(line.startswith("asked is operator (tier 1); within ") for line in said)
    assert said[-1].startswith("/do/0/gift (echo@1.0.0) waits for ")
    act(house, "edit", **action, input={"price": 40}, why="a smaller one")
    said = told(house, run_id)
    assert any(line.endswith("made another action of /do/0/gift") for line in said)
    assert 'now with {"price": 40}' in said and "because: a smaller one" in said


def test_one_that_is_held_back_stands_out_among_many(house: House) -> None:
    items = [{"price": 1}] * 15 + [{"price": 20}]
    run_id, action = held(house, "all", items)
    act(house, "decide", **action, verdict="approve", why="for a friend")
    house.call("wait", run_id=run_id)
    said = told(house, run_id)
    assert sum("policy: approve by gifts/dear" in line for line in said) == 1
    assert "because: for a friend" in said and any("said yes to" in line for line in said)
    told_of = explained(house, run_id, path="/15/price")
    (deed,) = (deed for deed in told_of.deeds if deed.role == "value")
    kinds = [(word.kind, word.verdict) for word in deed.words]
    assert kinds[:2] == [("policy", "approve"), ("vote", "approve")]
    (vote,) = (word for word in deed.words if word.kind == "vote")
    assert vote.why == "for a friend" and vote.outcome == "granted"
    assert deed.words[0].reads == {"args.price": 20} and deed.words[0].rules == ("gifts/dear",)


def test_one_that_is_denied(house: House) -> None:
    run_id = house.call("execute", workflow="give", input={"price": 500})["id"]
    said = told(house, run_id)
    assert "policy: deny by gifts/no" in said and "because that is too dear" in said
    why = explained(house, run_id)
    assert why.subject == "error" and "too dear" in msgspec.json.encode(why.value).decode()
    assert why.deeds[0].words[0].verdict == "deny"
