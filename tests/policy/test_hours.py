"""Open hours and calendars, where clocks are set forward and back too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.facts.policy_version import OpenHours
from podium.policy.hours import Calendar
from podium.policy.zones import local, moment, stretch, zone
from podium.resources.policy_values import parse_hours
from tests.policy.making import asked, policies, tool

PARIS = "Europe/Paris"
PLACES = (
    PARIS,
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Santiago",
    "UTC",
)


def at(text: str, where: str = PARIS, fold: int = 0) -> int:
    return moment(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(where), fold=fold))


def calendar(*lines: str, timezone: str = PARIS, blackout: tuple[str, ...] = ()) -> Calendar:
    from podium.facts.policy_version import Hours

    hours = tuple(msgspec.convert(one, Hours) for line in lines for one in parse_hours(line))
    return Calendar(OpenHours("w", timezone=timezone, open=hours, dates_closed=blackout))


@pytest.mark.parametrize(
    ("lines", "when", "is_open"),
    [
        (["Mon-Fri 08:00-18:00"], "2026-03-11T08:00", True),
        (["Mon-Fri 08:00-18:00"], "2026-03-11T07:59:59.999", False),
        (["Mon-Fri 08:00-18:00"], "2026-03-11T17:59:59.999", True),
        (["Mon-Fri 08:00-18:00"], "2026-03-11T18:00", False),
        (["Mon-Fri 08:00-18:00"], "2026-03-14T12:00", False),
        (["Sat,Sun"], "2026-03-14T00:00", True),
        (["Sat,Sun"], "2026-03-16T00:00", False),
        (["Sat-Mon 10:00-12:00"], "2026-03-16T11:00", True),
        (["Sat-Mon 10:00-12:00"], "2026-03-17T11:00", False),
        (["22:00-06:00"], "2026-03-11T23:00", True),
        (["22:00-06:00"], "2026-03-11T05:59", True),
        (["22:00-06:00"], "2026-03-11T06:00", False),
        (["Fri 22:00-06:00"], "2026-03-14T05:00", True),
        (["Fri 22:00-06:00"], "2026-03-13T05:00", False),
        (["Sun 22:00-06:00"], "2026-03-16T05:00", True),
        (["00:00-24:00"], "2026-03-11T00:00", True),
        (["22:00-24:00"], "2026-03-12T00:00", False),
        (["Mon 08:00-10:00", "Wed 08:00-10:00"], "2026-03-11T09:00", True),
    ],
)
def test_when_it_is_open(lines: list[str], when: str, is_open: bool) -> None:
    assert calendar(*lines).is_open(at(when)) is is_open


def test_dates_that_are_closed() -> None:
    shut = calendar("Mon-Sun 08:00-18:00", "22:00-06:00", blackout=("2026-12-24..2026-12-26", "2027-01-01"))
    assert not shut.is_open(at("2026-12-24T12:00"))
    assert not shut.is_open(at("2026-12-26T23:00"))
    assert not shut.is_open(at("2026-12-24T03:00"))
    assert shut.is_open(at("2026-12-23T23:59"))
    assert shut.is_open(at("2026-12-27T00:00"))
    assert not shut.is_open(at("2027-01-01T12:00"))
    assert shut.opens_at(at("2026-12-24T00:00")) == at("2026-12-27T00:00")


def test_clocks_set_forward() -> None:
    """In Paris 02:00 to 03:00 do not exist on 29 March 2026."""
    night = calendar("02:00-03:00")
    assert not night.is_open(at("2026-03-29T01:59"))
    assert not night.is_open(at("2026-03-29T03:00"))
    assert night.opens_at(at("2026-03-29T00:00")) == at("2026-03-30T02:00")
    day = calendar("01:00-04:00")
    assert day.is_open(at("2026-03-29T01:59")) and day.is_open(at("2026-03-29T03:59"))
    assert at("2026-03-29T04:00") - at("2026-03-29T01:00") == 2 * 3_600_000


def test_clocks_set_back() -> None:
    """In Paris 02:00 to 03:00 come twice on 25 October 2026."""
    night = calendar("02:00-03:00")
    first, second = at("2026-10-25T02:30"), at("2026-10-25T02:30", fold=1)
    assert second - first == 3_600_000
    assert night.is_open(first) and night.is_open(second)
    assert not night.is_open(at("2026-10-25T03:00"))
    short = calendar("02:15-02:45")
    assert short.is_open(first)
    assert not short.is_open(second)


def test_a_day_without_midnight() -> None:
    """Santiago set its clocks from 24:00 to 01:00 on 6 September 2026."""
    first = stretch(at("2026-09-06T12:00", "America/Santiago"), "day", ZoneInfo("America/Santiago"))
    assert first[1] - first[0] == 23 * 3_600_000
    all_day = calendar("Sun", timezone="America/Santiago")
    assert all_day.is_open(at("2026-09-06T01:00", "America/Santiago"))
    assert not all_day.is_open(at("2026-09-05T23:59", "America/Santiago"))


@settings(max_examples=200, deadline=None)
@given(st.integers(1_500_000_000_000, 2_200_000_000_000), st.sampled_from(PLACES), st.data())
def test_open_is_what_the_clock_on_the_wall_says(now: int, where: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, 1438))
    until = data.draw(st.integers(start + 1, 1440))
    line = f"{start // 60:02}:{start % 60:02}-{until // 60:02}:{until % 60:02}"
    there = local(now, ZoneInfo(where))
    minute = there.hour * 60 + there.minute
    if there.fold or (there + timedelta(hours=2)).utcoffset() != (there - timedelta(hours=2)).utcoffset():
        return
    found = calendar(line, timezone=where)
    assert found.is_open(now) is (start <= minute < until)
    opens = found.opens_at(now)
    assert opens >= now
    assert found.is_open(opens)
    assert found.is_open(now) is (opens == now)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from(["minute", "hour", "day", "week", "month", "year"]),
    st.sampled_from(PLACES),
)
def test_stretches_of_the_calendar_follow_each_other(now: int, per: str, where: str) -> None:
    place = zone(where)
    assert place is not None
    start, end = stretch(now, per, place)
    assert start <= now < end
    assert stretch(end, per, place)[0] == end
    assert stretch(start, per, place) == stretch(end - 1, per, place) == (start, end)


def test_zones_come_with_the_release() -> None:
    assert zone("UTC") is UTC
    assert str(zone(PARIS)) == PARIS
    for name in (
        "",
        "Mars/Base",
        "../../etc/passwd",
        "Europe/",
        "Europe",
        "/etc/localtime",
        "paris",
        "zone.tab",
    ):
        assert zone(name) is None


def test_what_is_held_until_it_opens() -> None:
    text = "windows: [{name: w, timezone: Europe/Paris, open: ['Mon-Fri 08:00-18:00'], closed: %s}]\n"
    text += "rules: [{id: all, effect: allow}]\ntiers: {1: {}}"
    friday = at("2026-03-13T20:00")
    held = asked(policies(text % "hold"), tool(), now=friday)
    assert (held.verdict, held.until, held.rules) == ("defer", at("2026-03-16T08:00"), ("test/windows/w",))
    assert asked(policies(text % "hold"), tool(), now=held.until).verdict == "allow"
    assert asked(policies(text % "deny"), tool(), now=friday).verdict == "deny"
    assert asked(policies(text % "approve:1"), tool(), now=friday).verdict == "approve"


def test_what_never_opens_is_denied() -> None:
    text = (
        "windows: [{name: w, open: ['Mon'], blackout: ['2026-01-01..2028-12-31'], closed: hold}]\n"
        "rules: [{id: all, effect: allow}]"
    )
    assert asked(policies(text), tool()).verdict == "deny"
