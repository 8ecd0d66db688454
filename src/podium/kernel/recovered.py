"""Fold what is done about effects that failed for good into the state. Called by `evolve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import EFFECT
from podium.kernel.governed import enqueue
from podium.kernel.state import Effect, Run, Shard


def _rerouted(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "EffectRerouted"]
    queue = shard.queues.get(effect.digest)
    if queue and (run.id, effect.id) in queue:
        queue.remove((run.id, effect.id))
    effect.tried = (*effect.tried, effect.digest)
    _go_to(shard, run, effect, event)


def _go_to(shard: Shard, run: Run, effect: Effect, event: Any) -> None:
    """Begin anew with an agent; what people granted was for another."""
    effect.agent, effect.digest = event.agent, event.digest
    effect.delivery, effect.heartbeat_ms = event.delivery, event.heartbeat_ms
    effect.failures = effect.retry_at = 0
    effect.code = ""
    enqueue(shard, run, effect)


def _dead_lettered(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "EffectDeadLettered"]
    effect.error, effect.dead_at = body and body.error, record.at
    effect.retry_at = effect.deadline_at = 0
    frame = run.frames[effect.frame]
    if frame.deadline_at:
        effect.task_ms = frame.deadline_at - frame.entered_at
        frame.deadline_at = 0


def _redriven(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "EffectRedriven"]
    effect.error, effect.tried = None, ()
    effect.losses = effect.task_ms = effect.dead_at = 0
    if event.task_deadline_at:
        run.frames[effect.frame].deadline_at = event.task_deadline_at
        shard.wake(run.id, event.task_deadline_at)
    _go_to(shard, run, effect, event)


def _begun(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    run.effects[event.effect].unbegun = False


RECOVERED: dict[type[e.Event], Callable[[Shard, Run, Any, Any, Record], None]] = {
    e.AttemptBegun: _begun,
    e.EffectRerouted: _rerouted,
    e.EffectDeadLettered: _dead_lettered,
    e.EffectRedriven: _redriven,
}
