"""Phrases: numbers, lists and places as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_TELLING = frozenset({"complexity", "tests", "upkeep"})
_TELLING_RULES = frozenset(
    {"unparsable", "newer-syntax", "F821", "action-tag", "action-branch", "piped-shell"}
)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `1,024 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def where(found: dict[str, Any]) -> str:
    """The first place of a finding, and how many more there are, in brackets; "" if it has no place."""
    if not found["places"]:
        return ""
    first = found["places"][0]
    more = f" and {found['count'] - 1:,} more" if found["count"] > 1 else ""
    return f" ({first['path']}:{first['line']}{more})"


def tells(found: dict[str, Any]) -> bool:
    """Whether the places of a finding say more than where they are."""
    return found["area"] in _TELLING or found["rule"] in _TELLING_RULES
