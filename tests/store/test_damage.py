"""Damaged files: noticed on reading, named by file and range of records, never passed on as true."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import apsw
import pytest

from podium.store.interface import ColdRun, Corrupted, Head, Row, StoreError, Wait
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from tests.store.kit import blob_of, extend, head_after, rows_after, run_of, snapshot_of

COUNT = 2000
BIG = blob_of(bytes(range(256)) * 200)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of 2,000 records, some of them long, a blob, cold runs and snapshots."""
    path = tmp_path / "log.db"
    with SqliteStore(path, ballast_bytes=0) as store:
        head = store.claim(0)
        rows = rows_after(head, COUNT, body_bytes=300)
        cold = [ColdRun(run_of(n), n, "waiting", b"state" * 100, (Wait("timer", b"", n),)) for n in range(50)]
        store.append(0, rows, head, blobs=[BIG], cold=cold)
        store.save_snapshot(0, snapshot_of(head_after(head, rows), b"old" * 5000))
        head = extend(store, 0, head_after(head, rows), 1)
        store.save_snapshot(0, snapshot_of(head, b"new" * 5000))
    return path


def pages(path: Path, table: str, kind: str) -> list[tuple[int, int, int]]:
    """(offset, size, cells) of the pages of a table, in key order."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    sql = "SELECT pgoffset, pgsize, ncell FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path"
    found = list(connection.execute(sql, (table, kind)))
    connection.close()
    return found


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def leaf_records(path: Path, number: int) -> tuple[int, int, int, int]:
    """Offset and size of a leaf page of the log, and the first and last seq on it."""
    leaves = pages(path, "log", "leaf")
    before = sum(cells for _, _, cells in leaves[:number])
    offset, size, cells = leaves[number]
    return offset, size, before + 1, before + cells


def named(error: Corrupted) -> tuple[int, int]:
    """First and last record that a message names."""
    found = re.search(r"records? (\d+)(?: to (\d+|the end))? of shard 0", str(error))
    assert found, str(error)
    first, last = found.groups()
    return int(first), int(first) if last is None else -1 if last == "the end" else int(last)


def read_all(path: Path) -> list[Row]:
    with SqliteReader(path) as reader:
        return list(reader.iterate(0))


def test_a_destroyed_page_is_named_by_its_records(path: Path) -> None:
    offset, size, first, last = leaf_records(path, 40)
    overwrite(path, offset, bytes([0xA5]) * size)
    with pytest.raises(Corrupted) as told:
        read_all(path)
    assert named(told.value) == (first, last)
    assert str(path) in str(told.value)
    assert "restore" in str(told.value)


def test_records_around_a_destroyed_page_can_still_be_read(path: Path) -> None:
    offset, size, first, last = leaf_records(path, 40)
    overwrite(path, offset, bytes(size))
    with SqliteReader(path) as reader:
        assert len(reader.read(0, 0, first - 1)) == first - 1
        with pytest.raises(Corrupted):
            reader.read(0, first - 2, 5)
        with pytest.raises(Corrupted):
            reader.row(0, last)


def test_flipped_bytes_inside_a_record_name_that_record(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content.index(b"1234." * 20) + 30, b"forged")
    with pytest.raises(Corrupted) as told:
        read_all(path)
    assert named(told.value) == (1234, 1234)
    with SqliteReader(path) as reader, pytest.raises(Corrupted) as told:
        reader.row(0, 1234)
    assert named(told.value) == (1234, 1234)


def test_a_flipped_hash_names_the_record_and_its_successor(path: Path) -> None:
    digest = read_all(path)[999].hash
    overwrite(path, path.read_bytes().index(digest), bytes(32))
    with pytest.raises(Corrupted) as told:
        read_all(path)
    assert named(told.value) == (1000, 1001)


def test_a_removed_record_is_noticed(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM log WHERE seq BETWEEN 70 AND 80")
    connection.close()
    with pytest.raises(Corrupted) as told:
        read_all(path)
    assert named(told.value) == (70, 80)


def test_a_destroyed_end_stops_the_writer_and_names_where_it_starts(path: Path) -> None:
    last_leaf = len(pages(path, "log", "leaf")) - 1
    offset, size, first, _ = leaf_records(path, last_leaf)
    overwrite(path, offset, bytes([0xA5]) * size)
    with SqliteStore(path, ballast_bytes=0) as store:
        for call in (
            lambda: store.head(0),
            lambda: store.claim(0),
            lambda: store.append(0, [], Head(1, 1, b"")),
        ):
            with pytest.raises(Corrupted) as told:
                call()
            assert named(told.value) == (first, -1)
        assert len(store.read(0, 0, first - 1)) == first - 1


def test_a_flipped_last_record_cannot_be_claimed(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content.rindex(b"2001.") + 2, b"x")
    with SqliteStore(path, ballast_bytes=0) as store:
        with pytest.raises(Corrupted) as told:
            store.claim(0)
        assert named(told.value) == (2001, 2001)
        assert store.head(0).epoch == 1


def test_a_destroyed_interior_page_is_corrupted(path: Path) -> None:
    [(offset, size, _)] = pages(path, "log", "internal")
    overwrite(path, offset, bytes([0xA5]) * size)
    with SqliteStore(path, ballast_bytes=0) as store, pytest.raises(Corrupted):
        store.claim(0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_corrupted(path: Path, share: float) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * share) // 512 * 512)
    with pytest.raises(Corrupted, match=re.escape(str(path))), SqliteStore(path, ballast_bytes=0) as store:
        list(store.iterate(0))


@pytest.mark.parametrize(
    "content", [b"not a database " * 1000, bytes(8192), b"SQLite format 3\0" + bytes(8192)]
)
def test_a_file_that_is_no_database_is_corrupted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.db").write_bytes(content)
    with pytest.raises(Corrupted, match=re.escape(str(tmp_path / "log.db"))):
        SqliteStore(tmp_path / "log.db")
    assert (tmp_path / "log.db").read_bytes() == content, "what we do not understand stays as it is"


def test_a_damaged_blob_is_corrupted(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE blob SET bytes = zeroblob(length(bytes))")
    connection.close()
    with SqliteReader(path) as reader, pytest.raises(Corrupted, match=BIG[0].hex()):
        reader.blob(BIG[0])


def test_a_damaged_cold_run_is_corrupted(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE cold_run SET seq = seq + 1 WHERE run = ?", (run_of(7),))
    connection.close()
    with SqliteStore(path, ballast_bytes=0) as store:
        assert len(store.cold(0, [run_of(6), run_of(8)])) == 2
        with pytest.raises(Corrupted, match=run_of(7).hex()):
            store.cold(0, [run_of(7)])
        with pytest.raises(Corrupted, match=run_of(7).hex()):
            store.cold_runs(0)


def test_a_damaged_snapshot_is_passed_over(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content.rindex(b"newnewnew"), b"NEW")
    with SqliteStore(path, ballast_bytes=0) as store:
        found = store.snapshot(0)
        assert found is not None
        assert found.state == b"old" * 5000


@pytest.mark.parametrize("seed", range(3))
def test_no_flipped_bit_is_ever_read_as_true(path: Path, seed: int) -> None:
    """Whatever bit flips: what is read is as it was written, or it is refused."""
    random = Random(seed)
    rows = read_all(path)
    content = path.read_bytes()
    refused = 0
    for _ in range(60):
        offset, bit = random.randrange(len(content)), 1 << random.randrange(8)
        overwrite(path, offset, bytes([content[offset] ^ bit]))
        try:
            with SqliteReader(path) as reader:
                assert list(reader.iterate(0)) == rows, f"bit {bit} of byte {offset}"
                assert reader.blob(BIG[0]) == BIG[1]
                assert all(run.state == b"state" * 100 for run in reader.cold_runs(0))
                assert reader.snapshot(0) is None or reader.snapshot(0).state[:3] in (b"new", b"old")
        except (StoreError, KeyError):
            refused += 1
        overwrite(path, offset, content[offset : offset + 1])
    assert refused > 20
    assert read_all(path) == rows
