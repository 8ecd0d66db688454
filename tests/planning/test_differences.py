"""What changed between two values, place by place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.planning.differences import differences

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_tasks_are_known_by_their_names() -> None:
    before = [{"a": {"set": {"n": 1}}}, {"b": {"set": {"n": 2}}}]
    after = [{"new": {"wait": {}}}, {"a": {"set": {"n": 1}}}, {"b": {"set": {"n": 3}}}]
    found = [(one.action, one.path, one.before, one.after) for one in differences(before, after, "/do")]
    assert found == [("add", "/do/0", None, {"new": {"wait": {}}}), ("change", "/do/2/b/set/n", 2, 3)]


def test_tasks_that_change_places_are_told() -> None:
    before = [{"a": {"set": {}}}, {"b": {"set": {}}}]
    assert [(one.action, one.before, one.after) for one in differences(before, before[::-1])] == [
        ("change", ["a", "b"], ["b", "a"])
    ]


def test_capabilities_are_known_by_their_names() -> None:
    before = {"capabilities": [{"name": "a", "input": True}, {"name": "b"}]}
    after = {"capabilities": [{"name": "b", "input": {"type": "string"}}]}
    assert [(one.action, one.path) for one in differences(before, after)] == [
        ("remove", "/capabilities/0"),
        ("add", "/capabilities/0/input"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (["a", "b"], ["a", "c", "b"], [("add", "/1")]),
        (["a", "b", "c"], ["a", "c"], [("remove", "/1")]),
        (["a", "b"], ["a", "c"], [("change", "/1")]),
        ([1, 2], [1, 2.0], [("change", "/1")]),
        ({"a": 1}, {"b": 1}, [("remove", "/a"), ("add", "/b")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("change", "/a")]),
        (1, True, [("change", "")]),
        ({"x/y": 1}, {"x/y": 2}, [("change", "/x~1y")]),
    ],
)
def test_each_place_is_told_once(before: Any, after: Any, found: list[tuple[str, str]]) -> None:
    assert [(one.action, one.path) for one in differences(before, after)] == found


@given(values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert differences(value, deepcopy(value)) == ()


@given(values, values)
def test_values_that_differ_have_a_difference(before: Any, after: Any) -> None:
    def same(one: Any, other: Any) -> bool:
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        return type(one) is type(other) and bool(one == other)

    assert bool(differences(before, after)) != same(before, after)
