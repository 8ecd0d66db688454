"""Expressions: checked when they are declared, narrow in what they read, and nothing but true or false."""

from __future__ import annotations

from typing import Any

import pytest

from podium.policy import cel
from podium.policy.cel import NAMES, CelInvalid, Fused, Needs, condition, message
from podium.policy.findings import Unevaluable
from podium.policy.values import NOW, READ, Reader
from podium.policy.zones import UTC
from tests.policy.making import NOON, tool


@pytest.mark.parametrize(
    ("text", "names", "members"),
    [
        ("args.a > 1", {"args"}, {"a"}),
        ("!has(args.a) || args.b.c == 1", {"args"}, {"a", "b"}),
        ("args . a > 1", {"args"}, {"a"}),
        ("args.a.startsWith('args.b')", {"args"}, {"a", "b"}),
        ("args['a'] > 1", {"args"}, None),
        ("size(args) > 1", {"args"}, None),
        ("'a' in args && args.b == 1", {"args"}, None),
        ("args.exists(k, k == 'a')", {"args"}, None),
        ("args.a == 'the args' && args.b == 1", {"args"}, None),
        ("args.a == 'x' || // see args.\nargs.b == 'y'", {"args"}, {"a", "args", "b"}),
        ("args.a == 'args.\\'' || args.b == 'args.c'", {"args"}, None),
        ("args // all\n.a == 1", {"args"}, None),
        ("args. // all\n a == 1", {"args"}, None),
        ("tool.name == 'args.x' // dest.domain", {"args", "tool.name", "dest.domain"}, {"x"}),
        ("dest.domain == 'x' && tool.risk > 1", {"dest.domain", "tool.risk"}, set()),
        ("dest . domain == 'x'", {"dest.domain"}, set()),
        ("true", set(), set()),
    ],
)
def test_what_an_expression_reads(text: str, names: set[str], members: set[str] | None) -> None:
    needs = condition(text).needs
    assert needs == Needs(frozenset(names), None if members is None else frozenset(members))


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("agnet.state == 'x'", 1, 6, "undeclared reference to 'agnet.state'"),
        ("args.a >", 1, 9, "Syntax error"),
        ("true &&\n dest.domian == 'x'", 2, 6, "undeclared reference to 'dest.domian'"),
        ("'a' + 1 == 'b'", 1, 5, "no matching overload"),
        ("agent.depth == 'x'", 1, 13, "no matching overload"),
        ("agent.roles", 0, 0, "it gives list<string>, not true or false"),
        ("1", 0, 0, "it gives int"),
        ("", 1, 1, "Syntax error"),
        ("has(dest.domain)", 0, 0, ""),
        ("(" * 100 + "true" + ")" * 100, 0, 0, "recursion"),
        ("true) || (true", 1, 5, "Syntax error"),
    ],
)
def test_what_does_not_compile(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(CelInvalid) as refused:
        condition(text)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert said in str(refused.value)


def test_a_message_is_a_text() -> None:
    assert message("'a' + string(args.n)").text_of({"args": {"n": 1}}) == "a1"
    with pytest.raises(CelInvalid):
        message("1 + 1")
    with pytest.raises(Unevaluable):
        message("args.n").text_of({"args": {"n": 1}})
    with pytest.raises(Unevaluable):
        message("args.n").text_of({"args": {}})
    with pytest.raises(Unevaluable):
        message("args.n + 'x'").text_of({"args": {"n": "\ud800"}})


@pytest.mark.parametrize("value", [1, 0, "true", "", None, [], {}, 1.0])
def test_nothing_but_true_and_false_is_an_answer(value: Any) -> None:
    with pytest.raises(Unevaluable):
        condition("args.x").condition({"args": {"x": value}})
    with pytest.raises(Unevaluable):
        Fused([condition("true"), condition("args.x")]).holding({"args": {"x": value}})


@pytest.mark.parametrize("count", [1, 2, 3, 20, 31, 32, 33, 64, 65, 200])
def test_fused_conditions_say_what_each_says(count: int) -> None:
    conditions = [condition(f"args.n % {number + 2} == 0 // {number}") for number in range(count)]
    fused = Fused(conditions)
    for n in (0, 1, 6, 35, 720_720):
        values = {"args": {"n": n}}
        expected = [one.condition(values) for one in conditions]
        assert [bool(fused.holding(values) >> number & 1) for number in range(count)] == expected


def test_conditions_that_nest_too_deep_to_be_fused_are_asked_alone() -> None:
    deep = "(" * 28 + "args.n + 0 == 1" + ")" * 28
    fused = Fused([condition(deep), condition("1 == 1")] * 20)
    assert fused._parts is None
    assert fused.holding({"args": {"n": 1}}) == 2**40 - 1


def test_every_name_can_be_read() -> None:
    given = {*READ, *NOW, "args", "cost.nano"}
    assert given == NAMES.keys()
    for name in NAMES.keys() - {"args"}:
        expression = cel.Expression(f"type({name}) != int || true", cel.NAMES["tool.external"])
        values = Reader(expression.needs, UTC).values(tool(), cel_place(), NOON)
        assert values.keys() == {name}
        assert expression.condition(values) is True


def cel_place() -> Any:
    from podium.facts.policy import Destination

    return Destination("a.example", "https", "GET", 8443, "eu")


def test_a_price_that_nobody_knows_cannot_be_compared() -> None:
    reader = Reader(condition("cost.nano > 5").needs, UTC)
    assert reader.values(tool(cost_nano=None), cel_place(), NOON) == {}
    with pytest.raises(Unevaluable):
        condition("cost.nano > 5").condition({})
