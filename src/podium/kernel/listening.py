"""Tasks that listen, and which events they take."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts.values import JSON
from podium.kernel.arguments import Faulted, Waiting
from podium.kernel.catching import fault
from podium.kernel.flow import holds
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.workflow.program import EventFilter, Listen

UNKNOWN = -1
"""In place of a frame: whether a task wants an event is not known yet."""


def consume(step: Step, frame: Frame, listen: Listen) -> bool:
    """Take the first buffered event that a filter of this task still wants; False if there is none.

    Raises:
        Waiting: it is not known yet.
    """
    for index, kept in enumerate(step.run.buffer):
        late = kept.fleeting and frame.id > kept.frame_last
        try:
            slot = None if late else wanted(step, frame, listen, kept.event)
        except Faulted as faulted:
            fault(step, step.run.frames[frame.parent], frame.task, faulted.error, frame)
            return True
        if slot is not None:
            step.emit(e.EventConsumed(frame=frame.id, slot=slot, index=index))
            return True
        if kept.fleeting and taker(step, kept.event, kept.frame_last) == (0, 0):
            step.emit(e.EventConsumed(index=index))
            return True
    return False


def taker(step: Step, event: dict[str, Any], frame_last: int = 0) -> tuple[int, int]:
    """(frame, filter) of the first task that wants the event; (0, 0) if none does.

    Args:
        frame_last: tasks that began after this frame are not asked; 0 to ask all.
    """
    unknown = False
    for frame in step.run.frames.values():
        if frame.kind != "listen" or 0 < frame_last < frame.id:
            continue
        listen = step.node(frame).detail
        assert isinstance(listen, Listen)
        try:
            slot = wanted(step, frame, listen, event)
        except (Waiting, Faulted):
            # The task's own turn will ask again, or fault it.
            unknown = True
            continue
        if slot is not None:
            return frame.id, slot
    return (UNKNOWN, 0) if unknown else (0, 0)


def wanted_count(listen: Listen) -> int:
    """How many events the task takes before it ends."""
    return len(listen.filters) if listen.mode == "all" else 1


def wanted(step: Step, frame: Frame, listen: Listen, event: dict[str, Any]) -> int | None:
    """Which filter of the task takes the event; None if none does.

    Raises:
        Waiting, Faulted: as evaluation does.
    """
    if len(frame.outputs) >= wanted_count(listen):
        return None
    if not listen.filters:
        return 0
    for slot, one in enumerate(listen.filters):
        if slot not in frame.outputs and _passes(step, frame, one, event):
            return slot
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


def same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are equal. To Python alone, true is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
