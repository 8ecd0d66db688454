"""A disk that outlives its hubs, and the store as one hub sees it, with faults at every point of a commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from podium.sim.faults import Crash, Faults
from podium.store.interface import ColdRun, Head, Row, StorageFull, StoreError
from podium.store.memory import MemoryStore


class Disk:
    """What is durable, and whether there is room."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.full = False


class DiskStore:
    """The store of one hub. Reads are the disk's; commits may fail in every way that a real one can."""

    def __init__(self, disk: Disk, random: Random, faults: Faults) -> None:
        self._disk = disk
        self._random = random
        self.faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk.store, name)

    def append(
        self,
        shard: int,
        rows: Sequence[Row],
        previous: Head,
        *,
        blobs: Iterable[tuple[bytes, bytes]] = (),
        cold: Iterable[ColdRun] = (),
        thawed: Iterable[bytes] = (),
    ) -> None:
        """Append, or die, or fail. A batch is durable whole or not at all: that is the commit's promise."""
        if self._disk.full:
            raise StorageFull("the simulated disk is full")
        chance = self._random.random
        if chance() < self.faults.crash_before_commit:
            raise Crash
        unknown = chance() < self.faults.unknown_commit
        if unknown and chance() < 0.5:
            raise StoreError("the simulated commit failed, and it did not happen")
        self._disk.store.append(shard, rows, previous, blobs=blobs, cold=cold, thawed=thawed)
        if unknown:
            raise StoreError("the simulated commit failed, but it did happen")
        if chance() < self.faults.crash_after_commit:
            raise Crash

    def close(self) -> None:
        """The disk stays."""
