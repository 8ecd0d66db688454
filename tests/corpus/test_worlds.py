"""Whatever any release has stored, this one reads, folds to the same state, and goes on with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import apsw
import msgspec
import pytest

from podium.audit.chain import verify
from podium.facts import stored
from podium.facts.events import EVENTS
from podium.facts.identity import run_text
from podium.runtime.shard import ShardHost, thaw
from podium.runtime.system import SystemHost
from podium.runtime.writer import decode_row
from podium.store.interface import GENESIS, Store
from podium.store.sqlite import SqliteStore
from tests.corpus import worlds
from tests.corpus.record import KeepingStore, missing
from tests.corpus.worlds import Fold, World, difference, full

PATHS = sorted(worlds.FOLDER.glob("*.jsonl"))
DUMPS = sorted(worlds.FOLDER.glob("*.sql"))
SHARDS = (0, 1)

every_world = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@cache
def world_at(path: Path) -> World:
    return worlds.read(path)


def folded(world: World, last: int = 1 << 60) -> Fold:
    """Both shards, folded; the runs' only to a seq."""
    fold, store = Fold(), worlds.restored(world)
    for shard in SHARDS:
        for row in world.rows[shard]:
            if shard == 0 or row.seq <= last:
                fold.take(shard, decode_row(row, store))
    return fold


def test_every_event_is_there_at_its_present_version() -> None:
    assert missing() == set(), "run: python -m tests.corpus.record"
    assert any(world_at(path).blobs for path in PATHS)
    assert all(world_at(path).snapshots for path in PATHS)


@every_world
def test_the_links_hold(path: Path) -> None:
    for rows in world_at(path).rows.values():
        assert verify(GENESIS, 0, rows) == (rows[-1].seq, rows[-1].hash)


@every_world
def test_what_this_release_stores_of_a_record_is_what_was_stored(path: Path) -> None:
    world = world_at(path)
    store = worlds.restored(world)
    for rows in world.rows.values():
        for row in rows:
            record = decode_row(row, store)
            if row.version == EVENTS[row.type].VERSION:
                envelope, body = stored.encode(record.event, record.body)
                kept = store.blob(row.body[1:33]) if row.body[:1] == stored.BLOB else row.body
                assert (envelope, body) == (row.envelope, kept), f"record {row.seq}"


@every_world
def test_the_records_fold_to_the_recorded_state(path: Path) -> None:
    world = world_at(path)
    fold = folded(world)
    for shard in SHARDS:
        present = msgspec.json.decode(msgspec.json.encode(fold.state(shard)))
        assert difference(world.end[shard], present) == ""


@every_world
def test_runs_that_left_memory_are_what_their_records_give(path: Path) -> None:
    world = world_at(path)
    assert world.cold
    for frozen in world.cold:
        run = folded(world, frozen.seq).shard.runs[run_text(frozen.run)]
        assert difference(full(thaw(frozen)), full(run)) == ""


@every_world
def test_a_snapshot_and_the_tail_give_what_all_records_give(path: Path) -> None:
    world = world_at(path)
    store = worlds.restored(world)
    fold = folded(world)
    state = ShardHost(store, 1, fold.catalog, "observer").observe()
    seqs = (state.seq, state.epoch, state.revision)
    assert seqs == (fold.shard.seq, fold.shard.epoch, fold.shard.revision)
    for run_id, run in state.runs.items():
        assert full(run) == full(fold.shard.runs[run_id])


@every_world
def test_a_hub_takes_over_and_goes_on(path: Path) -> None:
    goes_on(worlds.restored(world_at(path)), world_at(path))


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_a_database_of_a_former_release_is_opened_and_gone_on_with(path: Path, tmp_path: Path) -> None:
    database = tmp_path / "log.db"
    connection = apsw.Connection(str(database))
    connection.execute(path.read_text())
    connection.close()
    store = SqliteStore(database, ballast_bytes=0)
    try:
        world = world_at(path.with_suffix(".jsonl"))
        for shard in SHARDS:
            assert store.read(shard, 0, 10_000) == world.rows[shard]
        goes_on(store, world)
    finally:
        store.close()


def goes_on(store: Store, world: World) -> None:
    """A hub takes the shards over: what was in flight is lost, and all links hold."""
    now = world.end[1]["now"] + 3_600_000
    system = SystemHost(store, "now")
    system.open(now)
    host = ShardHost(store, 1, system.catalog, "now")
    out = host.open(now)
    assert type(out.records[0].event).__name__ == "EpochStarted"
    state = host.state
    assert state is not None
    in_flight = {
        (run_id, effect["id"]): effect["token"]
        for run_id, run in world.end[1]["runs"].items()
        for effect in run["effects"].values()
        if effect["status"] == "running"
    }
    for run in state.runs.values():
        for effect in run.effects.values():
            assert in_flight.get((run.id, effect.id)) != effect.token, "an attempt of a dead hub runs on"
    rows = store.read(1, 0, 10_000)
    assert verify(GENESIS, 0, rows) == (host.writer.head.seq, host.writer.head.hash)


def test_a_stored_world_is_never_written_over() -> None:
    with pytest.raises(FileExistsError):
        worlds.write(PATHS[0], {}, KeepingStore(), [])


def test_what_differs_is_named() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "c": 3}], "d": 4}) == ""
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == "/a/1/b was 2 and is 3"
    assert difference({"a": 1}, {}) == "/a is gone"
    assert difference({"a": [1]}, {"a": [1, 2]}) == "/a was [1] and is [1, 2]"
