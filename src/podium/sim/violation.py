"""What a broken guarantee looks like."""

from __future__ import annotations


class Violation(Exception):
    """A guarantee was broken; the message begins with its number in docs/testing.md."""


def hold(condition: bool, invariant: str, message: str) -> None:
    """Raise a Violation unless the condition holds."""
    if not condition:
        raise Violation(f"{invariant}: {message}")
