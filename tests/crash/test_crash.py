"""Real hubs are killed while two hundred runs are in flight: nothing is lost, nothing done too often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec
import pytest

from podium.facts.events import Record
from podium.store.interface import Corrupted
from tests.crash import audit
from tests.crash.book import Performed, Promises, performed
from tests.crash.driver import RANDOMLY, Driver

KILLS = 50
KILLS_MAX = 150
"""Every point has struck long before; a slow machine may need some more tries."""

Book = list[Performed]


def test_nothing_is_lost_and_the_audit_would_have_noticed(tmp_path: Path) -> None:
    driver = Driver(tmp_path, in_flight=200, seed=KILLS, tell=print)
    found = driver.run(KILLS, kills_max=KILLS_MAX)
    assert driver.killed.total() >= KILLS and driver.killed[RANDOMLY] > 0
    assert driver.spared() == [], "no hub died there"
    assert found.runs >= 200
    assert found.again > 0, "no attempt was lost: the hubs died at the wrong moments"
    # A second hunt for each of these would take as long as the first.
    records, book = audit.check_links(tmp_path / "state"), performed(tmp_path / "book.jsonl")
    for message, tampered in TAMPERED.items():
        refused(records, tampered(book), driver.promises, message)
    with one_more_accepted(driver.promises):
        refused(records, book, driver.promises, "which is not in the log")
    refuses_a_changed_record(tmp_path / "state" / "log.db", tmp_path / "changed")


def refused(records: list[Record], book: Book, promises: Promises, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        audit.check(records, book, promises)


def last(book: Book, agent: str) -> Performed:
    return next(line for line in reversed(book) if line.agent == agent)


def changed(book: Book, of: str, **members: object) -> Book:
    """A book whose last line of an agent is another one."""
    line = last(book, of)
    other = msgspec.structs.replace(line, **members)
    return [other if one is line else one for one in book]


def later(book: Book, agent: str) -> Performed:
    line = last(book, agent)
    return msgspec.structs.replace(line, at=line.at + 3_600_000)


TAMPERED: dict[str, Callable[[Book], Book]] = {
    "was performed 2 times": lambda book: [*book, last(book, "pay")],
    "was performed after it was settled": lambda book: [*book, later(book, "child")],
    "is not in the log": lambda book: changed(book, "tool", attempt=last(book, "tool").attempt + 1),
    "which was not made": lambda book: [line for line in book if line.key != last(book, "loop").key],
    "was settled with": lambda book: changed(book, "apart", output={"n": -1, "seen": []}),
    "'s in the log": lambda book: changed(book, "shaky", agent="loop"),
}
"""What the audit says, and a book that makes it say so."""


@contextmanager
def one_more_accepted(promises: Promises) -> Iterator[None]:
    promises.accepted["0" * 32] = "run-1"
    try:
        yield
    finally:
        del promises.accepted["0" * 32]


def refuses_a_changed_record(log: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "log.db").write_bytes(log.read_bytes())
    with apsw.Connection(str(folder / "log.db")) as connection:
        connection.execute("UPDATE log SET at = at + 1 WHERE position = (SELECT max(position) - 1 FROM log)")
    with pytest.raises(Corrupted):
        audit.check_links(folder)
