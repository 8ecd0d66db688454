"""A failure shrinks to what it needs, and to no other failure."""

from __future__ import annotations

from podium.sim.faults import Conditions, Faults
from podium.sim.shrinking import Failure, shrink
from podium.sim.violation import Violation


def needs_run_five_and_rot(seed: int, conditions: Conditions) -> Failure | None:
    """Fails in one way with run 5 and rotten snapshots, in another without any crash."""
    if not conditions.faults.crash:
        return Failure(seed, conditions, Violation("I3: another matter"))
    if 5 in conditions.runs and conditions.faults.rot and conditions.troubled_ms > 20_000:
        return Failure(seed, conditions, Violation("I4: what is looked for"))
    return None


def test_a_failure_shrinks_to_what_it_needs() -> None:
    faults = Faults(crash=0.1, rot=0.1, full=0.1, late=0.1)
    first = needs_run_five_and_rot(1, Conditions(faults, snapshot_records=3))
    assert first is not None
    small = shrink(first, needs_run_five_and_rot).conditions
    assert small.runs == (5,)
    assert small.faults == Faults(crash=0.1, rot=0.1)
    assert 20_000 < small.troubled_ms < 25_000
    assert small.snapshot_records == 50_000


def test_shrinking_gives_up_after_so_many_tries() -> None:
    tried: list[Conditions] = []

    def attempt(seed: int, conditions: Conditions) -> Failure | None:
        tried.append(conditions)
        return Failure(seed, conditions, Violation("I1: always"))

    shrink(Failure(1, Conditions(Faults(crash=0.1)), Violation("I1: always")), attempt, tries=5)
    assert len(tried) == 5
