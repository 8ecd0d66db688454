"""`schedule`: when runs of a workflow begin by themselves, and with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podium.facts.schedules import MISSED, MISSED_MAX, MISSED_MOST, OVERLAPS, ScheduleVersion
from podium.facts.values import JSON, Problem
from podium.resources.cron import Cron, CronInvalid, parse_cron
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.listening import events_of
from podium.workflow.program import EventFilter, Events, Expression

EVERY_LEAST_MS = 1_000
"""Nothing comes more often."""

_KINDS = ("every", "cron", "after", "on")
_NOTHING = Scope(frozenset())


@dataclass(frozen=True, slots=True)
class Timing:
    """When something is due: one of the four.

    Attributes:
        every_ms: so long after the last due time.
        cron: by a clock on a wall.
        after_ms: so long after the end of the last run.
        events: when such events came; `read` is what is given of them, as of a `listen`.
        input: what the runs get, made of `{schedule, due, dueAt, events}`; None for nothing, or the events.
    """

    every_ms: int = 0
    cron: Cron | None = None
    after_ms: int = 0
    events: Events | None = None
    read: str = "data"
    input: Expression | None = None


def timing_of(version: ScheduleVersion) -> tuple[Timing | None, list[Problem]]:
    """The timing of a declared schedule, or what is wrong with it, with places in its `spec`."""
    draft = Draft()
    place = Place("/spec", "/spec")
    timing = _timing(draft, version.when, place)
    if version.input is not None:
        timing = _with_input(draft, timing, version.input, place / "input")
    return (None, draft.problems) if draft.problems else (timing, [])


def own_schedule(document: Mapping[str, JSON]) -> ScheduleVersion | None:
    """The schedule that a workflow document has of its own; None if it has none. It was checked before."""
    when, identity = document.get("schedule"), document.get("document", {})
    if not when:
        return None
    terms = (identity.get("metadata") or {}).get("schedule") or {}
    name = f"{identity.get('namespace')}/{identity.get('name')}"
    return ScheduleVersion(
        name, str(identity.get("version")), name, when, terms.get("timeZone", "UTC"),
        terms.get("missed", MISSED[0]), terms.get("missedMax", MISSED_MAX),
        terms.get("overlap", OVERLAPS[0]), terms.get("input"),
    )  # fmt: skip


def check_schedule(draft: Draft, document: dict[str, JSON], metadata: dict[str, JSON]) -> None:
    """Note what is wrong with a document's `schedule`, and with what `document.metadata.schedule` adds."""
    place = Place("/document/metadata/schedule", "")
    if "schedule" not in document:
        if "schedule" in metadata:
            draft.refuse("wrong-value", place, "There is no `schedule` at the top that this is about.")
        return
    timing = _timing(draft, document["schedule"], Place("/schedule", ""))
    terms = draft.table(
        metadata.get("schedule", {}), place, "`schedule`",
        ("timeZone", "missed", "missedMax", "overlap", "input"),
    )  # fmt: skip
    draft.text(terms.get("timeZone", "UTC"), place / "timeZone", "`timeZone`")
    draft.choice(terms.get("missed", MISSED[0]), place / "missed", "`missed`", MISSED)
    draft.choice(terms.get("overlap", OVERLAPS[0]), place / "overlap", "`overlap`", OVERLAPS)
    if not 0 < draft.count(terms.get("missedMax", MISSED_MAX), place / "missedMax", "`missedMax`") <= 1000:
        draft.refuse("wrong-value", place / "missedMax", f"`missedMax` must be 1 to {MISSED_MOST}.")
    if "input" in terms:
        _with_input(draft, timing, terms["input"], place / "input")


def _timing(draft: Draft, value: JSON, place: Place) -> Timing:
    given = draft.table(value, place, "`schedule`", (*_KINDS, "read"))
    kinds = [kind for kind in _KINDS if kind in given]
    if len(kinds) != 1:
        if isinstance(value, dict):
            draft.refuse("wrong-value", place, f"It must be exactly one of {', '.join(_KINDS)}.")
        return Timing()
    if "read" in given and "on" not in given:
        draft.refuse("unknown-field", place / "read", "`read` goes with `on`.")
    if "cron" in given:
        return Timing(cron=_cron(draft, given["cron"], place / "cron"))
    if "on" in given:
        events = events_of(draft, given["on"], place / "on", _NOTHING)
        if isinstance(given["on"], dict) and "until" in given["on"]:
            draft.unsupported(place / "on" / "until", "`until` of a schedule", "let a task `listen` for more")
        for one in _expressions(events):
            if one.native is None:
                instead = "compare attributes, or take members of the event"
                draft.unsupported(place / "on", "such an expression in what is waited for", instead)
        read = draft.choice(given.get("read", "data"), place / "read", "`read`", ("data", "envelope", "raw"))
        return Timing(events=events, read=read)
    span = draft.span(given[kinds[0]], place / kinds[0])
    if kinds[0] == "every" and span < EVERY_LEAST_MS and not draft.problems:
        draft.refuse("duration", place / "every", "`every` must be a second or more.")
    return Timing(every_ms=span) if kinds[0] == "every" else Timing(after_ms=max(span, 1))


def _cron(draft: Draft, value: JSON, place: Place) -> Cron | None:
    text = draft.text(value, place, "`cron`")
    try:
        return parse_cron(text) if text else None
    except CronInvalid as invalid:
        draft.refuse("cron", place, str(invalid))
        return None


def _expressions(events: Events) -> Iterator[Expression]:
    for one in events.filters:
        yield from _of_filter(one)


def _of_filter(one: EventFilter) -> Iterator[Expression]:
    yield from one.attributes.values()
    if one.predicate is not None:
        yield one.predicate
    for key in one.keys.values():
        yield key.source
        if key.expect is not None:
            yield key.expect


def _with_input(draft: Draft, timing: Timing, value: Any, place: Place) -> Timing:
    made = draft.template(value, place, _NOTHING)
    if made.native is None:
        draft.unsupported(place, "such an expression in the input of a schedule", "use `.due`, `.events[0]`")
    return Timing(timing.every_ms, timing.cron, timing.after_ms, timing.events, timing.read, made)
