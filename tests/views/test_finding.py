"""Pages of runs by whatever index, and pages that are short because much had to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from podium.facts import events as e
from podium.views import finding
from podium.views.finding import NEWEST, RUN_ROWS, STATUSES, Wanted, find
from podium.views.follower import rebuild
from podium.views.queries import Views
from tests.views.ledger import Ledger, run_of

RUNS = 300


def town() -> Ledger:
    """Runs of some workflows with some labels; of some others waits; most ended, some by a fault."""
    ledger, chance = Ledger(), Random(3)
    for number in range(RUNS):
        key = f"run{number:03}"
        workflow = f"town/{chance.choice('abc')}@1.0.{chance.randrange(3)}"
        labels = {"side": chance.choice(("left", "right"))}
        if number % 40 == 0:
            labels["rare"] = "yes"
        root = key if number % 7 == 0 else ""
        started = e.RunStarted(workflow=workflow, digest=workflow, key=key, root=root)
        ledger.write((key, started, e.RunStartedBody(labels=labels)))
        if number % 11 == 0:
            ask = e.EffectRequested(effect=1, frame=2, parent=1, kind="human", started=False)
            ledger.write((key, ask, e.EffectRequestedBody(input={"title": "?"})))
        elif number % 13 == 0:
            asked = e.EffectRequested(effect=1, frame=2, parent=1, started=True)
            ledger.write((key, asked), (key, e.EffectInDoubt(effect=1, attempt=1)))
        elif number % 5 == 0:
            ledger.write((key, e.RunFaulted()))
        else:
            ledger.write((key, e.RunCompleted()))
    return ledger


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("town") / "views.db"
    rebuild(path, town().store)
    return path


@pytest.fixture
def connection(file: Path) -> Iterator[apsw.Connection]:
    opened = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    yield opened
    opened.close()


def pages(connection: apsw.Connection, wanted: Wanted, limit: int) -> list[str]:
    """The keys of all runs that are found, page by page."""
    found: list[str] = []
    high = NEWEST
    while high:
        page = find(connection, wanted._replace(high=high), limit)
        assert len(page.rows) <= limit
        assert page.next < high
        found += [row[6] for row in page.rows]
        high = page.next
    return found


def by_looking(connection: apsw.Connection, wanted: Wanted) -> list[str]:
    """The same, by looking at every run."""
    waiting = {run for (run,) in connection.execute("SELECT run FROM approvals UNION SELECT run FROM escalations WHERE kind = 'in_doubt'")}  # fmt: skip # noqa: E501
    versions = dict(connection.execute("SELECT workflow || '@' || version, id FROM definitions"))
    return [
        row[6] for row in connection.execute(f"{RUN_ROWS} ORDER BY run DESC")
        if row[4] in (wanted.statuses or STATUSES)
        and (wanted.definitions is None or versions[f"{row[1]}@{row[2]}"] in wanted.definitions)
        and all(f'"{name}":"{value}"' in row[14] for name, value in wanted.labels)
        and (wanted.nested or not row[17]) and (not wanted.for_people or row[18] in waiting)
    ]  # fmt: skip


LABELS = ((), (("side", "left"),), (("rare", "yes"),), (("side", "left"), ("rare", "yes")), (("side", "up"),))


@pytest.mark.parametrize("most", [20_000, 50], ids=["enough", "short"])
@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_no_run_is_left_out_whichever_index_gives_them(
    connection: apsw.Connection,
    monkeypatch: pytest.MonkeyPatch,
    labels: tuple[tuple[str, str], ...],
    most: int,
) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", most)
    monkeypatch.setattr(finding, "_PROBED", 20)
    for statuses in ((), ("faulted",), ("running", "waiting"), ("suspended",)):
        for definitions in (None, (), (1,), (1, 4, 6)):
            for nested in (True, False):
                for for_people in (False, True):
                    wanted = Wanted(statuses, definitions, labels, "", nested, for_people)
                    assert pages(connection, wanted, 7) == by_looking(connection, wanted), wanted


def test_a_page_is_short_rather_than_slow(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 40)
    nobody = Wanted(conditions=[("key = ?", ("nobody",))])
    page = find(connection, nobody, 10)
    assert page.rows == [] and page.next
    newest = [run for (run,) in connection.execute("SELECT run FROM runs ORDER BY run DESC LIMIT 50")]
    assert page.next in newest[39:], "it went on looking"


def test_every_question_goes_by_an_index_and_sorts_nothing(connection: apsw.Connection) -> None:
    for sql in (
        finding._ALL, finding._OF_STATUS, finding._OF_DEFINITION, finding._OF_PARENT, finding._OF_LABEL,
        finding._ASKING, finding._IN_TROUBLE, f"{finding._CHOSEN} AND +nested = 0 ORDER BY run DESC LIMIT ?",
    ):  # fmt: skip
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))
        told = [row[3] for row in plan if "json_each" not in row[3]]
        assert not any(line.startswith(("SCAN", "USE TEMP")) for line in told), (sql, told)


def test_pages_are_told_by_the_views_too(file: Path) -> None:
    views = Views(file)
    runs, following = views.page(for_people=True, limit=5)
    assert len(runs) == 5 and following == runs[-1].cursor
    assert all(run.status in ("waiting", "running") for run in runs)
    everything, last = views.page(labels={"rare": "yes"}, limit=500)
    assert len(everything) == 8 and last == 0
    assert run_of(views, "run000").run_id == everything[-1].run_id
    views.close()
