"""A violation made small: the fewest runs, faults and time that still break the same guarantee."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from podium.sim.faults import KINDS, Conditions
from podium.sim.violation import Violation
from podium.sim.world import World, live

TRIES_MAX = 250


class Failure:
    """A world that broke a guarantee.

    Attributes:
        kind: what broke: the number of the invariant, or the name of the exception.
        ended_ms: how far it came.
    """

    def __init__(self, seed: int, conditions: Conditions, error: Exception) -> None:
        self.seed, self.conditions, self.error = seed, conditions, error
        self.kind = str(error).split(":")[0] if isinstance(error, Violation) else type(error).__name__
        world: World | None = getattr(error, "world", None)
        self.ended_ms = world.stage.now if world is not None else 0
        self.transcript = list(world.stage.transcript) if world is not None else []


def attempt(seed: int, conditions: Conditions) -> Failure | None:
    """Live through a world; its failure, or None if all is well."""
    try:
        live(seed, conditions)
    except Exception as error:
        return Failure(seed, conditions, error)
    return None


def shrink(
    failure: Failure, attempt: Callable[[int, Conditions], Failure | None] = attempt, tries: int = TRIES_MAX
) -> Failure:
    """The smallest failure of the same kind that greedy steps find."""
    improved = True
    while improved:
        improved = False
        for conditions in _smaller(failure):
            if tries <= 0:
                return failure
            tries -= 1
            found = attempt(failure.seed, conditions)
            if found is not None and found.kind == failure.kind:
                failure, improved = found, True
                break
    return failure


def _smaller(failure: Failure) -> Iterator[Conditions]:
    """Conditions one step smaller, the boldest steps first."""
    replace, now = msgspec.structs.replace, failure.conditions
    half = len(now.runs) // 2
    if half > 1:
        yield replace(now, runs=now.runs[:half])
        yield replace(now, runs=now.runs[half:])
    for run in now.runs if len(now.runs) > 1 else ():
        yield replace(now, runs=tuple(other for other in now.runs if other != run))
    for kind in KINDS:
        if getattr(now.faults, kind):
            yield replace(now, faults=replace(now.faults, **{kind: 0.0}))
    for troubled_ms in (now.troubled_ms // 4, now.troubled_ms // 2, now.troubled_ms * 7 // 8):
        if troubled_ms >= 5_000:
            yield replace(now, troubled_ms=troubled_ms)
    calm = Conditions(now.faults)
    for knob in ("snapshot_records", "passivate_ms", "meddling", "schedules"):
        if getattr(now, knob) != getattr(calm, knob):
            yield replace(now, **{knob: getattr(calm, knob)})
