"""`call: map`: one function for every item, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON, standard_error
from podium.kernel.state import idle
from tests.kernel.conversation import Conversation, agent, frames, reported
from tests.kernel.work import work

Converse = Callable[..., Conversation]
HELPER = (agent("helper", concurrency=1_000),)
ASK = {"ask": {"call": "agent", "with": {"agent": "helper"}}}


def mapped(function: JSON = "ask", **given: JSON) -> list[dict[str, JSON]]:
    """A map over `.items`, and what the workflow does with it."""
    return [{"each": {"call": "map", "with": {"in": "${ .items }", "function": function, **given}}}]


def begin(
    converse: Converse, do: JSON, *items: JSON, functions: JSON = ASK, agents: Any = HELPER
) -> Conversation:
    talk = converse(do, agents=agents, use={"functions": functions})
    talk.submit({"items": list(items), "all": "of them"})
    return talk


def orders(talk: Conversation) -> list[JSON]:
    """What the open attempts were asked."""
    return [order.input for order in talk.open.values()]


def tell(talk: Conversation, asked: JSON, **report: Any) -> None:
    """The performer of the attempt that was asked `asked` reports."""
    (order,) = (order for order in talk.open.values() if order.input == asked)
    del talk.open[order.run_id, order.effect]
    if "error" in report:
        report = {"status": "failed", "error": standard_error(report["error"], "", "the test says so")}
    talk.tell(reported(order, **report))


def test_every_item_goes_through_the_function_and_outputs_stand_in_order(converse: Converse) -> None:
    talk = begin(converse, mapped(), 1, 2, 3)
    talk.expect(
        "RunStarted",
        "TaskStarted each",
        "EffectRequested each/with/function",
        "EffectRequested each/with/function",
        "EffectRequested each/with/function",
        "> perform each/with/function 1",
        "> perform each/with/function 1",
        "> perform each/with/function 1",
    )
    assert orders(talk) == [1, 2, 3]
    for item in (2, 3, 1):
        tell(talk, item, output=item * 10)
    assert talk.output == [10, 20, 30]


def test_the_log_holds_an_item_once(converse: Converse) -> None:
    talk = begin(converse, mapped(), "a", "b")
    assert talk.bodies(e.TaskStarted)[0].items == ["a", "b"]
    assert talk.bodies(e.EffectRequested) == [None, None]


def test_no_more_run_at_once_than_it_may(converse: Converse) -> None:
    talk = begin(converse, mapped(concurrency=2), *range(5))
    assert orders(talk) == [0, 1]
    tell(talk, 1, output="b")
    assert orders(talk) == [0, 2]
    tell(talk, 0, output="a")
    assert orders(talk) == [2, 3]
    for item in (3, 2, 4):
        tell(talk, item, output=item)
    assert talk.output == ["a", "b", 2, 3, 4]


def test_there_is_a_bound_even_where_none_is_given(converse: Converse) -> None:
    talk = begin(converse, mapped(), *range(100))
    assert len(orders(talk)) == 32


def test_nothing_to_go_over_gives_an_empty_list(converse: Converse) -> None:
    assert begin(converse, mapped()).output == []


def test_the_input_sees_the_maps_input_and_the_item(converse: Converse) -> None:
    given = {"doc": "${ $doc }", "at": "${ $place }", "what": "${ .all }"}
    talk = begin(converse, mapped(each="doc", at="place", input=given), "x", "y")
    assert orders(talk) == [
        {"doc": "x", "at": 0, "what": "of them"},
        {"doc": "y", "at": 1, "what": "of them"},
    ]


def test_a_task_written_in_place_sees_the_item_wherever_it_stands(converse: Converse) -> None:
    inline = {
        "do": [
            {"note": {"set": {"n": "${ . + $index }"}}},
            {
                "deep": {
                    "for": {"in": "[1, 2]", "each": "k"},
                    "do": [{"add": {"set": "${ {n: (.n + $item)} }"}}],
                }
            },
        ],
        "output": {"as": "{item: $item, n: .n}"},
    }
    assert begin(converse, mapped(inline), 10, 20).output == [{"item": 10, "n": 30}, {"item": 20, "n": 61}]


def test_a_task_written_in_place_may_filter_what_it_is_given(converse: Converse) -> None:
    inline = {"set": {"got": "${ . }", "of": "${ $item }"}, "if": "${ .n > 1 }", "input": {"from": ".n"}}
    talk = begin(converse, mapped(inline, input={"n": "${ $item }"}), 1, 2)
    assert talk.output == [{"n": 1}, {"got": 2, "of": 2}]


def test_an_item_that_is_skipped_gives_itself(converse: Converse) -> None:
    talk = begin(converse, mapped({"set": {"n": 1}, "if": "${ . > 1 }"}), 1, 2)
    assert talk.output == [1, {"n": 1}]


def test_what_is_no_array_faults(converse: Converse) -> None:
    talk = converse(mapped(), agents=HELPER, use={"functions": ASK})
    talk.submit({"items": {"no": 1}})
    assert talk.error.type == f"{ERRORS}expression"


def test_the_first_fault_ends_the_others(converse: Converse) -> None:
    talk = begin(converse, mapped(concurrency=3), *range(5))
    tell(talk, 1, error="runtime")
    assert talk.error.type == f"{ERRORS}runtime"
    assert talk.error.instance == "/do/0/each/with/function"
    assert len(talk.abandoned) == 2 and not any(talk.shard.running.values())


def test_a_fault_can_be_caught_around_the_map(converse: Converse) -> None:
    tasks = [{"attempt": {"try": mapped(), "catch": {"do": [{"tell": {"set": {"caught": True}}}]}}}]
    talk = begin(converse, tasks, 1, 2)
    tell(talk, 2, error="runtime")
    assert talk.output == {"caught": True}


def test_collected_faults_stand_in_the_place_of_outputs(converse: Converse) -> None:
    talk = begin(converse, mapped(onError="collect", concurrency=2), 1, 2, 3)
    talk.forget()
    tell(talk, 2, error="communication")
    talk.expect(
        "EffectSettled each/with/function",
        "ItemFailed each/with/function",
        "EffectRequested each/with/function",
        "> perform each/with/function 1",
    )
    tell(talk, 1, output="a")
    tell(talk, 3, output="c")
    first, failed, last = talk.output
    assert (first, last) == ("a", "c")
    assert failed["error"]["type"] == f"{ERRORS}communication"
    assert failed["error"]["instance"] == "/do/0/each/with/function"


def test_an_item_that_cannot_even_begin_is_collected(converse: Converse) -> None:
    functions = {"ask": {"call": "agent", "with": {"agent": "helper", "input": "${ .n + 1 }"}}}
    talk = begin(converse, mapped(onError="collect"), {"n": "x"}, {"n": 1}, functions=functions)
    assert orders(talk) == [2]
    tell(talk, 2, output=2)
    assert talk.output[0]["error"]["type"] == f"{ERRORS}expression"
    assert talk.output[1] == 2


def test_a_fault_deep_inside_an_item_ends_that_item_alone(converse: Converse) -> None:
    inline = {
        "do": [
            {
                "both": {
                    "fork": {
                        "branches": [
                            {"ask": {"call": "agent", "with": {"agent": "helper", "input": "${ $item }"}}},
                            {"wait": {"wait": "PT1H"}},
                        ]
                    }
                }
            }
        ]
    }
    talk = begin(converse, mapped(inline, onError="collect"), 1, 2)
    tell(talk, 1, error="runtime")
    assert {frame.slot for frame in frames(talk) if frame.kind == "wait"} == {1}
    assert len([frame for frame in frames(talk) if frame.kind == "wait"]) == 1
    tell(talk, 2, error="runtime")
    assert [item["error"]["status"] for item in talk.output] == [500, 500]


def test_a_try_inside_an_item_comes_first(converse: Converse) -> None:
    inline = {
        "try": [{"ask": {"call": "agent", "with": {"agent": "helper"}}}],
        "catch": {"do": [{"tell": {"set": {"caught": "${ $item }"}}}]},
    }
    talk = begin(converse, mapped(inline, onError="collect"), 1, 2)
    tell(talk, 2, error="runtime")
    tell(talk, 1, output="a")
    assert talk.output == ["a", {"caught": 2}]


def test_a_quorum_ends_the_map_as_soon_as_it_is_reached(converse: Converse) -> None:
    talk = begin(converse, mapped(onError="quorum", quorum=2), "a", "b", "c", "d")
    tell(talk, "c", output="C")
    tell(talk, "a", error="runtime")
    tell(talk, "b", output="B")
    assert talk.output == ["B", "C"]
    assert len(talk.abandoned) == 1 and not any(talk.shard.running.values())


def test_a_quorum_that_was_exceeded_meanwhile_gives_no_more_than_it(converse: Converse) -> None:
    talk = begin(converse, mapped(onError="quorum", quorum=2), "a", "b", "c", "d")
    talk.suspend()
    for item in ("d", "a", "b"):
        tell(talk, item, output=item.upper())
    talk.resume()
    assert talk.output == ["A", "D"]


def test_a_quorum_that_is_out_of_reach_faults_at_once(converse: Converse) -> None:
    talk = begin(converse, mapped(onError="quorum", quorum=2), "a", "b", "c")
    tell(talk, "c", error="communication")
    tell(talk, "a", error="communication")
    assert talk.error.title == "2 of 3 had to succeed, but 2 failed"
    assert "the test says so" in talk.error.detail
    assert talk.error.instance == "/do/0/each"


def test_a_quorum_of_more_than_there_are_faults(converse: Converse) -> None:
    assert begin(converse, mapped(onError="quorum", quorum=1)).error.instance == "/do/0/each"


def test_a_timeout_ends_the_whole_map(converse: Converse) -> None:
    tasks: Any = mapped(onError="collect")
    tasks[0]["each"]["timeout"] = {"after": "PT5S"}
    talk = begin(converse, tasks, 1, 2)
    talk.wait(5_000)
    assert talk.error.type == f"{ERRORS}timeout"
    assert len(talk.abandoned) == 2


def test_end_inside_an_item_ends_the_run(converse: Converse) -> None:
    inline = {"do": [{"over": {"set": "${ $item }", "then": "end"}}], "then": "end"}
    assert begin(converse, mapped(inline), {"n": 7}, 8).output == {"n": 7}
    # The `then` of one that is skipped does not count.
    skipped = {"set": {"n": 0}, "if": ".no", "then": "end"}
    assert begin(converse, mapped(skipped), {"n": 7}).output == [{"n": 7}]


def test_the_output_of_a_map_is_a_tasks_output(converse: Converse) -> None:
    tasks: Any = mapped({"set": {"n": "${ $item }"}})
    tasks[0]["each"]["output"] = {"as": "[.[].n]"}
    tasks[0]["each"]["export"] = {"as": "{ns: .}"}
    talk = begin(converse, [*tasks, {"look": {"set": "${ $context }"}}], 1, 2)
    assert talk.output == {"ns": [1, 2]}


def test_maps_in_maps(converse: Converse) -> None:
    inner = {
        "call": "map",
        "with": {
            "in": "${ $row }",
            "each": "cell",
            "at": "column",
            "function": {"set": "${ {c: $cell, r: $row} }"},
        },
    }
    talk = begin(converse, mapped(inner, each="row"), [1, 2], [])
    assert talk.output == [[{"c": 1, "r": [1, 2]}, {"c": 2, "r": [1, 2]}], []]


def test_a_map_that_only_waits_for_people_is_idle(converse: Converse) -> None:
    talk = begin(converse, mapped({"call": "human", "with": {"title": "Is ${ . } right?"}}), 1, 2)
    assert idle(talk.run)
    talk.answer_human(task="1")
    assert idle(talk.run)
    talk.answer_human(task="2", decision="deny")
    assert [item["decision"] for item in talk.output] == ["approve", "deny"]


def test_a_slot_for_one_at_a_time_takes_them_in_order(converse: Converse) -> None:
    talk = begin(converse, mapped(concurrency=3), *range(4), agents=(agent("helper", concurrency=1),))
    for item in range(4):
        assert orders(talk) == [item]
        tell(talk, item, output=item)
    assert talk.output == [0, 1, 2, 3]


@pytest.mark.parametrize("given", [{}, {"onError": "collect"}, {"onError": "quorum", "quorum": 3}])
def test_a_hub_that_dies_in_the_middle_goes_on_where_it_was(
    converse: Converse, given: dict[str, Any]
) -> None:
    talk = begin(converse, mapped(concurrency=2, **given), *range(6))
    for _ in range(20):
        if talk.status != "running":
            break
        for item in orders(talk)[:1]:
            tell(talk, item, **({"error": "runtime"} if item == 1 and given else {"output": item}))
        if talk.status == "running":
            talk.crash()
    expected = {"": [0, 1, 2, 3, 4, 5], "quorum": [0, 2, 3]}
    if given.get("onError") == "collect":
        assert [item for item in talk.output if isinstance(item, int)] == [0, 2, 3, 4, 5]
    else:
        assert talk.output == expected[given.get("onError", "")]
    requested = talk.events(e.EffectRequested)
    assert sorted(event.slot for event in requested) == sorted({event.slot for event in requested})


def test_a_suspended_map_begins_nothing(converse: Converse) -> None:
    talk = begin(converse, mapped(concurrency=1), 1, 2)
    talk.suspend()
    tell(talk, 1, output="a")
    assert orders(talk) == []
    talk.resume()
    tell(talk, 2, output="b")
    assert talk.output == ["a", "b"]


def test_an_item_costs_two_records_and_no_frame_when_it_is_done() -> None:
    talk = Conversation(mapped(concurrency=50), agents=HELPER, use={"functions": ASK})
    talk.checks = False
    talk.submit({"items": list(range(2_000))})
    while talk.open:
        assert len(talk.run.frames) <= 52 and len(talk.run.effects) <= 50
        order = talk.open.pop(next(iter(talk.open)))
        talk.tell(reported(order, order.input))
    assert talk.output == list(range(2_000))
    assert len(talk.log) == 1 + 2 + 2 * 2_000 + 2


@pytest.mark.parametrize("fails", [False, True])
def test_an_item_is_as_much_work_among_thousands_as_among_a_hundred(fails: bool) -> None:
    outcome = {"status": "failed", "error": standard_error("runtime", "", "no good")} if fails else {}

    def each(count: int) -> float:
        talk = Conversation(mapped({"do": [ASK]}, onError="collect", concurrency=count // 4), agents=HELPER)
        talk.checks = False
        talk.submit({"items": list(range(count))})
        talk.go_on()

        def play() -> None:
            while talk.open:
                order = talk.open.pop(next(iter(talk.open)))
                talk.tell(reported(order, **outcome))

        cost = work(play)
        assert len(talk.output) == count
        return cost / count

    assert each(2_000) < 1.2 * each(100)
