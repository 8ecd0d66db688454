"""Payloads keep their schema, or it is told where they break it, shortly and without harm."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.contracts.checking import (
    BREACHES_MAX,
    Breach,
    Contracts,
    SchemaInvalid,
    breaches_text,
    check_input,
    check_output,
    compile_schema,
    contract_of,
)
from podium.facts.catalog import AgentVersion, Capability

TICKET = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "title": {"type": "string", "maxLength": 10},
        "when": {"format": "date-time"},
        "link": {"format": "uri"},
        "mail": {"format": "email"},
        "amount": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "tags": {"items": {"type": "string"}},
    },
}


def test_a_payload_that_keeps_its_schema_has_no_breach() -> None:
    check = compile_schema(TICKET)
    payload = {
        "id": 7,
        "title": "x",
        "when": "2026-01-01T00:00:00Z",
        "link": "https://a/b",
        "mail": "a@example.org",
        "amount": None,
        "tags": ["a"],
    }
    assert check(payload) == []


@pytest.mark.parametrize(
    ("change", "path", "rule", "words"),
    [
        ({"id": "7"}, "/id", "type", '"7" is not of type "integer"'),
        ({"id": 0}, "/id", "minimum", "0 is less than the minimum of 1"),
        ({"title": "x" * 500}, "/title", "maxLength", "longer than 10"),
        ({"when": "tomorrow"}, "/when", "format", "date-time"),
        ({"link": "no link"}, "/link", "format", "uri"),
        ({"mail": "nobody"}, "/mail", "format", "email"),
        ({"amount": "3"}, "/amount", "anyOf", 'none of the alternatives: "3" is not of type "number"; or: '),
        ({"tags": ["a", {"b": 1}]}, "/tags/1", "type", "an object of 1 members is not"),
        ({"new": 1}, "", "additionalProperties", "'new'"),
    ],
)
def test_a_breach_says_where_and_why(change: dict[str, Any], path: str, rule: str, words: str) -> None:
    [breach] = compile_schema(TICKET)({"id": 1, **change})
    assert (breach.path, breach.rule) == (path, rule)
    assert words in breach.message


def test_breaches_are_told_by_path_in_one_line() -> None:
    breaches = compile_schema(TICKET)({"title": 3, "tags": [1, 2]})
    assert [breach.path for breach in breaches] == ["", "/tags/0", "/tags/1", "/title"]
    assert breaches_text(breaches, 2) == (
        '/: "id" is a required property; /tags/0: 1 is not of type "string"; and 2 more'
    )
    assert breaches_text(breaches[:1]) == '/: "id" is a required property'


def test_a_breach_does_not_repeat_a_large_value() -> None:
    schema = {"type": "integer", "enum": [1]}
    for value in ("secret " * 1000, ["x" * 10_000], {"k": "x" * 10_000}, 10**500):
        for breach in compile_schema(schema)(value):
            assert len(breach.message) <= 240
            assert "x" * 81 not in breach.message


def test_breaches_are_bounded_in_number_and_in_time() -> None:
    check = compile_schema({"items": {"type": "string"}})
    assert len(check([1] * 1000)) == BREACHES_MAX
    assert check([1] * 500_000) == [Breach("/0", "type", '1 is not of type "string"')]


@pytest.mark.parametrize(
    "schema", [None, {}, TICKET, {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}]
)
@pytest.mark.parametrize("depth", [10_000, 300_000])
def test_a_payload_too_deep_is_a_breach_and_no_crash(schema: Any, depth: int) -> None:
    payload: list[Any] = []
    for _ in range(depth):
        payload = [payload]
    assert [breach.rule for breach in compile_schema(schema)(payload)] == ["depth"]


def test_a_payload_that_contains_itself_is_a_breach() -> None:
    payload: list[Any] = []
    payload.append(payload)
    assert [breach.rule for breach in compile_schema({})(payload)] == ["depth"]


@pytest.mark.parametrize(
    "payload", [object(), {"id": {1}}, "\ud800", {(1, 2): 3}, {"id": datetime(2026, 1, 1)}]
)
def test_what_is_no_json_is_a_breach(payload: Any) -> None:
    assert [
        breach.rule for breach in compile_schema({"properties": {"id": {"type": "integer"}}})(payload)
    ] == ["json"]


def test_numbers() -> None:
    check = compile_schema({"type": "integer", "maximum": 10**30})
    assert check(2**80) == []
    assert check(1.0) == []
    assert [breach.rule for breach in check(10**31)] == ["maximum"]
    assert compile_schema({"type": "number"})(Decimal("1.5")) == []
    assert [breach.rule for breach in compile_schema({"type": "number"})(math.nan)] == ["type"]
    assert [breach.rule for breach in compile_schema({"multipleOf": 0.01})(0.075)] == ["multipleOf"]


def test_patterns_match_in_linear_time() -> None:
    check = compile_schema({"pattern": "^(a+)+$"})
    assert [breach.rule for breach in check("a" * 100_000 + "b")] == ["pattern"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"$dynamicAnchor": "a", "$dynamicRef": "#a"},
    ],
)
def test_a_schema_that_leads_back_to_itself_ends(schema: Any) -> None:
    assert isinstance(compile_schema(schema)({"a": [1]}), list)


@pytest.mark.parametrize(
    "schema",
    [
        3,
        "x",
        [],
        {"type": "strng"},
        {"$ref": "https://example.com/s"},
        {"pattern": "(?!a)"},
        {"default": {1, 2}, "type": 1},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaInvalid) as refused:
        compile_schema(schema)
    assert refused.value.faults
    assert str(refused.value)


def test_the_same_schema_is_compiled_once() -> None:
    assert compile_schema({"type": "string", "maxLength": 3}) is compile_schema(
        {"maxLength": 3, "type": "string"}
    )


AGENT = AgentVersion(
    "triage",
    "1.0.0",
    (Capability("ticket.classify", TICKET, {"type": "string"}), Capability("anything")),
    {"type": "http"},
)


def test_an_agents_contract() -> None:
    assert check_input(AGENT, "ticket.classify", {"id": 1}) == []
    assert [breach.rule for breach in check_input(AGENT, "ticket.classify", {})] == ["required"]
    assert [breach.rule for breach in check_output(AGENT, "ticket.classify", 3)] == ["type"]
    assert check_output(AGENT, "anything", [object]) != []
    assert check_output(AGENT, "anything", ["what it likes"]) == []
    [breach] = check_input(AGENT, "ticket.clasify", {})
    assert breach.rule == "capability"
    assert "ticket.classify" in breach.message
    assert contract_of(AGENT, "nothing") is None


def test_contracts_are_made_once_and_kept_within_bounds() -> None:
    contracts = Contracts(contracts_max=2)
    first = contracts.of("sha256:1", AGENT, "ticket.classify")
    assert first is not None
    assert contracts.of("sha256:1", AGENT, "ticket.classify") is first
    assert contracts.of("sha256:1", AGENT, "nothing") is None
    contracts.of("sha256:2", AGENT, "anything")
    assert contracts.of("sha256:1", AGENT, "ticket.classify") is not first


PAYLOADS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PAYLOADS, st.sampled_from([None, True, {}, TICKET, {"properties": {"": {"type": "string"}}}]))
def test_no_payload_raises(payload: Any, schema: Any) -> None:
    assert all(isinstance(breach, Breach) for breach in compile_schema(schema)(payload))
