"""Tasks that run others side by side: branches that are known, and one task for every item."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

from podium.facts import events as e
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.availability import avoided
from podium.kernel.bounds import excess
from podium.kernel.catching import fault
from podium.kernel.flow import Entry
from podium.kernel.passage import enter, leave, start_frame
from podium.kernel.routing import Route
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.workflow.program import CallAgent, Fanout, Fork, Map

Joined: TypeAlias = Callable[[Frame, int | None], JSON]
"""What a frame gives of its children's outputs; of the first so many to end, if told so."""


def turn_fork(step: Step, frame: Frame) -> bool:
    """Begin the next branch, or join them; the first to end may end the others."""
    detail = step.node(frame).detail
    assert isinstance(detail, Fork)
    if detail.compete and frame.outputs:
        return leave(step, frame, next(iter(frame.outputs.values())))
    if frame.cursor < len(detail.branches):
        return enter(step, frame, step.program.nodes[detail.branches[frame.cursor]], frame.cursor)
    if frame.open:
        return False
    return join(step, frame, [frame.outputs[slot] for slot in range(len(detail.branches))])


def enter_map(step: Step, entry: Entry) -> None:
    """Begin to go over items."""
    detail, reference = entry.node.detail, entry.node.reference
    assert isinstance(detail, Map)
    items = step.evaluation.value(detail.items, entry.data, entry.arguments, reference)
    if not isinstance(items, list):
        title = f"{detail.items.text[:200]} gave no array to go over"
        raise Faulted(standard_error("expression", reference, title))
    spread = e.Spread(
        size=len(items), limit=detail.limit, each=detail.each, place=detail.at, fed=detail.fed,
        tolerant=detail.on_error != "fail", quorum=detail.quorum,
    )  # fmt: skip
    start_frame(step, entry, items=items, spread=spread)


def turn_map(step: Step, frame: Frame) -> bool:
    """Begin the next item, or end."""
    detail = step.node(frame).detail
    assert isinstance(detail, Map)
    return _spread(step, frame, detail.body, _in_order)


def enter_fanout(step: Step, entry: Entry) -> None:
    """Choose who is asked, and begin."""
    detail = entry.node.detail
    assert isinstance(detail, Fanout)
    chosen = _chosen(step, detail)
    if isinstance(chosen, str):
        title = "the agents to ask are not there"
        raise Faulted(standard_error("configuration", entry.node.reference, title, chosen))
    items = [
        {"agent": f"{one.agent.name}@{one.agent.version}", "digest": one.digest, "reason": one.reason}
        for one in chosen
    ]
    many = len(items)
    spread = e.Spread(size=many, limit=many, tolerant=detail.quorum > 0, quorum=detail.quorum)
    start_frame(step, entry, items=items, spread=spread)


def _chosen(step: Step, detail: Fanout) -> list[Route] | str:
    running = step.shard.running
    shunned = avoided(step)
    calls = [step.program.nodes[body].detail for body in detail.bodies]
    routes: list[Route] = []
    for call in calls:
        assert isinstance(call, CallAgent)
        if not call.agent:
            return step.view.routes(call, lambda digest: running.get(digest, 0), detail.count, shunned)
        route = step.view.route(call, lambda digest: running.get(digest, 0), shunned)
        if isinstance(route, str):
            return route
        routes.append(route)
    return routes


def turn_fanout(step: Step, frame: Frame) -> bool:
    """Ask the next agent, or end."""
    detail = step.node(frame).detail
    assert isinstance(detail, Fanout)
    several = len(detail.bodies) > 1 and frame.cursor < len(detail.bodies)
    body = detail.bodies[frame.cursor if several else 0]
    return _spread(step, frame, body, answers if detail.reconciles else _in_order)


def answers(frame: Frame, count: int | None = None) -> JSON:
    """What was asked, and who answered what."""
    asked = frame.items or []
    given = [
        {"agent": asked[slot]["agent"] if asked else "", "output": frame.outputs[slot]}
        for slot in _ended(frame, count)
    ]
    return {"input": frame.input, "answers": given}


def _spread(step: Step, frame: Frame, body: int, joined: Joined) -> bool:
    """Begin the next child where one may begin, and end where nothing more is needed or possible."""
    spread = frame.spread
    assert spread is not None
    if spread.quorum:
        if len(frame.outputs) >= spread.quorum:
            return join(step, frame, joined(frame, spread.quorum))
        if spread.size - frame.tries < spread.quorum:
            return _give_up(step, frame, spread)
    if frame.cursor < spread.size:
        return frame.open < spread.limit and enter(step, frame, step.program.nodes[body], frame.cursor)
    return not frame.open and join(step, frame, joined(frame, None))


def _in_order(frame: Frame, count: int | None = None) -> JSON:
    """The outputs in the order of the items."""
    return [frame.outputs[slot] for slot in _ended(frame, count)]


def _ended(frame: Frame, count: int | None) -> list[int]:
    """The places of what ended, in order; of the first so many, if told so."""
    return sorted(islice(frame.outputs, count))


def _give_up(step: Step, frame: Frame, spread: e.Spread) -> bool:
    title = f"{spread.quorum} of {spread.size} had to succeed, but {frame.tries} failed"
    last = frame.error
    detail = f"the last one: {last.title} {last.detail}".rstrip() if last is not None else ""
    _end(step, frame, standard_error("runtime", frame.task, title, detail))
    return True


def join(step: Step, frame: Frame, outputs: JSON) -> bool:
    """End with these outputs, unless they are too large as a whole."""
    too_much = excess(outputs)
    if not too_much:
        return leave(step, frame, outputs)
    title = "the branches gave too much"
    _end(step, frame, standard_error("runtime", frame.task, title, f"together {too_much}"))
    return True


def _end(step: Step, frame: Frame, error: Error) -> None:
    fault(step, step.run.frames[frame.parent], frame.task, error, frame)
