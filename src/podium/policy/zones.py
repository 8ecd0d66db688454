"""Zones: time zones by their names, from a table that comes with the release and not from the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-")


@cache
def zone(name: str) -> tzinfo | None:
    """The time zone of a name, `Europe/Paris`; None if there is none."""
    if name == "UTC":
        return UTC
    *folders, file = name.split("/")
    if not all(part and set(part) <= _LETTERS for part in (*folders, file)):
        return None
    package = ".".join(("tzdata.zoneinfo", *folders))
    try:
        with resources.files(package).joinpath(file).open("rb") as table:
            return ZoneInfo.from_file(table, key=name)
    except (ImportError, OSError, ValueError):
        return None


def local(at: int, where: tzinfo) -> datetime:
    """What the clocks there show at a moment, ms since 1970."""
    return (EPOCH + timedelta(milliseconds=at)).astimezone(where)


def moment(there: datetime) -> int:
    """The inverse of `local`. Of a time that the clocks show twice the first, of one they skip that after."""
    return round((there.astimezone(UTC) - EPOCH) / timedelta(milliseconds=1))


def stretch(at: int, per: str, where: tzinfo) -> tuple[int, int]:
    """Beginning and end, ms since 1970, of the minute, hour, day, week, month or year that a moment is in."""
    now = local(at, where)
    if per in ("minute", "hour"):
        # By the clock of the place, which may be half an hour off; its length never changes.
        length_ms = 60_000 if per == "minute" else 3_600_000
        offset_ms = round((now.utcoffset() or timedelta()) / timedelta(milliseconds=1))
        start = (at + offset_ms) // length_ms * length_ms - offset_ms
        return start, start + length_ms
    begins = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "week":
        begins -= timedelta(days=begins.weekday())
    elif per == "month":
        begins = begins.replace(day=1)
    elif per == "year":
        begins = begins.replace(month=1, day=1)
    return moment(begins), moment(_next(begins, per))


def _next(begins: datetime, per: str) -> datetime:
    if per == "month":
        return (begins + timedelta(days=31)).replace(day=1)
    if per == "year":
        return begins.replace(year=begins.year + 1)
    return begins + timedelta(days=7 if per == "week" else 1)
