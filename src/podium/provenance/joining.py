"""What tasks give of what stands below them, with values that know where they came from."""

from __future__ import annotations

from typing import Any

from podium.kernel.evolve import read_event
from podium.kernel.parallel import answers
from podium.kernel.state import Frame
from podium.provenance.origins import Traced, traced
from podium.workflow import program as p
from podium.workflow.program import Detail, Expression, Program
from podium.workflow.targets import BEFORE_LEFT


def joined(program: Program, frame: Frame, onward: int) -> Traced:
    """What a task that has a frame gives as it ends.

    Args:
        onward: where its parent goes on.
    """
    detail = program.nodes[frame.node].detail
    return traced(_given(detail, frame, onward))


def _given(detail: Detail, frame: Frame, onward: int) -> Any:
    match detail:
        case p.Fork(compete=True):
            return next(iter(frame.outputs.values()), None)
        case p.Fork():
            return [frame.outputs[slot] for slot in sorted(frame.outputs)]
        case p.Map(quorum=quorum) | p.Fanout(quorum=quorum, reconciles=False):
            return [frame.outputs[slot] for slot in _places(frame, quorum)]
        case p.Fanout(quorum=quorum):
            return answers(frame, quorum or None)
        case p.Graph():
            return {name: frame.outputs.get(slot) for slot, name in enumerate(detail.names)}
        case p.Compensate():
            return list(frame.outputs.values())
        case p.Wait():
            return frame.input
        case p.Listen(streams=True):
            return frame.items or []
        case p.Listen():
            return [read_event(detail.read, event) for event in frame.outputs.values()]
        case p.Try() if frame.phase == "catch":
            return frame.input
        case p.Do() if frame.kind == "before" and onward != -10 - BEFORE_LEFT:
            return frame.input
        case _:
            return frame.data


def _places(frame: Frame, quorum: int) -> list[int]:
    return sorted(list(frame.outputs)[: quorum or None])


def given_by(detail: Detail) -> Expression | None:
    """The expression that gives what a performer gets; None for the task's input."""
    match detail:
        case p.CallAgent(input=given) | p.CallTool(args=given) | p.RunWorkflow(input=given):
            return given
        case p.CallHttp(request=given) | p.CallOpenApi(request=given) | p.RunProcess(request=given):
            return given
        case p.CallHuman(request=given):
            return given
        case p.CallPolicy(data=given):
            return given
        case p.Emit(event=given):
            return given
        case _:
            return None
