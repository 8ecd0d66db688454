"""Fold what records say that are of no run: of the shard itself, of breakers, schedules and suspensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.kernel.breakers import BREAKER_EVENTS
from podium.kernel.schedules import SCHEDULE_EVENTS, fold_schedule
from podium.kernel.shared import epoch_started
from podium.kernel.state import Shard
from podium.kernel.suspensions import SUSPENSION_EVENTS


def fold_own(shard: Shard, record: Record) -> None:
    """Fold a record of no run in."""
    event = record.event
    kind = type(event)
    if kind in SCHEDULE_EVENTS:
        fold_schedule(shard, record)
    elif kind in SUSPENSION_EVENTS:
        SUSPENSION_EVENTS[kind](shard, record)
    else:
        _OWN_EVENTS[kind](shard, event)


def _epoch_started(shard: Shard, event: e.EpochStarted) -> None:
    assert event.epoch > shard.epoch
    shard.epoch, shard.epoch_at = event.epoch, shard.now
    epoch_started(shard)


def _catalog_advanced(shard: Shard, event: e.CatalogAdvanced) -> None:
    shard.revision = event.revision


def _subject_erased(shard: Shard, event: e.SubjectErased) -> None:
    """Its runs were cancelled before it; what is kept of them cannot be read any more."""


_OWN_EVENTS: dict[type[e.Event], Callable[[Shard, Any], None]] = {
    e.EpochStarted: _epoch_started,
    e.CatalogAdvanced: _catalog_advanced,
    e.SubjectErased: _subject_erased,
    **BREAKER_EVENTS,
}
