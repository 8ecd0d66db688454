"""What is being undone where a task stands, and by which key its performer tells that."""

from __future__ import annotations

from dataclasses import replace

from podium.kernel.flow import Entry
from podium.kernel.state import Frame, Undo
from podium.kernel.step import Step, View
from podium.workflow.program import CallTool, Expression, Node

OWN = "tool "
"""What undoes an effect begins so, where the tool that did it says itself which tool that is."""


def is_undoing(step: Step, frame: Frame) -> bool:
    """Whether a frame stands in something that is being undone."""
    return undone_by(step, step.run.frames[frame.parent], frame.slot) is not None


def undone_by(step: Step, parent: Frame, slot: int) -> tuple[Undo, tuple[int, ...]] | None:
    """What is being undone where a child of `parent` stands, and the places in the loops on the way there.

    Args:
        slot: the child's.
    """
    frame: Frame | None = parent
    places: list[int] = []
    while frame is not None:
        if frame.kind == "compensate":
            undo = step.run.undos.get(slot or frame.cursor)
            return None if undo is None else (undo, tuple(reversed(places)))
        if frame.spread is not None:
            places.append(slot)
        elif frame.kind in ("for", "foreach", "listen"):
            places.append(frame.cursor)
        slot = frame.slot
        frame = step.run.frames.get(frame.parent)
    return None


def undo_key(step: Step, entry: Entry) -> str:
    """The idempotency key of a call that undoes another, derived from that one's; "" for any other call."""
    found = undone_by(step, entry.parent, entry.slot)
    if found is None:
        return ""
    undo, places = found
    own = step.program.undoing
    if not undo.tool:
        declared = step.program.nodes[undo.node].undo
        assert declared is not None
        own = declared.node
    steps = () if own == entry.node.index else (entry.node.index, *places)
    return f"{undo.key}/undo" + "".join(f"/{step}" for step in steps)


def own_undo(view: View, digest: str) -> str:
    """What undoes a call of a tool by its own word, as records name it; "" if nothing does."""
    tool = view.tools.get(digest)
    return f"{OWN}{tool.undo.tool}" if tool is not None and tool.undo is not None else ""


def undoing(step: Step, undo: Undo) -> tuple[Node, Expression | None]:
    """The task that undoes what was done, and what it gets of `{input, output}` of that."""
    program = step.program
    if not undo.tool:
        own = program.nodes[undo.node].undo
        assert own is not None
        return program.nodes[own.node], own.input
    declared = step.view.tools[undo.tool].undo
    assert declared is not None and program.undoing
    call = CallTool(declared.tool, step.view.related_arguments(undo.tool, "undo"))
    node = program.nodes[program.undoing]
    return replace(node, reference=f"{undo.task}/undo", detail=call), None
