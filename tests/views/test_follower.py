"""The follower on its thread: what it is fed, what it missed, and files that cannot be trusted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from podium.facts import events as e
from podium.store.interface import Row, StoreError
from podium.store.memory import MemoryStore
from podium.views.follower import ViewsFollower, rebuild
from podium.views.opening import VERSION, open_writer
from podium.views.queries import Views, ViewsUnavailable
from tests.views.hub import RUNS_SHARD, played
from tests.views.ledger import Ledger, everything, log_of, run_of

SOON_MS = 20_000

Follow = Callable[..., ViewsFollower]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "views.db"


@pytest.fixture
def follow(path: Path) -> Iterator[Follow]:
    """Makes followers of a store, and closes those that a test leaves open."""
    made: list[ViewsFollower] = []

    def make(store: MemoryStore, **options: int) -> ViewsFollower:
        follower = ViewsFollower(path, lambda: store, **options)
        made.append(follower)
        return follower

    yield make
    for follower in made:
        follower.close()


def started(key: str) -> tuple[str, e.Event]:
    return key, e.RunStarted(workflow="shop/order@1.0.0")


def same_as_rebuilt(path: Path, store: MemoryStore) -> bool:
    rebuild(path.with_name("rebuilt.db"), store)
    return everything(path) == everything(path.with_name("rebuilt.db"))


# --- following --------------------------------------------------------------------------------------


def test_what_is_fed_can_be_waited_for(path: Path, follow: Follow) -> None:
    ledger = Ledger()
    follower = follow(ledger.store)
    follower.start()
    views = Views(path)
    for key in "abc":
        follower.feed(1, ledger.write(started(key)))
        assert follower.wait_for(1, ledger.seq, SOON_MS)
        assert run_of(views, key).status == "running"
    assert follower.caught_up() == {1: 3}
    assert not follower.wait_for(1, 4, 1)
    views.close()


def test_closing_takes_in_what_was_fed(path: Path, follow: Follow) -> None:
    store = played(0)
    follower = follow(store)
    follower.start()
    for shard in (0, RUNS_SHARD):
        for record in log_of(store, shard):
            follower.feed(shard, [record])
    follower.close()
    assert same_as_rebuilt(path, store)


def test_a_follower_starts_with_what_the_log_holds(path: Path, follow: Follow) -> None:
    ledger = Ledger()
    ledger.write(started("a"), started("b"))
    follower = follow(ledger.store)
    # Commits during the start are fed before it has read the log, which holds them as well.
    follower.feed(1, ledger.write(started("c"), started("d")))
    follower.start()
    assert follower.wait_for(1, 4, SOON_MS)
    follower.close()
    again = follow(ledger.store)
    again.feed(1, ledger.write(started("e")))
    again.start()
    again.close()
    assert Views(path).overview().runs["running"] == 5
    assert same_as_rebuilt(path, ledger.store)


def test_records_that_were_never_fed_are_read(path: Path, follow: Follow) -> None:
    ledger = Ledger()
    follower = follow(ledger.store)
    follower.start()
    follower.feed(1, ledger.write(started("a")))
    assert follower.wait_for(1, 1, SOON_MS)
    ledger.write(started("b"), started("c"))
    last = ledger.write(started("d"), started("e"))
    follower.feed(1, last)
    follower.feed(1, last)
    assert follower.wait_for(1, 5, SOON_MS)
    follower.close()
    assert same_as_rebuilt(path, ledger.store)


def test_a_backlog_that_grows_too_long_is_let_go_and_read_later(path: Path, follow: Follow) -> None:
    store = played(1)
    records = log_of(store, RUNS_SHARD)
    follower = follow(store, backlog_max=100)
    batches = [records[at : at + 10] for at in range(0, len(records), 10)]
    for batch in batches:
        follower.feed(RUNS_SHARD, batch)
    assert follower.backlog == 110 + len(batches) - 11
    follower.start()
    follower.close()
    assert same_as_rebuilt(path, store)


def test_it_can_be_told_to_begin_again(path: Path, follow: Follow) -> None:
    ledger = Ledger()
    follower = follow(ledger.store)
    follower.start()
    follower.feed(1, ledger.write(started("a")))
    assert follower.wait_for(1, 1, SOON_MS)
    before = path.stat().st_ino
    with path.open("rb"):  # Holds the number of the file, so that the next one has another.
        follower.rebuild()
        # What the old tables reflect is no answer.
        assert follower.wait_for(1, 1, SOON_MS)
        assert path.stat().st_ino != before
        follower.feed(1, ledger.write(started("b")))
        assert follower.wait_for(1, 2, SOON_MS)
    assert Views(path).overview().runs["running"] == 2


# --- files that cannot be trusted -------------------------------------------------------------------


WRONG = "UPDATE runs SET principal = 'nobody'"


def garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 1_000)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def scribbled(path: Path) -> None:
    """Every page but the first is lost."""
    content = path.read_bytes()
    path.write_bytes(content[:4_096] + b"\xff" * (len(content) - 4_096))


def of_another_version(path: Path) -> None:
    change(path, f"PRAGMA user_version = {VERSION + 1}; {WRONG}")


def of_another_log(path: Path) -> None:
    change(path, f"UPDATE progress SET hash = x'00' WHERE shard = 1; {WRONG}")


def ahead_of_the_log(path: Path) -> None:
    change(path, f"UPDATE progress SET seq = seq + 1000 WHERE shard = 1; {WRONG}")


def torn_by_a_crash_of_the_machine(path: Path) -> None:
    change(path, f"UPDATE meta SET value = 'an earlier boot' WHERE name = 'boot'; {WRONG}")


def without_a_run(path: Path) -> None:
    """What a bug could leave behind: the log goes on with a run that the tables do not have."""
    change(path, "DELETE FROM runs")


def change(path: Path, sql: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql).fetchall()
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink, garbage, cut_short, scribbled, of_another_version, of_another_log, ahead_of_the_log,
        torn_by_a_crash_of_the_machine, without_a_run,
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_made_again(
    path: Path, follow: Follow, damage: Callable[[Path], None]
) -> None:
    ledger = Ledger()
    for number in range(50):
        ledger.write(
            started(str(number)), (str(number), e.TaskStarted(frame=2, kind="wait", task="/do/0/nap"))
        )
    follow_once(path, ledger.store)
    damage(path)
    follower = follow(ledger.store)
    follower.start()
    follower.feed(1, ledger.write(("1", e.RunCompleted()), ("2", e.RunCancelled())))
    assert follower.wait_for(1, ledger.seq, SOON_MS)
    follower.close()
    assert same_as_rebuilt(path, ledger.store)
    assert Views(path).overview().runs["waiting"] == 48


def follow_once(path: Path, store: MemoryStore) -> None:
    follower = ViewsFollower(path, lambda: store)
    follower.start()
    follower.close()


def test_a_file_deleted_while_it_is_followed_comes_back(path: Path, follow: Follow) -> None:
    ledger = Ledger()
    follower = follow(ledger.store)
    follower.start()
    follower.feed(1, ledger.write(started("a")))
    assert follower.wait_for(1, 1, SOON_MS)
    views = Views(path)
    assert views.overview().runs["running"] == 1
    path.unlink()
    with pytest.raises(ViewsUnavailable):
        views.overview()
    follower.feed(1, ledger.write(started("b")))
    assert follower.wait_for(1, 2, SOON_MS)
    assert views.overview().runs["running"] == 2
    views.close()


def test_a_closed_file_outlives_a_crash_of_the_machine(path: Path) -> None:
    follow_once(path, played(2))
    found = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert found.execute("SELECT value FROM meta WHERE name = 'boot'").get == ""
    found.close()
    number = path.stat().st_ino
    open_writer(path).close()
    assert path.stat().st_ino == number


# --- troubles ---------------------------------------------------------------------------------------


class Faulty(MemoryStore):
    """A log that cannot be read until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = True
        self.asked = threading.Event()

    def read(self, shard: int, after: int, limit: int = 1000) -> list[Row]:
        if self.broken:
            self.asked.set()
            raise StoreError("the log cannot be read just now")
        return super().read(shard, after, limit)


def test_it_stands_still_while_the_log_cannot_be_read_and_says_so(path: Path, follow: Follow) -> None:
    store = Faulty()
    ledger = Ledger(store)
    ledger.write(started("a"))
    follower = follow(store)
    follower.start()
    assert store.asked.wait(SOON_MS / 1000)
    store.broken = False
    assert follower.wait_for(1, 1, SOON_MS)
    follower.feed(1, ledger.write(started("b")))
    assert follower.wait_for(1, 2, SOON_MS) and follower.trouble == ""


def test_a_hub_can_stop_while_its_views_stand_still(path: Path, follow: Follow) -> None:
    store = Faulty()
    Ledger(store).write(started("a"))
    follower = follow(store)
    follower.start()
    assert store.asked.wait(SOON_MS / 1000)
    follower.close()
    assert "cannot be read just now" in follower.trouble


def test_a_follower_that_never_started_can_be_closed(follow: Follow) -> None:
    follow(MemoryStore()).close()
