"""What a store promises. It moves opaque records; it knows no event types.

Every implementation passes the same conformance kit (`tests/store`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from podium.audit.tiles import Tile

STATEMENTS = -1
"""In place of a shard: the tree over the statements."""

GENESIS = bytes(32)
"""The hash that the first record of a shard links to."""


class Row(NamedTuple):
    """One stored record. `run` is the 16 bytes of the run's id, or b"" for the shard's own.

    `hash` is `audit.link(previous hash, this row)`; the writer makes it, the store compares only.
    """

    seq: int
    epoch: int
    run: bytes
    type: str
    version: int
    at: int
    envelope: bytes
    body: bytes
    hash: bytes


class Wait(NamedTuple):
    """What a cold run waits for: `kind` `timer` (only `wake_at` counts), `event`, `human`; or by what it is
    found beside: `memory`, to be taken in with the next takeover, and `subject`, whoever it is about.
    """

    kind: str
    key_hash: bytes
    wake_at: int


class ColdRun(NamedTuple):
    """A run that left memory: `state` is its encoded state as of `seq`; `status` of its lifecycle."""

    run: bytes
    seq: int
    status: str
    state: bytes
    waits: tuple[Wait, ...] = ()


class Head(NamedTuple):
    """Where a shard's log ends."""

    epoch: int
    seq: int
    hash: bytes


class Snapshot(NamedTuple):
    """Encoded shard state as of `seq`; `digest` is the SHA-256 of `state`."""

    seq: int
    epoch: int
    state: bytes
    digest: bytes


class Stated(NamedTuple):
    """What was stated of all shards: its number from 1, its text, and the signed checkpoint as a note."""

    number: int
    text: str
    note: str


class StoreError(Exception):
    """A store could not do what was asked; the message says what, where and what to do next.

    Attributes:
        fail_stop: the device lost a write that it had taken. What is in memory may say more than what
            is on disk, so the process must end without another write; a new one reads what is there.
    """

    fail_stop = False


class Fenced(StoreError):
    """This writer is no longer the shard's writer: drop the shard, reload, never repair in memory."""


class StorageFull(StoreError):
    """No room; nothing of the batch was stored. The store stays readable."""


class Corrupted(StoreError):
    """Stored bytes are damaged; the message names the file and the range of records."""


class NewerFormat(StoreError):
    """The database was written by a newer release."""


class Unwritable(StoreError):
    """The place cannot be written: read-only folder, permissions, or locked by another hub."""


class Store(Protocol):
    """The log of one or more shards, and what is derived from it in the same transaction."""

    @property
    def full(self) -> bool:
        """Whether only a reserve is left of the disk, to be spent on what is under way."""

    def look_for_room(self) -> None:
        """Put the reserve back if there is room for it again; then the store is not `full` any more."""

    def claim(self, shard: int) -> Head:
        """Take the shard over: bump its epoch by compare-and-set. Gives the new epoch and the log's end.

        Raises:
            Corrupted: the end of the log is damaged; the epoch is as it was.
            ValueError: a shard is a number from 0 to 2**23 - 1.
        """

    def head(self, shard: int) -> Head:
        """The shard's present epoch and end of log, without claiming it."""

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
        """Append rows in one durable transaction, guarded by `previous`.

        Args:
            rows: contiguous from `previous.seq + 1`, all of epoch `previous.epoch`; may be empty.
            previous: what the writer believes the shard's epoch, last seq and last hash to be.
            blobs: (SHA-256 digest, bytes), written first; existing ones are left alone.
            cold: runs that leave memory or ended; each replaces its former row and its waits. Of several
                for one run the last counts.
            thawed: runs back in memory: their waits are deleted, their row stays. They thaw before any
                gets cold.
            tiles: of the tree over the rows; each replaces the one in its place.
        Raises:
            Fenced: epoch, seq or hash is not what the writer believes, or the shard was never claimed.
                Nothing was stored.
            StorageFull: nothing was stored; the store is still readable.
            StoreError: anything else; whether it was stored is unknown. Reload from the log. A batch with
                gaps or of another epoch is refused with it, too.
        """

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        """Rows with seq > after, in order. Raises Corrupted naming the range."""

    def row(self, shard: int, seq: int) -> Row | None:
        """One row."""

    def blob(self, digest: bytes) -> bytes:
        """A blob. Raises KeyError if it is not there, Corrupted if it does not have its digest."""

    def cold(self, shard: int, runs: Iterable[bytes]) -> list[ColdRun]:
        """The cold runs among these, in their order, each once (their waits are not read)."""

    def due(self, shard: int, now: int, limit: int = 1000) -> list[tuple[int, bytes]]:
        """(wake_at, run) of cold runs whose wake_at is `now` or before, earliest first, then by run id.

        A `wake_at` of 0 is never due.
        """

    def next_wake(self, shard: int) -> int:
        """The earliest wake_at above 0 among the waits; 0 if there is none."""

    def waiting(
        self, shard: int, kind: str, key_hash: bytes, after: bytes = b"", limit: int = 1000
    ) -> list[bytes]:
        """Cold runs that wait for this, by run id, from after `after`. Timers are found by `due` alone."""

    def cold_runs(self, shard: int, status: str = "", after: bytes = b"", limit: int = 1000) -> list[ColdRun]:
        """Cold runs by run id, from after `after`, of one status if given."""

    def save_snapshot(self, shard: int, snapshot: Snapshot) -> None:
        """Keep a snapshot, and the newest three of the shard.

        Raises:
            Fenced: its epoch is not the shard's.
        """

    def snapshot(self, shard: int) -> Snapshot | None:
        """The newest snapshot whose digest holds."""

    def save_tiles(self, shard: int, tiles: Iterable[Tile], previous: Head) -> None:
        """Keep tiles that were made anew from the log. Raises Fenced as `append` does."""

    def tile(self, shard: int, level: int, number: int) -> bytes:
        """The hashes of a tile; b"" if it is not there. They are not checked against the log."""

    def add_statement(self, stated: Stated, heads: Mapping[int, Head], tiles: Iterable[Tile]) -> None:
        """Keep a statement, in one durable transaction.

        Args:
            heads: what the shards stand at, as it says.
            tiles: of the tree over the statements.
        Raises:
            Fenced: a shard stands elsewhere, or the number is not the next; nothing was stored.
        """

    def amend_statement(self, number: int, note: str) -> None:
        """Replace the note of a statement by one with more signatures."""

    def statements(self, after: int = 0, limit: int = 1000) -> list[Stated]:
        """Statements with number > after, in order."""

    def last_statement(self) -> Stated | None: ...

    def identity(self) -> str:
        """What tells this log from any other: 32 hex digits, drawn when it was made."""

    def close(self) -> None: ...


class Reader(Protocol):
    """A read-only companion for other threads: short reads on a connection of its own."""

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]: ...
    def row(self, shard: int, seq: int) -> Row | None: ...
    def blob(self, digest: bytes) -> bytes: ...
    def cold(self, shard: int, runs: Iterable[bytes]) -> list[ColdRun]: ...
    def head(self, shard: int) -> Head: ...
    def cold_runs(
        self, shard: int, status: str = "", after: bytes = b"", limit: int = 1000
    ) -> list[ColdRun]: ...
    def next_wake(self, shard: int) -> int: ...
    def snapshot(self, shard: int) -> Snapshot | None: ...
    def chain(self, shard: int, last: int) -> Iterator[Row]:
        """The records of one run, newest first, by their back-pointers from seq `last`."""

    def scan(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        """Rows with seq > after, in order, as they are stored: for whoever checks them himself."""

    def shards(self) -> list[int]:
        """The numbers of all shards that were claimed or have records."""

    def tile(self, shard: int, level: int, number: int) -> bytes: ...
    def statements(self, after: int = 0, limit: int = 1000) -> list[Stated]: ...
    def last_statement(self) -> Stated | None: ...
    def identity(self) -> str: ...

    def close(self) -> None: ...
