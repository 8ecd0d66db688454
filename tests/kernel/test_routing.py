"""Which agent is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS, Refused
from tests.kernel.conversation import Conversation, agent, workflow

CAPABLE = "[{ask: {call: agent, with: {capability: text.sum}}}]"


def chosen(talk: Conversation) -> tuple[str, str]:
    requested = talk.events(e.EffectRequested)[-1]
    return requested.agent, requested.reason


def selecting(**select: Any) -> list[Any]:
    return [{"ask": {"call": "agent", "with": {"capability": "text.sum", "select": select}}}]


def test_the_only_agent_that_offers_it_is_asked() -> None:
    talk = Conversation(CAPABLE, agents=(agent("other"), agent("adder", "text.sum")))
    talk.submit({})
    assert chosen(talk) == ("adder@1.0.0", "only agent")
    assert talk.order("ask").capability == "text.sum"


def test_an_agent_asked_by_name_does_the_first_thing_it_offers() -> None:
    talk = Conversation("[{ask: {call: agent, with: {agent: adder}}}]", agents=(agent("adder", "text.sum"),))
    talk.submit({})
    assert talk.order("ask").capability == "text.sum"


def test_a_version_can_be_named_and_stays_when_a_newer_one_comes() -> None:
    talk = Conversation(
        "[{old: {call: agent, with: {agent: adder@1.0.0}}}, {new: {call: agent, with: {agent: adder}}}]",
        agents=(agent("adder"),),
    )
    talk.apply(agent("adder", version="1.1.0"))
    talk.submit({})
    assert chosen(talk)[0] == "adder@1.0.0"
    talk.settle("old")
    assert chosen(talk)[0] == "adder@1.1.0"


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    talk = Conversation(CAPABLE, agents=(agent("adder", "text.sum"),))
    talk.apply(agent("adder", "text.sum", version="2.0.0"))
    talk.submit({})
    assert chosen(talk) == ("adder@2.0.0", "only agent")


def test_required_labels_must_all_be_there() -> None:
    fast = agent("fast", "text.sum", labels={"speed": "high", "region": "eu"})
    slow = agent("slow", "text.sum", labels={"region": "eu"})
    talk = Conversation(selecting(require={"speed": "high", "region": "eu"}), agents=(slow, fast))
    talk.submit({})
    assert chosen(talk) == ("fast@1.0.0", "only one fits")


def test_among_those_that_fit_the_one_with_more_preferred_labels_wins() -> None:
    agents = (
        agent("a", "text.sum"),
        agent("b", "text.sum", labels={"region": "eu"}),
        agent("c", "text.sum", labels={"region": "eu", "speed": "high"}),
    )
    talk = Conversation(selecting(prefer={"region": "eu", "speed": "high"}), agents=agents)
    talk.submit({})
    assert chosen(talk) == ("c@1.0.0", "3 of 3 fit; least busy; prefers region, speed")


def test_then_the_least_busy_for_its_size_and_then_the_first_by_name() -> None:
    branches = [{f"b{n}": CAPABLE_TASK} for n in range(6)]
    agents = (agent("small", "text.sum", concurrency=2), agent("large", "text.sum", concurrency=4))
    talk = Conversation([{"all": {"fork": {"branches": branches}}}], agents=agents)
    talk.submit({})
    assert [event.agent.split("@")[0] for event in talk.events(e.EffectRequested)] == [
        "large", "small", "large", "large", "small", "large",
    ]  # fmt: skip


CAPABLE_TASK = {"call": "agent", "with": {"capability": "text.sum"}}


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (CAPABLE, "no agent offers text.sum; declare one"),
        ("[{ask: {call: agent, with: {agent: adder}}}]", "no agent is named adder; declare one"),
        ("[{ask: {call: agent, with: {agent: adder@9.9.9}}}]", "no agent is named adder@9.9.9; declare one"),
    ],
)
def test_a_workflow_whose_agent_is_missing_is_not_applied(do: str, message: str) -> None:
    talk = Conversation()
    asked = workflow(YAML(typ="safe", pure=True).load(do))
    refused = talk.catalog.declare(i.Apply(resources=(asked,)), dict)
    assert isinstance(refused, Refused) and refused.code == "refused"
    assert (refused.problems[0].rule, refused.problems[0].path) == ("missing-agent", "/do/0/ask/with")
    assert refused.problems[0].message == message


def test_an_agent_that_no_longer_offers_it_faults_the_task() -> None:
    talk = Conversation(CAPABLE, agents=(agent("adder", "text.sum"),))
    talk.apply(agent("adder", "text.other", version="2.0.0"))
    talk.submit({})
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}configuration", 400)
    assert talk.error.title == "no agent offers text.sum"


def test_nobody_with_the_labels_faults_the_task() -> None:
    talk = Conversation(selecting(require={"region": "eu"}), agents=(agent("adder", "text.sum"),))
    talk.submit({})
    assert talk.error.title == "none of the agents for text.sum (1) carries the labels region=eu"


def test_an_agent_and_its_workflow_may_be_applied_together_or_not_at_all() -> None:
    talk = Conversation()
    both = (workflow([{"ask": CAPABLE_TASK}]), agent("adder", "text.sum"))
    assert not isinstance(talk.catalog.declare(i.Apply(resources=both), dict), Refused)
    assert isinstance(talk.catalog.declare(i.Apply(resources=both[:1]), dict), Refused)
    talk.apply(*both)
    assert talk.catalog.declare(i.Apply(resources=both), dict) == ([], ())


def test_what_is_listed_is_what_is_current() -> None:
    talk = Conversation(CAPABLE, agents=(agent("adder", "text.sum"), agent("beta")))
    talk.apply(agent("adder", "text.sum", version="2.0.0"))
    assert [version.name for _, version in talk.catalog.listed("Agent")] == ["adder", "beta"]
    assert [version.version for _, version in talk.catalog.listed("Agent")] == ["2.0.0", "1.0.0"]
    assert [version.name for _, version in talk.catalog.listed("Workflow")] == ["talk"]
    digest = talk.catalog.current("Workflow", "test/talk@1.0.0")
    assert digest and talk.catalog.current("Workflow", digest) == digest
    assert talk.catalog.current("Workflow", "other") == ""
