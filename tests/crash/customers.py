"""Customers of a bank whose hubs are killed while runs spend more than there is."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from podium.bootstrap import LOG, RUNS_SHARD
from podium.facts import events as e
from podium.facts.events import Record
from podium.kernel.evolve import evolve
from podium.kernel.state import Shard
from podium.runtime.writer import read_records
from podium.sdk.client import Client, ConflictError, UnreachableError
from podium.sdk.manifests import load
from podium.store.sqlite_reader import SqliteReader
from tests.crash.life import Life

POINTS = (
    "attempted, not reported", "an attempt on the loop", "before the write", "attempted, not reported",
    "after the dispatch", "written, not committed", "attempted, not reported", "committed, nobody told",
)  # fmt: skip
"""Where hubs kill themselves, one after the other."""
PASSES_MAX = 6
LIFE_MAX_S = 3.0
PATIENCE_S = 120.0
CENT = 10_000_000
PRICES = {"charge": CENT, "pay": 3 * CENT}
CEILINGS = {"run": 7 * CENT, "workflow": 1_000 * CENT, "tool": 70 * CENT, "tenant": 110 * CENT}


class Spent(NamedTuple):
    """What came of it: runs, hubs that were killed, payments, how many of them were found in the book, and
    nano-units of money.
    """

    runs: int
    kills: int
    done: int
    found: int
    nano: int


class Customers:
    """They submit all runs, and look into the bank's book where nobody knows what became of a payment."""

    def __init__(self, book: Path) -> None:
        self._book = book
        self._declared = False
        self.run_ids: dict[int, str] = {}
        self.wanted = self.resolved = self.found = 0

    def lines(self) -> list[list[str]]:
        """Tool and key of all that the bank did; a last line without an end was never written."""
        text = self._book.read_text() if self._book.exists() else ""
        return [line.split() for line in text.split("\n")[:-1]]

    def look_after(self, client: Client) -> bool:
        """Do whatever is to be done now; gives whether all runs have ended."""
        if not self._declared:
            loaded = load([Path(__file__).parent / "bank"])
            assert not loaded.problems, loaded.problems
            client.apply(loaded.resources)
            self._declared = True
        for n in range(self.wanted):
            if n not in self.run_ids:
                self.run_ids[n] = client.submit("crash/bank", {"n": n}, key=f"run{n}").run_id
        unfinished = client.get("runs", status="unfinished", limit=1_000)
        for run in unfinished:
            for awaited in run["waiting_for"]:
                if awaited["kind"] == "in_doubt":
                    self._look_into(client, str(run["id"]))
        return not unfinished

    def _look_into(self, client: Client, run_id: str) -> None:
        done = {key for _, key in self.lines()}
        for awaited in client.get_run(run_id).waiting_for:
            if awaited["kind"] == "in_doubt":
                effect = int(awaited["effect"])
                verdict = "succeeded" if f"{run_id}/{effect}" in done else "failed"
                try:
                    client.resolve(
                        run_id, verdict, effect=effect, output="paid" if verdict != "failed" else None
                    )
                    self.resolved += 1
                    self.found += verdict == "succeeded"
                except ConflictError:
                    pass


def live(life: Life, seconds: float, customers: Customers) -> bool:
    """Use a hub for so long; gives whether all runs have ended."""
    client = life.client(seconds)
    if client is None:
        return False
    try:
        with client:
            while life.alive and life.age_s < seconds:
                if customers.look_after(client):
                    return True
                time.sleep(0.01)
    except UnreachableError:
        pass
    return False


def records_of(state: Path) -> list[Record]:
    reader = SqliteReader(state / LOG)
    try:
        return list(read_records(reader, RUNS_SHARD, 0))
    finally:
        reader.close()


def held_to_ceilings(records: list[Record]) -> Shard:
    """Fold all records; after each one no counter may be beyond its ceiling."""
    shard = Shard()
    for record in records:
        evolve(shard, record)
        ledger = shard.ledger
        for counter in {*ledger.spent, *ledger.held}:
            if counter[:2] == "bn":
                ceiling = CEILINGS[counter.partition("bank/")[2].partition("/")[0]]
                taken = ledger.spent.get(counter, 0) + ledger.held.get(counter, 0)
                assert taken <= ceiling, f"{counter}: {taken} of {ceiling} at record {record.seq}"
    return shard


def spend(folder: Path, runs: int, *, at_once: bool = False) -> Spent:
    """Kill hub after hub while runs spend, let a last one end them, and hold it all to the bank's own book.

    Args:
        at_once: all runs are there before the first hub dies; else some come with each.
    Raises:
        AssertionError: a run did not end, a ceiling was passed, or the books differ.
    """
    random, state, book = Random(0), folder / "state", folder / "book"
    customers = Customers(book)
    for number, point in enumerate(POINTS, 1):
        customers.wanted = runs if at_once else runs * number // len(POINTS)
        life = Life(state, book, (point, random.randint(1, PASSES_MAX), random.choice((0, 20))))
        live(life, LIFE_MAX_S, customers)
        life.kill()
        life.buried()
    last = Life(state, book)
    ended = live(last, PATIENCE_S, customers)
    last.stop()
    assert last.buried() == 0
    assert ended, "not all runs ended"

    lines, records = customers.lines(), records_of(state)
    done = {(tool, key) for tool, key in lines}
    assert Counter(key for tool, key in lines if tool == "pay").most_common(1)[0][1] == 1
    shard = held_to_ceilings(records)
    spent = counters(shard, "tenant")
    assert spent == {"default": sum(PRICES[tool] for tool, _ in done)}
    by_tool = {f"bank.{tool}": PRICES[tool] * sum(one == tool for one, _ in done) for tool in PRICES}
    assert counters(shard, "tool") == by_tool
    assert not shard.held
    assert not any(amount for counter, amount in shard.ledger.held.items() if counter[0] == "b")
    settled = Counter(
        (one.run_id, one.event.effect) for one in records if isinstance(one.event, e.EffectSettled)
    )
    assert max(settled.values()) == 1
    kinds = Counter(type(one.event) for one in records)
    assert customers.found, "no payment was made that nobody knew of: the hubs died at the wrong moments"
    assert kinds[e.RunFaulted] > 0, "the ceiling was never met"
    return Spent(kinds[e.RunStarted], len(POINTS), len(done), customers.found, spent["default"])


def counters(shard: Shard, budget: str) -> dict[str, Any]:
    """What is spent of a budget, by the value of its scope."""
    found = {}
    for counter, amount in shard.ledger.spent.items():
        if counter[:2] == "bn" and f":bank/{budget}/" in counter:
            value = counter.partition("|")[2].rpartition("@")[0]
            found[value] = amount
    return found
