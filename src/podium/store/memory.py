"""The store in dicts and lists: naive on purpose, so that others can be compared with it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec

from podium.audit.tiles import Tile
from podium.store.interface import (
    GENESIS,
    STATEMENTS,
    ColdRun,
    Corrupted,
    Fenced,
    Head,
    Row,
    Snapshot,
    Stated,
    StoreError,
    Wait,
)


class _Shard:
    """All that is known of one shard."""

    def __init__(self) -> None:
        self.epoch = 0
        self.log: list[Row] = []
        self.cold: dict[bytes, ColdRun] = {}
        self.waits: dict[bytes, set[Wait]] = {}
        self.snapshots: dict[int, Snapshot] = {}

    def head(self) -> Head:
        last = self.log[-1] if self.log else None
        return Head(self.epoch, last.seq, last.hash) if last else Head(self.epoch, 0, GENESIS)


class MemoryStore:
    """A `store.interface.Store` and `Reader` in memory.

    Copies made by `fork` share nothing.
    """

    def __init__(self) -> None:
        self.full = False
        self._shards: dict[int, _Shard] = {}
        self._blobs: dict[bytes, bytes] = {}
        self._tiles: dict[tuple[int, int, int], bytes] = {}
        self._statements: list[Stated] = []

    def look_for_room(self) -> None:
        """Memory has room, or the process is gone."""

    def fork(self) -> MemoryStore:
        """Another store with a copy of what this one holds."""
        other = MemoryStore()
        other._shards = copy.deepcopy(self._shards)
        other._blobs = dict(self._blobs)
        other._tiles, other._statements = dict(self._tiles), list(self._statements)
        return other

    def claim(self, shard: int) -> Head:
        if not 0 <= shard < 1 << 23:
            raise ValueError(f"shard {shard} is not between 0 and {(1 << 23) - 1}")
        found = self._shards.setdefault(shard, _Shard())
        found.epoch += 1
        return found.head()

    def head(self, shard: int) -> Head:
        return self._shard(shard).head()

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
        if [row.seq for row in rows] != [previous.seq + 1 + i for i in range(len(rows))]:
            raise StoreError(f"the batch does not run from record {previous.seq + 1} without gaps")
        if {row.epoch for row in rows} - {previous.epoch}:
            raise StoreError(f"the batch holds records of another epoch than {previous.epoch}")
        found = self._shard(shard)
        self._guard(shard, previous)
        for digest, content in blobs:
            self._blobs.setdefault(digest, content)
        found.log.extend(rows)
        for run in thawed:
            found.waits.pop(run, None)
        for cold_run in cold:
            found.cold[cold_run.run] = cold_run._replace(waits=())
            found.waits[cold_run.run] = set(cold_run.waits)
        self._keep(shard, tiles)

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        return self._shard(shard).log[after : after + limit]

    def row(self, shard: int, seq: int) -> Row | None:
        log = self._shard(shard).log
        return log[seq - 1] if 1 <= seq <= len(log) else None

    def chain(self, shard: int, last: int) -> Iterator[Row]:
        row = self.row(shard, last)
        while row is not None:
            yield row
            row = self.row(shard, msgspec.json.decode(row.envelope).get("p", 0))

    def blob(self, digest: bytes) -> bytes:
        content = self._blobs.get(digest)
        if content is None:
            raise KeyError(digest.hex())
        if sha256(content).digest() != digest:
            raise Corrupted(f"the bytes of the blob {digest.hex()} are damaged")
        return content

    def cold(self, shard: int, runs: Iterable[bytes]) -> list[ColdRun]:
        cold = self._shard(shard).cold
        return [cold[run] for run in dict.fromkeys(runs) if run in cold]

    def due(self, shard: int, now: int, limit: int = 1000) -> list[tuple[int, bytes]]:
        found = {(wait.wake_at, run) for run, wait in self._waits(shard) if 0 < wait.wake_at <= now}
        return sorted(found)[:limit]

    def next_wake(self, shard: int) -> int:
        return min((wait.wake_at for _, wait in self._waits(shard) if wait.wake_at > 0), default=0)

    def waiting(
        self, shard: int, kind: str, key_hash: bytes, after: bytes = b"", limit: int = 1000
    ) -> list[bytes]:
        found = {
            run
            for run, wait in self._waits(shard)
            if wait.kind == kind != "timer" and wait.key_hash == key_hash and run > after
        }
        return sorted(found)[:limit]

    def cold_runs(self, shard: int, status: str = "", after: bytes = b"", limit: int = 1000) -> list[ColdRun]:
        cold = self._shard(shard).cold
        found = [run for run in cold.values() if run.run > after and status in ("", run.status)]
        return sorted(found)[:limit]

    def save_snapshot(self, shard: int, snapshot: Snapshot) -> None:
        found = self._shard(shard)
        if snapshot.epoch != found.epoch or not found.epoch:
            raise Fenced(
                f"shard {shard} has another writer: its epoch is {found.epoch}, not {snapshot.epoch}"
            )
        found.snapshots[snapshot.seq] = snapshot
        for seq in sorted(found.snapshots)[:-3]:
            del found.snapshots[seq]

    def snapshot(self, shard: int) -> Snapshot | None:
        for _, snapshot in sorted(self._shard(shard).snapshots.items(), reverse=True):
            if sha256(snapshot.state).digest() == snapshot.digest:
                return snapshot
        return None

    def save_tiles(self, shard: int, tiles: Iterable[Tile], previous: Head) -> None:
        self._guard(shard, previous)
        self._keep(shard, tiles)

    def tile(self, shard: int, level: int, number: int) -> bytes:
        return self._tiles.get((shard, level, number), b"")

    def add_statement(self, stated: Stated, heads: Mapping[int, Head], tiles: Iterable[Tile]) -> None:
        for shard, head in heads.items():
            self._guard(shard, head)
        if stated.number != len(self._statements) + 1:
            raise Fenced(f"statement {stated.number} does not follow {len(self._statements)}")
        self._statements.append(stated)
        self._keep(STATEMENTS, tiles)

    def amend_statement(self, number: int, note: str) -> None:
        self._statements[number - 1] = self._statements[number - 1]._replace(note=note)

    def statements(self, after: int = 0, limit: int = 1000) -> list[Stated]:
        return self._statements[after : after + limit]

    def last_statement(self) -> Stated | None:
        return self._statements[-1] if self._statements else None

    def scan(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        return self.read(shard, after, limit)

    def shards(self) -> list[int]:
        return sorted(self._shards)

    def identity(self) -> str:
        return "0" * 32

    def close(self) -> None:
        """Nothing to close: what it holds stays."""

    def _guard(self, shard: int, previous: Head) -> None:
        head = self._shard(shard).head()
        if head != previous or not head.epoch:
            raise Fenced(f"shard {shard} has another writer: it stands at {head}, not at {previous}")

    def _keep(self, shard: int, tiles: Iterable[Tile]) -> None:
        for level, number, hashes in tiles:
            self._tiles[shard, level, number] = hashes

    def _shard(self, shard: int) -> _Shard:
        return self._shards.get(shard) or _Shard()

    def _waits(self, shard: int) -> Iterator[tuple[bytes, Wait]]:
        for run, waits in self._shard(shard).waits.items():
            for wait in waits:
                yield run, wait
