"""`try`, `catch` and `raise`: which errors are caught, and what comes after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, Error
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]

BOOM = {"type": "https://example.com/errors/boom", "status": 503, "title": "Boom", "detail": "It went up."}


def attempt(error: dict[str, Any], catch: dict[str, Any], **task: Any) -> list[Any]:
    tried = {"try": [{"boom": {"raise": {"error": error}}}], "catch": catch, **task}
    return [{"attempt": tried}, {"after": {"set": {"after": "${ . }"}}}]


TELL = [{"tell": {"set": {"caught": "${ $error }", "data": "${ . }"}}}]


# --- raise ------------------------------------------------------------------------------------------


def test_an_error_that_nobody_catches_faults_the_run(converse: Converse) -> None:
    talk = converse([{"boom": {"raise": {"error": BOOM}}}, {"after": {"set": {"n": 1}}}])
    talk.submit({})
    talk.expect("RunStarted", "RunFaulted boom")
    assert talk.error == Error(BOOM["type"], 503, "Boom", "It went up.", "/do/0/boom")
    assert talk.ended == [talk.run_id]


def test_the_members_of_an_error_may_be_expressions(converse: Converse) -> None:
    talk = converse([
        {"boom": {"raise": {"error": {
            "type": '${ "https://example.com/" + .kind }', "status": 400, "title": "${ .kind }",
            "detail": "${ {n: .n} }", "instance": "/elsewhere",
        }}}}
    ])  # fmt: skip
    talk.submit({"kind": "odd", "n": [1]})
    assert talk.error == Error("https://example.com/odd", 400, "odd", '{"n":[1]}', "/elsewhere")


def test_an_error_may_be_defined_once_and_raised_by_name(converse: Converse) -> None:
    talk = converse(
        [{"boom": {"raise": {"error": "bang"}}}],
        use={"errors": {"bang": {**BOOM, "detail": "in ${ $workflow.definition.document.name }"}}},
    )
    talk.submit({})
    assert (talk.error.detail, talk.error.instance) == ("in talk", "/do/0/boom")


def test_a_type_is_a_uri_and_taken_as_written(converse: Converse) -> None:
    talk = converse(
        attempt(
            {"type": "validation", "status": 400},
            {"errors": {"with": {"type": f"{ERRORS}validation"}}, "do": TELL},
        )
    )
    talk.submit({})
    assert talk.error.type == "validation"


# --- what is caught ---------------------------------------------------------------------------------


def test_a_catch_without_a_filter_catches_all(converse: Converse) -> None:
    talk = converse(attempt(BOOM, {"do": TELL}))
    talk.submit({"n": 1})
    talk.expect(
        "RunStarted",
        "TaskStarted attempt",
        "TaskStarted attempt/try",
        "TaskFaulted attempt/boom",
        "TaskStarted attempt/catch/do",
        "TaskCompleted attempt/tell",
        "TaskCompleted attempt/catch/do",
        "TaskCompleted attempt",
        "TaskCompleted after",
        "RunCompleted",
    )
    caught = {**BOOM, "instance": "/do/0/attempt/try/0/boom"}
    assert talk.output == {"after": {"caught": caught, "data": {"n": 1}}}


@pytest.mark.parametrize(
    ("wanted", "caught"),
    [
        ({"type": BOOM["type"]}, True),
        ({"type": "https://example.com/errors/other"}, False),
        ({"status": 503}, True),
        ({"status": 500}, False),
        ({"type": BOOM["type"], "status": 500}, False),
        ({"title": "Boom", "detail": "It went up."}, True),
        ({"title": "boom"}, False),
        ({"instance": "/do/0/attempt/try/0/boom"}, True),
        ({"instance": "/do/0/attempt"}, False),
    ],
)
def test_an_error_is_caught_if_all_members_of_the_filter_are_equal(
    converse: Converse, wanted: dict[str, Any], caught: bool
) -> None:
    talk = converse(attempt(BOOM, {"errors": {"with": wanted}, "do": TELL}))
    talk.submit({})
    assert talk.status == ("completed" if caught else "faulted")


@pytest.mark.parametrize(
    "start",
    [
        "https://serverlessworkflow.io/spec/1.0.0/errors/",
        "https://open-workflow-specification.org/spec/1.0.0/errors/",
        "https://serverlessworkflow.io/dsl/errors/types/",
        "https://open-workflow-specification.org/dsl/errors/types/",
    ],
)
def test_standard_errors_are_known_under_all_their_names(converse: Converse, start: str) -> None:
    catch = {"errors": {"with": {"type": f"{start}timeout", "status": 408}}, "do": TELL}
    task = {"try": [{"slow": {"wait": "PT1H", "timeout": {"after": "PT1S"}}}], "catch": catch}
    talk = converse([{"attempt": task}])
    talk.submit({})
    talk.wait(1_000)
    assert talk.output["caught"]["type"] == f"{ERRORS}timeout"


@pytest.mark.parametrize(
    ("catch", "caught"),
    [
        ({"when": ".status == 503"}, True),
        ({"when": ".status == 500"}, False),
        ({"when": "$error.status == 503"}, True),
        ({"exceptWhen": ".status == 503"}, False),
        ({"exceptWhen": ".status == 500"}, True),
        ({"when": ".status > 500", "exceptWhen": '.title == "Boom"'}, False),
        ({"as": "problem", "when": '$problem.title == "Boom" and $input.n == 1'}, True),
        ({"errors": {"with": {"status": 500}}, "when": "true"}, False),
    ],
)
def test_when_and_except_when_see_the_error(converse: Converse, catch: dict[str, Any], caught: bool) -> None:
    talk = converse(attempt(BOOM, catch))
    talk.submit({"n": 1})
    assert talk.status == ("completed" if caught else "faulted")


def test_a_condition_that_fails_takes_the_place_of_the_error(converse: Converse) -> None:
    talk = converse(attempt(BOOM, {"when": '.title | error("odd")'}))
    talk.submit({})
    assert (talk.error.type, talk.error.instance) == (f"{ERRORS}expression", "/do/0/attempt")
    assert "odd" in talk.error.detail


def test_the_error_has_the_name_that_as_gives_it(converse: Converse) -> None:
    catch = {"as": "problem", "do": [{"tell": {"set": {"title": "${ $problem.title }"}}}]}
    talk = converse(attempt(BOOM, catch))
    talk.submit({})
    assert talk.output == {"after": {"title": "Boom"}}


# --- what comes after -------------------------------------------------------------------------------


def test_a_catch_without_tasks_passes_the_input_of_the_try_on(converse: Converse) -> None:
    talk = converse(attempt(BOOM, {}, input={"from": "{n: .n}"}, output={"as": "{out: .}"}))
    talk.submit({"n": 1, "m": 2})
    assert talk.output == {"after": {"out": {"n": 1}}}


def test_a_try_that_succeeds_gives_what_its_tasks_give(converse: Converse) -> None:
    tried = {"try": [{"a": {"set": {"n": 1}}}], "catch": {"do": TELL, "then": "end"}}
    talk = converse([{"attempt": tried}, {"after": {"set": {"n": "${ .n + 1 }"}}}])
    talk.submit({})
    assert talk.output == {"n": 2}


THEN = """
- attempt:
    try: [{maybe: {if: .bad, raise: {error: {type: 'test:bad', status: 500}}}}]
    catch: {then: recover}
    then: end
- between: {set: {passed: between}, then: end}
- recover: {set: {passed: recover}}
"""


def test_then_of_a_catch_leads_only_those_who_were_caught(converse: Converse) -> None:
    caught, well = converse(THEN), converse(THEN)
    caught.submit({"bad": True})
    well.submit({"bad": False})
    assert (caught.output, well.output) == ({"passed": "recover"}, {"bad": False})


@pytest.mark.parametrize(
    ("then", "output"),
    [
        ("continue", {"after": {"told": 1}}),
        ("exit", {"told": 1}),
        ("end", {"told": 1}),
        ("after", {"after": {"told": 1}}),
    ],
)
def test_then_of_a_catch_comes_after_its_tasks(converse: Converse, then: str, output: Any) -> None:
    catch = {"do": [{"tell": {"set": {"told": 1}}}], "then": then}
    talk = converse(attempt(BOOM, catch, then="end"))
    talk.submit({})
    assert talk.output == output


def test_a_try_that_had_to_retry_and_succeeded_was_not_caught(converse: Converse) -> None:
    talk = converse(
        """
    - attempt:
        try: [{ask: {call: agent, with: {agent: helper}}}]
        catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}, then: caught}
        then: end
    - caught: {set: {caught: true}}
    """,
        agents=(agent("helper"),),
    )
    talk.submit({})
    talk.fail("attempt/ask")
    talk.wait(1_000)
    talk.settle("attempt/ask", "fine")
    assert talk.output == "fine"


def test_an_error_in_a_catch_goes_to_the_next_try_around(converse: Converse) -> None:
    talk = converse("""
    - outer:
        try:
          - inner:
              try: [{boom: {raise: {error: {type: 'test:one', status: 500}}}}]
              catch:
                do: [{worse: {raise: {error: {type: 'test:two', status: 500, detail: '${ $error.type }'}}}}]
        catch: {as: outer, do: [{tell: {set: {type: '${ $outer.type }', of: '${ $outer.detail }'}}}]}
    """)
    talk.submit({})
    assert talk.output == {"type": "test:two", "of": "test:one"}


def test_the_nearest_try_that_wants_the_error_gets_it(converse: Converse) -> None:
    talk = converse("""
    - outer:
        try:
          - inner:
              try: [{boom: {raise: {error: {type: 'test:one', status: 404}}}}]
              catch: {errors: {with: {status: 500}}, do: [{no: {set: {by: inner}}}]}
          - skipped: {set: {by: skipped}}
        catch: {errors: {with: {status: 404}}, do: [{yes: {set: {by: outer}}}]}
    """)
    talk.submit({})
    assert talk.output == {"by": "outer"}


def test_what_was_exported_before_the_error_stays(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try:
          - keep: {set: {n: 1}, export: {as: .}}
          - boom: {raise: {error: {type: 'test:one', status: 404}}}
        catch: {do: [{look: {set: '${ $context }'}}]}
    """)
    talk.submit({})
    assert talk.output == {"n": 1}


@pytest.mark.parametrize("place", ["output", "export"])
def test_an_error_in_the_data_flow_of_an_effect_can_be_caught(converse: Converse, place: str) -> None:
    talk = converse(
        [
            {
                "attempt": {
                    "try": [
                        {"ask": {"call": "agent", "with": {"agent": "helper"}, place: {"as": "error(.)"}}}
                    ],
                    "catch": {"do": [{"tell": {"set": {"type": "${ $error.type }"}}}]},
                }
            }
        ],
        agents=(agent("helper"),),
    )
    talk.submit({})
    talk.settle("attempt/ask", "odd")
    assert talk.output == {"type": f"{ERRORS}expression"}
    (settled,) = talk.events(e.EffectSettled)
    assert (settled.status, settled.completes) == ("succeeded", False)


def test_a_broken_input_schema_is_caught_where_the_task_stands(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try: [{strict: {input: {schema: {document: {type: string}}}, set: {n: 1}}}]
        catch: {errors: {with: {status: 400}}, do: [{tell: {set: {at: '${ $error.instance }'}}}]}
    """)
    talk.submit({"no": "string"})
    assert talk.output == {"at": "/do/0/attempt/try/0/strict"}
