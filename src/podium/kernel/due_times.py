"""Due times: when something that is declared by a clock or by steps comes next, and what was missed of it."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from podium.policy.zones import local, moment
from podium.resources.cron import Cron
from podium.workflow.scheduling import Timing

DAYS_AHEAD = 366 * 41
"""So many days are searched: a 29th of February that is a Monday comes every 28 years, or after 40."""

STEPS_MAX = 2_000
"""So many due times are looked at, one by one; of a longer time only the latest are."""

_MINUTE_MS = 60_000


class Missed(NamedTuple):
    """Due times that have come.

    Attributes:
        times: the latest, oldest first.
        total: how many there are, `times` included; 0 if nobody counted.
        next_at: the first that has not come; 0 if there is none.
    """

    times: list[int]
    total: int
    next_at: int


def next_due(timing: Timing, where: tzinfo, anchor_at: int, after: int) -> int:
    """The first due time later than `after`, ms since 1970; 0 if there is none, or it is not by time.

    Args:
        where: zone of the clock on the wall.
        anchor_at: from when the steps of `every` count.
    """
    if timing.every_ms:
        steps = max((after - anchor_at) // timing.every_ms + 1, 1)
        return anchor_at + steps * timing.every_ms
    if timing.cron is None:
        return 0
    find = _next_by_the_hour if timing.cron.by_the_hour else _next_at_fixed_times
    return find(timing.cron, where, after)


def missed(timing: Timing, where: tzinfo, anchor_at: int, next_at: int, now: int, most: int) -> Missed:
    """What has come since a due time, that included.

    Args:
        most: no more than so many are given, the latest.
    """
    if timing.every_ms:
        count = (now - next_at) // timing.every_ms + 1
        last = next_at + (count - 1) * timing.every_ms
        first = last - (min(count, most) - 1) * timing.every_ms
        times = list(range(first, last + 1, timing.every_ms))
        return Missed(times, count, last + timing.every_ms)
    found: deque[int] = deque(maxlen=most)
    at, count = next_at, 0
    while at and at <= now and count < STEPS_MAX:
        found.append(at)
        count += 1
        at = next_due(timing, where, anchor_at, at)
    if not at or at > now:
        return Missed(list(found), count, at)
    span = max(most * (at - next_at) // count, _MINUTE_MS)
    while True:
        since = max(now - span, next_at)
        found.clear()
        at = next_due(timing, where, anchor_at, since - 1)
        while at and at <= now:
            found.append(at)
            at = next_due(timing, where, anchor_at, at)
        if found or since == next_at:
            return Missed(list(found), 0, at)
        span *= 2


def _next_by_the_hour(cron: Cron, where: tzinfo, after: int) -> int:
    """By the time that passes: an hour that the clock shows twice counts twice, one that it skips never."""
    at = after // _MINUTE_MS * _MINUTE_MS + _MINUTE_MS
    end = at + DAYS_AHEAD * 86_400_000
    while at < end:
        there = local(at, where)
        if not _fits(cron, there.date()):
            at = max(moment(_midnight(there.date() + timedelta(days=1), where)), at + _MINUTE_MS)
        elif there.hour not in cron.hours:
            at += (60 - there.minute) * _MINUTE_MS
        elif there.minute not in cron.minutes:
            later = [minute for minute in cron.minutes if minute > there.minute]
            at += (min(later, default=60) - there.minute) * _MINUTE_MS
        else:
            return at
    return 0


def _next_at_fixed_times(cron: Cron, where: tzinfo, after: int) -> int:
    """By the clock: what it shows twice counts once, and what it skips is due as much later."""
    day = local(after, where).date()
    for _ in range(DAYS_AHEAD):
        if _fits(cron, day):
            times = (
                moment(datetime(day.year, day.month, day.day, hour, minute, tzinfo=where))
                for hour in cron.hours
                for minute in cron.minutes
            )
            found = min((at for at in times if at > after), default=0)
            if found:
                return found
        if day.year >= 9_990:
            break
        day += timedelta(days=1)
    return 0


def _fits(cron: Cron, day: date) -> bool:
    return cron.fits_day(day.month, day.day, (day.weekday() + 1) % 7)


def _midnight(day: date, where: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=where)
