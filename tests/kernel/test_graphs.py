"""`call: graph`: tasks begin when those they need have ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON
from podium.kernel.state import idle
from tests.kernel.conversation import Conversation, agent, reported
from tests.kernel.work import work

Converse = Callable[..., Conversation]
HELPER = (agent("helper", concurrency=2_000),)
ASK = {"ask": {"call": "agent", "with": {"agent": "helper"}}}


def graph(nodes: JSON, **fields: JSON) -> list[dict[str, JSON]]:
    return [{"plan": {"call": "graph", "with": {"nodes": nodes}, **fields}}]


def begin(converse: Converse, nodes: JSON, **fields: JSON) -> Conversation:
    talk = converse(graph(nodes, **fields), agents=HELPER, use={"functions": ASK})
    talk.submit({"q": 1})
    return talk


DIAMOND = {
    "top": {"function": "ask"},
    "left": {"function": "ask", "needs": ["top"], "input": {"l": "${ $needs.top }", "q": "${ .q }"}},
    "right": {"function": "ask", "needs": ["top"]},
    "bottom": {"function": "ask", "needs": ["left", "right"]},
}


def orders(talk: Conversation) -> dict[str, JSON]:
    return {order.task.rsplit("/", 1)[-1]: order.input for order in talk.open.values()}


def test_a_task_begins_when_what_it_needs_has_ended(converse: Converse) -> None:
    talk = begin(converse, DIAMOND)
    assert orders(talk) == {"top": {"q": 1}}
    talk.settle("plan/with/nodes/top", "T")
    assert orders(talk) == {"left": {"l": "T", "q": 1}, "right": {"top": "T"}}
    talk.settle("plan/with/nodes/right", "R")
    assert list(orders(talk)) == ["left"]
    talk.settle("plan/with/nodes/left", "L")
    assert orders(talk) == {"bottom": {"left": "L", "right": "R"}}
    talk.settle("plan/with/nodes/bottom", "B")
    assert talk.output == {"top": "T", "left": "L", "right": "R", "bottom": "B"}


def test_the_output_is_in_the_order_of_writing_whatever_ended_first(converse: Converse) -> None:
    talk = begin(converse, {"b": {"function": "ask", "needs": ["a"]}, "a": {"function": "ask"}})
    talk.settle("plan/with/nodes/a", 1)
    talk.settle("plan/with/nodes/b", 2)
    assert list(talk.output.items()) == [("b", 2), ("a", 1)]


def test_tasks_written_in_place_that_take_no_time(converse: Converse) -> None:
    nodes = {
        "a": {"function": {"set": {"n": "${ .q + 1 }"}}},
        "b": {"function": {"set": {"n": "${ .a.n + 1 }"}, "if": ".a.n > 0"}, "needs": ["a"]},
        "c": {
            "function": {"set": {"n": 0}, "if": "false"},
            "needs": ["b"],
            "input": {"was": "${ $needs.b }"},
        },
    }
    talk = begin(converse, nodes, output={"as": "{c: .c, b: .b}"})
    assert talk.output == {"c": {"was": {"n": 3}}, "b": {"n": 3}}


def test_a_fault_ends_what_goes_on_and_goes_up(converse: Converse) -> None:
    nodes = {
        "a": {"function": "ask"},
        "b": {"function": "ask"},
        "c": {"function": "ask", "needs": ["a", "b"]},
    }
    talk = begin(converse, nodes)
    talk.fail("plan/with/nodes/b")
    assert talk.error.instance == "/do/0/plan/with/nodes/b"
    assert len(talk.abandoned) == 1
    assert not talk.shard.graphs


def test_an_input_that_cannot_be_made_faults_the_graph(converse: Converse) -> None:
    nodes = {"a": {"function": "ask"}, "b": {"function": "ask", "needs": ["a"], "input": "${ $needs.a + 1 }"}}
    talk = begin(converse, nodes)
    talk.settle("plan/with/nodes/a", {})
    assert talk.error.type == f"{ERRORS}expression"


@pytest.mark.parametrize("dies_after", range(4))
def test_a_hub_that_dies_goes_on_where_it_was(converse: Converse, dies_after: int) -> None:
    talk = begin(converse, DIAMOND)
    for number, (node, output) in enumerate({"top": "T", "right": "R", "left": "L", "bottom": "B"}.items()):
        if number == dies_after:
            talk.crash()
        talk.settle(f"plan/with/nodes/{node}", output)
    assert talk.output == {"top": "T", "left": "L", "right": "R", "bottom": "B"}
    assert len(talk.events(e.EffectRequested)) == 4


def test_a_graph_that_waits_for_people_is_idle(converse: Converse) -> None:
    asks = {"call": "human", "with": {"title": "Well?"}}
    talk = begin(converse, {"a": {"function": asks}, "b": {"function": asks}})
    assert idle(talk.run)
    talk.answer_human(task="a")
    assert idle(talk.run)
    talk.answer_human(task="b")
    assert set(talk.output) == {"a", "b"}


def test_graphs_in_loops_leave_nothing_behind(converse: Converse) -> None:
    inner = graph({"a": {"function": {"set": "${ {n: (.n + 1)} }"}}}, output={"as": ".a"})
    attempt = {
        "try": [*inner, {"boom": {"if": ".n == 2", "raise": {"error": {"type": "test:x", "status": 400}}}}],
        "catch": {"do": [{"go": {"set": "${ {n: 2} }"}}]},
    }
    stuck = {
        "try": graph({"s": {"function": "ask"}}, timeout={"after": "PT1S"}),
        "catch": {"do": [{"t": {"set": {"n": 9}}}]},
    }
    tasks = [{"loop": {"for": {"in": "[1, 2, 3]"}, "do": [{"attempt": attempt}]}}, {"stuck": stuck}]
    talk = converse([{"zero": {"set": {"n": 0}}}, *tasks], agents=HELPER, use={"functions": ASK})
    talk.submit({})
    assert list(talk.shard.graphs[talk.run_id]) == [talk.run.frame_last - 1]
    talk.wait(1_000)
    assert talk.output == {"n": 9}
    assert not talk.shard.graphs


def line(length: int) -> JSON:
    return {
        f"n{at}": {"function": {"set": {"n": 1}}, "needs": [f"n{at - 1}"] if at else []}
        for at in range(length)
    }


def wide(width: int) -> JSON:
    names = [f"w{at}" for at in range(width)]
    join = {"function": {"set": {"n": "${ length }"}}, "needs": names}
    return {**{name: {"function": "ask"} for name in names}, "join": join}


def quick(nodes: JSON) -> Conversation:
    talk = Conversation(graph(nodes), agents=HELPER, use={"functions": ASK})
    talk.checks = False
    return talk


def test_a_thousand_in_a_line_cost_as_much_each_as_a_hundred() -> None:
    def each(length: int) -> float:
        talk = quick(line(length))
        cost = work(lambda: (talk.submit({}), talk.go_on()))
        assert talk.output[f"n{length - 1}"] == {"n": 1}
        return cost / length

    assert each(1_000) < 1.2 * each(100)


def test_what_ends_among_a_thousand_costs_as_much_as_among_a_hundred() -> None:
    def each(width: int) -> float:
        talk = quick(wide(width))
        talk.submit({})
        talk.go_on()
        orders = list(talk.open.values())
        cost = work(lambda: [talk.tell(reported(order, 1)) for order in orders])
        assert talk.output["join"] == {"n": width}
        return cost / width

    assert each(1_000) < 1.2 * each(100)
