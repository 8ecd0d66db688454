"""`call: policy`: data are put to policy before they go on; nothing is done but to decide, and to say so."""

from __future__ import annotations

from podium.kernel.flow import Entry
from podium.kernel.requests import request
from podium.kernel.settling import settle
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.workflow.program import CallPolicy

CHECK = "check"
"""The name of a check whose task has none."""


def request_guard(step: Step, entry: Entry) -> None:
    """Ask what policy says of data; where it lets them pass, the task's input is its output at once."""
    call, node = entry.node.detail, entry.node
    assert isinstance(call, CallPolicy)
    data = entry.data
    if call.data is not None:
        data = step.evaluation.value(call.data, entry.data, entry.arguments, node.reference)
    name = call.name or node.name or CHECK
    given = {"check": name, "policies": list(call.policies), "data": data}
    request(step, entry, given, "", 0, kind="guard", reason=name)
    effect = step.run.effects.get(step.run.effect_last)
    if effect is not None and effect.status == "checked":
        pass_on(step, effect)


def pass_on(step: Step, effect: Effect) -> None:
    """Let the task of a check that passed go on with its input, whatever part of it was looked at."""
    settle(step, effect, step.run.frames[effect.frame].input, 0, {})
