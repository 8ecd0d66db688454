"""What an in-process agent may return."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from podium.agents import output as outputs
from podium.agents.interface import AttemptFailed
from podium.agents.output import output_of, private


@dataclasses.dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "a", [1, [2]], {"a": {"b": []}}, 2**70])
def test_json_stays_as_it_is(value: Any) -> None:
    assert output_of(value) == value


def test_what_is_nearly_json_becomes_json() -> None:
    assert output_of({"at": (1, 2), "p": Point(1, 2)}) == {"at": [1, 2], "p": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": [1.0, math.nan]}, "/a/1 is nan"),
        (math.inf, "/ is inf"),
        ({"a": {1: 2}}, "the key 1 at /a is of type int"),
        ({"a": object()}, "object"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_json_cannot_say_is_named(value: Any, why: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        output_of(value)
    assert why in caught.value.detail
    assert caught.value.kind == "validation"
    assert not caught.value.retryable


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(AttemptFailed):
        output_of(value)


def test_an_output_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "OUTPUT_BYTES_MAX", 100)
    with pytest.raises(AttemptFailed, match="larger than"):
        output_of("x" * 200)


def test_nothing_is_shared_with_the_agent() -> None:
    value = {"a": [1]}
    given, returned = private(value), output_of(value)
    value["a"].append(2)
    assert given == returned == {"a": [1]}
