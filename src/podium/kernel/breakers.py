"""Circuit breakers: what records say about them, folded. Called by `evolve`, and by looks at the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import BREAKER
from podium.facts.recovery import BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN, Breaker, Counted
from podium.kernel.state import Shard


def is_shut(shard: Shard, digest: str) -> bool:
    """Whether no attempt at an agent version may start now, by its breaker."""
    breaker = shard.breakers.get(digest)
    if breaker is None or breaker.status == BREAKER_CLOSED:
        return False
    return breaker.status == BREAKER_OPEN or shard.running.get(digest, 0) >= breaker.probes


def shut(shard: Shard) -> frozenset[str]:
    """The agent versions that no attempt may start at now."""
    return frozenset(digest for digest in shard.breakers if is_shut(shard, digest))


def count(shard: Shard, record: Record, counted: Counted) -> None:
    """Count an attempt that came back."""
    breaker = shard.breakers.get(counted.digest)
    if breaker is None:
        breaker = shard.breakers[counted.digest] = Breaker(counted.agent)
    if breaker.status == BREAKER_HALF_OPEN:
        breaker.succeeded += not counted.failed
        return
    since = record.at - counted.within_ms
    outcomes = [one for one in breaker.outcomes if one[0] > since]
    outcomes.append((record.at, counted.failed))
    breaker.outcomes = outcomes[-counted.keep :]
    if not any(failed for _, failed in breaker.outcomes):
        del shard.breakers[counted.digest]


def _moved(shard: Shard, event: Any) -> Breaker:
    breaker = shard.breakers[event.digest]
    breaker.status = BREAKER[breaker.status, type(event).__name__]
    breaker.seq, breaker.at = shard.seq, shard.now
    breaker.outcomes, breaker.until, breaker.probes, breaker.succeeded = [], 0, 0, 0
    return breaker


def _opened(shard: Shard, event: e.BreakerOpened) -> None:
    breaker = _moved(shard, event)
    breaker.until, breaker.reason = event.until, event.reason
    shard.wake_breakers()


def _half_opened(shard: Shard, event: e.BreakerHalfOpened) -> None:
    _moved(shard, event).probes = event.probes
    shard.freed.append(event.digest)


def _closed(shard: Shard, event: e.BreakerClosed | e.BreakerReset) -> None:
    _moved(shard, event)
    del shard.breakers[event.digest]
    shard.freed.append(event.digest)


BREAKER_EVENTS: dict[type[e.Event], Callable[[Shard, Any], None]] = {
    e.BreakerOpened: _opened,
    e.BreakerHalfOpened: _half_opened,
    e.BreakerClosed: _closed,
    e.BreakerReset: _closed,
}
