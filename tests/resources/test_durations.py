"""Durations become whole milliseconds, exactly, or are refused with a way out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.resources.durations import DURATION_MAX_MS, UNITS, DurationInvalid, parse_duration


@pytest.mark.parametrize(
    ("written", "duration_ms"),
    [
        ("PT30S", 30_000),
        ("PT0.25S", 250),
        ("PT0S", 0),
        ("P1DT2H3M4.005S", 93_784_005),
        ("P2W", 1_209_600_000),
        ("PT1.5H", 5_400_000),
        ("PT0.0001S", 1),
        ({"seconds": 30}, 30_000),
        ({"days": 1, "hours": 1, "minutes": 1, "seconds": 1, "milliseconds": 1}, 90_061_001),
        ({"seconds": 0}, 0),
    ],
)
def test_durations_in_ms(written: object, duration_ms: int) -> None:
    assert parse_duration(written) == duration_ms


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("30s", "PT30S"),
        ("P", "ISO 8601"),
        ("PT", "ISO 8601"),
        ("P1DT", "ISO 8601"),
        ("-PT1S", "ISO 8601"),
        ("PT1S\n", "ISO 8601"),
        ("PT١S", "ISO 8601"),
        ("P1Y", "P30D"),
        ("P1M", "P30D"),
        ("P99999999D", "100 years"),
        ({"days": 36501}, "100 years"),
        ({}, "seconds: 30"),
        ({"second": 1}, "Did you mean `seconds`?"),
        ({"seconds": 1.5}, "whole number"),
        ({"seconds": -1}, "whole number"),
        ({"seconds": True}, "whole number"),
        ({1: 1}, "no unit"),
        (30, "PT30S"),
        (None, "PT30S"),
        ([], "PT30S"),
    ],
)
def test_what_is_no_duration(written: object, words: str) -> None:
    with pytest.raises(DurationInvalid, match=re.escape(words)):
        parse_duration(written)


@given(st.integers(0, DURATION_MAX_MS // 1000), st.integers(0, 999))
def test_text_and_object_agree(seconds: int, milliseconds: int) -> None:
    if seconds == DURATION_MAX_MS // 1000:
        milliseconds = 0
    text = f"PT{seconds}.{milliseconds:03}S"
    assert parse_duration(text) == parse_duration({"seconds": seconds, "milliseconds": milliseconds})


@given(st.one_of(st.text(), st.dictionaries(st.sampled_from([*UNITS, "years"]), st.integers()), st.floats()))
def test_anything_else_is_refused_in_words(written: object) -> None:
    try:
        assert 0 <= parse_duration(written) <= DURATION_MAX_MS
    except DurationInvalid as refused:
        assert len(str(refused)) > 10
