"""`use.extensions`: tasks woven in before and after others, without a trace in the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]
AGENTS = (agent("helper"), agent("log", concurrency=50))
LOG = {
    "log": {"call": "agent", "with": {"agent": "log", "input": {"at": "${ $task.name }", "data": "${ . }"}}}
}
NOTE = {
    "note": {
        "set": {"noted": True},
        "export": {"as": "$context + {seen: (($context.seen // []) + [$task.name])}"},
    }
}
ASK = {"ask": {"call": "agent", "with": {"agent": "helper", "input": "${ .n }"}}}
BOOM = {"boom": {"raise": {"error": {"type": "test:boom", "status": 500}}}}


def extending(target: str, **fields: JSON) -> JSON:
    return [{"x": {"extend": target, **fields}}]


def begin(
    converse: Converse, *tasks: JSON, extensions: JSON, input: JSON = None, **use: JSON
) -> Conversation:
    talk = converse(list(tasks), agents=AGENTS, use={"extensions": extensions, **use})
    talk.submit({"n": 1} if input is None else input)
    return talk


def logged(talk: Conversation) -> JSON:
    """What the log was told; it takes it."""
    (order,) = (one for one in talk.open.values() if one.agent == "log@1.0.0")
    talk.settle(order.task, "logged")
    return order.input


def test_what_is_done_before_and_after_sees_input_and_output_and_changes_neither(converse: Converse) -> None:
    talk = begin(converse, ASK, extensions=extending("call", before=[LOG], after=[LOG]))
    assert logged(talk) == {"at": "ask", "data": {"n": 1}}
    assert talk.order("ask").input == 1
    talk.settle("ask", {"n": 2})
    assert logged(talk) == {"at": "ask", "data": {"n": 2}}
    assert talk.output == {"n": 2}


def test_it_sees_the_transformed_input_and_the_raw_output(converse: Converse) -> None:
    task = {
        "set": {"m": "${ . + 1 }"},
        "input": {"from": ".n"},
        "output": {"as": ".m"},
        "export": {"as": "{m: .}"},
    }
    talk = begin(converse, {"a": task}, extensions=extending("set", before=[LOG], after=[LOG]))
    assert logged(talk)["data"] == 1
    assert logged(talk)["data"] == {"m": 2}
    assert talk.output == 2


def test_the_task_is_the_one_that_is_extended(converse: Converse) -> None:
    look = {"look": {"set": {"x": "${ $task }"}, "export": {"as": "$context + {(.x.output | type): .x}"}}}
    task = {"set": {"n": 2}, "input": {"from": "{n: .n}"}}
    talk = begin(
        converse,
        {"a": task},
        {"see": {"call": "agent", "with": {"agent": "helper", "input": "${ $context }"}}},
        extensions=extending("set", before=[look], after=[{"do_it": {"do": [look]}}]),
    )
    seen = talk.order("see").input
    for output in ("null", "object"):
        assert seen[output]["name"] == "a" and seen[output]["reference"] == "/do/0/a"
        assert seen[output]["definition"] == task and seen[output]["set"] == {"n": 2}
        assert seen[output]["input"] == {"n": 1}
        assert set(seen[output]["startedAt"]) == {"iso8601", "epoch"}
    assert seen["object"]["output"] == {"n": 2}


def test_exit_takes_the_place_of_the_task(converse: Converse) -> None:
    mock = [{"mock": {"set": {"n": 7, "of": "${ .n }"}, "then": "exit"}}, BOOM]
    task = {**ASK["ask"], "output": {"as": "{was: .}"}, "then": "end"}
    talk = begin(converse, {"ask": task}, BOOM, extensions=extending("call", before=mock, after=[BOOM]))
    assert talk.output == {"was": {"n": 7, "of": 1}}


def test_an_exit_that_is_not_taken_leaves_the_task_alone(converse: Converse) -> None:
    mock = [{"mock": {"if": ".n > 1", "set": {"n": 7}, "then": "exit"}}]
    talk = begin(converse, ASK, extensions=extending("call", before=mock))
    talk.settle("ask", "real")
    assert talk.output == "real"


def test_exit_after_the_task_ends_what_is_done_after(converse: Converse) -> None:
    after = [{"stop": {"set": {"n": 7}, "then": "exit"}}, BOOM]
    talk = begin(converse, {"a": {"set": {"n": 2}}}, extensions=extending("set", after=after))
    assert talk.output == {"n": 2}


def test_end_ends_the_workflow(converse: Converse) -> None:
    before = [{"stop": {"set": {"stopped": "${ .n }"}, "then": "end"}}]
    talk = begin(converse, ASK, BOOM, extensions=extending("call", before=before))
    assert talk.output == {"stopped": 1}


def test_tasks_of_an_extension_may_lead_to_each_other(converse: Converse) -> None:
    before = [
        {"choose": {"switch": [{"big": {"when": ".n > 0", "then": "last"}}, {"other": {"then": "boom"}}]}},
        BOOM,
        {"last": {"set": {"n": 9}}},
    ]
    talk = begin(converse, {"w": {"wait": "PT0S"}}, extensions=extending("wait", before=before))
    talk.go_on()
    assert talk.output == {"n": 1}


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_error_of_an_extension_is_the_tasks(converse: Converse, place: str) -> None:
    attempt = {
        "try": [{"a": {"set": {"n": 2}}}],
        "catch": {"do": [{"give": {"do": [{"b": {"wait": "PT0S"}}]}}]},
    }
    talk = begin(converse, {"attempt": attempt}, extensions=extending("set", **{place: [BOOM]}))
    talk.go_on()
    (caught,) = talk.bodies(e.TaskFaulted)
    assert caught.error.instance == f"/do/0/attempt/try/0/a/extensions/x/{place}/0/boom"
    assert talk.status == "completed"
    assert ("/do/0/attempt/try/0/a" in [event.task for event in talk.events(e.TaskCompleted)]) is (
        place == "after"
    )


def test_a_condition_sees_the_task_and_its_input(converse: Converse) -> None:
    when = '$task.name == "b" and . == {n: 1} and $task["set"].n == 3 and $input.n == 1'
    tasks = ({"a": {"set": {"n": 2}}}, {"again": {"set": {"n": 1}}}, {"b": {"set": {"n": 3}}})
    talk = begin(converse, *tasks, extensions=extending("set", when=when, before=[NOTE], after=[NOTE]))
    assert talk.run.context is None and talk.output == {"n": 3}
    assert [body.context for body in talk.bodies(e.TaskCompleted) if body and body.context] == [
        {"seen": ["b"]},
        {"seen": ["b", "b"]},
    ]


def test_a_condition_is_asked_once_for_both_sides(converse: Converse) -> None:
    task = {"set": {"n": 2}, "export": {"as": "{on: true}"}}
    talk = begin(
        converse,
        {"a": task},
        extensions=extending("set", when="$context.on != true", after=[LOG], before=[]),
    )
    assert logged(talk)["at"] == "a"
    assert talk.output == {"n": 2}


def test_a_condition_that_fails_faults_the_task(converse: Converse) -> None:
    talk = begin(converse, ASK, extensions=extending("call", when="$task.with.input + 1", before=[NOTE]))
    assert talk.error.type == f"{ERRORS}expression" and talk.error.instance == "/do/0/ask"


def test_the_mock_of_the_specification_works(converse: Converse) -> None:
    when = '$task.with.endpoint != null and ($task.with.endpoint | startswith("https://mocked.example.com"))'
    mock = [{"mockResponse": {"set": {"statusCode": 200, "content": {"foo": "bar"}}, "then": "exit"}}]
    http = {"call": "http", "with": {"method": "get", "endpoint": "https://mocked.example.com/sample"}}
    real = {"call": "http", "with": {"method": "get", "endpoint": "https://real.example.com/"}}
    talk = begin(converse, {"a": http}, {"b": real}, extensions=extending("call", when=when, before=mock))
    assert [order.task for order in talk.open.values()] == ["/do/1/b"]
    talk.settle("b", {"real": True})
    assert talk.output == {"real": True}


def test_a_task_that_is_skipped_is_skipped_with_its_extensions(converse: Converse) -> None:
    talk = begin(
        converse, {"a": {"set": {"n": 2}, "if": "false"}}, extensions=extending("all", before=[BOOM])
    )
    assert talk.output == {"n": 1}


def test_the_first_extension_stands_outermost(converse: Converse) -> None:
    def noting(name: str) -> JSON:
        return {"n": {"set": {"x": 1}, "export": {"as": f'{{seen: (($context.seen // []) + ["{name}"])}}'}}}

    extensions = [
        {name: {"extend": "set", "before": [noting(f"{name}-in")], "after": [noting(f"{name}-out")]}}
        for name in ("one", "two")
    ]
    see = {"see": {"call": "agent", "with": {"agent": "helper", "input": "${ $context.seen }"}}}
    talk = begin(converse, {"a": {"set": {"n": 2}}}, see, extensions=extensions)
    assert talk.order("see").input == ["one-in", "two-in", "two-out", "one-out"]


def test_an_exit_of_the_inner_one_is_an_output_for_the_outer(converse: Converse) -> None:
    extensions = [
        {"one": {"extend": "set", "after": [LOG]}},
        {
            "two": {
                "extend": "set",
                "before": [{"mock": {"set": {"mocked": 1}, "then": "exit"}}],
                "after": [BOOM],
            }
        },
    ]
    talk = begin(converse, {"a": {"set": {"n": 2}}}, extensions=extensions)
    assert logged(talk) == {"at": "a", "data": {"mocked": 1}}
    assert talk.output == {"mocked": 1}


def test_where_a_task_leads_is_where_it_led(converse: Converse) -> None:
    tasks = (
        {"go": {"switch": [{"on": {"when": ".n == 1", "then": "last"}}]}},
        BOOM,
        {"last": {"set": {"n": 3}, "then": "out"}},
        {"boom2": BOOM["boom"]},
        {"out": {"do": [{"in": {"set": {"n": 4}, "then": "exit"}}, BOOM]}},
        {"fin": {"try": [BOOM], "catch": {"then": "end"}}},
        {"boom3": BOOM["boom"]},
    )
    talk = begin(converse, *tasks, extensions=extending("all", before=[NOTE], after=[NOTE]))
    assert talk.output == {"n": 4}
    seen = [body.context["seen"] for body in talk.bodies(e.TaskCompleted) if body and body.context][-1]
    # An error that is caught takes what is after its task with it.
    assert seen == ["go", "go", "last", "last", "out", "in", "in", "out", "fin", "boom", "fin"]


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("call", ["c", "f"]),
        ("composite", ["d", "k"]),
        ("for", ["l"]),
        ("try", ["t"]),
        ("switch", ["s"]),
        ("wait", ["w"]),
        ("raise", ["r"]),
        ("set", ["a", "a", "g", "inner", "fset", "b1"]),
        ("all", ["d", "a", "l", "a", "t", "r", "g", "s", "w", "k", "inner", "c", "f", "fset", "b1"]),
    ],
)
def test_every_kind_of_task(converse: Converse, target: str, names: list[str]) -> None:
    setting = {"set": "${ . }"}
    tasks = (
        {"d": {"do": [{"a": setting}]}},
        {"l": {"for": {"in": "[1]"}, "do": [{"a": setting}]}},
        {"t": {"try": [{"r": BOOM["boom"]}], "catch": {"do": [{"g": setting}]}}},
        {"s": {"switch": [{"x": {"then": "continue"}}]}},
        {"w": {"wait": "PT0S"}},
        {"k": {"fork": {"branches": [{"inner": setting}]}, "output": {"as": ".[0]"}}},
        {"c": {"call": "agent", "with": {"agent": "helper"}}},
        {"f": {"call": "fn"}},
        {"b1": setting},
    )
    functions = {"fn": {"do": [{"fset": setting}]}}
    talk = begin(converse, *tasks, extensions=extending(target, before=[NOTE]), functions=functions)
    talk.go_on()
    talk.settle("c", {"n": 1})
    assert talk.output == {"n": 1}
    contexts = [body.context["seen"] for body in talk.bodies(e.TaskCompleted) if body and body.context]
    # The function's own task is a `do`, under the function's name.
    assert [name for name in contexts[-1] if name != "fn"] == names


def test_an_extension_is_not_for_its_own_tasks_nor_for_what_they_call(converse: Converse) -> None:
    functions = {"log": {"do": [{"one": {"set": {"x": 1}}}, LOG]}}
    extensions = extending("all", before=[{"l": {"call": "log"}}], after=[{"d": {"do": [NOTE]}}])
    talk = begin(converse, {"a": {"set": {"n": 2}}}, extensions=extensions, functions=functions)
    assert logged(talk)["at"] == "a"
    assert talk.output == {"n": 2}
    assert talk.trace() == [
        "a", "a/extensions/x/before", "a/extensions/x/before/0/l", "a/extensions/x/before/0/l/call/log",
        "a/extensions/x/before/0/l/call/log/one", "a/extensions/x/before/0/l/call/log/log", "a",
        "a/extensions/x/after", "a/extensions/x/after/0/d", "a/extensions/x/after/0/d/note",
    ]  # fmt: skip


def test_a_functions_task_may_be_extended_by_that_very_function(converse: Converse) -> None:
    functions = {"f": {"do": [{"one": {"set": {"x": 1}}}]}}
    talk = begin(
        converse,
        {"a": {"call": "f"}},
        extensions=extending("set", before=[{"g": {"call": "f"}}]),
        functions=functions,
    )
    assert talk.output == {"x": 1}


def test_items_nodes_and_undos_are_extended_as_tasks(converse: Converse) -> None:
    functions = {
        "f": {"call": "agent", "with": {"agent": "helper", "compensate": {"function": "u"}}},
        "u": {"set": {"u": 1}},
    }
    each = {"call": "map", "with": {"in": "[1, 2]", "function": "f", "input": "${ {i: $item} }"}}
    saga = {"try": [{"each": each}, BOOM], "catch": {"do": [{"undo": {"call": "compensate"}}]}}
    extensions = [{"x": {"extend": "call", "after": [NOTE]}}, {"y": {"extend": "set", "before": [NOTE]}}]
    talk = begin(converse, {"saga": saga}, extensions=extensions, functions=functions)
    for order in list(talk.open.values()):
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, order.input))
    assert [item["output"] for item in talk.output] == [{"u": 1}, {"u": 1}]


def test_the_timeout_is_the_tasks_alone(converse: Converse) -> None:
    task = {**ASK["ask"], "timeout": {"after": "PT5S"}}
    talk = begin(converse, {"ask": task}, extensions=extending("call", before=[{"nap": {"wait": "PT1M"}}]))
    talk.wait(60_000)
    assert talk.order("ask").deadline_at == talk.now + 5_000
    talk.wait(5_000)
    assert talk.error.type == f"{ERRORS}timeout"


@pytest.mark.parametrize("turns", range(6))
def test_a_hub_that_dies_goes_on_where_it_was(converse: Converse, turns: int) -> None:
    talk = begin(converse, ASK, extensions=extending("call", when=".n == 1", before=[LOG], after=[LOG]))
    done: list[Any] = []
    for turn in range(3):
        if turn <= turns % 3:
            talk.crash()
        order = next(iter(talk.open.values()))
        done.append(order.agent[0])
        talk.settle(order.task, turn)
        if turns >= 3 and talk.status == "running":
            talk.crash()
    assert done == ["l", "h", "l"] and talk.output == 1
