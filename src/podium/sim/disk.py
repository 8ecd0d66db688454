"""A disk that outlives its hubs, and the store as one hub sees it, with faults at every point of a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from podium.audit.tiles import Tile
from podium.sim.faults import Crash, Dice
from podium.sim.strongbox import Strongbox
from podium.sim.violation import hold
from podium.store.interface import ColdRun, Head, Row, Snapshot, StorageFull, Store, StoreError


class Disk:
    """What is durable, whether there is room, and who claimed what.

    Attributes:
        store: keeps it, without any fault.
        keys: those of subjects.
        full: whether there is no room; `tight` whether there is none but a reserve.
        owners: shard to the hub that claimed it last.
        claims: (shard, epoch) to the hub that claimed it with that epoch.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = Strongbox()
        self.full = self.tight = False
        self.owners: dict[int, str] = {}
        self.claims: dict[tuple[int, int], str] = {}

    def make_room(self) -> None:
        self.full = self.tight = False

    def rot_snapshot(self, shard: int) -> bool:
        """Damage the newest snapshot; False if there is none."""
        newest = self.store.snapshot(shard)
        if newest is None:
            return False
        self.store.save_snapshot(shard, newest._replace(epoch=self.store.head(shard).epoch, digest=b"rot"))
        return True


class DiskStore:
    """The store of one hub. Reads are the disk's; commits may fail in every way that a real one can."""

    def __init__(self, disk: Disk, hub: str, dice: Dice) -> None:
        self._disk = disk
        self._hub = hub
        self._dice = dice

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk.store, name)

    @property
    def full(self) -> bool:
        """Whether there is room for nothing but what is under way."""
        return self._disk.tight

    def claim(self, shard: int) -> Head:
        """Claim the shard, or die before or after that."""
        self._need_room()
        dies = self._dice.strikes("crash_in_claim")
        if dies and self._dice.toss():
            raise Crash
        head = self._disk.store.claim(shard)
        self._disk.owners[shard] = self._disk.claims[shard, head.epoch] = self._hub
        if dies:
            raise Crash
        return head

    def snapshot(self, shard: int) -> Snapshot | None:
        """The newest snapshot that is sound."""
        if self._disk.store.snapshot(shard) is not None and self._dice.strikes("rot"):
            self._disk.rot_snapshot(shard)
        return self._disk.store.snapshot(shard)

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        """Read, or die."""
        if self._dice.strikes("crash_in_load"):
            raise Crash
        return self._disk.store.read(shard, after, limit)

    def append(
        self,
        shard: int,
        rows: Sequence[Row],
        previous: Head,
        *,
        blobs: Iterable[tuple[bytes, bytes]] = (),
        cold: Iterable[ColdRun] = (),
        thawed: Iterable[bytes] = (),
        tiles: Iterable[Tile] = (),
    ) -> None:
        """Append, or die, or fail. A batch is durable whole or not at all: that is the commit's promise."""
        self._need_room()
        strikes, toss = self._dice.strikes, self._dice.toss

        def store() -> None:
            self._disk.store.append(shard, rows, previous, blobs=blobs, cold=cold, thawed=thawed, tiles=tiles)
            self._check_owner(shard)

        if strikes("crash_before_commit"):
            raise Crash
        if strikes("crash_in_commit"):
            self._perhaps(store)
            raise Crash
        if strikes("unknown_commit"):
            if toss():
                raise StoreError("the simulated commit failed, and it did not happen")
            store()
            raise StoreError("the simulated commit failed, but it did happen")
        store()
        if strikes("crash_after_commit"):
            raise Crash

    def save_snapshot(self, shard: int, snapshot: Snapshot) -> None:
        """Keep a snapshot, or die before or after that."""
        self._need_room()
        dies = self._dice.strikes("crash_in_snapshot")
        if dies and self._dice.toss():
            raise Crash
        self._disk.store.save_snapshot(shard, snapshot)
        self._check_owner(shard)
        if dies:
            raise Crash

    def close(self) -> None:
        """The disk stays."""

    def _need_room(self) -> None:
        if self._disk.full:
            raise StorageFull("the simulated disk is full")

    def _perhaps(self, store: Callable[[], None]) -> None:
        """What was written and not synced is there after the crash, or it is not."""
        if self._dice.toss():
            store()

    def _check_owner(self, shard: int) -> None:
        owner = self._disk.owners[shard]
        hold(owner == self._hub, "I2", f"{self._hub} wrote to shard {shard}, which {owner} has taken over")
