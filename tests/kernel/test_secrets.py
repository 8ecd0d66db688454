"""Secrets in the kernel: placeholders go in and out, and nobody from outside makes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.inputs import AnswerHuman, SendEvent
from podium.facts.secrets import placeholder
from podium.facts.values import standard_error
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]

TOKEN = placeholder("token")
USES = {"secrets": ["token", "other"]}
CALL = {"call": "agent", "with": {"capability": "test.worker"}}


@pytest.mark.parametrize("asks_jq", [False, True])
def test_a_performer_gets_placeholders_and_the_names_they_may_stand_for(
    converse: Converse, asks_jq: bool
) -> None:
    tasks = [
        {"call": {**CALL, "input": {"from": {"auth": "Bearer ${ $secrets.token }", "x": "${ .x }"}}}},
        {"keep": {"set": {"length": "${ .auth | length }", "auth": "${ .auth }"}}},
    ]
    talk = converse(tasks, agents=(agent("worker"),), use=USES, asks_jq=asks_jq)
    talk.submit({"x": 1})
    order = talk.order("call")
    assert order.input == {"auth": f"Bearer {TOKEN}", "x": 1}
    assert order.secrets == ("token", "other")
    (started,) = talk.events(e.RunStarted)
    assert started.secrets == ("token", "other")
    talk.settle("call", {"auth": "done"})
    assert talk.run.output == {"length": 4, "auth": "done"}


def test_a_run_without_secrets_has_nothing_of_them(converse: Converse) -> None:
    talk = converse([{"call": CALL}], agents=(agent("worker"),))
    talk.submit({"text": TOKEN})
    assert talk.order("call").secrets == ()
    assert talk.order("call").input == {"text": TOKEN}


def test_nobody_from_outside_makes_a_placeholder(converse: Converse) -> None:
    tasks = [
        {"call": CALL},
        {
            "fail": {
                "try": [{"again": CALL}],
                "catch": {"do": [{"keep": {"set": {"why": "${ $error.detail }"}}}]},
            }
        },
        {"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}},
        {"ask": {"call": "human", "with": {"title": "?"}}},
    ]
    talk = converse(tasks, agents=(agent("worker"),), use=USES, output={"as": "."})
    seen: list[Any] = []
    talk.submit({"text": TOKEN})
    seen.append(talk.order("call").input)
    talk.settle("call", {"text": [TOKEN]})
    seen.append(talk.order("/do/1/fail/try/0/again").input)
    talk.fail("/do/1/fail/try/0/again", standard_error("runtime", "", "no", f"detail {TOKEN}"))
    talk.tell(SendEvent(run_id=talk.run_id, event={"type": "go", "id": "1", "source": "s", "data": TOKEN}))
    talk.tell(AnswerHuman(run_id=talk.run_id, data={"x": TOKEN}))
    seen.append(talk.run.output)
    assert "secret:token" in str(seen[0]) and "secret:token" in str(seen[2])
    for record in talk.log:
        assert "\ufdd0" not in str(record)


@pytest.mark.parametrize(
    "expression",
    [
        "${ .text | fromjson }",
        "${ .encoded | @base64d }",
        "${ .codes | implode }",
        "${ try error(.text | fromjson) catch . }",
    ],
)
def test_what_an_expression_decodes_is_no_placeholder(converse: Converse, expression: str) -> None:
    import base64
    import json

    talk = converse(
        [{"make": {"set": {"made": expression, "own": "${ .own }"}}}],
        use=USES, input={"from": '. + {own: $secrets.token}'},
    )  # fmt: skip
    talk.submit(
        {
            "text": json.dumps(placeholder("other")),
            "encoded": base64.b64encode(placeholder("other").encode()).decode(),
            "codes": [ord(letter) for letter in placeholder("other")],
        }
    )
    assert talk.run.output["own"] == TOKEN
    assert "\ufdd0" not in talk.run.output["made"] and "secret:other" in talk.run.output["made"]


def test_an_expression_keeps_the_placeholders_of_its_data(converse: Converse) -> None:
    talk = converse(
        [{"make": {"set": {"made": '${ [.own, "x"] | join("-") | ascii_downcase }'}}}],
        use=USES, input={"from": {"own": "${ $secrets.token }"}},
    )  # fmt: skip
    talk.submit({})
    assert talk.run.output == {"made": f"{TOKEN}-x"}
