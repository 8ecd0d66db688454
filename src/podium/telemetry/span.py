"""A span, as OpenTelemetry has it: ids, times, attributes and what happened meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | tuple[str, ...]

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""Kinds of spans, by their numbers in OTLP."""

UNSET, OK, ERROR = 0, 1, 2
"""Statuses of spans, likewise."""


@dataclass(slots=True)
class Moment:
    """Something that happened in a span: when, in ms since 1970, and what."""

    at: int
    name: str
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """Something that took time.

    Attributes:
        trace: 32 hex digits; id, parent: 16, of the parent "" for none.
        start, end: ms since 1970; end 0 while it goes on.
        links: trace and span of others that led to it.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    status: int = UNSET
    message: str = ""


def run_span(run_id: str) -> str:
    """The id of the span of a run; anybody can tell it."""
    return sha256(f"run {run_id}".encode()).hexdigest()[:16]


def effect_span(run_id: str, effect: int) -> str:
    """The id of the span of an effect. That of an attempt is its token, as its traceparent has it."""
    return sha256(f"effect {run_id}/{effect}".encode()).hexdigest()[:16]
