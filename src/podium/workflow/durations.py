"""Durations of a workflow: known when it is compiled, or given by an expression when it runs."""

from __future__ import annotations

from podium.facts.values import JSON
from podium.resources.durations import parse_duration


def milliseconds(value: JSON) -> int:
    """The time span that an expression gave, in ms.

    Args:
        value: ISO 8601 text or a duration object of the workflow language.
    Raises:
        ValueError: it is neither; the message says why.
    """
    return parse_duration(value)
