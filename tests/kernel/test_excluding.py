"""Agents that let only so many attempts be at work on the same."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.identity import run_id_of
from tests.kernel.conversation import Conversation, agent, reported
from tests.policies import policy


def talk_of(*declared: Any, **terms: Any) -> Conversation:
    clerk = agent("clerk", exclusive={"key": "/customer", **terms}, delivery="at-most-once")
    return Conversation([{"a": {"call": "agent", "with": {"agent": "clerk"}}}], agents=(clerk, *declared))


def submit(talk: Conversation, name: str, customer: Any = "ada") -> None:
    talk.submit({"customer": customer}, run_id=run_id_of("test", name))


def status(talk: Conversation, name: str) -> str:
    return next(iter(talk.shard.runs[run_id_of("test", name)].effects.values())).status


@pytest.mark.parametrize("declared", [(), (policy(),)], ids=["no policy", "a policy"])
def test_one_more_waits_for_those_at_work_on_the_same(declared: Any) -> None:
    talk = talk_of(*declared)
    for name in ("first", "second", "third"):
        submit(talk, name)
    submit(talk, "other", "bob")
    assert [status(talk, name) for name in ("first", "second", "third", "other")] == [
        "running", "deferred", "deferred", "running",
    ]  # fmt: skip
    order = talk.open[run_id_of("test", "first"), 1]
    assert len(talk.open) == 2
    talk.run_id = order.run_id
    del talk.open[order.run_id, 1]
    talk.tell(reported(order, {}))
    assert (status(talk, "second"), status(talk, "third")) == ("running", "deferred")


def test_an_attempt_in_doubt_keeps_the_others_away() -> None:
    talk = talk_of()
    submit(talk, "first")
    submit(talk, "second")
    talk.crash()
    assert (status(talk, "first"), status(talk, "second")) == ("in_doubt", "deferred")
    talk.run_id = run_id_of("test", "first")
    talk.resolve("failed")
    assert status(talk, "second") == "running"


def test_so_many_as_the_limit_says() -> None:
    talk = talk_of(limit=2)
    for name in ("first", "second", "third"):
        submit(talk, name)
    assert [status(talk, name) for name in ("first", "second", "third")] == ["running", "running", "deferred"]


def test_one_more_is_an_error_where_the_agent_says_so() -> None:
    talk = talk_of(on_conflict="reject")
    submit(talk, "first")
    submit(talk, "second")
    error = talk.shard.runs[run_id_of("test", "second")].error
    assert error is not None and (error.status, error.type) == (409, "https://podium.dev/errors/concurrency")


@pytest.mark.parametrize("given", [{}, {"customer": None}, [], "x"])
def test_an_input_that_does_not_say_what_it_is_about_is_an_error(given: Any) -> None:
    talk = talk_of()
    talk.submit(given)
    assert "/customer" in talk.error.title
