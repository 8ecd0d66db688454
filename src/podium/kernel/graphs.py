"""Tasks that begin when those they need have ended."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from podium.facts.values import JSON
from podium.kernel.parallel import join
from podium.kernel.passage import enter
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.kernel.volatile import Readiness
from podium.workflow.program import Graph


def turn_graph(step: Step, frame: Frame) -> bool:
    """Begin the first task that needs nothing more, or end."""
    detail = step.node(frame).detail
    assert isinstance(detail, Graph)
    readiness = _readiness(step, frame, detail)
    if readiness.ready:
        slot = readiness.ready[0]
        entered = enter(
            step, frame, step.program.nodes[detail.nodes[slot]], slot, {"needs": _needs(frame, detail, slot)}
        )
        heappop(readiness.ready)
        return entered
    if len(frame.outputs) < len(detail.nodes):
        return False
    return join(step, frame, {name: frame.outputs[slot] for slot, name in enumerate(detail.names)})


def _needs(frame: Frame, detail: Graph, slot: int) -> JSON:
    return {detail.names[need]: frame.outputs[need] for need in detail.needs[slot]}


def _readiness(step: Step, frame: Frame, detail: Graph) -> Readiness:
    """What may begin; made up once, and then kept up with what ends."""
    known = step.shard.graphs.setdefault(step.run.id, {})
    readiness = known.get(frame.id)
    if readiness is None:
        readiness = known[frame.id] = _made_up(step, frame, detail)
    fresh = len(frame.outputs) - readiness.seen
    for slot, _ in zip(reversed(frame.outputs), range(fresh), strict=False):
        for dependent in detail.dependents[slot]:
            readiness.missing[dependent] -= 1
            if not readiness.missing[dependent]:
                heappush(readiness.ready, dependent)
    readiness.seen += fresh
    return readiness


def _made_up(step: Step, frame: Frame, detail: Graph) -> Readiness:
    begun = {other.slot for other in step.run.frames.values() if other.parent == frame.id}
    begun.update(frame.outputs)
    missing = [sum(need not in frame.outputs for need in needs) for needs in detail.needs]
    ready = [slot for slot, count in enumerate(missing) if not count and slot not in begun]
    heapify(ready)
    return Readiness(missing, ready, len(frame.outputs))
