"""Schedules that wait for events: which of them an event concerns, and what it completes."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts.identity import run_id_of
from podium.facts.schedules import Scheduled
from podium.facts.values import JSON
from podium.kernel.listening import same
from podium.kernel.outcome import Outcome
from podium.kernel.schedules import key_of
from podium.kernel.scheduling import CLAIM, Cause, begin
from podium.kernel.state import Run, Shard
from podium.kernel.step import View, text_of
from podium.kernel.timetables import Timetable
from podium.workflow.program import Correlation, EventFilter, Expression, ExpressionFailed

GATHERED_MAX = 1_000
"""So many sets of events that are not complete a schedule keeps; the oldest make room."""

_NOTHING: Any = object()


def summon(shard: Shard, event: dict[str, Any], view: View, out: Outcome, sender: Run | None = None) -> int:
    """Give an event to the schedules that wait for such: how many took it."""
    taken = 0
    key = _key(event)
    for name, known in list(shard.schedules.items()):
        table = view.schedules.get(name)
        if table is None or table.timing.events is None or known.paused_at:
            continue
        if key not in known.seen and _run_of(name, key) not in shard.runs:
            taken += _take(shard, view, out, table, known, event, sender)
    return taken


def summoned(shard: Shard, event: dict[str, Any], view: View) -> list[str]:
    """The runs that schedules began when the same event came before, if it did: they must be in memory."""
    key = _key(event)
    tables = ((name, view.schedules.get(name)) for name in shard.schedules)
    return [
        _run_of(name, key) for name, table in tables if table is not None and table.timing.events is not None
    ]


def _key(event: dict[str, Any]) -> str:
    return key_of(str(event.get("source", "")), str(event.get("id", "")))


def _run_of(name: str, key: str) -> str:
    return run_id_of(CLAIM + name, key)


def _take(
    shard: Shard, view: View, out: Outcome, table: Timetable, known: Scheduled, event: dict[str, Any],
    sender: Run | None,
) -> bool:  # fmt: skip
    wanted = table.timing.events
    assert wanted is not None
    key = _key(event)
    if wanted.mode != "all":
        if wanted.filters and all(_keys(one, event) is None for one in wanted.filters):
            return False
        begin(shard, view, out, table, Cause("event", key, events=(event,), sender=sender))
        return True
    found = _slot(wanted.filters, known, event)
    if found is None:
        return False
    place, slot, keys = found
    present = known.gathered[place].events if place < len(known.gathered) else {}
    if len(present) + 1 < len(wanted.filters):
        if place >= GATHERED_MAX:
            return False
        heard = e.ScheduleHeard(
            schedule=table.version.name, gathered=place, slot=slot, id=str(event.get("id", "")),
            source=str(event.get("source", "")),
        )  # fmt: skip
        out.emit(shard, None, heard, e.ScheduleHeardBody(event, keys))
        return True
    complete = {**present, slot: event}
    events = tuple(complete[number] for number in range(len(wanted.filters)))
    gathered = place if place < len(known.gathered) else -1
    begin(shard, view, out, table, Cause("event", key, events=events, sender=sender, gathered=gathered))
    return True


def _slot(
    filters: tuple[EventFilter, ...], known: Scheduled, event: dict[str, Any]
) -> tuple[int, int, dict[str, JSON]] | None:
    """Which set an event belongs to, the filter that it passes, and the keys that it sets there."""
    passed = [(slot, keys) for slot, one in enumerate(filters) if (keys := _keys(one, event)) is not None]
    for place, gathered in enumerate(known.gathered):
        for slot, keys in passed:
            if slot not in gathered.events and _agree(keys, gathered.keys):
                return place, slot, {name: of for name, of in keys.items() if name not in gathered.keys}
    return (len(known.gathered), *passed[0]) if passed else None


def _agree(keys: dict[str, JSON], present: dict[str, JSON]) -> bool:
    return all(name not in present or same(of, present[name]) for name, of in keys.items())


def _keys(one: EventFilter, event: dict[str, Any]) -> dict[str, JSON] | None:
    """The correlation keys of an event that passes a filter; None if it does not."""
    for name, expected in one.attributes.items():
        if name not in event:
            return None
        value = _value(expected, event[name])
        accepted = value is True and not expected.constant
        if not accepted and (value is _NOTHING or not same(value, event[name])):
            return None
    if one.predicate is not None and _value(one.predicate, event.get("data")) in (None, False, _NOTHING):
        return None
    found: dict[str, JSON] = {}
    for name, key in one.keys.items():
        value = _value(key.source, event)
        if value is _NOTHING or value is None or not _expected(key, value, event):
            return None
        found[name] = value
    return found


def _expected(key: Correlation, value: JSON, event: dict[str, Any]) -> bool:
    if key.expect is None:
        return True
    expected = _value(key.expect, event)
    if expected is _NOTHING:
        return False
    return text_of(value) == expected if key.expect.constant else same(value, expected)


def _value(expression: Expression, about: JSON) -> JSON:
    native = expression.native
    assert native is not None, "such a filter does not compile"
    try:
        return native(about, {})
    except (ExpressionFailed, KeyError):
        return _NOTHING
