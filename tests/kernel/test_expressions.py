"""Expressions that only jq can evaluate, wherever an expression can stand."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS
from tests.kernel.conversation import Conversation, agent, frames


def hard(text: str) -> str:
    """The same expression in a form that has no native equivalent."""
    return f"first(limit(1; ({text})))"


def embedded(text: str) -> str:
    return f"${{ {hard(text)} }}"


HELPER = (agent("helper"),)

EVERYWHERE: dict[str, tuple[Any, Any]] = {
    "if": ({"if": hard(".n == 1"), "set": {"n": 2}}, {"n": 2}),
    "input.from": ({"input": {"from": hard("{n: 5}")}, "set": "${ . }"}, {"n": 5}),
    "set": ({"set": {"n": embedded(".n + 1")}}, {"n": 2}),
    "output.as": ({"set": {"n": 1}, "output": {"as": {"m": embedded(".n + 1")}}}, {"m": 2}),
    "export.as": ({"set": {"n": 1}, "export": {"as": hard(".")}}, {"n": 1}),
    "switch": ({"switch": [{"a": {"when": hard(".n == 1"), "then": "end"}}]}, {"n": 1}),
    "for.in": ({"for": {"in": hard("[1, 2]")}, "do": [{"a": {"set": {"n": "${ $item }"}}}]}, {"n": 2}),
    "while": (
        {"for": {"in": "[1, 2]"}, "while": hard(".n < 2"), "do": [{"a": {"set": {"n": "${ .n + 1 }"}}}]},
        {"n": 2},
    ),
    "raise": (
        {
            "try": [
                {"a": {"raise": {"error": {"type": "test:a", "status": 500, "detail": embedded('"d"')}}}}
            ],
            "catch": {"do": [{"b": {"set": {"detail": "${ $error.detail }"}}}]},
        },
        {"detail": "d"},
    ),
    "catch.when": (
        {
            "try": [{"a": {"raise": {"error": {"type": "test:a", "status": 500}}}}],
            "catch": {"when": hard(".status == 500"), "exceptWhen": hard("$error.status == 400")},
        },
        {"n": 1},
    ),
    "retry": (
        {
            "try": [{"a": {"if": "$context == {}", "set": {"n": 2}, "export": {"as": "{n: 1} | error"}}}],
            "catch": {
                "retry": {
                    "when": hard(".status == 400"),
                    "exceptWhen": hard("false"),
                    "delay": embedded('"PT1S"'),
                    "backoff": {"linear": {"increment": embedded('"PT2S"')}},
                    "jitter": {"from": embedded('"PT0S"'), "to": embedded('"PT0S"')},
                    "limit": {"attempt": {"count": 2}, "duration": embedded('"PT1M"')},
                },
                "do": [{"b": {"set": {"given": "up"}}}],
            },
        },
        {"given": "up"},
    ),
    "wait": ({"wait": embedded('"PT1S"')}, {"n": 1}),
    "timeout": ({"wait": "PT1S", "timeout": {"after": embedded('"PT5S"')}}, {"n": 1}),
    "agent.input": ({"call": "agent", "with": {"agent": "helper", "input": {"n": embedded(".n")}}}, {"n": 1}),
    "agent.key": (
        {"call": "agent", "with": {"agent": "helper", "idempotencyKey": embedded('"k"')}},
        {"n": 1},
    ),
    "http": (
        {
            "call": "http",
            "with": {"method": "put", "endpoint": "http://x.test", "body": {"n": embedded(".n")}},
        },
        {"n": 1},
    ),
    "effect.output": (
        {"call": "agent", "with": {"agent": "helper"}, "output": {"as": hard("{m: .n}")}},
        {"m": 1},
    ),
    "listen": ({"listen": {"to": {"one": {"with": {"data": embedded(".n == 1")}}}}}, [{"n": 1}]),
}


@pytest.mark.parametrize("crashes", [False, True], ids=["well", "crashing"])
@pytest.mark.parametrize("place", EVERYWHERE)
def test_jq_is_asked_and_its_answer_recorded(place: str, crashes: bool) -> None:
    task, expected = EVERYWHERE[place]
    talk = Conversation([{"task": task}], agents=HELPER)
    talk.holds = True
    talk.submit({"n": 1})
    crashed_at = {0}
    for _ in range(60):
        if talk.questions:
            # Once for each question of the log as it is: a crash forgets the answers of a step half done.
            known = sum(not isinstance(record.event, e.EpochStarted) for record in talk.log)
            if crashes and not talk.events(e.EffectRequested) and known not in crashed_at:
                crashed_at.add(known)
                talk.crash()
            talk.answer_question()
        elif talk.status != "running":
            break
        elif talk.open:
            order = next(iter(talk.open.values()))
            given = order.input if isinstance(order.input, dict) else {}
            talk.settle(order.task, given.get("body", given))
        elif any(frame.kind == "listen" for frame in frames(talk)) and not talk.run.buffer:
            talk.send("x", {"n": 1})
        else:
            talk.wait(1_000)
    assert talk.output == expected
    assert talk.answered
    assert not talk.shard.pending


@pytest.mark.parametrize(
    "parts", [{"input": {"from": hard(".")}}, {"output": {"as": hard(".")}}], ids=["input", "output"]
)
def test_the_workflows_own_expressions_may_be_hard_too(parts: dict[str, Any]) -> None:
    talk = Conversation("[{a: {set: '${ . }'}}]", **parts)
    talk.submit({"n": 1})
    assert talk.answered == 1
    assert talk.output == {"n": 1}


def test_replay_asks_nothing() -> None:
    talk = Conversation([{"a": {"set": {"n": embedded(".n")}}}])
    talk.submit({"n": 1})
    asked = talk.answered
    talk.crash()
    assert talk.answered == asked == 1


def test_the_outcome_of_an_effect_is_durable_before_jq_looks_at_it() -> None:
    talk = Conversation(
        [{"ask": {"call": "agent", "with": {"agent": "helper"}, "output": {"as": hard(".n")}}}], agents=HELPER
    )
    talk.submit({})
    talk.holds = True
    talk.forget()
    talk.settle("ask", {"n": 1})
    talk.expect("EffectSettled ask")
    talk.crash()
    talk.answer_question()
    assert talk.output == 1
    assert len(talk.events(e.EffectRequested)) == 1


def test_two_branches_may_wait_for_jq_at_once() -> None:
    branch = {"do": [{"nap": {"wait": "PT1S"}}, {"look": {"set": embedded("$task.name")}}]}
    talk = Conversation([{"both": {"fork": {"branches": [{"a": branch}, {"b": branch}]}}}])
    talk.holds = True
    talk.submit({})
    talk.wait(1_000)
    assert len(talk.questions) == 2
    talk.questions.reverse()
    talk.answer_question()
    assert talk.status == "running"
    talk.answer_question()
    assert talk.output == ["look", "look"]


def test_a_run_that_ends_waits_for_jq_no_more() -> None:
    branches = [{"ask": {"set": embedded("$task.name")}}, {"stop": {"set": {"n": 1}, "then": "end"}}]
    talk = Conversation(
        [
            {
                "both": {
                    "fork": {
                        "branches": [{name: {"do": [one]}} for name, one in zip("ab", branches, strict=True)]
                    }
                }
            }
        ]
    )
    talk.holds = True
    talk.submit({})
    assert talk.output == {"n": 1}
    assert not talk.shard.pending
    talk.answer_question()
    assert talk.output == {"n": 1}


@pytest.mark.parametrize("text", ['error("no")', "limit(1; error)", ".n | keys", "[.n] | map(.a) | first"])
def test_what_jq_refuses_is_an_expression_error(text: str) -> None:
    talk = Conversation([{"a": {"set": {"n": f"${{ {text} }}"}}}])
    talk.submit({"n": "text"})
    assert (talk.error.type, talk.error.status, talk.error.instance) == (
        f"{ERRORS}expression",
        400,
        "/do/0/a",
    )


def test_no_output_is_null_and_of_several_the_first_counts() -> None:
    talk = Conversation([{"a": {"set": {"none": "${ empty }", "some": "${ .[] }", "hard": embedded(".[]")}}}])
    talk.submit([7, 8])
    assert talk.output == {"none": None, "some": 7, "hard": 7}


def test_what_stands_in_the_data_is_never_evaluated() -> None:
    talk = Conversation([{"a": {"set": {"text": "${ .text }", "again": "<${ .text }>"}}}])
    talk.submit({"text": "${ $workflow.id }"})
    assert talk.output == {"text": "${ $workflow.id }", "again": "<${ $workflow.id }>"}
