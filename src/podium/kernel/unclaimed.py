"""Results that nobody claims: what earlier attempts had done, and the one that succeeded did not ask for."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.inputs import Reported
from podium.facts.values import Error, standard_error
from podium.kernel.booking import took
from podium.kernel.state import Call, Effect, Run
from podium.kernel.step import Step, View

_HARMLESS = frozenset({"none", "read"})


def left_over(step: Step, effect: Effect) -> tuple[int, ...]:
    """What was done for earlier attempts, or is under way, that this one did not ask for and that matters."""
    return tuple(
        call.effect
        for call in effect.calls.values()
        if call.attempt < effect.attempt and call.status != "failed" and _matters(step.view, call)
    )


def _matters(view: View, call: Call) -> bool:
    """Whether it may have changed something."""
    tool = view.tools.get(call.performer)
    return tool is None or tool.side_effect not in _HARMLESS


def _is_undoable(run: Run, number: int) -> bool:
    """Whether something can be undone, or has done nothing itself but asked others for what can be."""
    return any(number == undo.effect or number in undo.askers for undo in run.undos.values())


def note(step: Step, effect: Effect, calls: tuple[int, ...], reported: Reported, cost_nano: int) -> str:
    """Record that results are left over; gives what becomes of them."""
    agent = step.view.agents.get(effect.digest)
    then = agent.on_divergence if agent is not None else "continue"
    if then == "compensate" and not all(_is_undoable(step.run, number) for number in calls):
        then = "ask"
    body = None
    if then in ("compensate", "ask"):
        body = e.ResultsUnclaimedBody(reported.output, dict(reported.provenance))
    step.emit(
        e.ResultsUnclaimed(
            effect=effect.id, attempt=effect.attempt, task=effect.task, calls=calls, then=then,
            cost_nano=cost_nano if body is not None else 0,
            took=None
            if body is None
            else took(step.shard, step.run, effect, cost_nano, reported.provenance),
        ),
        body,
    )  # fmt: skip
    return then


def described(effect: Effect, calls: tuple[int, ...]) -> str:
    """What was done and not asked for again, in a few words."""
    names = [effect.calls[number].asked for number in calls if number in effect.calls]
    return ", ".join(dict.fromkeys(names))


def error_of(effect: Effect, calls: tuple[int, ...]) -> Error:
    """The error of an effect that fails because of it."""
    title = f"attempt {effect.attempt} of {effect.agent} did not ask for what an earlier one had done"
    return standard_error("runtime", effect.task, title, described(effect, calls))
