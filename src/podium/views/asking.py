"""What attempts asked for, in sentences: the part of a run's story that is about agents at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
Said = tuple[str, str, list[str]]
"""What kind of line it is, the line, and lines below it."""

_THEN = {
    "continue": "it goes on all the same",
    "fail": "so it fails",
    "compensate": "that is undone first",
    "ask": "a person is asked",
}


def _repeated(record: Record, body: Record) -> Said:
    line = f"{record['task']}: attempt {record['attempt']} asks for what effect {record['call']} gives"
    return "asked", line, []


def _refused(record: Record, body: Record) -> Said:
    error = body.get("error") or {}
    why = [f"{error['title']}{': ' if error.get('detail') else ''}{error.get('detail', '')}"] if error else []
    return "error", f"{record['task']} asks for {record['asked']} and cannot have it", why


def _parked(record: Record, body: Record) -> Said:
    line = f"{record['task']}: attempt {record['attempt']} is parked until what it asked for is there"
    return "attempt", line, []


def _unclaimed(record: Record, body: Record) -> Said:
    numbers = ", ".join(map(str, record["calls"]))
    line = f"{record['task']}: attempt {record['attempt']} did not ask for what was done as effect {numbers}"
    return "error", line, [_THEN[record["then"]]]


TOLD: dict[str, Callable[[Record, Record], Said]] = {
    "AskRepeated": _repeated,
    "AskRefused": _refused,
    "AttemptParked": _parked,
    "ResultsUnclaimed": _unclaimed,
}
"""By type of record."""
