"""Phrases: numbers, lists and places as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `1,024 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def shown(place: dict[str, Any]) -> str:
    """`path:line`, or the path alone for a whole file."""
    return f"{place['path']}:{place['line']}" if place.get("line") else str(place["path"])


def where(found: dict[str, Any]) -> str:
    """The first place of a finding, and how many more there are, in brackets; "" if it has no place."""
    if not found["places"]:
        return ""
    more = f" and {found['count'] - 1:,} more" if found["count"] > 1 else ""
    return f" (`{shown(found['places'][0])}`{more})"
