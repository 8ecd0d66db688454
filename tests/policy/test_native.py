"""Conditions without the library: the answer is that of the library, or there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.policy import cel, native
from podium.policy.cel import NAMES, CelInvalid, Fused
from podium.policy.findings import Unevaluable

PATHS = ("args.a", "args.b", "args.a.b", "run.workflow", "tool.risk", "tool.external", "cost.nano")
LISTS = ("agent.roles", "data.labels", "args.b")
TEXTS = ('"x"', "'xy'", '"bench/"', "''", '"é"', r'"\u0041"')
WHOLES = ("0", "1", "-1", "9223372036854775807", "-9223372036854775808", "500")
SIGNS = ("==", "!=", "<", "<=", ">", ">=")

paths, texts, wholes = st.sampled_from(PATHS), st.sampled_from(TEXTS), st.sampled_from(WHOLES)
atoms = st.one_of(
    paths,
    st.builds("{} {} {}".format, paths, st.sampled_from(SIGNS), st.one_of(texts, wholes)),
    st.builds("{} {} {}".format, paths, st.sampled_from(("==", "!=")), st.sampled_from(("true", "false"))),
    st.builds("has({})".format, st.sampled_from(("args.a", "args.b", "args.a.b", "args.a.b.c"))),
    st.builds("{}.{}({})".format, paths, st.sampled_from(("startsWith", "endsWith", "contains")), texts),
    st.builds("{} in [{}, {}]".format, paths, st.one_of(texts, wholes), st.one_of(texts, wholes)),
    st.builds("{} in {}".format, texts, st.sampled_from(LISTS)),
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("!{}".format, inner),
        st.builds("({} && {})".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("{} && {}".format, inner, inner),
    ),
    max_leaves=6,
)
words = st.sampled_from(("", "x", "xy", "bench/a", "é", "A", "1"))
scalars = st.one_of(
    st.none(), st.booleans(), words, st.sampled_from((0, 1, -1, 500, 2**63 - 1, -(2**63), 0.0, 1.0, 0.5))
)
arguments = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("a", "b", "c")), inner, max_size=3),
    ),
    max_leaves=6,
)
values = st.fixed_dictionaries(
    {
        "args": st.dictionaries(st.sampled_from(("a", "b")), arguments, max_size=2),
        "run.workflow": words,
        "tool.risk": st.integers(0, 3),
        "tool.external": st.booleans(),
        "agent.roles": st.lists(words, max_size=2),
        "data.labels": st.lists(words, max_size=2),
    },
    optional={"cost.nano": st.integers(0, 600)},
)


@settings(max_examples=1_500, deadline=None)
@given(expressions, values)
@example("args.a < 1", {"args": {"a": True}})
@example("args.a == 1", {"args": {"a": 1.0}})
@example("args.a == 'x'", {"args": {"a": "\ud800"}})
@example("args.a == 1", {"args": {"a": 2**63}})
@example("!args.a == 1", {"args": {"a": 1}})
@example("args.a in ['x']", {"args": {}})
def test_the_answer_is_that_of_the_library_or_there_is_none(text: str, given: dict[str, Any]) -> None:
    try:
        known = cel.condition(text)
    except CelInvalid:
        return
    if known.native is None:
        return
    try:
        told = known.native(given)
    except native.DOUBTS:
        return
    assert told is known.condition(given)


@pytest.mark.parametrize(
    "text",
    [
        '!has(args.id)', "args.id > 10000", "args.id < 0", "!args.ok", "!args.ok && args.id > 1000",
        '!run.workflow.startsWith("bench/")', '"untrusted" in data.labels && tool.side_effect',
        'dest.domain != "corp.example"', "agent.depth <= 3", "args.mode in ['a', 'b'] || args.n == -1",
    ],
)  # fmt: skip
def test_what_rules_mostly_say_is_understood(text: str) -> None:
    assert cel.condition(text).native is not None


@pytest.mark.parametrize(
    "text",
    [
        "args.a + 1 > 2", "size(args.a) > 1", "args.a > 1.0", "args.a.matches('x')", "args['a'] == 1",
        "args.a == args.b", "args.a == 'é'", "args.a == r'x'", "args.a == b'x'", "args.a == '''x'''",
        "args.a == 'a\\n'", "args.a == 1u", "args.a == 0x1", "args.a == null", "args.a == 1 // why",
        "args.a == 1 ? true : false", "args.exists(k, k == 'a')", "'a' in ['a']", "!args.a == true",
        "args.a in [1, 'a']", "args.a in []", "(args.a) == 1", "args.a < 'x'",
    ],
)  # fmt: skip
def test_the_rest_is_left_to_the_library(text: str) -> None:
    assert native.condition(text, NAMES) is None


@pytest.mark.parametrize(
    "text", ["", "(", "args.", "args.a ==", "'", "has(", "!", "args.a in [", "args.a &&"]
)
def test_what_is_cut_off_is_not_understood(text: str) -> None:
    assert native.condition(text, NAMES) is None
    assert native.condition("(" * 100_000 + "args.a", NAMES) is None
    assert native.condition("!" * 100_000 + "args.a", NAMES) is None


def test_conditions_of_both_kinds_are_told_apart_by_their_numbers() -> None:
    texts = ["args.a == 1", "args.a + 0 == 1", "args.b == 1", "args.b + 0 == 1", "args.a + 1 == 2"]
    both = Fused([cel.condition(text) for text in texts])
    assert both.holding({"args": {"a": 1, "b": 2}}) == 0b10011
    assert both.holding({"args": {"a": 2, "b": 1}}) == 0b01100
    with pytest.raises(Unevaluable):
        both.holding({"args": {"a": 1, "b": "2"}})
    with pytest.raises(Unevaluable):
        both.holding({"args": {"a": 1}})
