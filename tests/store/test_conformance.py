"""Every promise of `store.interface`, kept by every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.audit.chain import verify
from podium.store.interface import (
    GENESIS,
    ColdRun,
    Corrupted,
    Fenced,
    Head,
    Snapshot,
    Store,
    StoreError,
    Wait,
)
from tests.store.kit import WORLDS, World, blob_of, extend, head_after, rows_after, run_of, snapshot_of


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = WORLDS[request.param](tmp_path)
    yield world
    world.close()


@pytest.fixture
def store(world: World) -> Store:
    return world.open()


def timer(wake_at: int) -> Wait:
    return Wait("timer", b"", wake_at)


def event(key: bytes, wake_at: int = 0) -> Wait:
    return Wait("event", key, wake_at)


def cool(store: Store, shard: int, head: Head, *runs: ColdRun) -> None:
    store.append(shard, [], head, cold=runs)


# --- claim and head ---------------------------------------------------------------------------


def test_an_unclaimed_shard_has_epoch_zero_and_an_empty_log(store: Store) -> None:
    assert store.head(3) == Head(0, 0, GENESIS)


def test_a_claim_gives_the_next_epoch_and_the_end_of_the_log(store: Store) -> None:
    first = store.claim(0)
    assert first == Head(1, 0, GENESIS)
    end = extend(store, 0, first, 3)
    assert store.claim(0) == Head(2, end.seq, end.hash)
    assert store.head(0).epoch == 2


def test_two_claims_never_get_the_same_epoch(world: World) -> None:
    one, other = world.open(), world.open()
    epochs = [store.claim(0).epoch for store in (one, other, one, one, other)]
    assert epochs == [1, 2, 3, 4, 5]


def test_a_head_claims_nothing(store: Store) -> None:
    head = store.claim(0)
    store.head(0)
    assert extend(store, 0, head, 1).epoch == 1


@pytest.mark.parametrize("shard", [-1, 1 << 23])
def test_a_shard_out_of_range_is_refused(store: Store, shard: int) -> None:
    with pytest.raises(ValueError, match="is not between"):
        store.claim(shard)


def test_the_last_shard_is_as_good_as_the_first(store: Store) -> None:
    last = (1 << 23) - 1
    head = extend(store, last, store.claim(last), 2)
    assert store.head(last) == head
    assert store.head(last - 1) == Head(0, 0, GENESIS)


# --- append -----------------------------------------------------------------------------------


def test_what_was_appended_is_read_as_it_was(store: Store) -> None:
    head = store.claim(0)
    rows = rows_after(head, 20, body_bytes=3000)
    store.append(0, rows[:7], head)
    store.append(0, rows[7:], head_after(head, rows[:7]))
    assert store.read(0, 0) == rows
    assert verify(GENESIS, 0, store.read(0, 0)) == (20, rows[-1].hash)


def test_an_append_of_nothing_is_guarded_too(store: Store) -> None:
    head = store.claim(0)
    store.append(0, [], head)
    with pytest.raises(Fenced):
        store.append(0, [], head._replace(epoch=2))


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 2},
        {"epoch": 0},
        {"seq": 4},
        {"seq": 6},
        {"seq": 0, "hash": GENESIS},
        {"hash": bytes([7]) * 32},
    ],
    ids=str,
)
def test_an_append_is_fenced_by_epoch_seq_and_hash(store: Store, change: dict[str, object]) -> None:
    head = extend(store, 0, store.claim(0), 5)
    believed = head._replace(**change)
    with pytest.raises(Fenced, match="shard 0 has another writer"):
        store.append(0, rows_after(believed, 2), believed)
    assert store.head(0) == head


def test_a_fenced_append_stores_nothing_of_what_came_with_it(world: World) -> None:
    old, new = world.open(), world.open()
    stale = old.claim(0)
    cool(old, 0, stale, ColdRun(run_of(1), 0, "waiting", b"kept", (timer(5),)))
    new.claim(0)
    digest, content = blob_of(b"lost")
    with pytest.raises(Fenced):
        old.append(
            0,
            rows_after(stale, 1),
            stale,
            blobs=[(digest, content)],
            cold=[ColdRun(run_of(2), 1, "waiting", b"lost")],
            thawed=[run_of(1)],
        )
    with pytest.raises(KeyError):
        old.blob(digest)
    assert [run.state for run in old.cold_runs(0)] == [b"kept"]
    assert old.due(0, 5) == [(5, run_of(1))]
    assert new.read(0, 0) == []


def test_of_two_writers_with_one_head_the_first_wins(world: World) -> None:
    one, other = world.open(), world.open()
    head = one.claim(0)
    first, second = rows_after(head, 2, mark="first"), rows_after(head, 2, mark="second")
    one.append(0, first, head)
    with pytest.raises(Fenced):
        other.append(0, second, head)
    assert other.read(0, 0) == first


def test_a_deposed_writer_cannot_append_even_at_the_end(world: World) -> None:
    old, new = world.open(), world.open()
    stale = extend(old, 0, old.claim(0), 2)
    new.claim(0)
    with pytest.raises(Fenced):
        old.append(0, rows_after(stale, 1), stale)
    assert len(new.read(0, 0)) == 2


def test_nobody_writes_to_a_shard_that_was_never_claimed(store: Store) -> None:
    nobody = store.head(0)
    with pytest.raises(Fenced):
        store.append(0, rows_after(nobody, 1), nobody)
    with pytest.raises(Fenced):
        store.save_snapshot(0, snapshot_of(nobody, b"state"))
    assert store.head(0) == nobody


@pytest.mark.parametrize("order", [(0, 2), (1, 0), (0, 1, 1), (1, 2), (0, 3, 1, 2)], ids=str)
def test_a_batch_with_gaps_is_refused(store: Store, order: tuple[int, ...]) -> None:
    head = store.claim(0)
    rows = rows_after(head, 5)
    with pytest.raises(StoreError, match="without gaps"):
        store.append(0, [rows[i] for i in order], head)
    assert store.read(0, 0) == []


def test_a_batch_of_another_epoch_is_refused(store: Store) -> None:
    head = store.claim(0)
    with pytest.raises(StoreError, match="another epoch"):
        store.append(0, rows_after(head._replace(epoch=2), 2), head)
    assert store.head(0) == head


def test_shards_are_separate(store: Store) -> None:
    zero, one = store.claim(0), store.claim(1)
    zero = extend(store, 0, zero, 3)
    one = extend(store, 1, one, 5)
    store.append(0, [], zero, cold=[ColdRun(run_of(1), 3, "waiting", b"zero", (timer(5), event(b"k")))])
    assert (len(store.read(0, 0)), len(store.read(1, 0))) == (3, 5)
    assert (store.cold(1, [run_of(1)]), store.due(1, 99), store.waiting(1, "event", b"k")) == ([], [], [])
    assert store.head(1) == one


# --- reading ----------------------------------------------------------------------------------


def test_reading_starts_after_and_stops_at_the_limit(store: Store) -> None:
    extend(store, 0, store.claim(0), 10)
    assert [row.seq for row in store.read(0, 4, 3)] == [5, 6, 7]
    assert [row.seq for row in store.read(0, 8)] == [9, 10]
    assert store.read(0, 10) == store.read(0, 99) == []


def test_a_row_is_there_or_none(store: Store) -> None:
    extend(store, 0, store.claim(0), 3)
    rows = store.read(0, 0)
    assert [store.row(0, seq) for seq in (0, 1, 2, 3, 4)] == [None, *rows, None]


# --- blobs ------------------------------------------------------------------------------------


def test_a_blob_is_read_as_it_was_and_a_missing_one_is_a_key_error(store: Store) -> None:
    digest, content = blob_of(bytes(range(256)) * 400)
    store.append(0, [], store.claim(0), blobs=iter([(digest, content), blob_of(b"")]))
    assert store.blob(digest) == content
    assert store.blob(blob_of(b"")[0]) == b""
    with pytest.raises(KeyError):
        store.blob(bytes(32))


def test_a_blob_that_exists_is_left_alone(store: Store) -> None:
    head = store.claim(0)
    digest, content = blob_of(b"first")
    store.append(0, [], head, blobs=[(digest, content)])
    store.append(0, [], head, blobs=[(digest, b"another")])
    assert store.blob(digest) == content


def test_a_blob_without_its_digest_is_corrupted(store: Store) -> None:
    store.append(0, [], store.claim(0), blobs=[(bytes(32), b"not of this digest")])
    with pytest.raises(Corrupted, match="00000000"):
        store.blob(bytes(32))


# --- cold runs and waits ----------------------------------------------------------------------


def test_cold_runs_are_read_in_the_order_asked_each_once_without_waits(store: Store) -> None:
    runs = [ColdRun(run_of(n), n, "waiting", b"state %d" % n, (timer(n),)) for n in (1, 2, 3)]
    cool(store, 0, store.claim(0), *runs)
    asked = [run_of(3), run_of(9), run_of(1), run_of(3)]
    assert store.cold(0, asked) == [runs[2]._replace(waits=()), runs[0]._replace(waits=())]


def test_a_cold_run_replaces_its_former_row_and_its_waits(store: Store) -> None:
    head = store.claim(0)
    cool(store, 0, head, ColdRun(run_of(1), 1, "waiting", b"old", (timer(5), event(b"old"))))
    cool(store, 0, head, ColdRun(run_of(1), 2, "done", b"new", (event(b"new", 9),)))
    assert store.cold(0, [run_of(1)]) == [ColdRun(run_of(1), 2, "done", b"new")]
    assert store.due(0, 99) == [(9, run_of(1))]
    assert store.waiting(0, "event", b"old") == []
    assert store.waiting(0, "event", b"new") == [run_of(1)]
    assert store.cold_runs(0, "waiting") == []


def test_of_several_cold_states_of_a_run_the_last_counts(store: Store) -> None:
    states = [ColdRun(run_of(1), n, "waiting", b"%d" % n, (timer(n),)) for n in (1, 2)]
    cool(store, 0, store.claim(0), *states)
    assert store.cold(0, [run_of(1)]) == [ColdRun(run_of(1), 2, "waiting", b"2")]
    assert store.due(0, 99) == [(2, run_of(1))]


def test_a_thawed_run_keeps_its_row_and_loses_its_waits(store: Store) -> None:
    head = store.claim(0)
    cool(store, 0, head, ColdRun(run_of(1), 1, "waiting", b"s", (timer(5), event(b"k", 7))))
    store.append(0, [], head, thawed=iter([run_of(1), run_of(2)]))
    assert store.cold(0, [run_of(1)]) == [ColdRun(run_of(1), 1, "waiting", b"s")]
    assert (store.due(0, 99), store.next_wake(0), store.waiting(0, "event", b"k")) == ([], 0, [])


def test_a_run_that_thaws_and_gets_cold_in_one_append_is_cold(store: Store) -> None:
    head = store.claim(0)
    cool(store, 0, head, ColdRun(run_of(1), 1, "waiting", b"s", (timer(5),)))
    store.append(0, [], head, cold=[ColdRun(run_of(1), 2, "waiting", b"t", (timer(6),))], thawed=[run_of(1)])
    assert store.due(0, 99) == [(6, run_of(1))]


def test_due_gives_what_is_past_earliest_first_then_by_run(store: Store) -> None:
    cool(
        store,
        0,
        store.claim(0),
        ColdRun(run_of(3), 1, "waiting", b"", (timer(10), event(b"k", 10), timer(30))),
        ColdRun(run_of(1), 1, "waiting", b"", (timer(20), timer(0), event(b"k"))),
        ColdRun(run_of(2), 1, "waiting", b"", (event(b"k", 10),)),
    )
    assert store.due(0, 9) == []
    assert store.due(0, 10) == [(10, run_of(2)), (10, run_of(3))]
    assert store.due(0, 30) == [(10, run_of(2)), (10, run_of(3)), (20, run_of(1)), (30, run_of(3))]
    assert store.due(0, 30, 2) == [(10, run_of(2)), (10, run_of(3))]


def test_next_wake_is_the_earliest_and_zero_if_there_is_none(store: Store) -> None:
    head = store.claim(0)
    assert store.next_wake(0) == 0
    cool(store, 0, head, ColdRun(run_of(1), 1, "waiting", b"", (event(b"k"), timer(8), timer(6))))
    assert store.next_wake(0) == 6


def test_waiting_is_by_kind_and_key_in_pages_of_run_ids(store: Store) -> None:
    head = store.claim(0)
    runs = [ColdRun(run_of(n), 1, "waiting", b"", (event(b"k", n), event(b"k"))) for n in (5, 1, 3)]
    cool(store, 0, head, *runs, ColdRun(run_of(4), 1, "waiting", b"", (Wait("human", b"k", 0), event(b"l"))))
    assert store.waiting(0, "event", b"k") == [run_of(1), run_of(3), run_of(5)]
    assert store.waiting(0, "event", b"k", limit=2) == [run_of(1), run_of(3)]
    assert store.waiting(0, "event", b"k", after=run_of(3)) == [run_of(5)]
    assert store.waiting(0, "human", b"k") == [run_of(4)]
    assert store.waiting(0, "event", b"none") == []


def test_timers_are_found_by_due_alone(store: Store) -> None:
    cool(store, 0, store.claim(0), ColdRun(run_of(1), 1, "waiting", b"", (Wait("timer", b"k", 5),)))
    assert store.waiting(0, "timer", b"k") == []
    assert store.due(0, 5) == [(5, run_of(1))]


def test_cold_runs_come_in_pages_of_run_ids_and_by_status(store: Store) -> None:
    status = {1: "waiting", 2: "done", 3: "waiting", 4: "failed"}
    runs = [ColdRun(run_of(n), n, name, b"%d" % n) for n, name in status.items()]
    cool(store, 0, store.claim(0), *reversed(runs))
    assert store.cold_runs(0) == runs
    assert store.cold_runs(0, "waiting") == [runs[0], runs[2]]
    assert store.cold_runs(0, "waiting", after=run_of(1)) == [runs[2]]
    assert store.cold_runs(0, after=run_of(1), limit=2) == runs[1:3]


# --- snapshots --------------------------------------------------------------------------------


def test_the_newest_snapshot_is_given_and_none_if_there_is_none(store: Store) -> None:
    head = store.claim(0)
    assert store.snapshot(0) is None
    newest = Snapshot(0, 0, b"", b"")
    for n in range(5):
        head = extend(store, 0, head, 1)
        newest = snapshot_of(head, b"state %d" % n)
        store.save_snapshot(0, newest)
    assert store.snapshot(0) == newest
    assert store.snapshot(1) is None


def test_a_snapshot_whose_digest_does_not_hold_is_passed_over(store: Store) -> None:
    head = extend(store, 0, store.claim(0), 1)
    good = snapshot_of(head, b"good")
    store.save_snapshot(0, good)
    for _ in range(2):
        head = extend(store, 0, head, 1)
        store.save_snapshot(0, snapshot_of(head, b"bad")._replace(state=b"flipped"))
    assert store.snapshot(0) == good
    head = extend(store, 0, head, 1)
    store.save_snapshot(0, snapshot_of(head, b"bad")._replace(state=b"flipped"))
    assert store.snapshot(0) is None, "three are kept, and none of them holds"


def test_a_snapshot_of_a_deposed_writer_is_fenced(world: World) -> None:
    old, new = world.open(), world.open()
    head = extend(old, 0, old.claim(0), 1)
    new.claim(0)
    with pytest.raises(Fenced):
        old.save_snapshot(0, snapshot_of(head, b"late"))
    assert new.snapshot(0) is None
