"""`listen` from its beginning to its end: events are taken, and something may be done for each.

A task that does something for each event takes one at a time; those that come meanwhile wait in the run's
buffer, in the order in which they came.
"""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.values import JSON
from podium.kernel.arguments import Arguments, Faulted
from podium.kernel.bounds import excess
from podium.kernel.catching import fault
from podium.kernel.evolve import read_event
from podium.kernel.flow import Entry, flow_out
from podium.kernel.listening import ends, match, taker, too_much_heard
from podium.kernel.passage import enter, leave, start_body, start_frame
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.workflow.program import Do, Listen


def enter_listen(step: Step, entry: Entry) -> None:
    """Begin to listen."""
    listen = entry.node.detail
    assert isinstance(listen, Listen)
    start_frame(step, entry, items=[] if listen.streams and not listen.endless else None)


def turn_listen(step: Step, frame: Frame) -> bool:
    """End, do something for the event in hand, or take the next."""
    listen = step.node(frame).detail
    assert isinstance(listen, Listen)
    if frame.phase == "done":
        return _leave(step, frame, frame.items or [])
    if frame.open:
        return False
    if frame.phase:
        assert listen.foreach is not None
        variables = {listen.foreach.item: frame.data, listen.foreach.at: frame.cursor}
        start_body(step, frame, listen.foreach.body, variables)
        return True
    if not listen.streams and listen.to.enough(len(frame.outputs)):
        return leave(step, frame, [read_event(listen.read, event) for event in frame.outputs.values()])
    return consume(step, frame, listen)


def _leave(step: Step, frame: Frame, given: list[JSON]) -> bool:
    too_much = excess(given)
    if not too_much:
        return leave(step, frame, given)
    fault(step, step.run.frames[frame.parent], frame.task, too_much_heard(frame, too_much), frame)
    return True


def consume(step: Step, frame: Frame, listen: Listen) -> bool:
    """Take the first buffered event that a filter of this task still wants; False if there is none.

    Raises:
        Waiting: it is not known yet.
    """
    for index, kept in enumerate(step.run.buffer):
        late = kept.fleeting and frame.id > kept.frame_last
        try:
            found = None if late else match(step, frame, listen, kept.event)
        except Faulted as faulted:
            fault(step, step.run.frames[frame.parent], frame.task, faulted.error, frame)
            return True
        if found is not None:
            consumed = e.EventConsumed(
                frame=frame.id, slot=found.slot, index=index, use=found.use, last=found.last,
                read=listen.read if found.use else "",
            )  # fmt: skip
            step.emit(consumed, e.EventConsumedBody(found.keys) if found.keys else None)
            return True
        if kept.fleeting and taker(step, kept.event, kept.frame_last)[0] == 0:
            step.emit(e.EventConsumed(index=index))
            return True
    return False


def turn_foreach(step: Step, frame: Frame) -> bool:
    """Go on with what is done for one event."""
    detail = step.node(frame).detail
    assert isinstance(detail, Do)
    if frame.cursor < len(detail.children):
        return enter(step, frame, step.program.nodes[detail.children[frame.cursor]])
    return _end_iteration(step, frame)


def _end_iteration(step: Step, frame: Frame) -> bool:
    node, listening = step.node(frame), step.run.frames[frame.parent]
    listen = step.node(listening).detail
    assert isinstance(listen, Listen)
    arguments = Arguments(
        step.run, step.program, node, frame.variables, frame.entered_at, frame.input, frame.input
    )
    try:
        output, exported, context = flow_out(step, node, frame.data, arguments)
        about = step.arguments(listening, step.node(listening))
        if exported:
            about = about.with_variable("context", context)
        last = listening.phase == "last" or ends(step, listening, listen, output, about)
    except Faulted as faulted:
        fault(step, listening, frame.task, faulted.error, frame)
        return True
    same = output is frame.input
    body = e.TaskCompletedBody(None if same else output, context) if exported or not same else None
    step.emit(
        e.TaskCompleted(
            frame=frame.id, parent=listening.id, node=node.index, task=frame.task, same=same,
            exported=exported, next=int(last),
        ),
        body,
    )  # fmt: skip
    return True
