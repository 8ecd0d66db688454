"""Tasks that listen: which events they take, and when they have enough."""

from __future__ import annotations

from typing import Any, NamedTuple

from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.bounds import excess
from podium.kernel.evolve import read_event
from podium.kernel.flow import holds
from podium.kernel.state import Frame
from podium.kernel.step import Step, text_of
from podium.workflow.program import Correlation, EventFilter, Listen

UNKNOWN = -1
"""In place of a frame: whether a task wants an event is not known yet."""
LATER = -2
"""In place of a frame: a task wants the event, and is not done with the one before."""

LISTENED_MAX = 10_000
"""Events that one task takes for what it gives; one that nobody sees the output of has no such limit."""


class Match(NamedTuple):
    """How a task takes an event: as in `EventReceived`."""

    slot: int
    use: str
    last: bool
    keys: dict[str, JSON]


def taker(step: Step, event: dict[str, Any], frame_last: int = 0) -> tuple[int, Match | None]:
    """The frame of the first task that wants the event now, and how it takes it.

    In place of a frame: 0 if none wants it, `LATER` or `UNKNOWN`.

    Args:
        frame_last: tasks that began after this frame are not asked; 0 to ask all.
    """
    nobody = 0
    for frame in step.run.frames.values():
        if frame.kind != "listen" or 0 < frame_last < frame.id:
            continue
        listen = step.node(frame).detail
        assert isinstance(listen, Listen)
        try:
            found = match(step, frame, listen, event)
        except (Waiting, Faulted):
            # The task's own turn will ask again, or fault it.
            nobody = nobody or UNKNOWN
            continue
        if found is not None and not frame.phase:
            return frame.id, found
        if found is not None:
            nobody = LATER
    return nobody, None


def match(step: Step, frame: Frame, listen: Listen, event: dict[str, Any]) -> Match | None:
    """How the task takes the event, as it stands now; None if it does not.

    Raises:
        Waiting, Faulted: as evaluation does.
    """
    if frame.phase in ("last", "done"):
        return None
    ending, first = listen.until_events, max(len(listen.to.filters), 1)
    if ending is not None:
        found = _passed(step, frame, ending.filters, event, first)
        if found is not None:
            taken = sum(slot >= first for slot in frame.outputs)
            return Match(found[0], "until", ending.enough(taken + 1), found[1])
    if not listen.goes_on and listen.to.enough(len(frame.outputs)):
        return None
    found = _passed(step, frame, listen.to.filters, event, 0, again=listen.goes_on)
    if found is None:
        return None
    slot, keys = found
    if listen.foreach:
        last = not listen.goes_on and listen.to.enough(len(frame.outputs) + 1)
        return Match(slot, "each", last, keys)
    if not listen.goes_on:
        return Match(slot, "", False, keys)
    arguments = step.arguments(frame, step.node(frame))
    last = ends(step, frame, listen, read_event(listen.read, event), arguments)
    return Match(slot, "given", last, keys)


def ends(step: Step, frame: Frame, listen: Listen, value: JSON, arguments: Arguments) -> bool:
    """Whether the task has enough once it gives this, too.

    Raises:
        Waiting, Faulted: as evaluation does; Faulted, too, where it would give too much.
    """
    if frame.items is None:
        return False
    given = [*frame.items, value]
    too_many = f"more than {LISTENED_MAX} events" if len(given) > LISTENED_MAX else ""
    # Looked at whenever it has doubled, and when it ends.
    too_much = too_many or (excess(given) if not len(given) & (len(given) - 1) else "")
    if too_much:
        raise Faulted(too_much_heard(frame, too_much))
    return listen.until is not None and holds(
        step, listen.until, given, arguments, f"{frame.task}/listen/to/until"
    )


def reading(step: Step, frame: int) -> str:
    """What the listening task of that number gives of an event."""
    listen = step.node(step.run.frames[frame]).detail
    assert isinstance(listen, Listen)
    return listen.read


def too_much_heard(frame: Frame, too_much: str) -> Error:
    """The error of a task whose output would be too large."""
    return standard_error(
        "runtime", frame.task, "the events that were listened to are too much", f"together {too_much}"
    )


# --- filters ----------------------------------------------------------------------------------------


def _passed(
    step: Step, frame: Frame, filters: tuple[EventFilter, ...], event: dict[str, Any], first: int, *,
    again: bool = False,
) -> tuple[int, dict[str, JSON]] | None:  # fmt: skip
    """The slot of the first filter that the event passes, and the keys that it sets; no filter passes all.

    Args:
        first: slot of the first of these filters.
        again: whether a filter that has taken an event takes more.
    """
    if not filters:
        return first, {}
    for slot, one in enumerate(filters, first):
        if (again or slot not in frame.outputs) and _passes(step, frame, one, event):
            keys = _correlated(step, frame, one, event)
            if keys is not None:
                return slot, keys
    return None


def _passes(step: Step, frame: Frame, one: EventFilter, event: dict[str, Any]) -> bool:
    node = step.node(frame)
    arguments = step.arguments(frame, node)
    for name, expected in one.attributes.items():
        if name not in event:
            return False
        value = step.evaluation.value(expected, event[name], arguments, frame.task)
        accepted = value is True and not expected.constant
        if not accepted and not same(value, event[name]):
            return False
    return one.predicate is None or holds(step, one.predicate, event.get("data"), arguments, frame.task)


def _correlated(step: Step, frame: Frame, one: EventFilter, event: dict[str, Any]) -> dict[str, JSON] | None:
    """The correlation keys that the event sets for its task; None if it does not belong to it."""
    found: dict[str, JSON] = {}
    for name, key in one.keys.items():
        value = step.evaluation.value(key.source, event, step.arguments(frame, step.node(frame)), frame.task)
        if value is None or not _expected(step, frame, key, value):
            return None
        if name not in frame.keys:
            found[name] = value
        elif not same(value, frame.keys[name]):
            return None
    return found


def _expected(step: Step, frame: Frame, key: Correlation, value: JSON) -> bool:
    if key.expect is None:
        return True
    arguments = step.arguments(frame, step.node(frame))
    expected = step.evaluation.value(key.expect, frame.input, arguments, frame.task)
    return text_of(value) == expected if key.expect.constant else same(value, expected)


def same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are equal. To Python alone, true is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
