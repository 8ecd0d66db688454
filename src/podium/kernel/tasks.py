"""Tasks: what each kind does when it is entered, and what a frame does next.

Every transition evaluates all it needs first and emits last, so that one which has to wait for the evaluator
leaves no trace and simply starts over.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from podium.facts import events as e
from podium.facts.values import Error, standard_error
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.catching import fault
from podium.kernel.compensating import enter_compensate, turn_compensate
from podium.kernel.diverging import turn_diverged
from podium.kernel.emitting import request_emit
from podium.kernel.evolve import raw_input
from podium.kernel.extending import enter_extended, turn_before, turn_extended
from podium.kernel.flow import Entry, holds
from podium.kernel.graphs import turn_graph
from podium.kernel.guarding import request_guard
from podium.kernel.hearing import enter_listen, turn_foreach, turn_listen
from podium.kernel.nesting import request_workflow
from podium.kernel.parallel import enter_fanout, enter_map, turn_fanout, turn_fork, turn_map
from podium.kernel.passage import ENTER, enter, finish, leave, start_body, start_frame
from podium.kernel.probing import tend_doubts
from podium.kernel.proposing import end_plan, request_plan
from podium.kernel.requests import (
    request_agent,
    request_http,
    request_human,
    request_openapi,
    request_process,
)
from podium.kernel.state import ROOT, Frame
from podium.kernel.step import Step, check_schema, text_of
from podium.kernel.tools import request_tool
from podium.kernel.volatile import Pending
from podium.workflow import program as p

TURNS_MAX = 1_000
"""After so many transitions a run lets others go on, and what it did be made durable; it goes on at once."""


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
    if 0 < step.run.steps_max <= step.run.ordinal:
        end_plan(step)
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
                    leave(step, frame, frame.input)
                elif frame.phase == "backoff":
                    step.emit(e.TaskResumed(frame=frame.id, task=frame.task))
        except Waiting:
            waiting = True
    return tend_doubts(step) or waiting


# --- entering ---------------------------------------------------------------------------------------


def _enter_set(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Set)
    value = step.evaluation.value(entry.node.detail.value, entry.data, entry.arguments, entry.node.reference)
    finish(step, entry, value, entry.node.target)


def _enter_switch(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Switch)
    target = entry.node.target
    for case in entry.node.detail.cases:
        if case.when is None or holds(
            step, case.when, entry.data, entry.arguments, f"{entry.node.reference}/switch/{case.name}"
        ):
            target = case.target
            break
    finish(step, entry, entry.data, target)


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
    start_frame(step, entry, items=items)


def _enter_wait(step: Step, entry: Entry) -> None:
    assert isinstance(entry.node.detail, p.Wait)
    pause = step.duration(entry.node.detail.duration, entry.data, entry.arguments, entry.node.reference)
    start_frame(step, entry, wake_at=step.shard.now + pause)


# --- leaving ----------------------------------------------------------------------------------------


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
        return enter(step, frame, nodes[detail.children[frame.cursor]])
    if frame.id == ROOT:
        _complete_run(step)
        return True
    return leave(step, frame, frame.data)


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
        return leave(step, frame, frame.data)
    variables = {detail.each: frame.items[frame.cursor], detail.at: frame.cursor}
    arguments = Arguments(
        step.run, step.program, node, {**frame.variables, **variables}, frame.entered_at,
        raw_input(step.run.frames[frame.parent]), frame.input, around=frame.parent,
    )  # fmt: skip
    try:
        if detail.while_ is not None and not holds(
            step, detail.while_, frame.data, arguments, f"{frame.task}/while"
        ):
            return leave(step, frame, frame.data)
    except Faulted as faulted:
        fault(step, step.run.frames[frame.parent], frame.task, faulted.error, frame)
        return True
    start_body(step, frame, detail.body, variables)
    return True


def _turn_try(step: Step, frame: Frame) -> bool:
    detail = step.node(frame).detail
    assert isinstance(detail, p.Try)
    if frame.phase == "done":
        return leave(step, frame, frame.data)
    if frame.phase == "caught":
        return leave(step, frame, frame.data, detail.catch.target)
    if frame.phase != "catch":
        start_body(step, frame, detail.body)
    elif detail.catch.body:
        error = msgspec.to_builtins(frame.error)
        start_body(step, frame, detail.catch.body, {detail.catch.variable: error})
    else:
        return leave(step, frame, frame.input, detail.catch.target)
    return True


def _turn_effect(step: Step, frame: Frame) -> bool:
    if frame.phase == "settled":
        return leave(step, frame, frame.data)
    if frame.phase != "faulted":
        return turn_diverged(step, frame)
    error = frame.error or standard_error("runtime", frame.task, "the task failed; why was erased")
    fault(step, step.run.frames[frame.parent], frame.task, error, frame)
    return True


ENTER.update(
    {
        "do": start_frame,
        "for": _enter_for,
        "fork": start_frame,
        "map": enter_map,
        "graph": start_frame,
        "compensate": enter_compensate,
        "fanout": enter_fanout,
        "extended": enter_extended,
        "try": start_frame,
        "set": _enter_set,
        "switch": _enter_switch,
        "raise": _enter_raise,
        "wait": _enter_wait,
        "listen": enter_listen,
        "emit": request_emit,
        "workflow": request_workflow,
        "agent": request_agent,
        "tool": request_tool,
        "human": request_human,
        "policy": request_guard,
        "plan": request_plan,
        "http": request_http,
        "openapi": request_openapi,
        "process": request_process,
    }
)

_TURNS: dict[str, Callable[[Step, Frame], bool]] = {
    "do": _turn_do,
    "for": _turn_for,
    "fork": turn_fork,
    "map": turn_map,
    "graph": turn_graph,
    "compensate": turn_compensate,
    "fanout": turn_fanout,
    "extended": turn_extended,
    "before": turn_before,
    "try": _turn_try,
    "listen": turn_listen,
    "foreach": turn_foreach,
    "emit": _turn_effect,
    "workflow": _turn_effect,
    "agent": _turn_effect,
    "tool": _turn_effect,
    "human": _turn_effect,
    "guard": _turn_effect,
    "http": _turn_effect,
    "openapi": _turn_effect,
    "process": _turn_effect,
}
