"""Tasks: entering them, leaving them, and what each kind does in between.

Every transition evaluates all it needs first and emits last, so that one which has to wait for the evaluator
leaves no trace and simply starts over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.bounds import excess
from podium.kernel.catching import fault
from podium.kernel.evolve import raw_input
from podium.kernel.flow import Entry, deadline, flow_out, holds, scope_of
from podium.kernel.listening import consume, wanted_count
from podium.kernel.requests import request_agent, request_http, request_human
from podium.kernel.state import ROOT, Frame, Pending
from podium.kernel.step import Step, check_schema, following, text_of
from podium.workflow import program as p
from podium.workflow.program import Node

TURNS_MAX = 1_000
"""After so many transitions a run lets others go on, and what it did be made durable; it goes on at once."""

_NO_VALUE: dict[str, JSON] = {}


def advance(step: Step, *, late: bool = False) -> None:
    """Let everything in the run that can go on go on, until nothing can.

    Two sources of change meet here: frames that became ready, and times that have come.

    Args:
        late: whether times may have come and gone unnoticed.
    """
    run, shard = step.run, step.shard
    due = shard.timer_of.get(run.id, 0)
    waiting = False
    if late or 0 < due <= shard.now or run.id in shard.pending:
        waiting = _fire(step)
    progress, turns = True, 0
    while progress and run.ready and run.status == "running":
        progress = False
        if turns >= TURNS_MAX:
            shard.pending.setdefault(run.id, Pending())
            shard.wake(run.id, shard.now)
            return
        for frame_id in tuple(run.ready):
            frame = run.frames.get(frame_id)
            if frame is None or frame_id not in run.ready:
                continue
            try:
                if _turn(step, frame):
                    progress = True
                    turns += 1
            except Waiting:
                waiting = True
            if run.status != "running":
                break
    if not waiting or run.ended:
        shard.pending.pop(run.id, None)


def _turn(step: Step, frame: Frame) -> bool:
    """Let one frame go on by one transition; False if it had nothing to do."""
    if step.run.ending:
        _complete_run(step)
        return True
    return _TURNS[frame.kind](step, frame)


# --- time -------------------------------------------------------------------------------------------


def _fire(step: Step) -> bool:
    """Carry out whatever is due; True if something due waits for the evaluator."""
    run, now = step.run, step.shard.now
    waiting = False
    if run.status != "running":
        return False
    if run.deadline_at and run.deadline_at <= now:
        error = standard_error("timeout", "/", "the workflow took longer than its timeout")
        step.emit(e.RunFaulted(task="/"), e.RunFaultedBody(error))
        return False
    for frame_id in tuple(run.frames):
        frame = run.frames.get(frame_id)
        if frame is None or run.status != "running":
            continue
        try:
            if frame.deadline_at and frame.deadline_at <= now:
                error = standard_error("timeout", frame.task, "the task took longer than its timeout")
                fault(step, run.frames[frame.parent], frame.task, error, frame)
            elif frame.wake_at and frame.wake_at <= now:
                if frame.kind == "wait":
                    _leave(step, frame, frame.input)
                elif frame.phase == "backoff":
                    step.emit(e.TaskResumed(frame=frame.id, task=frame.task))
        except Waiting:
            waiting = True
    return waiting


# --- entering ---------------------------------------------------------------------------------------


def _enter(step: Step, parent: Frame, node: Node, slot: int = 0) -> bool:
    raw = raw_input(parent)
    at = step.evaluation.since(parent.id, node.index)
    entry = Entry(parent, node, slot, raw, Arguments(step.run, step.program, node, parent.variables, at, raw))
    try:
        try:
            _enter_as_it_is(step, entry)
        except Faulted as faulted:
            fault(step, parent, node.reference, faulted.error)
    except Waiting:
        step.evaluation.waits(parent.id, node.index, at)
        raise
    return True


def _enter_as_it_is(step: Step, entry: Entry) -> None:
    node, raw, arguments = entry.node, entry.raw, entry.arguments
    reference = node.reference
    if node.condition is not None and not holds(step, node.condition, raw, arguments, reference):
        _finish(step, entry, raw, node.target, skipped=True)
        return
    check_schema(node.input_schema, raw, reference, "the input")
    if node.input_from is not None:
        entry.data = step.evaluation.value(node.input_from, raw, arguments, reference)
    arguments.input = entry.data
    _ENTER[node.kind](step, entry)


def _start_frame(step: Step, entry: Entry, *, wake_at: int = 0, items: list[JSON] | None = None) -> None:
    node = entry.node
    body = None
    if not entry.same or items is not None:
        body = e.TaskStartedBody(None if entry.same else entry.data, items=items)
    step.emit(
        e.TaskStarted(
            frame=step.run.frame_last + 1, parent=entry.parent.id, node=node.index, kind=node.kind,
            task=node.reference, slot=entry.slot, same=entry.same, wake_at=wake_at,
            deadline_at=deadline(step, entry.node, entry.data, entry.arguments),
        ),
        body,
    )  # fmt: skip


def _enter_set(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Set)
    value = step.evaluation.value(entry.node.detail.value, entry.data, entry.arguments, entry.node.reference)
    _finish(step, entry, value, entry.node.target)


def _enter_switch(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Switch)
    target = entry.node.target
    for case in entry.node.detail.cases:
        if case.when is None or holds(
            step, case.when, entry.data, entry.arguments, f"{entry.node.reference}/switch/{case.name}"
        ):
            target = case.target
            break
    _finish(step, entry, entry.data, target)


def _enter_raise(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Raise)
    reference = entry.node.reference
    value = step.evaluation.value(entry.node.detail.error, entry.data, entry.arguments, reference)
    members = {name: text_of(value.get(name) or "") for name in ("type", "title", "detail", "instance")}
    members["instance"] = members["instance"] or reference
    raise Faulted(Error(status=value["status"], **members))


def _enter_for(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.For)
    reference = entry.node.reference
    items = step.evaluation.value(entry.node.detail.items, entry.data, entry.arguments, reference)
    if not isinstance(items, list):
        raise Faulted(
            standard_error(
                "expression", reference, f"{entry.node.detail.items.text[:200]} gave no array to go over"
            )
        )
    _start_frame(step, entry, items=items)


def _enter_wait(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Wait)
    pause = step.duration(entry.node.detail.duration, entry.data, entry.arguments, entry.node.reference)
    _start_frame(step, entry, wake_at=step.shard.now + pause)


def _finish(step: Step, entry: Entry, raw_output: JSON, target: int, *, skipped: bool = False) -> None:
    """End a task that took no time."""
    parent, node = entry.parent, entry.node
    exported, context, output = False, None, raw_output
    if not skipped:
        output, exported, context = flow_out(step, node, raw_output, entry.arguments)
    same = output is entry.raw
    body = e.TaskCompletedBody(None if same else output, context) if exported or not same else None
    step.emit(
        e.TaskCompleted(
            parent=parent.id, node=node.index, task=node.reference, same=same, skipped=skipped,
            exported=exported, next=following(parent, node, entry.slot, target, scope_of(step, parent)),
        ),
        body,
    )  # fmt: skip


# --- leaving ----------------------------------------------------------------------------------------


def _leave(step: Step, frame: Frame, raw_output: JSON, target: int | None = None) -> bool:
    """End a task that has a frame. `target` is where control goes on, if not at the task's own."""
    node = step.node(frame)
    parent = step.run.frames[frame.parent]
    try:
        output, exported, context = flow_out(step, node, raw_output, step.arguments(frame, node))
    except Faulted as faulted:
        fault(step, parent, frame.task, faulted.error, frame)
        return True
    same = output is raw_input(parent)
    body = e.TaskCompletedBody(None if same else output, context) if exported or not same else None
    step.emit(
        e.TaskCompleted(
            frame=frame.id, parent=parent.id, node=node.index, task=frame.task, same=same,
            exported=exported,
            next=following(
                parent, node, frame.slot, node.target if target is None else target, scope_of(step, parent)
            ),
        ),
        body,
    )  # fmt: skip
    return True


def _complete_run(step: Step) -> None:
    program, root = step.program, step.run.frames[ROOT]
    output = root.data
    try:
        if program.output_as is not None:
            arguments = step.arguments(root, program.nodes[0])
            output = step.evaluation.value(program.output_as, root.data, arguments, "/output/as")
        check_schema(program.output_schema, output, "/output", "the workflow's output")
    except Faulted as faulted:
        step.emit(e.RunFaulted(task="/output"), e.RunFaultedBody(faulted.error))
        return
    same = output is root.data
    step.emit(e.RunCompleted(same=same), None if same else e.RunCompletedBody(output))


# --- what a frame does next -------------------------------------------------------------------------


def _turn_do(step: Step, frame: Frame) -> bool:
    nodes = step.program.nodes
    detail = nodes[frame.node].detail
    assert isinstance(detail, p.Do)
    if frame.phase == "prepare":
        return _prepare(step, frame)
    if frame.cursor < len(detail.children):
        return _enter(step, frame, nodes[detail.children[frame.cursor]])
    if frame.id == ROOT:
        _complete_run(step)
        return True
    return _leave(step, frame, frame.data)


def _prepare(step: Step, root: Frame) -> bool:
    """Transform the run's input before its first task."""
    program = step.program
    assert program.input_from is not None
    try:
        value = step.evaluation.value(
            program.input_from, root.input, step.arguments(root, program.nodes[0]), "/input/from"
        )
    except Faulted as faulted:
        step.emit(e.RunFaulted(task="/input/from"), e.RunFaultedBody(faulted.error))
        return True
    step.emit(e.TaskStarted(frame=ROOT, kind="do", task="/do"), e.TaskStartedBody(value))
    return True


def _turn_for(step: Step, frame: Frame) -> bool:
    node = step.node(frame)
    detail = node.detail
    assert isinstance(detail, p.For)
    if frame.items is None or frame.cursor >= len(frame.items):
        return _leave(step, frame, frame.data)
    variables = {detail.each: frame.items[frame.cursor], detail.at: frame.cursor}
    arguments = Arguments(
        step.run, step.program, node, {**frame.variables, **variables}, frame.entered_at,
        raw_input(step.run.frames[frame.parent]), frame.input,
    )  # fmt: skip
    try:
        if detail.while_ is not None and not holds(
            step, detail.while_, frame.data, arguments, f"{frame.task}/while"
        ):
            return _leave(step, frame, frame.data)
    except Faulted as faulted:
        fault(step, step.run.frames[frame.parent], frame.task, faulted.error, frame)
        return True
    _start_body(step, frame, detail.body, variables)
    return True


def _start_body(step: Step, frame: Frame, body: int, variables: dict[str, JSON] = _NO_VALUE) -> None:
    """Enter a body, which has no data flow of its own."""
    node = step.program.nodes[body]
    started = e.TaskStarted(
        frame=step.run.frame_last + 1, parent=frame.id, node=body, kind=node.kind, task=node.reference
    )
    step.emit(started, e.TaskStartedBody(variables=variables) if variables else None)


def _turn_fork(step: Step, frame: Frame) -> bool:
    detail = step.node(frame).detail
    assert isinstance(detail, p.Fork)
    if detail.compete and frame.outputs:
        return _leave(step, frame, next(iter(frame.outputs.values())))
    if frame.cursor < len(detail.branches):
        return _enter(step, frame, step.program.nodes[detail.branches[frame.cursor]], frame.cursor)
    if frame.open:
        return False
    return _leave_fork(step, frame, [frame.outputs[slot] for slot in range(len(detail.branches))])


def _leave_fork(step: Step, frame: Frame, outputs: list[JSON]) -> bool:
    """End a fork, unless what its branches gave is too large as a whole."""
    too_much = excess(outputs)
    if not too_much:
        return _leave(step, frame, outputs)
    error = standard_error("runtime", frame.task, "the branches gave too much", f"together {too_much}")
    fault(step, step.run.frames[frame.parent], frame.task, error, frame)
    return True


def _turn_try(step: Step, frame: Frame) -> bool:
    detail = step.node(frame).detail
    assert isinstance(detail, p.Try)
    if frame.phase == "done":
        return _leave(step, frame, frame.data)
    if frame.phase == "caught":
        return _leave(step, frame, frame.data, detail.catch.target)
    if frame.phase != "catch":
        _start_body(step, frame, detail.body)
    elif detail.catch.body:
        error = msgspec.to_builtins(frame.error)
        _start_body(step, frame, detail.catch.body, {detail.catch.variable: error})
    else:
        return _leave(step, frame, frame.input, detail.catch.target)
    return True


def _turn_listen(step: Step, frame: Frame) -> bool:
    detail = step.node(frame).detail
    assert isinstance(detail, p.Listen)
    if len(frame.outputs) >= wanted_count(detail):
        return _leave(step, frame, [read(detail.read, event) for event in frame.outputs.values()])
    return consume(step, frame, detail)


def read(form: str, event: Any) -> JSON:
    """What a listen gives of a consumed event: the whole envelope, or its data; raw ones are as they came."""
    return event if form == "envelope" else event.get("data", event.get("data_base64"))


def _turn_effect(step: Step, frame: Frame) -> bool:
    if frame.phase == "settled":
        return _leave(step, frame, frame.data)
    assert frame.phase == "faulted"
    error = frame.error or standard_error("runtime", frame.task, "the task failed; why was erased")
    fault(step, step.run.frames[frame.parent], frame.task, error, frame)
    return True


_ENTER: dict[str, Callable[[Step, Entry], None]] = {
    "do": _start_frame,
    "for": _enter_for,
    "fork": _start_frame,
    "try": _start_frame,
    "set": _enter_set,
    "switch": _enter_switch,
    "raise": _enter_raise,
    "wait": _enter_wait,
    "listen": _start_frame,
    "agent": request_agent,
    "human": request_human,
    "http": request_http,
}

_TURNS: dict[str, Callable[[Step, Frame], bool]] = {
    "do": _turn_do,
    "for": _turn_for,
    "fork": _turn_fork,
    "try": _turn_try,
    "listen": _turn_listen,
    "agent": _turn_effect,
    "human": _turn_effect,
    "http": _turn_effect,
}
