"""Random operations on the oracle and on SQLite, by two writers: every answer is the same."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from podium.audit.chain import verify
from podium.store.interface import GENESIS, ColdRun, Head, Snapshot, Store, StoreError, Wait
from podium.store.memory import MemoryStore
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from tests.store.disks import Disk
from tests.store.kit import blob_of, head_after, rows_after, run_of

CACHED = Disk(really_syncs=False)
SHARDS = st.integers(0, 1)
WRITERS = st.integers(0, 1)
RUNS = st.integers(0, 6).map(run_of)
KEYS = (b"", b"k" * 32)
KINDS = ("timer", "event", "human")
STATUS = ("waiting", "done", "failed")
TIMES = st.integers(0, 9)
WAITS = st.builds(Wait, st.sampled_from(KINDS), st.sampled_from(KEYS), TIMES)
COLD = st.lists(
    st.builds(
        ColdRun,
        RUNS,
        st.integers(0, 50),
        st.sampled_from(STATUS),
        st.binary(max_size=40),
        st.lists(WAITS, max_size=3).map(tuple),
    ),
    max_size=3,
)
BLOBS = st.lists(st.sampled_from([b"", b"small", b"large" * 4000]), max_size=2)
COUNTS = st.sampled_from([1, 2, 5, 40, 0])
AFTER = st.one_of(st.just(b""), RUNS)
LIMITS = st.sampled_from([1, 2, 1000])

Answer = tuple[str, Any]


def answer(call: Callable[[], Any]) -> Answer:
    """What a call gave, or how it was refused."""
    try:
        return "gave", call()
    except (StoreError, KeyError, ValueError) as refused:
        return "refused", type(refused).__name__


def cold_of(store: Store, shard: int, status: str, after: bytes, limit: int) -> list[ColdRun]:
    return store.cold_runs(shard, status, after, limit)


def asked_for(store: Store, shard: int, kind: str, key: bytes, after: bytes, limit: int) -> list[bytes]:
    return store.waiting(shard, kind, key, after, limit)


class Stores(RuleBasedStateMachine):
    """Two writers, each with its own belief of where the logs end, on one database and on one oracle."""

    seen: Counter[tuple[str, str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.oracle = MemoryStore()
        self.writers = [self.open(), self.open()]
        self.reader = SqliteReader(self.folder / "log.db")
        self.beliefs = [[Head(0, 0, GENESIS)] * 2, [Head(0, 0, GENESIS)] * 2]

    def open(self) -> SqliteStore:
        return SqliteStore(self.folder / "log.db", vfs=CACHED.name, checkpoint_pages=8, ballast_bytes=0)

    def teardown(self) -> None:
        for shard in (0, 1):
            rows = self.writers[0].read(shard, 0, 1_000_000)
            verify(GENESIS, 0, rows)
            assert rows == self.oracle.read(shard, 0, 1_000_000) == list(self.reader.iterate(shard, batch=7))
        for store in (*self.writers, self.reader):
            store.close()
        shutil.rmtree(self.folder)

    def both(self, name: str, writer: int, call: Callable[[Store], Any]) -> Answer:
        expected = answer(lambda: call(self.oracle))
        found = answer(lambda: call(self.writers[writer]))
        assert found == expected, name
        kind = expected[0] if expected[0] == "refused" or expected[1] not in (None, [], 0) else "empty"
        self.seen[name, kind] += 1
        return found

    @initialize(writer=WRITERS)
    def begin(self, writer: int) -> None:
        for shard in (0, 1):
            self.claim(writer, shard)

    def claim(self, writer: int, shard: int) -> None:
        self.beliefs[writer][shard] = self.both("claim", writer, lambda store: store.claim(shard))[1]

    @rule(writer=WRITERS, shard=SHARDS, take_over=st.sampled_from([False, False, False, True]))
    def reload(self, writer: int, shard: int, take_over: bool) -> None:
        """Without taking over, the belief is fresh, yet of the other writer's epoch if that claimed last."""
        if take_over:
            self.claim(writer, shard)
        else:
            self.beliefs[writer][shard] = self.both("head", writer, lambda store: store.head(shard))[1]

    @rule(writer=WRITERS, shard=st.sampled_from([-1, 1 << 23]))
    def claim_out_of_range(self, writer: int, shard: int) -> None:
        self.both("claim", writer, lambda store: store.claim(shard))

    @rule(
        writer=WRITERS,
        shard=SHARDS,
        count=COUNTS,
        body_bytes=st.sampled_from([0, 400, 9000]),
        mark=st.sampled_from("ab"),
        blobs=BLOBS,
        cold=COLD,
        thawed=st.lists(RUNS, max_size=2),
    )
    def append(
        self,
        writer: int,
        shard: int,
        count: int,
        body_bytes: int,
        mark: str,
        blobs: list[bytes],
        cold: list[ColdRun],
        thawed: list[bytes],
    ) -> None:
        belief = self.beliefs[writer][shard]
        rows = rows_after(belief, count, body_bytes=body_bytes, mark=mark)
        contents = [blob_of(content) for content in blobs]
        kind, _ = self.both(
            "append",
            writer,
            lambda store: (
                store.append(shard, rows, belief, blobs=contents, cold=cold, thawed=thawed) or "done"
            ),
        )
        if kind == "gave":
            self.beliefs[writer][shard] = head_after(belief, rows)

    @rule(writer=WRITERS, shard=SHARDS, drop=st.integers(0, 2))
    def append_with_a_gap(self, writer: int, shard: int, drop: int) -> None:
        belief = self.beliefs[writer][shard]
        rows = rows_after(belief, 4)
        del rows[drop]
        self.both("gap", writer, lambda store: store.append(shard, rows, belief))

    @rule(writer=WRITERS)
    def reopen(self, writer: int) -> None:
        self.writers[writer].close()
        self.writers[writer] = self.open()

    @rule(writer=WRITERS)
    def checkpoint(self, writer: int) -> None:
        self.writers[writer].checkpoint()

    @rule(writer=WRITERS, shard=SHARDS, after=st.sampled_from([0, 1, 2, 6, 50]), limit=LIMITS)
    def read(self, writer: int, shard: int, after: int, limit: int) -> None:
        self.both("read", writer, lambda store: store.read(shard, after, limit))
        self.both("row", writer, lambda store: store.row(shard, after))
        assert self.reader.read(shard, after, limit) == self.oracle.read(shard, after, limit)
        assert list(self.reader.chain(shard, after)) == list(self.oracle.chain(shard, after))

    @rule(writer=WRITERS, content=st.sampled_from([b"", b"small", b"large" * 4000, b"never stored"]))
    def blob(self, writer: int, content: bytes) -> None:
        self.both("blob", writer, lambda store: store.blob(blob_of(content)[0]) or "empty")

    @rule(writer=WRITERS, shard=SHARDS, runs=st.lists(RUNS, max_size=4), now=TIMES, after=AFTER, limit=LIMITS)
    def look_at_cold_runs(
        self, writer: int, shard: int, runs: list[bytes], now: int, after: bytes, limit: int
    ) -> None:
        self.both("cold", writer, lambda store: store.cold(shard, runs))
        self.both("due", writer, lambda store: store.due(shard, now, limit))
        self.both("next_wake", writer, lambda store: store.next_wake(shard))
        for status in ("", *STATUS):
            self.both(
                "cold_runs", writer, partial(cold_of, shard=shard, status=status, after=after, limit=limit)
            )
        for kind, key in product(KINDS, KEYS):
            ask = partial(asked_for, shard=shard, kind=kind, key=key, after=after, limit=limit)
            self.both("waiting", writer, ask)

    @rule(writer=WRITERS, shard=SHARDS, state=st.binary(max_size=20), flip=st.booleans())
    def save_snapshot(self, writer: int, shard: int, state: bytes, flip: bool) -> None:
        belief = self.beliefs[writer][shard]
        digest = blob_of(state + b"flipped" * flip)[0]
        snapshot = Snapshot(belief.seq, belief.epoch, state, digest)
        self.both("save_snapshot", writer, lambda store: store.save_snapshot(shard, snapshot) or "done")

    @rule(writer=WRITERS, shard=SHARDS)
    def snapshot(self, writer: int, shard: int) -> None:
        self.both("snapshot", writer, lambda store: store.snapshot(shard))

    @invariant()
    def same_heads(self) -> None:
        for shard in (0, 1):
            head = self.oracle.head(shard)
            assert self.writers[0].head(shard) == self.writers[1].head(shard) == head
            assert self.reader.head(shard) == head


REFUSABLE = {"claim", "append", "gap", "blob", "save_snapshot"}
EMPTY = {"read", "row", "cold", "due", "next_wake", "waiting", "cold_runs", "snapshot"}


def test_sqlite_answers_as_the_oracle_does() -> None:
    Stores.seen.clear()
    budget = settings(max_examples=120, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Stores, settings=budget)
    given = {name for name, kind in Stores.seen if kind == "gave"}
    assert given == (REFUSABLE | EMPTY | {"head"}) - {"gap"}, "each operation succeeded at least once"
    assert {name for name, kind in Stores.seen if kind == "refused"} == REFUSABLE
    assert {name for name, kind in Stores.seen if kind == "empty"} == EMPTY
