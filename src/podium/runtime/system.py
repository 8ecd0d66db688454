"""The system shard: the log of the catalog."""

from __future__ import annotations

import structlog

from podium.facts.events import ActNoted, ActNotedBody, EpochStarted, Event, Record
from podium.facts.inputs import Apply, Delete, NoteAct
from podium.facts.values import Accepted, Problem, Refused, Reply
from podium.kernel.catalog import Catalog
from podium.kernel.declaring import Runs
from podium.runtime.writer import LogWriter, read_records
from podium.store.interface import Store

log = structlog.get_logger("podium.hub")

SYSTEM_SHARD = 0
"""Its place among the shards."""


class SystemHost:
    """Owns the catalog and its log.

    Attributes:
        catalog: as of the last commit; the frozen view of the other shards.
    """

    def __init__(self, store: Store, hub: str) -> None:
        self._store = store
        self._hub = hub
        self.writer = LogWriter(store, SYSTEM_SHARD)
        self.catalog = Catalog()
        self._ordinal = 0

    def open(self, now: int) -> list[Record]:
        """Take the system shard over and read the catalog."""
        head = self.writer.claim()
        for record in read_records(self._store, SYSTEM_SHARD, 0):
            self.catalog.fold(record)
        record = Record(head.seq + 1, "", now, EpochStarted(epoch=head.epoch, hub=self._hub))
        self._commit([record])
        return [record]

    def declare(self, told: Apply | Delete, now: int, runs: Runs) -> tuple[Reply, list[Record]]:
        """Declare or delete resources: all of them, durable, or none.

        Args:
            runs: counts the unfinished runs by the digest of their workflow.
        """
        try:
            made = self.catalog.declare(told, runs)
        except Exception as error:
            # Nothing that somebody declares may end the hub for all others.
            log.error("a resource cannot be taken", exc_info=error)
            message = f"this cannot be declared: {type(error).__name__}: {error}"
            return Refused("usage", (Problem("form", "", message),)), []
        if isinstance(made, Refused):
            return made, []
        first = self.catalog.seq + 1
        records = [Record(first + at, "", now, event, body) for at, (event, body) in enumerate(made.changes)]
        self._commit(records)
        names = tuple(_name(record.event) for record in records)
        detail = f"{len(names)} changed"
        return Accepted(created=bool(names), names=names, detail=detail, notices=made.notices), records

    def note(self, told: NoteAct, now: int) -> tuple[Reply, list[Record]]:
        """Keep what a person does."""
        event = ActNoted(principal=told.principal, via=told.via, act=told.act, target=told.target)
        body = ActNotedBody(told.why) if told.why else None
        records = [Record(self.catalog.seq + 1, "", now, event, body)]
        self._commit(records)
        return Accepted(created=True), records

    def _commit(self, records: list[Record]) -> None:
        if records:
            self.writer.append(records)
        for record in records:
            self.catalog.fold(record)


def _name(event: Event) -> str:
    return f"{event.kind}/{event.name}@{event.version}"  # type: ignore[attr-defined]
