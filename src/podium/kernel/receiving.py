"""A CloudEvent reaches a run: a task that listens takes it, or it waits in the run's buffer."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts.inputs import SendEvent
from podium.facts.values import Problem, Refused
from podium.kernel.arguments import Faulted, Waiting
from podium.kernel.listening import wanted
from podium.kernel.state import EVENTS_BUFFERED_MAX
from podium.kernel.step import Step
from podium.workflow.program import Listen


def send_event(step: Step, told: SendEvent) -> Refused | None:
    """Record the event, unless the run has had it already or nothing there wants it.

    An event for one run is kept until a task wants it; one for all is only given to tasks that want it now.
    """
    run, event = step.run, told.event
    if f"{event.get('source')} {event.get('id')}" in run.seen:
        return None
    frame, slot = _taker(step, event)
    if frame == 0 and not told.run_id:
        return None
    if not frame and len(run.buffer) >= EVENTS_BUFFERED_MAX:
        message = f"run {run.id} already holds {EVENTS_BUFFERED_MAX} events that no task has taken"
        return Refused("refused", (Problem("buffer-full", "/event", message),))
    received = e.EventReceived(
        frame=max(frame, 0), slot=slot, id=str(event.get("id", "")), source=str(event.get("source", "")),
        principal=told.principal,
    )  # fmt: skip
    step.emit(received, e.EventReceivedBody(event))
    return None


def _taker(step: Step, event: dict[str, Any]) -> tuple[int, int]:
    """(frame, filter) of the first task that wants the event; frame -1 where that is not known yet."""
    unknown = False
    for frame in step.run.frames.values():
        if frame.kind != "listen":
            continue
        listen = step.node(frame).detail
        assert isinstance(listen, Listen)
        try:
            slot = wanted(step, frame, listen, event)
        except (Waiting, Faulted):
            unknown = True
            continue
        if slot is not None:
            return frame.id, slot
    return (-1, 0) if unknown else (0, 0)
