"""`call: openapi` in the kernel: what is promised of a call whose method nobody knows yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.secrets import AUTHORIZATION, placeholder
from podium.facts.values import ERRORS
from tests.kernel.conversation import START, Conversation

Converse = Callable[..., Conversation]


def calling(**arguments: Any) -> list[Any]:
    document = {"endpoint": "https://x/{version}.json"}
    return [
        {"fetch": {"call": "openapi", "with": {"document": document, "operationId": "getPet", **arguments}}},
        {"keep": {"set": {"kept": "${ . }"}}},
    ]


def test_the_performer_gets_what_it_needs_to_find_the_request(converse: Converse) -> None:
    talk = converse(
        calling(
            document={"endpoint": {"uri": "https://x", "authentication": {"basic": {"use": "login"}}}},
            authentication={"bearer": {"token": "${ .token }"}},
            parameters={"a": "${ .a }", "b": "${ $authorization.parameter }"}, output="raw", redirect=True,
        ),
        use={"secrets": ["login"]},
    )  # fmt: skip
    talk.submit({"a": [1], "token": "abc"})
    order = talk.order("fetch")
    assert (order.kind, order.agent, order.digest, order.deadline_at) == ("openapi", "", "", START + 60_000)
    assert order.input == {
        "document": "https://x", "parameters": {"a": [1], "b": AUTHORIZATION}, "operation": "getPet",
        "output": "raw", "redirect": True, "local": False, "authentication": {"bearer": {"token": "abc"}},
        "documentAuthentication": {"basic": placeholder("login")},
    }  # fmt: skip
    talk.settle("fetch", {"id": 1})
    assert talk.run.output == {"kept": {"id": 1}}


@pytest.mark.parametrize(
    ("parameters", "delivery"),
    [({}, "at-most-once"), ({"idempotency-key": "${ .version }"}, "at-least-once")],
)
def test_it_is_made_at_most_once_unless_it_has_a_key(
    converse: Converse, parameters: Any, delivery: str
) -> None:
    talk = converse(calling(parameters=parameters))
    talk.submit({"version": "2"})
    assert talk.order("fetch").delivery == delivery
    talk.lose("fetch")
    talk.go_on()
    assert talk.run.effects[1].status == ("in_doubt" if delivery == "at-most-once" else "running")


def test_an_expression_that_fails_is_an_error_before_anything_is_asked(converse: Converse) -> None:
    talk = converse(calling())
    talk.submit({})
    assert talk.error.type == f"{ERRORS}expression"
    assert not talk.events(e.EffectRequested)
