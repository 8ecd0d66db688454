"""The native part of jq against jq itself: whatever runs as Python gives what jq gives.

The expressions are generated; and they are all those of the documents here, of the examples and pages of this
repository and, where `PODIUM_OWS` names a copy of the specification, of its kit and its examples.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jq
import msgspec
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from podium.workflow.compile import compile_workflow
from podium.workflow.expressions import compile_expression, compile_template
from podium.workflow.jq_text import Malformed
from podium.workflow.program import Expression, ExpressionFailed, Undecided
from tests.conformance.kit import scenarios
from tests.workflow.documents import DOCUMENTS, HEADER

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "workflow-language.md"
FAILED = object()
ARGUMENTS = {"input": {"a": {"b": 1.5}, "c": [1, "x"]}, "context": None}

NAMES = ("a", "b", "c", "and")
numbers = st.one_of(
    st.integers(-4, 4),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(
        [2**53, 2**53 + 1, 2**53 - 1, -(2**53), 1e17, 1e22, 1.0, -0.0, 0.1, 1e-7, 2.5, 1e308, 1.5e300]
    ),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text('ab"\\é😀 \n', max_size=4), st.sampled_from(NAMES)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=10,
)


LEAVES = (
    ".", ".a", ".b", ".a.b", ".c[0]", '."a"', '.["b"]', ".[0]", ".[-1]", "$input", "$input.a.b", "$context",
    ".a?", ".[0]?", ".a?.b", ".a.b?", "1", "0", "2.5", "-1", "3.0", "9007199254740993", "1e3", "-0", "null",
    "true", "false", '"a"', '"b\\n\\u00e9"', "[]", "{}", '{"a": 1}', "[1, 2]", "length", "not", "type",
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """A text of jq's native part, parentheses only where they happen to be."""
    if depth == 0:
        return draw(st.sampled_from(LEAVES))
    inner = texts(depth - 1)
    form = draw(st.integers(0, 13))
    if form <= 2:
        return draw(st.sampled_from(LEAVES))
    one, two = draw(inner), draw(inner)
    if form <= 6:
        operator = draw(
            st.sampled_from(
                ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "and", "or", "//", "|", "|"]
            )
        )
        return f"{one} {operator} {two}"
    return [
        f"({one})",
        f"-{one}",
        f"[{one}, {two}]",
        f'{{a: {one}, "b": {two}}}',
        f"if {one} then {two} else {draw(inner)} end",
        f'"x\\({one})y\\({two})"',
        f"({one})[{two}]",
    ][form - 7]


def natively(expression: Expression, data: Any, arguments: Mapping[str, Any] = ARGUMENTS) -> Any:
    assert expression.native is not None
    try:
        return expression.native(data, arguments)
    except Undecided:
        event("left to jq")
        return Undecided
    except ExpressionFailed:
        return FAILED


class Asked:
    """A program as the worker runs it."""

    def __init__(self, expression: Expression, arguments: Mapping[str, Any] = ARGUMENTS) -> None:
        self._program = jq.compile(f"first(({expression.program}), null) | tojson")
        self._arguments = {name: arguments[name] for name in expression.arguments}

    def gives(self, data: Any) -> Any:
        argument = msgspec.json.encode({"d": data, "v": self._arguments}).decode()
        try:
            return msgspec.json.decode(self._program.input_text(argument).first())
        except ValueError:
            return FAILED


def same(one: Any, two: Any) -> bool:
    """Equal as JSON: true is not 1, but 1 is 1.0."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    return bool(type(one) is type(two) or {type(one), type(two)} == {int, float}) and bool(one == two)


@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts(), st.lists(values, min_size=1, max_size=6))
def test_native_and_jq_agree(text: str, documents: list[Any]) -> None:
    expression = compile_expression(text)
    assume(expression.native is not None)
    asked = Asked(expression)
    for data in documents:
        mine = natively(expression, data)
        if mine is not Undecided:
            event("failed" if mine is FAILED else "gave a value")
            assert same(mine, asked.gives(data)), (text, data, mine, asked.gives(data))


@st.composite
def templates(draw: st.DrawFn) -> Any:
    strings = st.one_of(
        st.just("plain"),
        texts(1).map(lambda text: f"${{ {text} }}"),
        texts(1).map(lambda text: f"a ${{ {text} }} \\(b) ${{ .b }}"),
    )
    return draw(
        st.recursive(
            strings | scalars,
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
            ),
            max_leaves=4,
        )
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(templates(), st.lists(values, min_size=1, max_size=4))
def test_templates_agree(template: Any, documents: list[Any]) -> None:
    try:
        expression = compile_template(template)
    except Malformed:
        assume(False)
    assume(expression.native is not None)
    asked = Asked(expression)
    for data in documents:
        mine = natively(expression, data)
        if mine is not Undecided:
            assert same(mine, asked.gives(data)), (template, data, mine, asked.gives(data))


@settings(max_examples=600, deadline=None)
@given(st.text(alphabet='.ab[]{}()"$|,:;?+-*/<>=!& 01e\\#\nasorif', max_size=12))
def test_what_is_native_is_jq(text: str) -> None:
    """No text that jq refuses is taken for native."""
    try:
        expression = compile_expression(text)
    except Malformed:
        return
    if expression.native is not None and set(expression.arguments) <= set(ARGUMENTS):
        Asked(expression)


@pytest.mark.parametrize(
    "text",
    [
        "1 == 1 == 1", "1 < 2 < 3", ".[1,2]", "[.a | .b, .c]", ".[]", "..", ".a | ., .", ".a as $x | $x",
        "9007199254740993", "map(.a)", "reduce .[] as $x (0; . + $x)", ".[1:2]", "1.50", "-0",
        "try error", "@base64", '@json "x"', ".a % 2", "first", "[1,]", ".a = 1", "{a: 1, (1): 3}",
    ],
)  # fmt: skip
def test_the_rest_is_left_to_jq(text: str) -> None:
    assert compile_expression(text).native is None


@pytest.mark.parametrize(
    ("text", "data", "value"),
    [
        (".a.b", {"a": {"b": 3}}, 3),
        ("${ .a.b == 3 }", {"a": {"b": 3}}, True),
        (".a.b", {"a": None}, None),
        (".a.b", {}, None),
        ('.a."b c"[0]', {"a": {"b c": [7]}}, 7),
        (".[-1]", [1, 2], 2),
        (".[5]", [1, 2], None),
        (".a // 3", {"a": False}, 3),
        (".a? // 3", 1, 3),
        ("[.a?, 2]", 1, [2]),
        ("1 == true", None, False),
        ('{"a": 1} == {"a": true}', None, False),
        ("1 == 1.0", None, True),
        (". + 1", 2**53 - 2, 2**53 - 1),
        ("1 / 4 + 0.75", None, 1),
        ("-.a * 2 + 1", {"a": 3}, -5),
        ("[1, 2] - [2]", None, [1]),
        ('"a,b" / ","', None, ["a", "b"]),
        ("null + 1", None, 1),
        ("not", None, True),
        (".a and .b", {"a": 1}, False),
        ('if .a > 1 then "big" elif .a then "small" else "none" end', {"a": 1}, "small"),
        ('"\\(.a) is \\(.b)"', {"a": 1, "b": None}, "1 is null"),
        ("{a, b: .c, $input}.input.c[1]", {"c": 2}, "x"),
        ("(.a | length) == 2", {"a": "éa"}, True),
        ("null < false", None, True),
        ("[] < {}", None, True),
        ('"b" > "a" and {} > []', None, True),
    ],
)
def test_values(text: str, data: Any, value: Any) -> None:
    expression = compile_expression(text)
    assert natively(expression, data) == value
    assert Asked(expression).gives(data) == value


@pytest.mark.parametrize(
    "text", [".a", ".[0]", "-.", ". + 1", ". - 1", "length", "{(.): 1}", ". / 0", ".a.b?.c"]
)
def test_failures(text: str) -> None:
    expression = compile_expression(text)
    for data in (True, "x", {"b": 1}, [1], 4):
        mine, theirs = natively(expression, data), Asked(expression).gives(data)
        assert (mine is FAILED) == (theirs is FAILED) or mine is Undecided


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (". + 1", 2**53), (". * 2", 2**52), (". * .", 1e300), (". * 3", "ab"), ('"\\(.)"', {"a": 1}),
        ('"\\(.)"', 1e22), (".[0] == .[1]", [1e22, 2**53 + 1]), (".[.]", [1]), ("-.", 0), ("0 * .", -1),
    ],
)  # fmt: skip
def test_the_rare_case_is_left_to_jq(text: str, data: Any) -> None:
    expression = compile_expression(text)
    assert expression.native is not None
    with pytest.raises(Undecided):
        expression.native(data, ARGUMENTS)


def test_an_argument_that_is_not_there() -> None:
    expression = compile_expression("$output.a")
    assert expression.arguments == ("output",)
    assert expression.native is not None
    with pytest.raises(KeyError):
        expression.native({}, ARGUMENTS)


# --- expressions that people wrote


def _expressions(value: Any) -> Iterator[Expression]:
    """Every expression of a program."""
    if isinstance(value, Expression):
        yield value
        yield from (one.expression for one in value.loose)
    elif is_dataclass(value):
        for member in fields(value):
            yield from _expressions(getattr(value, member.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _expressions(item)


def _documents() -> Iterator[Any]:
    yaml = YAML(typ="safe", pure=True)
    yield from DOCUMENTS.values()
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        yield from yaml.load_all(path.read_text())
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        examples = list(yaml.load_all(text))
        for value in examples:
            yield value if isinstance(value, dict) else {"document": dict(HEADER), "do": value}
    if folder := os.environ.get("PODIUM_OWS", ""):
        for path in sorted(Path(folder, "examples").glob("*.yaml")):
            yield yaml.load(path.read_text())
        for scenario in scenarios(Path(folder, "ctk", "features")):
            yield yaml.load(scenario.document)


def _written() -> list[Expression]:
    """Every expression that has a native form, once."""
    found: dict[str, Expression] = {}
    for document in _documents():
        program = compile_workflow(document, "sha256:0")[0] if "document" in document else None
        for expression in _expressions(program.nodes if program is not None else None):
            if expression.native is not None and not expression.constant and not expression.loose:
                found.setdefault(expression.program, expression)
    return list(found.values())


WRITTEN = _written()


def _shaped(draw: Any, names: list[str]) -> Any:
    """Data that has the members which an expression looks for, if it is lucky."""
    members = st.dictionaries(st.sampled_from(names), values, max_size=len(names)) if names else st.just({})
    inner = st.dictionaries(st.sampled_from(names), members, max_size=3) if names else st.just({})
    return draw(st.one_of(values, members, inner, st.lists(members, max_size=3)))


def test_people_wrote_enough_of_them() -> None:
    assert len(WRITTEN) > 150


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_native_and_jq_agree_on_what_people_wrote(drawn: st.DataObject) -> None:
    expression = drawn.draw(st.sampled_from(WRITTEN))
    names = sorted(set(re.findall(r"\.([A-Za-z_]\w*)", expression.program)) - {"d", "v"})
    arguments = {name: _shaped(drawn.draw, names) for name in expression.arguments}
    data = _shaped(drawn.draw, names)
    mine = natively(expression, data, arguments)
    if mine is not Undecided:
        theirs = Asked(expression, arguments).gives(data)
        event("failed" if mine is FAILED else "gave a value")
        assert same(mine, theirs), (expression.text, data, arguments, mine, theirs)


_PIECES = re.compile(r"[A-Za-z_]\w*|\d+|\"[^\"]*\"|\S")


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_native_and_jq_agree_on_what_people_could_have_written(drawn: st.DataObject) -> None:
    """Pieces of what people wrote, put together anew."""
    pieces = sorted({piece for one in WRITTEN for piece in _PIECES.findall(one.text)})
    base = drawn.draw(st.sampled_from(WRITTEN)).text.replace("${", "").replace("}", "", 1)
    parts = re.findall(r"\s+|" + _PIECES.pattern, base)[:40]
    for _ in range(drawn.draw(st.integers(1, 3))):
        place = drawn.draw(st.integers(0, max(len(parts) - 1, 0)))
        parts[place : place + drawn.draw(st.integers(0, 1))] = [drawn.draw(st.sampled_from(pieces))]
    try:
        expression = compile_expression("".join(parts))
    except Malformed:
        return
    if expression.native is None:
        return
    arguments = {name: drawn.draw(values) for name in expression.arguments}
    asked = Asked(expression, arguments)
    for data in drawn.draw(st.lists(values, min_size=1, max_size=3)):
        mine = natively(expression, data, arguments)
        if mine is not Undecided:
            assert same(mine, asked.gives(data)), (expression.text, data, arguments)
