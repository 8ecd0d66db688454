"""Effects on their way to an attempt: in line for a slot, held back, decided again as they begin."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.policy import Decision
from podium.facts.suspension import EVERYTHING
from podium.kernel.availability import obstacle
from podium.kernel.governed import LOOK_AGAIN_MS
from podium.kernel.governing import WITHOUT_ATTEMPTS, decided, reserve, rule_again, unchanged, warn
from podium.kernel.guarding import pass_on
from podium.kernel.outcome import Outcome
from podium.kernel.proposing import begin_below
from podium.kernel.requests import DEADLINES_MS, attempt_deadline, confirms
from podium.kernel.rerouting import reroute_queued
from podium.kernel.state import Effect, Run, Shard
from podium.kernel.step import Step, View
from podium.kernel.suspensions import of_askers
from podium.kernel.tasks import advance


def start_queued(shard: Shard, view: View, out: Outcome) -> None:
    """Hand freed slots to whoever queued for them first; while everything is suspended, to nobody."""
    if EVERYTHING in shard.suspended:
        shard.freed.clear()
    while shard.freed:
        digest = shard.freed.pop()
        queue = shard.queues.get(digest)
        while queue and shard.running.get(digest, 0) < view.limit(digest):
            if why := obstacle(shard, view, digest):
                reroute_queued(shard, digest, view, out, why)
                break
            (run_id, effect_id), reason = queue.take()
            run = shard.runs.get(run_id)
            effect = run.effects.get(effect_id) if run is not None else None
            if (
                run is not None
                and effect is not None
                and run.status == "running"
                and _may_start(shard, run, effect)
            ):
                begin(Step(shard, run, view, out), effect, reason)


def _may_start(shard: Shard, run: Run, effect: Effect) -> bool:
    if effect.asker and shard.suspended and of_askers(shard, run, effect) is not None:
        # It is put in line again as they are resumed.
        return False
    return effect.status == "queued" or (effect.status == "backoff" and effect.retry_at <= shard.now)


def begin(step: Step, effect: Effect, reason: str = "") -> None:
    """Start the next attempt at an effect, if policy lets it go ahead now; `reason` is why it is its turn."""
    decision, override = rule_again(step, effect)
    if decision.verdict != "allow":
        decided(step, effect, decision)
        advance(step)
    elif effect.kind in WITHOUT_ATTEMPTS:
        _begin_without(step, effect, decision, override)
    else:
        _start(step, effect, decision, override, reason)


def _start(step: Step, effect: Effect, decision: Decision, override: int, reason: str) -> None:
    frame = step.run.frames[effect.frame]
    agent = step.view.agents.get(effect.digest)
    own = 0 if frame.deadline_at else DEADLINES_MS.get(effect.kind, 0)
    if agent is not None:
        own = agent.deadline_ms
    started = e.AttemptStarted(
        effect=effect.id, attempt=effect.attempt + 1, task=effect.task,
        deadline_at=attempt_deadline(step.shard.now, own, frame.deadline_at),
        reason=reason, confirms=confirms(step, effect.digest, effect.delivery),
    )  # fmt: skip
    if decision.policy or decision.holds or override or effect.granted:
        started.rules, started.policy, started.observed = decision.rules, decision.policy, decision.observed
        started.granted, started.override = effect.granted != "", override
        started.reserved = reserve(effect.kind, decision)
    step.emit(started)
    warn(step, effect.id, effect.task, decision)


def _begin_without(step: Step, effect: Effect, decision: Decision, override: int) -> None:
    """Let a question, a check or a run below begin that nobody performs."""
    step.emit(
        e.EffectDecided(
            effect=effect.id, task=effect.task, rules=decision.rules, policy=decision.policy,
            kind=effect.kind, granted=effect.granted != "", override=override,
            observed=decision.observed, reserved=reserve(effect.kind, decision),
        )
    )  # fmt: skip
    if effect.kind == "workflow":
        begin_below(step, effect)
        advance(step)
    elif effect.kind == "guard":
        pass_on(step, effect)
        advance(step)


def requeue_due(step: Step) -> None:
    """Put effects whose pause is over in line for a slot."""
    shard = step.shard
    for effect in step.run.effects.values():
        if effect.status == "backoff" and effect.retry_at <= shard.now:
            if (step.run.id, effect.id) not in shard.queues.get(effect.digest, ()):
                shard.enqueue(step.run, effect)
            shard.freed.append(effect.digest)


def decide_deferred(shard: Shard, view: View, out: Outcome) -> None:
    """Decide again what waits for something that was held, as something was released."""
    while shard.released:
        shard.released = False
        for run_id, effect_id in list(shard.deferred):
            run = shard.runs.get(run_id)
            effect = run.effects.get(effect_id) if run is not None else None
            if run is not None and effect is not None and run.status == "running" and not effect.retry_at:
                _decide_again(Step(shard, run, view, out), effect)


def decide_due(step: Step) -> None:
    """Decide again what was deferred until now."""
    for effect in list(step.run.effects.values()):
        if effect.status == "deferred" and effect.retry_at <= step.shard.now:
            _decide_again(step, effect)


def _decide_again(step: Step, effect: Effect) -> None:
    decision, _ = rule_again(step, effect)
    if unchanged(effect, decision):
        step.shard.wake(step.run.id, decision.until or step.shard.now + LOOK_AGAIN_MS)
    elif decision.verdict == "allow":
        allowed = e.EffectDecided(
            effect=effect.id, task=effect.task, rules=decision.rules, policy=decision.policy
        )
        step.emit(allowed)
    else:
        decided(step, effect, decision)
        advance(step)
