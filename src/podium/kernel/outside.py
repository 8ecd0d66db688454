"""What comes from outside into a run that may use secrets: nothing in it may pass for a placeholder."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from podium.facts.inputs import Input
from podium.facts.secrets import inert
from podium.facts.values import Error

T = TypeVar("T", bound=Input)


def disarmed(told: T, *fields: str) -> T:
    """The input with these fields of its made inert."""
    given = {field: getattr(told, field) for field in fields}
    made = {field: _inert(value) for field, value in given.items()}
    if all(made[field] is given[field] for field in fields):
        return told
    return msgspec.structs.replace(told, **made)


def _inert(value: object) -> object:
    if not isinstance(value, Error):
        return inert(value)
    plain = msgspec.to_builtins(value)
    made = inert(plain)
    return value if made is plain else msgspec.convert(made, Error)
