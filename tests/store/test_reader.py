"""The read-only companion: sees what is committed, changes nothing, follows a run backwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from podium.audit.chain import link
from podium.store.interface import Corrupted, Head, Row
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from tests.store.kit import extend, head_after, run_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "log.db", ballast_bytes=0) as store:
        yield store


@pytest.fixture
def reader(store: SqliteStore, tmp_path: Path) -> Iterator[SqliteReader]:
    with SqliteReader(tmp_path / "log.db") as reader:
        yield reader


def chained(head: Head, envelopes: list[bytes]) -> list[Row]:
    rows: list[Row] = []
    for seq, envelope in enumerate(envelopes, head.seq + 1):
        parts = (seq, head.epoch, run_of(1), "TaskSucceeded", 1, 0, envelope, b"")
        rows.append(Row(*parts, link(rows[-1].hash if rows else head.hash, *parts)))
    return rows


def test_it_sees_each_append_once_it_returned(store: SqliteStore, reader: SqliteReader) -> None:
    head = store.claim(0)
    for _ in range(3):
        head = extend(store, 0, head, 2)
        assert reader.head(0) == head
        assert reader.read(0, 0) == store.read(0, 0)


def test_it_follows_a_run_by_its_back_pointers(store: SqliteStore, reader: SqliteReader) -> None:
    head = store.claim(0)
    rows = chained(head, [b"{}", b'{"p":1}', b"{}", b'{"x":"\xc3\xa9","p":2}', b'{"p":3}'])
    store.append(0, rows, head)
    assert [row.seq for row in reader.chain(0, 4)] == [4, 2, 1]
    assert [row.seq for row in reader.chain(0, 5)] == [5, 3]
    assert list(reader.chain(0, 0)) == list(reader.chain(0, 6)) == []


@pytest.mark.parametrize("envelope", [b"no json", b'{"p":3}', b'{"p":9}', b'{"p":"1"}', b"[1]"])
def test_a_chain_that_cannot_be_followed_is_corrupted(
    store: SqliteStore, reader: SqliteReader, envelope: bytes
) -> None:
    head = store.claim(0)
    store.append(0, chained(head, [b"{}", b"{}", envelope]), head)
    with pytest.raises(Corrupted, match="record 3 of shard 0"):
        list(reader.chain(0, 3))


def test_it_works_in_another_thread_while_the_writer_goes_on(
    store: SqliteStore, reader: SqliteReader
) -> None:
    head = store.claim(0)
    done = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        after = 0
        while not (done.is_set() and after == reader.head(0).seq):
            for row in reader.read(0, after, 50):
                seen.append(row.seq)
                after = row.seq

    thread = threading.Thread(target=follow)
    thread.start()
    for _ in range(50):
        head = extend(store, 0, head, 7)
    done.set()
    thread.join(30)
    assert seen == list(range(1, 351))


def test_it_cannot_write(reader: SqliteReader) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        reader._connection.execute("DELETE FROM log")


def test_iterating_reads_in_batches_without_a_seam(store: SqliteStore, reader: SqliteReader) -> None:
    head = store.claim(0)
    head = extend(store, 0, head, 25)
    assert [row.seq for row in reader.iterate(0, after=3, batch=10)] == list(range(4, 26))
    assert head_after(head, list(reader.iterate(0))) == head
