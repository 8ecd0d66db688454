"""Full, broken, read-only and forbidden disks: each is told as what it is, and loses nothing stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from podium.store.interface import Fenced, Head, StorageFull, StoreError, Unwritable
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from tests.store.disks import BadDisk, BrokenDisk, Disk, ForbiddenDisk, FullDisk, ReadOnlyDisk
from tests.store.kit import blob_of, extend, head_after, rows_after, snapshot_of

ROOT = Path(__file__).resolve().parents[2]


def fill(store: SqliteStore, head: Head) -> tuple[Head, StorageFull]:
    """Append until there is no room; the head that was reached, and how it was told."""
    for _ in range(1000):
        try:
            head = extend(store, 0, head, 3, body_bytes=2000)
        except StorageFull as full:
            return head, full
    raise AssertionError("the disk never got full")


# --- full -------------------------------------------------------------------------------------


@pytest.mark.parametrize("room_bytes", [0, 5_000, 100_000, 1_000_000])
def test_a_full_disk_stores_nothing_of_the_batch_and_stays_readable(tmp_path: Path, room_bytes: int) -> None:
    SqliteStore(tmp_path / "log.db").close()
    disk = FullDisk(10_000_000)
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name, checkpoint_pages=16)
    head = extend(store, 0, store.claim(0), 3)
    disk.room_bytes = room_bytes
    head, full = fill(store, head)
    assert str(tmp_path) in str(full)
    assert "no room" in str(full)
    assert store.full
    assert store.head(0) == head
    assert len(store.read(0, 0)) == head.seq
    with SqliteReader(tmp_path / "log.db") as reader:
        assert reader.head(0) == head
    disk.room_bytes = 10_000_000
    head = extend(store, 0, head, 3)
    assert not store.full
    store.close()
    store = SqliteStore(tmp_path / "log.db")
    assert store.head(0) == head
    store.close()


def test_a_full_disk_refuses_snapshots_and_claims_too(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "log.db").close()
    disk = FullDisk(0)
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name)
    with pytest.raises(StorageFull):
        store.claim(0)
    disk.room_bytes = 1_000_000
    head = extend(store, 0, store.claim(0), 1)
    disk.room_bytes = 0
    with pytest.raises(StorageFull):
        store.save_snapshot(0, snapshot_of(head, bytes(100_000)))
    assert store.snapshot(0) is None
    store.close()


def test_the_disk_filling_up_in_a_checkpoint_does_not_fail_the_append(tmp_path: Path) -> None:
    """The append is durable in the write-ahead log by then; a caller told otherwise would do it twice."""
    SqliteStore(tmp_path / "log.db").close()
    disk = FullDisk(10_000_000)
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name, checkpoint_pages=1000)
    head = extend(store, 0, store.claim(0), 100, body_bytes=2000)
    disk.room_bytes = 0
    store.checkpoint()
    assert store.full
    assert store.head(0) == head
    store.close()
    store = SqliteStore(tmp_path / "log.db")
    assert (store.head(0), len(store.read(0, 0))) == (head, 100)
    store.close()


def test_the_ballast_is_given_up_when_full_and_taken_again_with_room(tmp_path: Path) -> None:
    disk = FullDisk(10_000_000)
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name, ballast_bytes=64 << 10)
    ballast = tmp_path / "log.db.ballast"
    assert ballast.stat().st_size == 64 << 10
    assert ballast.stat().st_blocks * 512 >= 64 << 10, "it must take room, not only claim a size"
    head = store.claim(0)
    disk.room_bytes = 0
    fill(store, head)
    assert not ballast.exists()
    disk.room_bytes = 1_000_000
    store.checkpoint()
    assert ballast.exists()
    assert not store.full
    store.full = True
    ballast.unlink()
    store.look_for_room()
    assert ballast.exists()
    assert not store.full
    store.close()


def test_a_hub_can_start_and_read_on_a_full_disk(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "log.db") as store:
        end = extend(store, 0, store.claim(0), 3)
    disk = FullDisk(0, tmp_path / "log.db.ballast")
    with SqliteStore(tmp_path / "log.db", vfs=disk.name) as store:
        assert store.claim(0) == end._replace(epoch=2)
        assert len(store.read(0, 0)) == 3


LIMITED = """
import resource, sys
from pathlib import Path
from podium.store.interface import StorageFull
from podium.store.sqlite import SqliteStore
from tests.store.kit import extend
from tests.store.test_faults import fill

store = SqliteStore(Path(sys.argv[1]), checkpoint_pages=16)
head = extend(store, 0, store.claim(0), 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
head, full = fill(store, head)
assert len(store.read(0, 0)) == head.seq
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
head = extend(store, 0, head, 3)
store.close()
print(head.seq)
"""


def test_a_limit_on_the_file_size_is_a_full_disk(tmp_path: Path) -> None:
    """The system says EFBIG there, not ENOSPC, and SQLite calls it an input/output error."""
    path = tmp_path / "log.db"
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    store = SqliteStore(path)
    assert store.head(0).seq == int(done.stdout) > 100
    store.close()


# --- broken -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sync", range(12))
def test_a_failed_sync_ends_all_writing_and_loses_nothing_acknowledged(tmp_path: Path, sync: int) -> None:
    disk = BrokenDisk()
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name, checkpoint_pages=4)
    head = store.claim(0)
    disk.syncs_left = sync
    with pytest.raises(StoreError) as told:
        for _ in range(20):
            head = extend(store, 0, head, 3, body_bytes=4000)
    assert told.value.fail_stop
    assert "start again" in str(told.value)
    for write in (
        lambda: store.append(0, rows_after(head, 1), head),
        lambda: store.claim(0),
        lambda: store.save_snapshot(0, snapshot_of(head, b"")),
        store.checkpoint,
    ):
        with pytest.raises(StoreError) as again:
            write()
        assert again.value.fail_stop
    assert [row.seq for row in store.read(0, 0)] == list(range(1, head.seq + 1))
    store.close()
    assert disk.tried_after == 0, (
        "nothing is written or synced again after a failed sync, not even on closing"
    )
    store = SqliteStore(tmp_path / "log.db")
    assert store.head(0).seq in (head.seq, head.seq + 3), "the batch of the failed sync may be there or not"
    store.close()


def test_a_write_that_fails_is_fail_stop(tmp_path: Path) -> None:
    disk = BadDisk()
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name)
    head = extend(store, 0, store.claim(0), 3)
    disk.bad = apsw.SQLITE_IOERR_WRITE
    with pytest.raises(StoreError, match="input/output error") as told:
        extend(store, 0, head, 1)
    assert told.value.fail_stop
    assert store.head(0) == head
    store.close()


class BadFile(BadDisk):
    """Takes the write-ahead log, and fails the database itself."""

    def writing(self, path: Path, data: bytes, offset: int) -> None:
        if path.suffix == ".db":
            super().writing(path, data, offset)


@pytest.mark.parametrize("code", [apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_READONLY, apsw.SQLITE_CORRUPT])
def test_a_checkpoint_that_fails_does_not_fail_its_append_but_the_next(tmp_path: Path, code: int) -> None:
    disk = BadFile()
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name, checkpoint_pages=4)
    head = store.claim(0)
    disk.bad = code
    head = extend(store, 0, head, 10, body_bytes=8000)
    with pytest.raises(StoreError, match="device failed before") as told:
        extend(store, 0, head, 1)
    assert told.value.fail_stop
    store.close()
    store = SqliteStore(tmp_path / "log.db")
    assert store.head(0) == head
    store.close()


def test_other_refusals_are_not_fail_stop(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    head = store.claim(0)
    with pytest.raises(Fenced) as told:
        store.append(0, [], head._replace(seq=1))
    assert not told.value.fail_stop
    store.close()


# --- locked -----------------------------------------------------------------------------------


def test_a_database_that_stays_locked_is_told_and_nothing_is_stored(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    head = store.claim(0)
    other = apsw.Connection(str(tmp_path / "log.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as told:
        extend(store, 0, head, 1)
    assert not told.value.fail_stop
    other.execute("COMMIT")
    assert extend(store, 0, head, 1).seq == 1
    other.close()
    store.close()


def test_a_reader_that_stays_in_a_transaction_does_not_stop_the_writer(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db", checkpoint_pages=4)
    head = extend(store, 0, store.claim(0), 1)
    other = apsw.Connection(str(tmp_path / "log.db"))
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM log").fetchall()
    for _ in range(10):
        head = extend(store, 0, head, 3, body_bytes=4000)
    store.checkpoint()
    assert other.execute("SELECT count(*) FROM log").get == 1
    other.execute("COMMIT")
    assert other.execute("SELECT count(*) FROM log").get == 31
    other.close()
    store.checkpoint()
    assert (tmp_path / "log.db-wal").stat().st_size == 0
    store.close()


# --- not writable -----------------------------------------------------------------------------


@pytest.mark.parametrize("disk", [ReadOnlyDisk, ForbiddenDisk])
def test_a_place_that_cannot_be_written_is_told_with_a_way_out(tmp_path: Path, disk: type[Disk]) -> None:
    store = SqliteStore(tmp_path / "log.db")
    extend(store, 0, store.claim(0), 3)
    store.close()
    layer = disk()
    with pytest.raises(Unwritable, match="choose another state folder") as told:
        SqliteStore(tmp_path / "log.db", vfs=layer.name)
    assert str(tmp_path / "log.db") in str(told.value)


@pytest.mark.parametrize("place", ["missing/log.db", "file/log.db", "folder"])
def test_a_path_that_leads_nowhere_is_unwritable(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unwritable, match="choose another state folder"):
        SqliteStore(tmp_path / place)


def test_blobs_of_a_refused_append_leave_no_trace(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "log.db").close()
    disk = FullDisk(100_000)
    store = SqliteStore(tmp_path / "log.db", vfs=disk.name)
    head = store.claim(0)
    rows = rows_after(head, 2)
    big = blob_of(bytes(300_000))
    with pytest.raises(StorageFull):
        store.append(0, rows, head, blobs=[big])
    with pytest.raises(KeyError):
        store.blob(big[0])
    store.append(0, rows, head)
    assert store.head(0) == head_after(head, rows)
    store.close()
