"""Fold what can be undone, and what becomes of that, into the state. Called by `evolve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.kernel.asked import askers
from podium.kernel.leaving import leave, leave_line
from podium.kernel.state import Effect, Frame, Run, Shard, Undo


def register(run: Run, frame: Frame, effect: Effect, body: Any, own: bool) -> None:
    """Keep what it takes to undo an effect, and the scopes it was done in."""
    scopes = []
    parent = run.frames[frame.parent]
    while parent.parent:
        if parent.kind == "try":
            scopes.append(parent.id)
        parent = run.frames[parent.parent]
    run.undos[effect.id] = Undo(
        effect.id, frame.node, effect.task, effect.key or f"{run.id}/{effect.id}", effect.input,
        body and body.output, body.captured if body else {}, tuple(scopes),
        tool=effect.digest if own else "", askers=tuple(askers(run, effect)),
    )  # fmt: skip


def _failed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    frame = run.frames[event.frame]
    if event.child:
        child = run.frames[event.child]
        leave_line(shard, run, child, event.origin)
        leave(shard, run, child)
        frame.open -= 1
    frame.error = body and body.error
    frame.cursor = event.effect
    run.undos[event.effect].by = frame.id
    frame.phase = "failed"
    frame.tries += 1
    run.ready[frame.id] = None


def _undone(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    undo = run.undos.pop(event.effect)
    frame = run.frames[event.frame]
    frame.outputs[event.effect] = {"task": undo.task, "output": frame.data}
    frame.phase, frame.tries, frame.error, frame.data = "", 0, None, None
    run.ready[frame.id] = None


UNDONE: dict[type[e.Event], Callable[[Shard, Run, Any, Any, Record], None]] = {
    e.UndoFailed: _failed,
    e.EffectUndone: _undone,
}
