"""Undoing: what was done well is undone in reverse order, one by one, each once."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.values import JSON, standard_error
from podium.kernel.arguments import Arguments, Faulted
from podium.kernel.catching import fault
from podium.kernel.flow import Entry
from podium.kernel.passage import enter, leave, start_frame
from podium.kernel.requests import request
from podium.kernel.state import Frame, Undo
from podium.kernel.step import Step, text_of
from podium.kernel.undoing import undoing
from podium.workflow.program import Compensate
from podium.workflow.undoing import DECISIONS, WHOLE

_SHOWN = 2_000
"""So many characters of a payload are shown to the person who is asked."""


def enter_compensate(step: Step, entry: Entry) -> None:
    """Begin to undo."""
    detail = entry.node.detail
    assert isinstance(detail, Compensate)
    why = ""
    if detail.reason is not None:
        said = step.evaluation.value(detail.reason, entry.data, entry.arguments, entry.node.reference)
        why = text_of(said)
    start_frame(step, entry, why=why)


def turn_compensate(step: Step, frame: Frame) -> bool:
    """Begin the next undo, take in what became of the last, or end."""
    run = step.run
    if frame.phase == "failed":
        return _ask(step, frame, run.undos[frame.cursor])
    if frame.phase == "answered" and _decision(frame) == DECISIONS[0]:
        return _undo(step, frame, run.undos[frame.cursor])
    if frame.phase in ("undone", "answered"):
        _end(step, frame, run.undos[frame.cursor])
        return True
    undo = _next(step, frame)
    if undo is None:
        return leave(step, frame, list(frame.outputs.values()))
    return _undo(step, frame, undo)


def _next(step: Step, frame: Frame) -> Undo | None:
    """The last thing done in the scope that is not undone, and that nobody else is undoing."""
    frames, scope = step.run.frames, _scope(step, frame)
    for undo in reversed(step.run.undos.values()):
        if undo.by in frames or (scope and scope not in undo.scopes):
            continue
        if frame.items is None or not {undo.effect, *undo.askers}.isdisjoint(frame.items):
            return undo
    return None


def _scope(step: Step, frame: Frame) -> int:
    """The frame of the `try` whose work is undone; 0 for the whole run."""
    detail = step.node(frame).detail
    assert isinstance(detail, Compensate)
    if detail.scope == WHOLE:
        return 0
    around = 0
    other = step.run.frames.get(frame.parent)
    while other is not None:
        if other.kind == "try":
            if step.node(other).name == detail.scope if detail.scope else other.phase == "catch":
                return other.id
            around = around or other.id
        other = step.run.frames.get(other.parent)
    return around


def _undo(step: Step, frame: Frame, undo: Undo) -> bool:
    """Run what undoes an effect."""
    node = step.program.nodes[undo.node]
    task, given = undoing(step, undo)
    value: JSON = {"input": undo.input, "output": undo.output}
    if given is not None:
        arguments = Arguments(step.run, step.program, node, undo.captured, frame.entered_at, value)
        try:
            value = step.evaluation.value(given, value, arguments, undo.task)
        except Faulted as faulted:
            fault(step, frame, undo.task, faulted.error, slot=undo.effect)
            return True
    return enter(step, frame, task, undo.effect, raw=value)


def _ask(step: Step, frame: Frame, undo: Undo) -> bool:
    """An undo failed; a person has to see to it, or it would be lost."""
    detail = step.node(frame).detail
    assert isinstance(detail, Compensate)
    node = step.program.nodes[detail.escalation]
    error = frame.error or standard_error("runtime", undo.task, "why was erased")
    asked = {
        "title": f"Undoing {undo.task} failed: {error.title}",
        "description": _described(frame, undo, error.detail),
        "decisions": list(DECISIONS),
        "undo": {"task": undo.task, "effect": undo.effect, "error": msgspec.to_builtins(error)},
    }
    arguments = Arguments(step.run, step.program, node, frame.variables, step.shard.now, frame.input)
    entry = Entry(frame, node, undo.effect, frame.input, arguments)
    request(step, entry, asked, "", 0, kind="human", reason="an undo failed")
    return True


def _described(frame: Frame, undo: Undo, detail: str) -> str:
    lines = [
        f"What was done: {_cut(undo.input)}",
        f"What came of it: {_cut(undo.output)}",
        f"It was tried {frame.tries} time{'s' if frame.tries > 1 else ''}. {detail}".rstrip(),
        "`retry` undoes it again, by the same idempotency key; `done` says that it was undone otherwise.",
    ]
    if frame.why:
        lines.insert(0, f"Why it is undone: {frame.why}")
    return "\n".join(lines)


def _cut(value: JSON) -> str:
    text = text_of(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _decision(frame: Frame) -> str:
    answer: Any = frame.data
    return str(answer.get("decision", "")) if isinstance(answer, dict) else ""


def _end(step: Step, frame: Frame, undo: Undo) -> None:
    verdict = "succeeded" if frame.phase == "undone" else "done"
    step.emit(e.EffectUndone(effect=undo.effect, task=undo.task, frame=frame.id, verdict=verdict))
