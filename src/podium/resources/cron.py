"""Cron expressions: five fields of text become the minutes, hours and days that they mean."""

from __future__ import annotations

from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)

_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronInvalid(ValueError):
    """Why a text is no cron expression."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due, by a clock on a wall.

    Attributes:
        minutes, hours, days, months: the values that fit; days of the month from 1, months from 1.
        weekdays: Sunday is 0.
        any_day, any_weekday: that field is `*`. If neither is, a day that fits one of the two will do.
        by_the_hour: the hours are `*` or start with it: it is due in each hour that passes, also in one that
            the clock shows twice, and in none that it skips.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    by_the_hour: bool

    def fits_day(self, month: int, day: int, weekday: int) -> bool:
        """Whether it is due on a day. `weekday` counts from Sunday, 0."""
        if month not in self.months:
            return False
        if self.any_day or self.any_weekday:
            return day in self.days and weekday in self.weekdays
        return day in self.days or weekday in self.weekdays


def parse_cron(text: str) -> Cron:
    """The times that a cron expression means: `minute hour day-of-month month day-of-week`.

    A field is `*`, a value, a range `1-5`, a list `1,3`, or one of them with a step, `*/15`. Months and days
    of the week have their English names, too; 7 is Sunday as 0 is.

    Raises:
        CronInvalid: it is none, or it never comes.
    Source: crontab(5); POSIX.1-2017 `crontab`.
    """
    parts = _SHORT.get(text.strip().lower(), text).split()
    if len(parts) != len(_FIELDS):
        found = "nothing" if not parts else f"{len(parts)}"
        raise CronInvalid(
            f"A cron expression has five fields, `minute hour day-of-month month day-of-week`; "
            f"`{text[:80]}` has {found}."
        )
    values = [_field(part, *about) for part, about in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = values
    cron = Cron(
        minutes, hours, days, months, frozenset(day % 7 for day in weekdays), parts[2].startswith("*"),
        parts[4].startswith("*"), parts[1].startswith("*"),
    )  # fmt: skip
    if cron.any_weekday and not any(min(days) <= _LONGEST[month - 1] for month in months):
        raise CronInvalid(f"`{text[:80]}` names a day that none of its months has; it would never come.")
    return cron


def _field(text: str, what: str, first: int, last: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdecimal() and 0 < int(step) <= last):
            raise CronInvalid(f"`/{step[:20]}` is no step for the {what}; write a number from 1 to {last}.")
        low, dash, high = span.partition("-")
        if span == "*":
            start, end = first, last
        else:
            start = _value(low, what, first, last, names)
            end = _value(high, what, first, last, names) if dash else (last if slash else start)
        if start > end:
            raise CronInvalid(f"`{span[:20]}` ends before it begins; write the {what} that is first, first.")
        found.update(range(start, end + 1, int(step) if slash else 1))
    return frozenset(found)


def _value(text: str, what: str, first: int, last: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + first
    if text.isascii() and text.isdecimal() and len(text) < 4 and first <= int(text) <= last:
        return int(text)
    known = f", or one of {', '.join(names)}" if names else ""
    raise CronInvalid(f"`{text[:20]}` is no {what}; write a number from {first} to {last}{known}.")
