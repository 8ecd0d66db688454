"""The ledger: the same after the same, never negative, and without what is over."""

from __future__ import annotations

import msgspec
import pytest

from podium.facts.policy import Amounts, Count, Hold
from podium.policy.ledger import SWEEP_MS, Ledger
from tests.policy.making import NOON

RUN = "bn0:p/b/nano|run-1@0"
DAY = f"bn-:p/day/nano|acme@{NOON + 1000}"


def test_it_survives_being_stored() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5, 2), Hold(DAY, 7)])
    ledger.count(
        [Count("lc-:p/q|@0", 1, 1000), Count("rc-:p/r|@0", 1, 10**9), Count(f"qc-:p/s|@{NOON}", 3)], NOON
    )
    ledger.pause(["rc-:p/r|@0"], NOON + 5)
    ledger.close("run-1")
    again = msgspec.json.decode(msgspec.json.encode(ledger), type=Ledger)
    assert again == ledger
    again.release([Hold(RUN, 5, 2)])
    ledger.release([Hold(RUN, 5, 2)])
    assert again == ledger


def test_what_is_released_is_as_if_it_had_never_been() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5, 2)])
    ledger.release([Hold(RUN, 5, 2)])
    assert ledger.taken(RUN) == 0
    assert ledger.raised == {}


def test_more_than_was_held_cannot_be_released() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5)])
    with pytest.raises(AssertionError):
        ledger.release([Hold(RUN, 6)])
    with pytest.raises(AssertionError):
        ledger.release([Hold(DAY, 1)])


def test_what_took_more_than_it_held_is_booked_and_told() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5)])
    assert ledger.settle([Hold(RUN, 5)], Amounts(cost_nano=8)) == (Hold(RUN, 3),)
    assert ledger.spent == {RUN: 8}


def test_the_counters_of_a_run_go_with_it() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5), Hold(DAY, 5)])
    ledger.settle([Hold(RUN, 5), Hold(DAY, 5)], Amounts(cost_nano=5))
    ledger.close("run-1")
    assert ledger.spent == {DAY: 5}
    assert ledger.bound == {}


def test_what_is_in_doubt_keeps_its_counter_after_the_end() -> None:
    ledger = Ledger()
    ledger.hold([Hold(RUN, 5)])
    ledger.hold([Hold(RUN, 2)])
    ledger.settle([Hold(RUN, 2)], Amounts(cost_nano=2))
    ledger.close("run-1")
    assert ledger.taken(RUN) == 7
    ledger.settle([Hold(RUN, 5)], Amounts(cost_nano=1))
    assert (ledger.spent, ledger.held, ledger.bound, ledger.closed) == ({}, {}, {}, [])


def test_windows_that_are_over_are_forgotten_once_nothing_is_held_in_them() -> None:
    ledger = Ledger()
    ledger.hold([Hold(DAY, 5)])
    ledger.sweep(NOON + 5000)
    assert ledger.taken(DAY) == 5
    ledger.settle([Hold(DAY, 5)], Amounts(cost_nano=5))
    ledger.sweep(NOON + 5000)
    assert (ledger.spent, ledger.held, ledger.ends) == ({}, {}, {})


def test_counting_sweeps_now_and_then() -> None:
    ledger = Ledger(swept_at=NOON)
    old = [Count("lc-:p/q|@0", 1, 10), Count("rc-:p/r|@0", 1, 10), Count(f"qc-:p/s|@{NOON + 10}", 3)]
    ledger.count(old, NOON)
    ledger.pause(["rc-:p/r|@0"], NOON + 20)
    ledger.count([], NOON + SWEEP_MS - 1)
    assert ledger.lately
    ledger.count([], NOON + SWEEP_MS)
    assert ledger == Ledger(swept_at=NOON + SWEEP_MS)


def test_calls_in_flight_leave_nothing_behind() -> None:
    ledger = Ledger()
    unbound, bound = Hold("cc-:p/r|host@0", 1), Hold("cc0:p/r|run-1@0", 1)
    for _ in range(3):
        ledger.hold([unbound, bound])
        ledger.settle([unbound, bound], Amounts())
    assert ledger.held == {bound.counter: 0}
    ledger.close("run-1")
    assert ledger == Ledger()
