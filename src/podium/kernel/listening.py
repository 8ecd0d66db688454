"""Events from outside and the tasks that listen for them."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.kernel.arguments import Faulted
from podium.kernel.catching import fault
from podium.kernel.flow import holds
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.workflow.program import EventFilter, Listen


def consume(step: Step, frame: Frame, listen: Listen) -> bool:
    """Take the first buffered event that a filter of this task still wants; False if there is none."""
    for index, event in enumerate(step.run.buffer):
        try:
            slot = wanted(step, frame, listen, event)
        except Faulted as faulted:
            fault(step, step.run.frames[frame.parent], frame.task, faulted.error, frame)
            return True
        if slot is not None:
            step.emit(e.EventConsumed(frame=frame.id, slot=slot, index=index))
            return True
    return False


def wanted(step: Step, frame: Frame, listen: Listen, event: dict[str, Any]) -> int | None:
    """Which filter of the task takes the event; None if none does.

    Raises:
        Waiting, Faulted: as evaluation does.
    """
    if not listen.filters:
        return None if frame.outputs else 0
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
        accepted = value == event[name] if expected.constant else value is True or value == event[name]
        if not accepted:
            return False
    return one.predicate is None or holds(step, one.predicate, event.get("data"), arguments, frame.task)
