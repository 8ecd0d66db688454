"""Records to store, and two stores to hold to the same promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from podium.audit.chain import link
from podium.store.interface import Head, Row, Snapshot, Store
from podium.store.memory import MemoryStore
from podium.store.sqlite import SqliteStore

AT = 1_700_000_000_000


def run_of(number: int) -> bytes:
    """The 16 bytes of the id of run `number`."""
    return number.to_bytes(16, "big")


def rows_after(
    head: Head, count: int, *, run: bytes = b"", body_bytes: int = 40, mark: str = "a"
) -> list[Row]:
    """Linked records that continue the log from `head`; other marks make other records."""
    rows: list[Row] = []
    previous = head.hash
    for seq in range(head.seq + 1, head.seq + 1 + count):
        envelope = b'{"p":%d,"mark":"%b"}' % (seq - 1, mark.encode())
        body = (b"%d." % seq) * (body_bytes // 4)
        parts = (seq, head.epoch, run or run_of(seq % 5), "TaskSucceeded", 1, AT + seq, envelope, body)
        previous = link(previous, *parts)
        rows.append(Row(*parts, previous))
    return rows


def head_after(head: Head, rows: Sequence[Row]) -> Head:
    """Where the log ends once these rows were appended."""
    return Head(head.epoch, rows[-1].seq, rows[-1].hash) if rows else head


def snapshot_of(head: Head, state: bytes) -> Snapshot:
    return Snapshot(head.seq, head.epoch, state, sha256(state).digest())


def blob_of(content: bytes) -> tuple[bytes, bytes]:
    return sha256(content).digest(), content


def extend(store: Store, shard: int, head: Head, count: int, body_bytes: int = 40) -> Head:
    """Append so many records; gives the new head."""
    rows = rows_after(head, count, body_bytes=body_bytes)
    store.append(shard, rows, head)
    return head_after(head, rows)


class World(Protocol):
    """A place where stores live: the same content, seen by as many as were opened."""

    def open(self) -> Store:
        """One more store on the same content, as another process would have."""

    def close(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self._store = MemoryStore()

    def open(self) -> Store:
        return self._store

    def close(self) -> None: ...


class SqliteWorld:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.db"
        self._opened: list[SqliteStore] = []

    def open(self) -> SqliteStore:
        store = SqliteStore(self.path, checkpoint_pages=16, ballast_bytes=0)
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


WORLDS: dict[str, Callable[[Path], World]] = {
    "memory": lambda folder: MemoryWorld(),
    "sqlite": SqliteWorld,
}
