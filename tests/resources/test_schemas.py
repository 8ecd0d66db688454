"""A contract's schema is JSON Schema 2020-12, stands alone and matches in linear time."""

from __future__ import annotations

from typing import Any

import pytest

from podium.resources.schemas import DIALECT, schema_faults


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        {"$schema": DIALECT, "type": "object"},
        {"type": ["string", "null"], "format": "date-time"},
        {
            "$defs": {"a": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}}},
            "$ref": "#/$defs/a",
        },
        {"$id": "https://example.com/a", "$defs": {"b": {"$id": "b"}}, "$ref": "b"},
        {"pattern": "^(a+)+$"},
        {"x-note": "unknown keywords say nothing"},
    ],
)
def test_schemas_that_contracts_keep(schema: Any) -> None:
    assert schema_faults(schema) == []


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        (None, "", "object, true or false"),
        ([], "", "object, true or false"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "2020-12"),
        ({"properties": {"a": {"type": "strng"}}}, "/properties/a/type", "Did you mean `string`?"),
        ({"properties": {"a/b": {"minLength": -1}}}, "/properties/a~1b/minLength", "minimum"),
        ({"required": "a"}, "/required", "array"),
        ({"items": [True]}, "/items", "not of types"),
        ({"pattern": "(?=a)b"}, "/pattern", "linear time"),
        ({"pattern": "("}, "/pattern", "linear time"),
        ({"pattern": "(a{1000}){1000}"}, "/pattern", "linear time"),
        ({"items": {"$ref": "https://example.com/s"}}, "/items/$ref", "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "/$ref", "nothing is fetched"),
        ({"$ref": "other.json"}, "/$ref", "nothing is fetched"),
        ({"allOf": [{"$ref": "#/$defs/none"}]}, "/allOf/0/$ref", "nowhere"),
    ],
)
def test_what_is_refused(schema: Any, path: str, words: str) -> None:
    [fault] = schema_faults(schema)
    assert fault.path == path
    assert words in fault.message


def test_every_fault_is_told_once() -> None:
    faults = schema_faults({"type": 3, "minLength": "x", "properties": {"a": 7}})
    assert [fault.path for fault in faults] == ["/minLength", "/properties/a", "/type"]


def test_a_schema_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"not": schema}
    [fault] = schema_faults(schema)
    assert "cannot be read" in fault.message
