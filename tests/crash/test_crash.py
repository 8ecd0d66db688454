"""Real hubs are killed while two hundred runs are in flight: nothing is lost, nothing done too often."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec
import pytest

from podium.facts.events import Record
from podium.store.interface import Corrupted
from tests.crash import audit
from tests.crash.audit import Found
from tests.crash.book import Performed, Promises, performed
from tests.crash.driver import RANDOMLY, Driver

KILLS = 50
KILLS_MAX = 150
"""Every point has struck long before; a slow machine may need some more tries."""

pytestmark = pytest.mark.xdist_group("crash")


class Over(NamedTuple):
    """All is over: what is left to look at."""

    driver: Driver
    found: Found
    state: Path
    records: list[Record]
    book: list[Performed]
    promises: Promises


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Over:
    folder = tmp_path_factory.mktemp("crash")
    driver = Driver(folder, in_flight=200, seed=KILLS, tell=print)
    found = driver.run(KILLS, kills_max=KILLS_MAX)
    state = folder / "state"
    book = performed(folder / "book.jsonl")
    return Over(driver, found, state, audit.check_links(state), book, driver.promises)


def test_every_run_ends_and_nothing_is_done_that_may_not_be(over: Over) -> None:
    assert over.driver.killed.total() >= KILLS
    assert over.found.runs >= 200
    assert over.found.again > 0, "no attempt was lost: the hubs died at the wrong moments"
    assert over.driver.killed[RANDOMLY] > 0


def test_hubs_died_at_every_point(over: Over) -> None:
    assert over.driver.spared() == []


# --- the audit notices what it is there for -----------------------------------------------------------


def refused(over: Over, book: list[Performed], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        audit.check(over.records, book, over.promises)


def last(over: Over, *agents: str) -> Performed:
    return next(line for line in reversed(over.book) if line.agent in agents)


def test_a_payment_that_is_made_twice_is_noticed(over: Over) -> None:
    refused(over, [*over.book, last(over, "pay")], "was performed 2 times")


def test_an_effect_that_is_performed_after_it_was_settled_is_noticed(over: Over) -> None:
    again = msgspec.structs.replace(last(over, "child"), at=last(over, "child").at + 3_600_000)
    refused(over, [*over.book, again], "after it was settled")


def test_an_attempt_that_no_hub_had_recorded_is_noticed(over: Over) -> None:
    more = last(over, "tool").attempt + 1
    refused(
        over, [*over.book, msgspec.structs.replace(last(over, "tool"), attempt=more)], "is not in the log"
    )


def test_an_effect_that_was_never_performed_is_noticed(over: Over) -> None:
    gone = last(over, "loop")
    refused(over, [line for line in over.book if line.key != gone.key], "which was not made")


def test_an_output_that_no_agent_gave_is_noticed(over: Over) -> None:
    said = last(over, "apart")
    other = msgspec.structs.replace(said, output={"n": -1, "seen": []})
    refused(over, [other if line is said else line for line in over.book], "was settled with")


def test_a_run_that_was_accepted_and_is_gone_is_noticed(over: Over) -> None:
    over.promises.accepted["0" * 32] = "run-1"
    try:
        refused(over, over.book, "which is not in the log")
    finally:
        del over.promises.accepted["0" * 32]


def test_a_record_that_was_changed_is_noticed(over: Over, tmp_path: Path) -> None:
    changed = tmp_path / "log.db"
    changed.write_bytes((over.state / "log.db").read_bytes())
    with apsw.Connection(str(changed)) as log:
        log.execute("UPDATE log SET at = at + 1 WHERE position = (SELECT max(position) - 1 FROM log)")
    with pytest.raises(Corrupted):
        audit.check_links(tmp_path)
