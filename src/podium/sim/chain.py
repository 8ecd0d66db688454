"""The log of one shard, followed as it grows, and held to what is true of any log."""

from __future__ import annotations

from collections.abc import Iterator

from podium.audit.chain import Break, verify
from podium.facts import events as e
from podium.facts.events import Record
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import decode_row
from podium.sim.disk import Disk
from podium.sim.violation import Violation, hold


class Chain:
    """Follows the log of one shard, and checks what is true of any log."""

    def __init__(self, disk: Disk, shard: int) -> None:
        self._disk, self._shard = disk, shard
        self._seq, self._hash = disk.store.head(shard)[1:]
        self._epoch = self._at = 0

    def follow(self) -> Iterator[Record]:
        """What became durable since the last time. Raises Violation: I2, I3 or I9."""
        rows = self._disk.store.read(self._shard, self._seq, 1_000_000)
        try:
            self._seq, self._hash = verify(self._hash, self._seq, rows)
        except Break as broken:
            raise Violation(f"I3: {broken}") from None
        for row in rows:
            where = f"record {row.seq} of shard {self._shard}"
            record = decode_row(row, self._disk.store, self._disk.keys.sealing)
            if isinstance(record.event, e.EpochStarted):
                self._begin(record.event)
            hold(row.epoch == self._epoch, "I2", f"{where} is of epoch {row.epoch} in epoch {self._epoch}")
            if self._shard != SYSTEM_SHARD:
                hold(record.at >= self._at, "I9", f"{where} is at {record.at}, after one at {self._at}")
            self._at = record.at
            yield record

    def _begin(self, event: e.EpochStarted) -> None:
        hold(event.epoch > self._epoch, "I2", f"epoch {event.epoch} starts after {self._epoch}")
        claimant = self._disk.claims.get((self._shard, event.epoch))
        hold(event.hub == claimant, "I2", f"{event.hub} starts epoch {event.epoch} of {claimant}")
        self._epoch = event.epoch
