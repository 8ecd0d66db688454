"""Tasks with extensions: what is woven in before and after leaves no trace in the data.

A task that is extended is a frame around the task itself. Its cursor says what comes next: 0 what is done
before, 1 the task, 3 nothing (what is done before left the task), from `TASK_OVER` on what is done after.
"""

from __future__ import annotations

from podium.kernel.flow import Entry, holds
from podium.kernel.passage import enter, leave, start_body, start_frame
from podium.kernel.state import TASK_OVER, Frame
from podium.kernel.step import Step
from podium.workflow.program import Do, Extended
from podium.workflow.targets import BEFORE_LEFT, BEFORE_OVER, EXIT

BARE = "bare"
"""The phase of a task whose extension does not apply."""


def enter_extended(step: Step, entry: Entry) -> None:
    """Begin a task that an extension may be for."""
    detail = entry.node.detail
    assert isinstance(detail, Extended)
    bare = False
    if detail.when is not None:
        arguments = entry.arguments.of_extension()
        bare = not holds(step, detail.when, entry.data, arguments, entry.node.reference)
    start_frame(step, entry, bare=bare)


def turn_extended(step: Step, frame: Frame) -> bool:
    """Go on with what comes next: before, the task, after."""
    detail = step.node(frame).detail
    assert isinstance(detail, Extended)
    if frame.cursor >= TASK_OVER:
        if frame.phase == "" and detail.after:
            start_body(step, frame, detail.after)
            return True
        return leave(step, frame, frame.data, frame.cursor - TASK_OVER + EXIT)
    if frame.cursor == -10 - BEFORE_LEFT:
        return leave(step, frame, frame.data)
    if frame.cursor == 0 and frame.phase != BARE and detail.before:
        start_body(step, frame, detail.before)
        return True
    return enter(step, frame, step.program.nodes[detail.task])


def turn_before(step: Step, frame: Frame) -> bool:
    """Enter the next task of those before; only what `exit` gives takes the place of the task's output."""
    detail = step.node(frame).detail
    assert isinstance(detail, Do)
    if frame.cursor < len(detail.children):
        return enter(step, frame, step.program.nodes[detail.children[frame.cursor]])
    if frame.cursor > len(detail.children):
        return leave(step, frame, frame.data, BEFORE_LEFT)
    return leave(step, frame, frame.input, BEFORE_OVER)
