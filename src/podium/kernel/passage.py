"""Tasks are entered and left here, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable

from podium.facts import events as e
from podium.facts.values import JSON
from podium.kernel.arguments import MISSING, Arguments, Faulted, Waiting
from podium.kernel.catching import fault
from podium.kernel.evolve import raw_input, variables_for
from podium.kernel.flow import Entry, deadline, flow_out, holds, scope_of
from podium.kernel.state import Frame
from podium.kernel.step import Step, check_schema, following
from podium.workflow.program import Node
from podium.workflow.targets import END

_NO_VALUE: dict[str, JSON] = {}

ENTER: dict[str, Callable[[Step, Entry], None]] = {}
"""What each kind of task does when it is entered; whoever owns a kind adds it."""


def enter(
    step: Step, parent: Frame, node: Node, slot: int = 0, given: dict[str, JSON] | None = None,
    raw: JSON = MISSING,
) -> bool:  # fmt: skip
    """Enter a task; one that takes no time also ends.

    Args:
        given: variables that what is said of its input may use beside those of its scope.
        raw: its raw input, if not what the parent gives to its children.
    Raises:
        Waiting: it is entered later.
    """
    own = raw is MISSING
    if own:
        raw = raw_input(parent, slot)
    at = step.evaluation.since(parent.id, node.index)
    variables = parent.variables if parent.spread is None else variables_for(parent, slot)
    if given:
        variables = {**variables, **given}
    arguments = Arguments(step.run, step.program, node, variables, at, raw, around=parent.id)
    entry = Entry(parent, node, slot, raw, arguments, own)
    try:
        try:
            _enter_as_it_is(step, entry)
        except Faulted as faulted:
            fault(step, parent, node.reference, faulted.error, slot=slot)
    except Waiting:
        step.evaluation.waits(parent.id, node.index, at)
        raise
    return True


def _enter_as_it_is(step: Step, entry: Entry) -> None:
    node, raw, arguments = entry.node, entry.raw, entry.arguments
    reference = node.reference
    if node.condition is not None and not holds(step, node.condition, raw, arguments, reference):
        finish(step, entry, raw, node.beyond, skipped=True)
        return
    check_schema(node.input_schema, raw, reference, "the input")
    if node.input_from is not None:
        entry.data = step.evaluation.value(node.input_from, raw, arguments, reference)
    arguments.input = entry.data
    ENTER[node.kind](step, entry)


def start_frame(
    step: Step,
    entry: Entry,
    *,
    wake_at: int = 0,
    items: list[JSON] | None = None,
    spread: e.Spread | None = None,
    why: str = "",
    bare: bool = False,
) -> None:
    """Begin a task that lasts."""
    node = entry.node
    body = None
    if not entry.same or items is not None or why:
        body = e.TaskStartedBody(None if entry.same else entry.data, items=items, why=why)
    step.emit(
        e.TaskStarted(
            frame=step.run.frame_last + 1, parent=entry.parent.id, node=node.index, kind=node.kind,
            task=node.reference, slot=entry.slot, same=entry.same, wake_at=wake_at,
            deadline_at=deadline(step, entry.node, entry.data, entry.arguments), spread=spread,
            bare=bare,
        ),
        body,
    )  # fmt: skip


def start_body(step: Step, frame: Frame, body: int, variables: dict[str, JSON] = _NO_VALUE) -> None:
    """Enter a body, which has no data flow of its own."""
    node = step.program.nodes[body]
    started = e.TaskStarted(
        frame=step.run.frame_last + 1, parent=frame.id, node=body, kind=node.kind, task=node.reference
    )
    step.emit(started, e.TaskStartedBody(variables=variables) if variables else None)


def finish(step: Step, entry: Entry, raw_output: JSON, target: int, *, skipped: bool = False) -> None:
    """End a task that took no time."""
    parent, node = entry.parent, entry.node
    exported, context, output = False, None, raw_output
    if not skipped:
        output, exported, context = flow_out(step, node, raw_output, entry.arguments)
    onward = following(parent, node, entry.slot, target, scope_of(step, parent))
    same = output is entry.raw and entry.own and not _is_lost(parent, onward)
    body = e.TaskCompletedBody(None if same else output, context) if exported or not same else None
    step.emit(
        e.TaskCompleted(
            parent=parent.id, node=node.index, task=node.reference, same=same, skipped=skipped,
            exported=exported, next=onward,
        ),
        body,
    )  # fmt: skip


def leave(step: Step, frame: Frame, raw_output: JSON, target: int | None = None) -> bool:
    """End a task that has a frame. `target` is where control goes on, if not at the task's own."""
    node = step.node(frame)
    parent = step.run.frames[frame.parent]
    try:
        output, exported, context = flow_out(step, node, raw_output, step.arguments(frame, node))
    except Faulted as faulted:
        fault(step, parent, frame.task, faulted.error, frame)
        return True
    onward = following(
        parent, node, frame.slot, node.target if target is None else target, scope_of(step, parent)
    )
    same = output is raw_input(parent, frame.slot) and not _is_lost(parent, onward)
    body = e.TaskCompletedBody(None if same else output, context) if exported or not same else None
    step.emit(
        e.TaskCompleted(
            frame=frame.id, parent=parent.id, node=node.index, task=frame.task, same=same,
            exported=exported, next=onward,
        ),
        body,
    )  # fmt: skip
    return True


def _is_lost(parent: Frame, onward: int) -> bool:
    """Whether the record of an end does not tell which item it was, and so what its raw input was."""
    return onward == END and parent.spread is not None
