"""Durations: the workflow language's objects and ISO 8601 text, as whole milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from podium.resources.troubles import did_you_mean, shown

DURATION_MAX_MS = 100 * 365 * 24 * 3600 * 1000
"""About a hundred years: a deadline made from it still fits the clock."""

UNITS = {
    "days": 86_400_000,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1_000,
    "milliseconds": 1,
}
"""Members of a duration object, in ms."""

_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?)"
_ISO = re.compile(
    rf"P(?=[\dT])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII,
)
_ISO_UNITS_MS = (7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000)


class DurationInvalid(ValueError):
    """Not a duration; the message says why and what to write."""


def parse_duration(value: object) -> int:
    """The duration in ms; a fraction of a millisecond counts as a whole one, so that no timer is early.

    Args:
        value: an object such as `{seconds: 30}` or ISO 8601 text such as `PT30S`.
    Raises:
        DurationInvalid: it is neither, is negative, or is longer than a hundred years.
    Source: workflow DSL 1.0.3, "Duration".
    """
    if isinstance(value, str):
        duration_ms = _of_text(value)
    elif isinstance(value, Mapping):
        duration_ms = _of_object(value)
    else:
        raise DurationInvalid(
            f"{shown(value)} is no duration; write `PT30S`, or an object such as {{seconds: 30}}."
        )
    if duration_ms > DURATION_MAX_MS:
        raise DurationInvalid(f"{shown(value)} is longer than 100 years.")
    return duration_ms


def _of_text(text: str) -> int:
    match = _ISO.fullmatch(text)
    if match is None:
        raise DurationInvalid(
            f"`{shown(text)}` is no ISO 8601 duration; write `PT30S` for 30 seconds, `P1DT2H` for 26 hours."
        )
    years, months, *fixed = match.groups()
    if years or months:
        raise DurationInvalid(
            f"`{shown(text)}` counts in years or months, which differ in length; write days, `P30D`."
        )
    total = sum(
        (Fraction(number) * unit for number, unit in zip(fixed, _ISO_UNITS_MS, strict=True) if number),
        Fraction(0),
    )
    return -(-total.numerator // total.denominator)


def _of_object(value: Mapping[Any, object]) -> int:
    if not value:
        raise DurationInvalid("An empty object is no duration; write for example {seconds: 30}.")
    total = 0
    for unit, count in value.items():
        if unit not in UNITS:
            raise DurationInvalid(
                f"`{shown(unit)}` is no unit of time; known: {', '.join(UNITS)}."
                + did_you_mean(str(unit), UNITS)
            )
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise DurationInvalid(f"`{unit}` must be a whole number from 0, not {shown(count)}.")
        total += count * UNITS[unit]
    return total
