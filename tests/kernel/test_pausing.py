"""Pauses that targets ask for, and what connections are held to."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.catalog import Declared
from podium.facts.policy_version import Egress, Match, Rate
from tests.kernel.conversation import Conversation
from tests.policies import policy

SLOWED = policy(
    rates=(Rate("shop", ("host",), Match(hosts=("shop.example",)), concurrency=50, over="queue"),)
)


def fetch(host: str, **more: Any) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "get", "endpoint": f"https://{host}/x", **more}}


def governed(do: Any, *policies: Declared) -> Conversation:
    return Conversation(do, agents=policies, trusting=False)


def waiting(first: int) -> Conversation:
    """A call that was asked to come again later, and two that come after it."""
    both = {"fork": {"branches": [{"again": fetch("shop.example")}, {"other": fetch("other.example")}]}}
    first_try = {"try": [{"a": fetch("shop.example")}], "catch": {}}
    talk = governed([{"first": first_try}, {"both": both}], SLOWED)
    talk.submit({})
    talk.fail("/do/0/first/try/0/a", "communication", provenance={"retry_after_ms": first})
    return talk


def test_a_target_that_asks_for_a_pause_is_left_alone() -> None:
    talk = waiting(5_000)
    (paused,) = talk.events(e.TargetPaused)
    assert paused.counters == ("rc-:house/shop|shop.example@0",)
    assert "other" in next(iter(talk.open.values())).task
    assert [effect.status for effect in talk.run.effects.values()] == ["deferred", "running"]
    talk.crash()
    talk.go_on()
    talk.wait(paused.until - talk.now - 1)
    assert "deferred" in {effect.status for effect in talk.run.effects.values()}
    talk.wait(1)
    assert any(order.task.endswith("/again") for order in talk.open.values())


def test_nobody_is_left_alone_for_ever() -> None:
    talk = waiting(10**15)
    (paused,) = talk.events(e.TargetPaused)
    assert paused.until - talk.now <= 86_400_000


@pytest.mark.parametrize("asked_for", [0, -5, "7000", None, True, 1.5])
def test_what_is_no_pause_is_none(asked_for: Any) -> None:
    talk = governed([{"a": fetch("shop.example")}], SLOWED)
    talk.submit({})
    talk.fail("a", "communication", provenance={"retry_after_ms": asked_for})
    assert talk.events(e.TargetPaused) == []
    assert talk.status == "faulted"


@pytest.mark.parametrize(
    "declared", [policy(), policy(rates=(Rate("r", ("host",), concurrency=9, retry_after=False),))]
)
def test_where_no_rate_honours_it_nothing_is_recorded(declared: Declared) -> None:
    talk = governed([{"a": fetch("shop.example")}], declared)
    talk.submit({})
    talk.fail("a", "communication", provenance={"retry_after_ms": 5_000})
    assert talk.events(e.TargetPaused) == []


@pytest.mark.parametrize(("private", "reach"), [(True, "public"), (False, "vetted")])
def test_the_order_says_what_the_connection_is_held_to(private: bool, reach: str) -> None:
    bounds = policy(egress=(Egress("0", domains=("shop.example",), deny_private=private),))
    talk = governed([{"a": fetch("shop.example", redirect=True)}], bounds)
    talk.submit({})
    assert talk.order("a").reach == reach
    talk.lose("a")
    talk.crash()
    talk.go_on()
    assert talk.order("a").reach == reach


def test_without_an_allowlist_it_is_held_to_nothing() -> None:
    talk = governed([{"a": fetch("shop.example")}], policy())
    talk.submit({})
    assert talk.order("a").reach == ""
