"""Hours: whether a policy's windows are open, and when they open again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from podium.facts.policy_version import OpenHours
from podium.policy.zones import local, moment, zone

DAYS_AHEAD = 400
"""So many days are searched for the next opening."""


class Calendar:
    """The open hours of one window; what it found last is kept, as the next question is mostly the same."""

    def __init__(self, hours: OpenHours) -> None:
        where = zone(hours.timezone)
        assert where is not None, "a policy whose zones are not known does not compile"
        self._where, self._hours = where, hours
        self._closed = [_dates(text) for text in hours.dates_closed]
        self._known = (0, 0, False)

    def is_open(self, at: int) -> bool:
        """Whether it is open at a moment, ms since 1970."""
        since, until, is_open = self._known
        if not since <= at < until:
            self._known = since, until, is_open = self._look(at)
        return is_open

    def opens_at(self, at: int) -> int:
        """When it opens next, ms since 1970; 0 if it does not within a year."""
        today = local(at, self._where).date()
        for ahead in range(DAYS_AHEAD):
            for start, until in self._spans(today + timedelta(days=ahead)):
                if until > at:
                    return max(start, at)
        return 0

    def _look(self, at: int) -> tuple[int, int, bool]:
        """The stretch around a moment in which the answer stays the same, and the answer."""
        today = local(at, self._where).date()
        since, until = self._midnight(today), self._midnight(today + timedelta(days=1))
        for start, end in self._spans(today):
            if start <= at < end:
                return start, end, True
            if start > at:
                until = min(until, start)
            else:
                since = max(since, end)
        return since, until, False

    def _spans(self, day: date) -> list[tuple[int, int]]:
        """When it is open on a day, in moments."""
        if any(first <= day <= last for first, last in self._closed):
            return []
        spans = [
            (self._moment(day, hours.start), self._moment(day, hours.until))
            for hours in self._hours.open
            if day.weekday() in hours.days
        ]
        return sorted(span for span in spans if span[0] < span[1])

    def _midnight(self, day: date) -> int:
        return self._moment(day, 0)

    def _moment(self, day: date, minute: int) -> int:
        day, minute = day + timedelta(days=minute // 1440), minute % 1440
        return moment(datetime.combine(day, time(minute // 60, minute % 60), self._where))


def _dates(text: str) -> tuple[date, date]:
    first, _, last = text.partition("..")
    return date.fromisoformat(first), date.fromisoformat(last or first)
