"""`fanout` of `call: agent`: several agents are asked the same, and one may make one answer of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]
TEXT = {"type": "object", "required": ["text"]}
AGENTS = (
    agent("ann", "judge", labels={"tier": "gold"}, input=TEXT),
    agent("bob", "judge", labels={"tier": "gold"}),
    agent("eve", "judge", labels={"tier": "tin"}),
    agent("merger", "merge"),
)
INPUT = {"text": "x"}


def asking(capability: str = "judge", more: JSON = None, **fanout: JSON) -> list[dict[str, JSON]]:
    given = {"fanout": fanout, **(more or {})}
    if capability:
        given["capability"] = capability
    return [{"ask": {"call": "agent", "with": given}}]


def begin(converse: Converse, tasks: JSON, agents: Any = AGENTS, input: JSON = None) -> Conversation:
    talk = converse(tasks, agents=agents)
    talk.submit(INPUT if input is None else input)
    return talk


def asked(talk: Conversation) -> list[str]:
    return [order.agent.partition("@")[0] for order in talk.open.values()]


def tell(talk: Conversation, name: str, output: JSON = None, **fields: Any) -> None:
    (order,) = (one for one in talk.open.values() if one.agent == f"{name}@1.0.0")
    del talk.open[order.run_id, order.effect]
    talk.tell(reported(order, output, **fields))


def test_all_are_asked_the_same_and_answers_stand_in_the_order_of_asking(converse: Converse) -> None:
    talk = begin(converse, asking(to="all"))
    assert asked(talk) == ["ann", "bob", "eve"]
    assert all(order.input == INPUT for order in talk.open.values())
    for name in ("eve", "ann", "bob"):
        tell(talk, name, name.upper())
    assert talk.output == ["ANN", "BOB", "EVE"]


def test_who_is_asked_is_recorded_with_the_reason(converse: Converse) -> None:
    talk = begin(converse, asking(to=2))
    (body,) = (body for body in talk.bodies(e.TaskStarted) if body is not None)
    assert [item["agent"] for item in body.items] == ["ann@1.0.0", "bob@1.0.0"]
    assert {item["reason"] for item in body.items} == {"one of 2 that are asked, of 3 that fit"}
    assert [event.agent for event in talk.events(e.EffectRequested)] == ["ann@1.0.0", "bob@1.0.0"]


def test_labels_and_load_choose_who(converse: Converse) -> None:
    select = {"select": {"prefer": {"tier": "tin"}}}
    assert set(asked(begin(converse, asking(to=1, more=select)))) == {"eve"}
    select = {"select": {"require": {"tier": "gold"}}}
    assert asked(begin(converse, asking(to="all", more=select))) == ["ann", "bob"]
    first = {"call": "agent", "with": {"agent": "ann"}}
    busy = [{"both": {"fork": {"branches": [{"a": first}, {"b": asking(to=2)[0]["ask"]}]}}}]
    assert sorted(asked(begin(converse, busy))) == ["ann", "bob", "eve"]


def test_agents_can_be_named_and_each_does_its_own(converse: Converse) -> None:
    talk = begin(converse, asking("", to=["merger", "ann@1.0.0"]))
    assert [order.capability for order in talk.open.values()] == ["merge", "judge"]
    tell(talk, "ann", 1)
    tell(talk, "merger", 2)
    assert talk.output == [2, 1]


def test_the_input_is_made_once_for_all(converse: Converse) -> None:
    talk = begin(converse, asking(to=2, more={"input": {"text": "${ .text + $input.text }"}}))
    assert [order.input for order in talk.open.values()] == [{"text": "xx"}, {"text": "xx"}]


def test_each_agent_has_a_key_of_its_own(converse: Converse) -> None:
    talk = begin(converse, asking(to=2, more={"idempotencyKey": "k-${ .text }"}))
    assert [order.key for order in talk.open.values()] == ["k-x/ann", "k-x/bob"]


def test_one_that_fails_faults_the_task_where_there_is_no_quorum(converse: Converse) -> None:
    talk = begin(converse, asking(to="all"))
    tell(talk, "bob", status="failed")
    assert talk.error.instance == "/do/0/ask/with/fanout/to"
    assert len(talk.abandoned) == 2


def test_a_quorum_is_enough(converse: Converse) -> None:
    talk = begin(converse, asking(to="all", quorum=2))
    tell(talk, "bob", status="failed")
    tell(talk, "eve", "E")
    assert talk.status == "running"
    tell(talk, "ann", "A")
    assert talk.output == ["A", "E"]


def test_a_quorum_does_not_wait_for_the_rest(converse: Converse) -> None:
    talk = begin(converse, asking(to="all", quorum=1))
    tell(talk, "eve", "E")
    assert talk.output == ["E"]
    assert len(talk.abandoned) == 2 and not any(talk.shard.running.values())


def test_a_quorum_out_of_reach_faults(converse: Converse) -> None:
    talk = begin(converse, asking(to="all", quorum=2))
    tell(talk, "bob", status="failed")
    tell(talk, "eve", status="failed")
    assert talk.error.title == "2 of 3 had to succeed, but 2 failed"


def test_an_input_that_breaks_one_contract_counts_as_one_failure(converse: Converse) -> None:
    talk = begin(converse, asking(to="all", quorum=2), input={"no": "text"})
    assert asked(talk) == ["bob", "eve"]
    tell(talk, "eve", "E")
    tell(talk, "bob", "B")
    assert talk.output == ["B", "E"]


def test_an_agent_makes_one_answer_of_all(converse: Converse) -> None:
    talk = begin(converse, asking(to=2, reconcile="merge"))
    for name in ("bob", "ann"):
        tell(talk, name, name.upper())
    (order,) = talk.open.values()
    answers = [{"agent": "ann@1.0.0", "output": "ANN"}, {"agent": "bob@1.0.0", "output": "BOB"}]
    assert (order.agent, order.input) == ("merger@1.0.0", {"input": INPUT, "answers": answers})
    tell(talk, "merger", "one")
    assert talk.output == "one"


def test_the_one_that_reconciles_can_be_named_and_get_another_input(converse: Converse) -> None:
    reconcile = {"agent": "eve", "input": {"votes": "${ [.answers[].output] }", "of": "${ .input.text }"}}
    tasks: Any = asking(to="all", quorum=2, reconcile=reconcile)
    tasks[0]["ask"]["output"] = {"as": "{was: .}"}
    talk = begin(converse, tasks)
    tell(talk, "bob", 1)
    tell(talk, "ann", 2)
    (order,) = talk.open.values()
    assert (order.agent, order.input) == ("eve@1.0.0", {"votes": [2, 1], "of": "x"})
    tell(talk, "eve", 3)
    assert talk.output == {"was": 3}


def test_a_timeout_is_for_all_of_it(converse: Converse) -> None:
    tasks: Any = asking(to=2, reconcile="merge")
    tasks[0]["ask"]["timeout"] = {"after": "PT5S"}
    talk = begin(converse, tasks)
    talk.wait(5_000)
    assert talk.error.type == f"{ERRORS}timeout"
    assert len(talk.abandoned) == 2


@pytest.mark.parametrize(
    ("tasks", "detail"),
    [
        (asking(to=4), "4 agents for judge are wanted, but only 3 fit"),
        (asking("fly", to="all"), "no agent offers fly"),
        (asking("", to=["ann", "zoe"]), "no agent is named zoe"),
        (asking("merge", to=["merger", "ann"]), "ann does not offer merge"),
        (
            asking(to=1, more={"select": {"require": {"tier": "lead"}}}),
            "none of the agents for judge (3) carries the labels tier=lead",
        ),
    ],
)
def test_who_is_not_there_faults_the_task(converse: Converse, tasks: JSON, detail: str) -> None:
    talk = begin(converse, tasks)
    assert (talk.error.type, talk.error.detail) == (f"{ERRORS}configuration", detail)


def test_what_several_did_is_undone_for_each(converse: Converse) -> None:
    undo = {"compensate": {"function": {"call": "agent", "with": {"capability": "merge"}}}}
    body = [*asking(to=2, more=undo), {"boom": {"raise": {"error": {"type": "test:x", "status": 500}}}}]
    talk = begin(converse, [{"saga": {"try": body, "catch": {"do": [{"undo": {"call": "compensate"}}]}}}])
    tell(talk, "bob", "B")
    tell(talk, "ann", "A")
    undone = []
    while talk.status == "running":
        (order,) = talk.open.values()
        undone.append(order.input["output"])
        tell(talk, "merger")
    assert undone == ["A", "B"]


def test_what_was_chosen_stays_chosen(converse: Converse) -> None:
    talk = begin(converse, asking(to="all", quorum=2))
    talk.crash()
    talk.apply(agent("new", "judge"))
    assert sorted(asked(talk)) == ["ann", "bob", "eve"]
    talk.crash()
    tell(talk, "ann", 1)
    talk.crash()
    tell(talk, "eve", 2)
    assert talk.output == [1, 2]


def test_a_fan_out_inside_a_map(converse: Converse) -> None:
    function = asking(to=2)[0]["ask"]
    each = {"call": "map", "with": {"in": '[{"text": 1}, {"text": 2}]', "function": function}}
    talk = begin(
        converse, [{"each": each}], agents=tuple(agent(name, "judge", concurrency=9) for name in "ab")
    )
    while talk.open:
        order = next(iter(talk.open.values()))
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, f"{order.agent[0]}{order.input['text']}"))
    assert talk.output == [["a1", "b1"], ["a2", "b2"]]
