"""What is done about results that nobody claims, before the effect that asked for them ends.

They are undone, last first, by the tools that their tools name; or a person is asked.
"""

from __future__ import annotations

from podium.facts import events as e
from podium.kernel.arguments import Arguments
from podium.kernel.asked import can_go_on
from podium.kernel.flow import Entry
from podium.kernel.requests import request
from podium.kernel.settling import fail, settle
from podium.kernel.state import Effect, Frame
from podium.kernel.step import Step
from podium.kernel.unclaimed import described, error_of
from podium.workflow.program import Compensate, Node

DECISIONS = ("continue", "compensate", "fail")
"""What a person may say of results that nobody claims."""


def turn_diverged(step: Step, frame: Frame) -> bool:
    """Go on with an effect below a task of which something is left over; False if there is nothing to do."""
    if frame.open:
        return False
    for effect in step.run.effects.values():
        if effect.frame == frame.id and can_go_on(effect):
            _go_on(step, frame, effect)
            return True
    return False


def _go_on(step: Step, frame: Frame, effect: Effect) -> None:
    if effect.then == "ask":
        _ask(step, frame, effect)
    elif effect.then == "fail":
        fail(step, effect, error_of(effect, effect.unclaimed))
    elif effect.then == "compensate":
        _compensate(step, frame, effect)
    else:
        settle(step, effect, effect.output, 0, {})


def _compensate(step: Step, frame: Frame, effect: Effect) -> None:
    node = step.program.nodes[step.program.unclaimed]
    started = e.TaskStarted(
        frame=step.run.frame_last + 1, parent=frame.id, node=node.index, kind=node.kind,
        task=f"{effect.task}{node.reference}", slot=effect.id,
    )  # fmt: skip
    why = f"{effect.agent} did not ask for it again"
    step.emit(started, e.TaskStartedBody(items=list(effect.unclaimed), why=why))


def _ask(step: Step, frame: Frame, effect: Effect) -> None:
    listed = described(effect, effect.unclaimed)
    told = f"Attempt {effect.attempt} went another way than an earlier one, which had done this: {listed}"
    asked = {
        "title": f"{effect.agent} did not ask again for what it had done",
        "description": told,
        "decisions": list(DECISIONS),
        "unclaimed": list(effect.unclaimed),
    }
    node = _person(step)
    arguments = Arguments(step.run, step.program, node, frame.variables, step.shard.now, frame.input)
    entry = Entry(frame, node, effect.id, frame.input, arguments)
    request(step, entry, asked, "", 0, kind="human", reason="results are left over")


def _person(step: Step) -> Node:
    detail = step.program.nodes[step.program.unclaimed].detail
    assert isinstance(detail, Compensate)
    return step.program.nodes[detail.escalation]
