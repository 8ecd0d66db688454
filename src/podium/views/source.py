"""The log as the views read it: records without the bodies that no table needs."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts import stored
from podium.facts.events import Event, Record
from podium.facts.identity import run_text
from podium.store.interface import Reader, Row
from podium.views.acts import WITH_REASONS

ROWS = 4_000
"""Rows that are read at a time."""

_WITH_BODY: tuple[type[Event], ...] = (
    e.ResourceApplied, e.RunStarted, e.RunFaulted, e.AttemptFailed, *WITH_REASONS,
)  # fmt: skip


def read(reader: Reader, shard: int, after: int) -> list[Record]:
    """The next records of a shard; an empty list at the end of the log.

    Raises:
        StoreError: the log cannot be read.
        UnknownRecord: a newer release wrote it.
    """
    return [decode(row, reader) for row in reader.read(shard, after, ROWS)]


def decode(row: Row, reader: Reader) -> Record:
    """A record, with its body only if some table shows something of it."""
    record = _decode(row, stored.ERASED, reader)
    if row.body and _wants_body(record.event):
        return _decode(row, row.body, reader)
    return record


def _decode(row: Row, body: bytes, reader: Reader) -> Record:
    return stored.decode(
        row.seq, run_text(row.run), row.type, row.version, row.at, row.envelope, body, reader.blob
    )


def _wants_body(event: Event) -> bool:
    if isinstance(event, e.EffectRequested):
        return event.kind == "human"
    if isinstance(event, e.EffectSettled):
        return event.status == "failed" or event.principal != ""
    return isinstance(event, _WITH_BODY)
