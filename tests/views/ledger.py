"""A log in memory that tests write by hand, and ways to look at what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.facts.events import Body, Event, Record
from podium.facts.identity import run_id_of
from podium.runtime.writer import LogWriter, decode_row
from podium.store.memory import MemoryStore
from podium.views.answers import Effect, Run
from podium.views.opening import open_reader
from podium.views.queries import Views

AT = 1_700_000_000_000
"""2023-11-14 22:13:20 UTC."""


class Ledger:
    """Appends events of runs, numbered as the kernel does, to a shard of a store.

    Attributes:
        fed: the batches so far: one for each call of `write`.
    """

    def __init__(self, store: MemoryStore | None = None, shard: int = 1) -> None:
        self.store = store or MemoryStore()
        self.shard = shard
        self.now = AT
        self.fed: list[list[Record]] = []
        self._writer = LogWriter(self.store, shard)
        self._writer.claim()
        self._last: dict[str, tuple[int, int]] = {}

    @property
    def seq(self) -> int:
        return self._writer.head.seq

    def write(self, *events: tuple[str, Event] | tuple[str, Event, Body | None]) -> list[Record]:
        """Commit (run key, event, body) in one batch."""
        records = []
        for key, event, *body in events:
            seq = self.seq + len(records) + 1
            run_id = run_id_of("test", key) if key else ""
            if run_id:
                event.ordinal, event.previous = self._last.get(run_id, (0, 0))
                event.ordinal += 1
                self._last[run_id] = event.ordinal, seq
            records.append(Record(seq, run_id, self.now, event, *body))
        self._writer.append(records)
        self.fed.append(records)
        return records

    def later(self, ms: int) -> None:
        self.now += ms


def run_of(views: Views, key: str) -> Run:
    found = views.run(run_id_of("test", key))
    assert found is not None
    return found


def effects_of(views: Views, key: str) -> list[Effect]:
    return views.list_effects(run_id_of("test", key))


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but `meta`."""
    connection = open_reader(path)
    try:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'")
        names = [row[0] for row in found]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    finally:
        connection.close(True)


def log_of(store: MemoryStore, shard: int) -> list[Record]:
    return [decode_row(row, store) for row in store.read(shard, 0, 1_000_000)]
