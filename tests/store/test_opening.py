"""Whose file it is and of which format: refused before a byte is changed."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from podium.store.connecting import APPLICATION_ID, PAGE_BYTES, refuse_old
from podium.store.interface import NewerFormat, StoreError, Unwritable
from podium.store.migrations import migrate, refuse_other, steps
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from tests.store.kit import extend


def pragma(path: Path, name: str, value: int | None = None) -> object:
    connection = apsw.Connection(str(path))
    try:
        return connection.pragma(name, value) if value is not None else connection.pragma(name)
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with SqliteStore(path, ballast_bytes=0) as store:
        extend(store, 0, store.claim(0), 3)
    return path


def test_a_new_database_says_whose_it_is(path: Path) -> None:
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "user_version") == len(steps())
    assert pragma(path, "page_size") == PAGE_BYTES


def test_the_writer_is_as_durable_as_sqlite_can_be(path: Path) -> None:
    with SqliteStore(path, ballast_bytes=0) as store:
        connection = store._connection
        settings = {
            name: connection.pragma(name)
            for name in ("journal_mode", "synchronous", "fullfsync", "mmap_size", "wal_autocheckpoint")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "mmap_size": 0,
        "wal_autocheckpoint": 0,
    }


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(path: Path) -> None:
    pragma(path, "user_version", len(steps()) + 1)
    before = path.read_bytes()
    for kind in (SqliteStore, SqliteReader):
        with pytest.raises(NewerFormat, match="written by a newer release"):
            kind(path)
    assert path.read_bytes() == before


def test_a_database_of_another_application_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for name, application in (("named.db", 0x12345678), ("nameless.db", 0)):
        connection = apsw.Connection(str(tmp_path / name))
        connection.pragma("application_id", application)
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = (tmp_path / name).read_bytes()
        for kind in (SqliteStore, SqliteReader):
            with pytest.raises(Unwritable, match="another application"):
                kind(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_reader_needs_a_database_that_was_started(tmp_path: Path) -> None:
    with pytest.raises(Unwritable):
        SqliteReader(tmp_path / "log.db")
    assert not (tmp_path / "log.db").exists()
    (tmp_path / "log.db").touch()
    with pytest.raises(Unwritable, match="start the hub first"):
        SqliteReader(tmp_path / "log.db")


def test_a_start_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("application_id", APPLICATION_ID)
    connection.close()
    with SqliteStore(path, ballast_bytes=0) as store:
        assert extend(store, 0, store.claim(0), 1).seq == 1


def test_a_sqlite_that_damages_databases_is_refused() -> None:
    refuse_old("3.51.3")
    refuse_old("3.100.0")
    for version in ("3.51.2", "3.9.9"):
        with pytest.raises(Unwritable, match="install a newer apsw"):
            refuse_old(version)


def test_every_database_has_an_identity_of_its_own(path: Path, tmp_path: Path) -> None:
    with (
        SqliteStore(path) as store,
        SqliteReader(path) as reader,
        SqliteStore(tmp_path / "other.db") as other,
    ):
        assert len(store.identity()) == 32
        assert store.identity() == reader.identity() != other.identity()


# --- steps ------------------------------------------------------------------------------------

TODO = ("CREATE TABLE one (x TEXT) STRICT", "INSERT INTO one VALUES ('first')")


def test_each_step_is_taken_once_and_counted(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "log.db"))
    assert migrate(connection, tmp_path, TODO[:1]) == 1
    with pytest.raises(StoreError, match="start the hub once"):
        refuse_other(connection, tmp_path, 2)
    assert migrate(connection, tmp_path, TODO) == 1
    assert migrate(connection, tmp_path, TODO) == 0
    refuse_other(connection, tmp_path, 2)
    assert connection.execute("SELECT count(*) FROM one").get == 1
    assert connection.pragma("user_version") == 2
    connection.close()


def test_of_two_that_migrate_at_once_one_takes_the_step(tmp_path: Path) -> None:
    one, other = (apsw.Connection(str(tmp_path / "log.db")) for _ in range(2))
    one.pragma("journal_mode", "wal")
    one.execute("BEGIN IMMEDIATE")
    one.execute(TODO[0])
    one.pragma("user_version", 1)

    def busy(tries: int) -> bool:
        one.execute("COMMIT")
        return True

    other.set_busy_handler(busy)
    assert migrate(other, tmp_path, TODO[:1]) == 0
    one.close()
    other.close()


def test_a_step_that_fails_leaves_the_format_as_it_was(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "log.db"))
    with pytest.raises(apsw.SQLError):
        migrate(connection, tmp_path, (TODO[0], TODO[1] + "; SELECT wrong FROM nowhere"))
    assert connection.pragma("user_version") == 1
    assert connection.execute("SELECT count(*) FROM one").get == 0
    assert connection.get_autocommit()
    connection.close()
