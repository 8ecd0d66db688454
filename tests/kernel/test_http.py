"""`call: http`: what is promised of a request, and what its performer gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.secrets import AUTHORIZATION, placeholder
from podium.facts.values import ERRORS, Error
from tests.kernel.conversation import START, Conversation

Converse = Callable[..., Conversation]


def calling(**arguments: Any) -> list[Any]:
    return [
        {"fetch": {"call": "http", "with": {"method": "get", "endpoint": "https://example.com", **arguments}}}
    ]


@pytest.mark.parametrize(
    ("method", "headers", "delivery"),
    [
        ("get", {}, "at-least-once"),
        ("HEAD", {}, "at-least-once"),
        ("put", {}, "at-least-once"),
        ("delete", {}, "at-least-once"),
        ("options", {}, "at-least-once"),
        ("post", {}, "at-most-once"),
        ("patch", {}, "at-most-once"),
        ("post", {"idempotency-key": "${ .id }"}, "at-least-once"),
        ("PATCH", {"Idempotency-Key": "fixed"}, "at-least-once"),
    ],
)
def test_what_must_not_be_sent_twice_is_not(
    converse: Converse, method: str, headers: dict[str, str], delivery: str
) -> None:
    talk = converse(calling(method=method, headers=headers))
    talk.submit({"id": "7"})
    assert talk.order("fetch").delivery == delivery
    talk.lose("fetch")
    talk.go_on()
    assert talk.run.effects[1].status == ("in_doubt" if delivery == "at-most-once" else "running")


def test_the_performer_gets_the_whole_request(converse: Converse) -> None:
    talk = converse(
        calling(
            method="post",
            endpoint="https://example.com/{kind}/items",
            headers={"X-Id": "${ .id }"},
            query={"q": "a ${ .id }"},
            body={"n": "${ .n }"},
            output="response",
            redirect=True,
        )
    )
    talk.submit({"kind": "a b", "id": "7", "n": [1]})
    order = talk.order("fetch")
    assert (order.kind, order.agent, order.digest, order.capability) == ("http", "", "", "")
    assert order.input == {
        "method": "POST",
        "endpoint": "https://example.com/a%20b/items",
        "headers": {"X-Id": "7"},
        "query": {"q": "a 7"},
        "body": {"n": [1]},
        "output": "response",
        "redirect": True,
    }
    assert order.deadline_at == START + 60_000


def test_nothing_of_the_payload_stands_in_the_clear_part_of_the_record(converse: Converse) -> None:
    talk = converse(calling(endpoint="https://example.com/{name}"))
    talk.submit({"name": "secret-person"})
    (requested,) = talk.events(e.EffectRequested)
    assert requested.reason == "GET" and "secret" not in str(requested)


def test_its_result_and_its_errors_are_the_tasks(converse: Converse) -> None:
    talk = converse([*calling(), {"again": calling()[0]["fetch"]}])
    talk.submit({})
    talk.settle("fetch", {"id": 1})
    assert talk.order("again").effect == 2
    talk.fail("again", Error(f"{ERRORS}communication", 404, "not found", "", ""))
    assert (talk.error.status, talk.error.instance) == (404, "/do/1/again")


def test_an_endpoint_without_its_parameter_is_an_error_before_anything_is_sent(converse: Converse) -> None:
    talk = converse(calling(endpoint="https://example.com/{name}"))
    talk.submit({})
    assert talk.error.type == f"{ERRORS}expression"
    assert not talk.open


def test_a_policy_and_what_stands_for_its_parameter_are_in_the_request(converse: Converse) -> None:
    endpoint = {"uri": "https://example.com", "authentication": {"bearer": {"token": "${ .token }"}}}
    talk = converse(
        calling(endpoint=endpoint, headers={"X": "${ $authorization.scheme }"}, body="${ $authorization }")
    )
    talk.submit({"token": "abc"})
    request = talk.order("fetch").input
    assert request["authentication"] == {"bearer": {"token": "abc"}}
    assert request["headers"] == {"X": "Bearer"}
    assert request["body"] == {"scheme": "Bearer", "parameter": AUTHORIZATION}


def test_a_policy_of_a_secret_is_its_placeholder(converse: Converse) -> None:
    endpoint = {"uri": "https://example.com", "authentication": {"use": "mine"}}
    use = {"secrets": ["login"], "authentications": {"mine": {"basic": {"use": "login"}}}}
    talk = converse(calling(endpoint=endpoint), use=use)
    talk.submit({})
    order = talk.order("fetch")
    assert order.input["authentication"] == {"basic": placeholder("login")}
    assert order.secrets == ("login",)


@pytest.mark.parametrize(
    ("member", "value", "title"),
    [
        ("headers", "text", "`headers` of the request must be an object"),
        ("headers", [1], "`headers` of the request must be an object"),
        ("query", 5, "`query` of the request must be an object"),
        ("query", False, "`query` of the request must be an object"),
        ("endpoint", None, "`endpoint` of the request must be a URI"),
        ("endpoint", ["https://example.com"], "`endpoint` of the request must be a URI"),
        ("endpoint", {"url": "https://example.com"}, "`endpoint` of the request must be a URI"),
    ],
)
def test_what_no_request_can_be_made_of_is_an_expression_error(
    converse: Converse, member: str, value: object, title: str
) -> None:
    given = {"method": "get", "endpoint": "https://example.com", member: "${ .x }"}
    talk = converse([{"ask": {"call": "http", "with": given}}])
    talk.submit({"x": value})
    assert (talk.error.type, talk.error.title) == (ERRORS + "expression", title)
    assert not talk.events(e.EffectRequested)


@pytest.mark.parametrize(
    ("member", "value"),
    [("headers", None), ("query", {"n": 1}), ("endpoint", {"uri": "https://example.com/x"})],
)
def test_what_a_request_can_be_made_of_is_sent(converse: Converse, member: str, value: object) -> None:
    given = {"method": "get", "endpoint": "https://example.com", member: "${ .x }"}
    talk = converse([{"ask": {"call": "http", "with": given}}])
    talk.submit({"x": value})
    assert talk.order("ask").input[member] == value
