"""What is suspended: what records say of it, folded, and what follows for who may be asked now."""

from __future__ import annotations

from collections.abc import Callable

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.suspension import EVERYTHING, Suspension
from podium.kernel.asked import askers
from podium.kernel.governed import enqueue
from podium.kernel.state import Effect, Run, Shard


def _suspended(shard: Shard, record: Record) -> None:
    """Nothing begins there any more."""
    event, body = record.event, record.body
    assert isinstance(event, e.WorkSuspended)
    why = body.why if isinstance(body, e.WorkSuspendedBody) else ""
    shard.suspended[event.agent] = Suspension(record.at, event.principal, why, event.cancels)


def _resumed(shard: Shard, record: Record) -> None:
    """Let go on what waits."""
    event = record.event
    assert isinstance(event, e.WorkResumed)
    if event.agent != EVERYTHING:
        _line_up(shard)
    del shard.suspended[event.agent]
    shard.freed.extend(shard.queues)


def _line_up(shard: Shard) -> None:
    """Put back in line what was passed over, as whoever asked for it was suspended."""
    for run in shard.runs.values():
        for effect in run.effects.values():
            if not effect.asker or of_askers(shard, run, effect) is None:
                continue
            due = effect.status == "backoff" and effect.retry_at <= shard.now
            if (due or effect.status == "queued") and (run.id, effect.id) not in shard.queues.get(
                effect.digest, ()
            ):
                enqueue(shard, run, effect)


def of_agent(shard: Shard, agent: str) -> tuple[str, Suspension] | None:
    """By what name an agent version, `name@version`, is suspended, and whose word that is; None if none."""
    for name in (agent, agent.partition("@")[0]) if agent else ():
        known = shard.suspended.get(name)
        if known is not None:
            return name, known
    return None


def of_askers(shard: Shard, run: Run, effect: Effect) -> tuple[str, Suspension] | None:
    """The same of whoever waits for what an attempt asked for."""
    for number in askers(run, effect):
        held = of_agent(shard, run.effects[number].agent)
        if held is not None:
            return held
    return None


SUSPENSION_EVENTS: dict[type[e.Event], Callable[[Shard, Record], None]] = {
    e.WorkSuspended: _suspended,
    e.WorkResumed: _resumed,
}
