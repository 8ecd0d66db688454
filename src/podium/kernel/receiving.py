"""A CloudEvent reaches a run: a task that listens takes it, or it waits in the run's buffer."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.inputs import SendEvent
from podium.facts.values import Problem, Refused
from podium.kernel.listening import reading, taker
from podium.kernel.outside import disarmed
from podium.kernel.state import EVENTS_BUFFERED_MAX
from podium.kernel.step import Step


def send_event(step: Step, told: SendEvent) -> Refused | None:
    """Record the event, unless the run has had it already or nothing there wants it.

    An event for one run is kept until a task wants it; one for all is only given to tasks that want it now.
    """
    if step.run.secrets:
        told = disarmed(told, "event")
    run, event = step.run, told.event
    source, identity = str(event.get("source") or ""), str(event.get("id") or "")
    if identity and f"{source} {identity}" in run.seen:
        return None
    frame, found = taker(step, event)
    for_all = not told.run_id
    if not frame and for_all:
        return None
    if frame <= 0 and len(run.buffer) >= EVENTS_BUFFERED_MAX:
        message = f"run {run.id} already holds {EVENTS_BUFFERED_MAX} events that no task has taken"
        return Refused("refused", (Problem("buffer-full", "/event", message),))
    received = e.EventReceived(
        frame=max(frame, 0), id=identity, source=source, principal=told.principal,
        fleeting=for_all and frame < 0,
        labels=tuple(one for one in told.labels if one not in run.data_labels),
    )  # fmt: skip
    body = e.EventReceivedBody(event)
    if found is not None:
        received.slot, received.use, received.last, body.keys = found
        received.read = reading(step, frame) if found.use else ""
    step.emit(received, body)
    return None
