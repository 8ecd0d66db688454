"""What is told of an expression's value holds for whatever it gives."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from podium.contracts.examples import Examples, Hints
from podium.contracts.fragments import Library
from podium.planning.expressions import Reader
from podium.planning.knowledge import Knowledge
from podium.resources.schemas import make_validator
from podium.workflow.expressions import compile_template
from podium.workflow.program import ExpressionFailed
from tests.contracts.schemas import schemas, values

SOURCES: tuple[Any, ...] = (
    "${ . }", "${ .a }", "${ .a.b }", "${ .a[0] }", "${ .[0] }", "${ .[-1] }", "${ .a[1].b }",
    "${ .a? }", "${ .a.b? }", "${ .a // 1 }", "${ .a // .b }", "${ .a // .b // null }", "${ [.a, .b] }",
    "${ [.a?, .b?] }", "${ {a, x: .b} }", "${ {a: .a, b: [.b]} | .b[0] }", "${ .a + .b }", "${ .a - .b }",
    "${ .a * 2 }", "${ .a / 2 }", "${ -.a }", "${ .a == .b }", "${ .a < 1 and .b }", "${ .a | not }",
    "${ .a | length }", "${ .a | type }", "${ if .a then .b else .c end }",
    "${ if .a == 1 then {x: .a} else . end }",
    '${ "a\\(.a)b" }', "${ $kept.a }", "${ $kept | .a // .b }", "${ .a | .b }", "${ . | {a: .} | .a.a }",
    "a ${ .a } b ${ .b }", "plain", 5, None, {"x": "${ .a }", "y": ["${ .b }", 1]},
    ["${ .a }", {"z": "${ . }"}],
    "${ [.a[]] }", "${ .a | keys }", "${ .a as $x | $x }", "${ {(.a): 1} }", "${ .[.a] }",
)  # fmt: skip
LESS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def examples(library: Library, schema: Any, more: list[Any]) -> list[Any]:
    validator = make_validator(schema)
    made = Examples(library, Hints(names={"a", "b"})).of([library.embed(schema)], 60)
    return [value for value in (*made, *more) if validator.is_valid(value)]


@pytest.mark.parametrize("source", SOURCES, ids=str)
@LESS
@given(schemas(), schemas(), st.lists(values, max_size=15))
def test_what_it_gives_is_among_what_is_told(source: Any, data: Any, kept: Any, more: list[Any]) -> None:
    expression = compile_template(source)
    library = Library()
    try:
        given_data, given_kept = examples(library, data, more), examples(library, kept, more)
    except (ValueError, jsonschema_rs.ValidationError):
        assume(False)
        raise
    told = Reader(Knowledge(library)).value(
        expression.source, library.embed(data), {"kept": library.embed(kept)}
    )
    if expression.native is None:
        assert told is True
        return
    for number, value in enumerate(given_data):
        if given_kept:
            try:
                made = expression.native(value, {"kept": given_kept[number % len(given_kept)]})
            except ExpressionFailed:
                continue
            assert library.keeps(made, told) is not False, (value, made, told)
