"""What commands say: data on stdout as a table, JSON or lines of JSON; everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, TypeAlias

Format: TypeAlias = Literal["table", "json", "jsonl"]

_COLOURS = {
    "completed": "32", "running": "36", "suspended": "33", "faulted": "31", "cancelled": "35", "ok": "32",
    "warn": "33", "fail": "31",
}  # fmt: skip

SHORT_ID = 8
"""So many digits of a run's id are shown in tables; any beginning of it that is unique is understood."""


LAST_COLUMN_MIN = 12
"""A table that is wider than the terminal shows so much of its last column."""


def say(message: str = "") -> None:
    """A line for people, on stderr. Where nobody can read it any more, work goes on all the same."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)


def show_json(value: Any) -> None:
    """One value as JSON for people to read, on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def show_line(value: Any) -> None:
    """One value as a line of JSON, on stdout, at once."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)


def show_one(value: Any, format: Format | None) -> None:
    """One value as JSON: a line of it if `jsonl` was asked for."""
    if format == "jsonl":
        show_line(value)
    else:
        show_json(value)


def show_rows(
    rows: Iterable[dict[str, Any]], format: Format, columns: Sequence[tuple[str, Any]], none: str
) -> None:
    """A list in the format asked for.

    Args:
        columns: (heading, row to text) of the table.
        none: what to say on stderr where a table would be empty.
    """
    rows = list(rows)
    if format == "json":
        show_json(rows)
    elif format == "jsonl":
        for row in rows:
            show_line(row)
    elif rows:
        show_table(
            [heading for heading, _ in columns], [[str(text(row)) for _, text in columns] for row in rows]
        )
    else:
        say(none)


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns aligned by blanks, so that other programs can cut them; on a terminal the last one is cut."""
    cells = [[" ".join(cell.split()) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    if sys.stdout.isatty():
        left = _columns() - sum(widths[:-1]) - 2 * len(widths[:-1])
        widths[-1] = min(widths[-1], max(left, LAST_COLUMN_MIN))
    for row in ([heading.upper() for heading in headings], *cells):
        padded = [fit(cell, width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(map(coloured, padded)).rstrip())


def fit(text: str, width: int) -> str:
    """A text in exactly so many columns."""
    return text.ljust(width) if len(text) <= width else text[: max(width - 1, 0)] + "…"[:width]


def cut(line: str) -> str:
    """A line as a terminal has room for; whole for other programs."""
    return fit(line, min(len(line), _columns())) if sys.stdout.isatty() else line


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def coloured(text: str) -> str:
    """A status in its colour, where stdout is a terminal that wants colours."""
    colour = _COLOURS.get(text.strip()) if colours(sys.stdout) else None
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def colours(stream: Any) -> bool:
    """Whether to colour what goes to a stream (https://no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def short(run_id: str) -> str:
    """A run's id as tables show it."""
    return run_id[:SHORT_ID]


def moment(at_ms: int) -> str:
    """Local time to the second if it is today's, else date and time to the minute; "" for 0."""
    if not at_ms:
        return ""
    at = datetime.fromtimestamp(at_ms / 1000)
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().date() else "%Y-%m-%d %H:%M")


def span(ms: int) -> str:
    """A duration in two units at most: `340 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `5 d 3 h`."""
    if ms < 1_000:
        return f"{ms} ms"
    seconds = ms // 1_000
    if seconds < 60:
        return f"{ms / 1_000:.1f} s"
    for big, small, big_name, small_name in (
        (60, 1, "min", "s"), (3_600, 60, "h", "min"), (86_400, 3_600, "d", "h"),
    ):  # fmt: skip
        if seconds < big * (60 if big < 3_600 else 24) or big == 86_400:
            return f"{seconds // big} {big_name} {seconds % big // small} {small_name}"
    raise AssertionError("the last unit takes everything")


def money(nano: int) -> str:
    """An amount in units of the account's currency; "" for nothing."""
    from podium.resources.quantities import money_text

    return money_text(nano) if nano else ""


def plural(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
