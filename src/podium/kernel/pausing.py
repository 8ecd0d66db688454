"""Pauses that whoever was called asks for: nothing more begins there until then, whoever wants it."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.inputs import Reported
from podium.kernel.acting import DestinationInvalid, action_for
from podium.kernel.step import Step

PAUSE = "retry_after_ms"
"""What a performer reports in its provenance where it was asked to come again later."""

PAUSE_MAX_MS = 86_400_000
"""Nobody is left alone for longer because he says so."""


def pause(step: Step, reported: Reported) -> None:
    """Record that a target asked for a pause, where a rate of a policy honours that."""
    pause_ms = reported.provenance.get(PAUSE)
    policies = step.view.policies
    if type(pause_ms) is not int or pause_ms <= 0 or policies is None:
        return
    effect = step.run.effects.get(reported.effect)
    if effect is None or effect.token != reported.token:
        return
    try:
        action = action_for(
            step.view, step.run, effect.kind, effect.digest, effect.capability, effect.input,
            asker=step.run.effects.get(effect.asker), depth=effect.depth,
        )  # fmt: skip
    except DestinationInvalid:
        return
    now = step.shard.now
    counters = policies.pauses(action, now)
    if counters:
        until = now + min(pause_ms, PAUSE_MAX_MS)
        step.emit(e.TargetPaused(effect=effect.id, task=effect.task, counters=counters, until=until))
