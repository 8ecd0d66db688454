"""Data on its way: input, output, export, their schemas, and the arguments of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, Accepted, Problem, Refused
from tests.kernel.conversation import START, Conversation, agent

Converse = Callable[..., Conversation]


def schema(**document: Any) -> dict[str, Any]:
    return {"document": document}


def test_every_step_of_the_data_flow_sees_what_the_one_before_made(converse: Converse) -> None:
    talk = converse("""
    - task:
        input: {from: '{a: (.raw + 1)}'}
        set: {b: '${ .a * 10 }', in: '${ $input }', raw: '${ $task.input }', out: '${ $task.output }'}
        output: {as: '{c: (.b + 1), b: ., in: $input, raw: $task.input, out: $task.output.b}'}
        export: {as: '{d: (.c + 1), old: $context, in: $input, out: $output.c, before: $task.output.b}'}
    - next: {set: {data: '${ . }', context: '${ $context }'}}
    """)
    talk.submit({"raw": 1})
    first = {"b": 20, "in": {"a": 2}, "raw": {"raw": 1}, "out": None}
    assert talk.output == {
        "data": {"c": 21, "b": first, "in": {"a": 2}, "raw": {"raw": 1}, "out": 20},
        "context": {"d": 22, "old": {}, "in": {"a": 2}, "out": 21, "before": 20},
    }


def test_the_input_of_a_workflow_is_transformed_before_its_first_task(converse: Converse) -> None:
    talk = converse(
        "[{a: {set: {in: '${ . }', input: '${ $input }', raw: '${ $workflow.input }'}}}]",
        input={"from": ".order"},
        output={"as": "{order: ., context: $context, raw: $workflow.input}"},
    )
    talk.submit({"order": 7})
    raw = {"order": 7}
    assert talk.output == {"order": {"in": 7, "input": 7, "raw": raw}, "context": {}, "raw": raw}
    talk.expect("RunStarted", "TaskStarted do", "TaskCompleted a", "RunCompleted")


def test_from_and_as_may_be_objects(converse: Converse) -> None:
    talk = converse("""
    - task:
        input: {from: {n: '${ .a.n }', fixed: [1, '${ .a.n + 1 }']}}
        set: '${ . }'
        output: {as: {text: 'n is ${ .n }, then ${ .fixed[1] }', is: '${ . }'}}
    """)
    talk.submit({"a": {"n": 1}})
    assert talk.output == {"text": "n is 1, then 2", "is": {"n": 1, "fixed": [1, 2]}}


def test_the_context_is_replaced_and_seen_by_all_that_follows(converse: Converse) -> None:
    talk = converse("""
    - first: {set: {n: 1}, export: {as: '$context + {first: .n}'}}
    - scope:
        do: [{second: {set: {n: 2}, export: {as: '$context + {second: .n}'}}}]
        export: {as: '$context + {scope: .n}'}
    - loop:
        for: {in: '[3, 4]'}
        do: [{third: {set: {n: '${ $item }'}, export: {as: '$context + {third: .n}'}}}]
    - last: {if: $context.third == 4, set: '${ $context }'}
    """)
    talk.submit({})
    assert talk.output == {"first": 1, "second": 2, "scope": 2, "third": 4}


def test_an_effect_exports_too(converse: Converse) -> None:
    talk = converse(
        """
    - ask:
        call: agent
        with: {agent: helper}
        output: {as: .answer}
        export: {as: '{answer: ., whole: $task.output}'}
    - last: {set: '${ $context }'}
    """,
        agents=(agent("helper"),),
    )
    talk.submit({})
    talk.settle("ask", {"answer": 42})
    assert talk.output == {"answer": 42, "whole": {"answer": 42}}


def test_task_workflow_and_runtime_describe_themselves(converse: Converse) -> None:
    talk = converse("""
    - pause: {wait: PT2S}
    - scope:
        do:
          - look:
              set:
                task: '${ $task | {name, reference, keys: (.definition | keys), at: .startedAt} }'
                workflow: '${ $workflow | {id, name: .definition.document.name, at: .startedAt} }'
                runtime: '${ $runtime.name }'
    """)
    talk.submit({"n": 1})
    talk.wait(2_000)
    instant = {"iso8601": "2025-06-15T15:06:40.000Z", "epoch": {"seconds": 1750000000, "milliseconds": START}}
    later = {
        "iso8601": "2025-06-15T15:06:42.000Z",
        "epoch": {"seconds": 1750000002, "milliseconds": START + 2000},
    }
    assert talk.output == {
        "task": {"name": "look", "reference": "/do/1/scope/do/0/look", "keys": ["set"], "at": later},
        "workflow": {"id": talk.run_id, "name": "talk", "at": instant},
        "runtime": "podium",
    }


def test_a_task_that_waits_for_answers_began_when_it_first_asked() -> None:
    talk = Conversation(
        """
    - both:
        fork:
          branches:
            - late:
                do:
                  - pause: {wait: PT1S}
                  - look: {set: '${ [$task.startedAt.epoch.milliseconds] | map(. + .) | .[0] / 2 }'}
            - early: {set: '${ [$task.startedAt.epoch.milliseconds] | map(. + .) | .[0] / 2 }'}
    """
    )
    talk.holds = True
    talk.submit({})
    talk.wait(1_500)
    assert len(talk.questions) == 2
    talk.answer_question()
    talk.wait(500)
    talk.answer_question()
    assert not talk.questions
    assert talk.output == [START + 1000, START]


# --- schemas ----------------------------------------------------------------------------------------

NUMBER = schema(type="object", required=["n"], properties={"n": {"type": "integer"}})


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ({"input": {"schema": NUMBER, "from": "{n: 1}"}}, "the input does not keep its schema"),
        ({"output": {"schema": NUMBER, "as": '{n: "x"}'}}, "the output does not keep its schema"),
        ({"export": {"schema": NUMBER, "as": "{}"}}, "what is exported does not keep its schema"),
    ],
)
def test_a_schema_that_is_not_kept_is_a_validation_error(
    converse: Converse, task: dict[str, Any], title: str
) -> None:
    talk = converse([{"check": {"set": {"n": 1}, **task}}])
    talk.submit({"n": "text"})
    error = talk.error
    assert (error.type, error.status, error.title) == (f"{ERRORS}validation", 400, title)
    assert error.instance == "/do/0/check" and "n" in error.detail


def test_schemas_that_are_kept_let_the_data_pass(converse: Converse) -> None:
    flow = {"schema": NUMBER, "from": "{n: (.n + 1)}"}
    out = {"schema": NUMBER, "as": "{n: (.n + 1)}"}
    talk = converse([{"check": {"set": "${ . }", "input": flow, "output": out, "export": out}}])
    talk.submit({"n": 1})
    assert talk.output == {"n": 3}


def test_what_is_not_exported_leaves_the_context_as_it_was(converse: Converse) -> None:
    talk = converse([
        {"keep": {"set": {"n": 1}, "export": {"as": "."}}},
        {"try": {"try": [{"bad": {"set": {"n": 2}, "export": {"as": "{}", "schema": NUMBER}}}], "catch": {}}},
        {"look": {"set": "${ $context }"}},
    ])  # fmt: skip
    talk.submit({})
    assert talk.output == {"n": 1}


def test_an_input_that_breaks_the_workflows_schema_starts_no_run() -> None:
    talk = Conversation("[{a: {set: {n: 1}}}]", input={"schema": NUMBER})
    reply = talk.submit({"n": "one"})
    assert isinstance(reply, Refused) and reply.code == "usage"
    (problem,) = reply.problems
    assert (problem.rule, problem.path) == ("input-schema", "/input/n") and "one" in problem.message
    assert not talk.shard.runs
    assert isinstance(talk.submit({"n": 1}), Accepted)
    assert talk.output == {"n": 1}


def test_an_output_that_breaks_the_workflows_schema_faults_the_run(converse: Converse) -> None:
    talk = converse("[{a: {set: {n: one}}}]", output={"schema": NUMBER})
    talk.submit({})
    assert (talk.error.type, talk.error.instance) == (f"{ERRORS}validation", "/output")


@pytest.mark.parametrize(
    ("parts", "instance"),
    [
        ({"input": {"from": 'error("no")'}}, "/input/from"),
        ({"output": {"as": 'error("no")'}}, "/output/as"),
    ],
)
def test_a_workflow_whose_own_expression_fails_faults(
    converse: Converse, parts: dict[str, Any], instance: str
) -> None:
    talk = converse("[{a: {set: {n: 1}}}]", **parts)
    talk.submit({})
    assert (talk.error.type, talk.error.instance) == (f"{ERRORS}expression", instance)


def test_unknown_workflows_are_refused() -> None:
    talk = Conversation("[{a: {set: {n: 1}}}]")
    reply = talk.submit({}, workflow="other")
    assert isinstance(reply, Refused) and reply.code == "not-found"
    assert reply.problems == (
        Problem(
            "unknown-workflow", "/workflow", "no workflow is named other; `podium get workflows` lists them"
        ),
    )


# --- functions --------------------------------------------------------------------------------------


def test_a_function_gets_its_arguments_as_input(converse: Converse) -> None:
    talk = converse(
        """
    - first: {call: double, with: {n: '${ .n + 1 }'}}
    - second: {call: double, with: {n: '${ .twice }'}, output: {as: .twice}}
    """,
        use={"functions": {"double": {"set": {"twice": "${ .n * 2 }", "was": "${ $input }"}}}},
    )
    talk.submit({"n": 1})
    assert talk.output == 8
    assert [short.reference for short in _nodes(talk)] == [
        "/do/0/first/call/double",
        "/do/1/second/call/double",
    ]


def _nodes(talk: Conversation) -> list[Any]:
    program = talk.catalog.program(talk.run.digest)
    return [node for node in program.nodes if "/call/" in node.reference]


def test_a_function_may_be_many_tasks_and_call_others(converse: Converse) -> None:
    talk = converse(
        "[{go: {call: outer, with: {n: '${ .n }'}, input: {from: .a}}}]",
        use={
            "functions": {
                "outer": {
                    "do": [
                        {"one": {"call": "inner", "with": {"n": "${ .n + 1 }"}}},
                        {"two": {"call": "inner"}},
                    ]
                },
                "inner": {"set": {"n": "${ .n * 10 }"}},
            }
        },
    )
    talk.submit({"a": {"n": 1}})
    assert talk.output == {"n": 200}


def test_a_function_that_calls_an_agent_is_one_effect(converse: Converse) -> None:
    talk = converse(
        "[{go: {call: greet, with: {name: '${ .name }'}, output: {as: .text}}}]",
        agents=(agent("greeter"),),
        use={"functions": {"greet": {"call": "agent", "with": {"agent": "greeter"}}}},
    )
    talk.submit({"name": "Ada"})
    assert talk.order("go").input == {"name": "Ada"}
    talk.settle("go", {"text": "Hello"})
    assert talk.output == "Hello"


def test_records_say_only_what_replay_cannot_tell() -> None:
    talk = Conversation("""
    - same: {if: .none, set: {n: 1}}
    - scope: {do: [{inner: {set: '${ . }'}}]}
    """)
    talk.submit({"n": 1})
    assert talk.bodies(e.TaskStarted) == [None]
    assert talk.bodies(e.TaskCompleted) == [None, None, None]
    assert talk.bodies(e.RunCompleted) == [None]
