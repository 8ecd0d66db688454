"""Effects in doubt whose performers declare a probe: that is asked what became of them, before people are.

The probe is an effect of its own. It says `{status: done, output}`, `not_done`, `failed` or `unknown`; where
it does not know, it is asked again a few times, each time after a longer pause.
"""

from __future__ import annotations

from typing import Any, Literal

from podium.facts import events as e
from podium.facts.inputs import ResolveEffect
from podium.facts.values import AT_LEAST_ONCE, JSON, Refused
from podium.kernel.answering import resolve_effect
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.doubts import PROBE
from podium.kernel.requests import request_asked
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.kernel.tools import tool_fields

PROBES_MAX = 5
"""So often a probe is asked about one effect; then an operator must say."""

PAUSE_MS = 5_000
"""The pause before a probe is asked a second time; it doubles."""

_VERDICTS: dict[str, Literal["succeeded", "failed", "retry"]] = {
    "done": "succeeded", "failed": "failed", "not_done": "retry",
}  # fmt: skip


def tend_doubts(step: Step) -> bool:
    """Ask probes that are due, and go by what they say; True if something waits for the evaluator."""
    waiting = False
    for effect in list(step.run.effects.values()):
        if effect.status != "in_doubt":
            continue
        if effect.said is not None:
            _conclude(step, effect, effect.said)
        elif not effect.probe and 0 < effect.retry_at <= step.shard.now:
            try:
                _ask(step, effect)
            except Waiting:
                waiting = True
            except Faulted as faulted:
                _give_up(step, effect, faulted.error.title)
    return waiting


def _ask(step: Step, effect: Effect) -> None:
    told: JSON = {"input": effect.input, "key": effect.key or f"{step.run.id}/{effect.id}"}
    reason = f"{effect.agent} is in doubt"
    tool = step.view.tools.get(effect.digest)
    if tool is not None:
        assert tool.probe is not None
        given = step.view.related_arguments(effect.digest, "probe")
        if given is not None:
            frame = step.run.frames[effect.frame]
            arguments = Arguments(step.run, step.program, step.node(frame), {}, frame.entered_at, told)
            told = step.evaluation.value(given, told, arguments, effect.task)
        digest, fields = tool_fields(step.view, tool.probe.tool, told, effect.task, reason)
        deadline_ms = step.view.tools[digest].deadline_ms
    else:
        fields = _agent_fields(step, effect, told, reason)
        deadline_ms = step.view.agents[effect.digest].deadline_ms
    # To ask twice is harmless, whatever else its performer promises.
    fields["delivery"] = AT_LEAST_ONCE
    request_asked(step, effect, PROBE, told, deadline_ms, **fields)


def _agent_fields(step: Step, effect: Effect, told: JSON, reason: str) -> dict[str, Any]:
    agent = step.view.agents[effect.digest]
    return {
        "kind": effect.kind, "agent": effect.agent, "digest": effect.digest, "capability": agent.probe,
        "reason": reason, "hold_nano": agent.cost_nano, "heartbeat_ms": agent.heartbeat_ms,
    }  # fmt: skip


def _conclude(step: Step, effect: Effect, said: dict[str, JSON]) -> None:
    """Do what the probe says, as if an operator had."""
    verdict = _VERDICTS.get(str(said.get("status", "")))
    if verdict is None:
        _ask_again(step, effect, str(said.get("why", "")) or "it does not know")
        return
    told = ResolveEffect(
        run_id=step.run.id, effect=effect.id, verdict=verdict, output=said.get("output"),
        principal=f"probe:{said['by']}", why=str(said.get("why", ""))[:2_000],
    )  # fmt: skip
    reply = resolve_effect(step, told)
    if isinstance(reply, Refused):
        _give_up(step, effect, f"it says what cannot be: {reply.problems[0].message}")


def _ask_again(step: Step, effect: Effect, why: str) -> None:
    if effect.probes >= PROBES_MAX:
        _give_up(step, effect, why)
        return
    at = step.shard.now + PAUSE_MS * 2 ** (effect.probes - 1)
    step.emit(e.EffectProbed(effect=effect.id, task=effect.task, next_at=at), e.EffectProbedBody(why[:2_000]))


def _give_up(step: Step, effect: Effect, why: str) -> None:
    step.emit(e.EffectProbed(effect=effect.id, task=effect.task), e.EffectProbedBody(why[:2_000]))
