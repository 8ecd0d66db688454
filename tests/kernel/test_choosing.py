"""`select.by` of `call: agent`: an agent chooses which agent does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import JSON
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]
TEXT = {"type": "object", "required": ["text"]}
NAMES = {"type": "object", "required": ["input", "candidates"]}
AGENTS = (
    agent("ann", "write", labels={"tier": "gold"}, input=TEXT, description="writes prose"),
    agent("bob", "write", labels={"tier": "gold"}),
    agent("eve", "write", labels={"tier": "tin"}),
    agent("picker", "pick", input=NAMES),
)
INPUT = {"text": "x"}


def asking(more: JSON = None, **select: JSON) -> list[dict[str, JSON]]:
    given = {"capability": "write", "select": {"by": "pick", **select}, **(more or {})}
    return [{"ask": {"call": "agent", "with": given}}]


def begin(converse: Converse, tasks: JSON, agents: Any = AGENTS) -> Conversation:
    talk = converse(tasks, agents=agents)
    talk.submit(INPUT)
    return talk


def order(talk: Conversation) -> Any:
    (one,) = talk.open.values()
    return one


def tell(talk: Conversation, output: JSON = None, **fields: Any) -> None:
    one = order(talk)
    del talk.open[one.run_id, one.effect]
    talk.tell(reported(one, output, **fields))


def test_whoever_is_chosen_does_it_with_the_tasks_own_input(converse: Converse) -> None:
    talk = begin(converse, asking())
    asked = order(talk)
    assert asked.agent == "picker@1.0.0" and asked.input["input"] == INPUT
    assert [one["agent"] for one in asked.input["candidates"]] == ["ann", "bob", "eve"]
    assert asked.input["candidates"][0] == {
        "agent": "ann", "version": "1.0.0", "labels": {"tier": "gold"}, "description": "writes prose",
    }  # fmt: skip
    talk.crash()
    tell(talk, {"agent": "bob", "reason": "it is short"})
    assert (order(talk).agent, order(talk).input) == ("bob@1.0.0", INPUT)
    assert talk.events(e.EffectRequested)[-1].reason == "chosen by pick: it is short"
    talk.crash()
    tell(talk, "written")
    assert talk.output == "written"


def test_the_call_has_its_own_input_and_key(converse: Converse) -> None:
    more = {"input": {"text": "${ .text + $input.text }"}, "idempotencyKey": "k-${ .text }"}
    talk = begin(converse, asking(more))
    assert order(talk).input["input"] == {"text": "xx"}
    tell(talk, "eve")
    assert (order(talk).input, order(talk).key) == ({"text": "xx"}, "k-x")


def test_labels_say_who_may_be_chosen(converse: Converse) -> None:
    talk = begin(converse, asking(require={"tier": "gold"}))
    assert [one["agent"] for one in order(talk).input["candidates"]] == ["ann", "bob"]
    tell(talk, "eve")
    assert talk.error.title == "none of the agents for eve (1) carries the labels tier=gold"
    talk = begin(converse, asking(require={"tier": "gold"}))
    tell(talk, "bob")
    assert talk.events(e.EffectRequested)[-1].reason == "chosen by pick"


@pytest.mark.parametrize("answer", [None, "", {"agent": 1}, {"who": "ann"}, ["ann"]])
def test_what_is_no_choice_is_a_fault(converse: Converse, answer: JSON) -> None:
    talk = begin(converse, asking())
    tell(talk, answer)
    assert (talk.error.status, talk.error.title) == (400, "pick chose nobody")


@pytest.mark.parametrize("name", ["nobody", "picker"])
def test_who_does_not_offer_it_cannot_be_chosen(converse: Converse, name: str) -> None:
    talk = begin(converse, asking())
    tell(talk, name)
    assert talk.status == "faulted"


def test_nobody_is_asked_where_there_is_nobody_to_choose(converse: Converse) -> None:
    talk = begin(converse, asking(), agents=AGENTS[3:])
    assert talk.error.title == "no agent offers write"
    assert not talk.events(e.EffectRequested)


def test_who_chooses_may_be_named(converse: Converse) -> None:
    talk = begin(converse, asking(by={"agent": "picker"}))
    tell(talk, "ann")
    assert talk.events(e.EffectRequested)[-1].reason == "chosen by picker"


def test_another_is_asked_where_who_was_chosen_fails(converse: Converse) -> None:
    talk = begin(converse, asking({"reroute": True}))
    tell(talk, "eve")
    tell(talk, status="failed")
    assert order(talk).agent in ("ann@1.0.0", "bob@1.0.0")
