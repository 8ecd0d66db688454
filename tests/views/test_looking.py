"""Questions of people who look at everything at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts import events as e
from podium.views import finding
from podium.views.finding import NEWEST
from podium.views.follower import rebuild
from podium.views.looking import MINUTES, Looks
from tests.views.ledger import Ledger

RUNS = 12
CUSTOMERS = ("acme", "Acme East", "nordwind")


def house() -> Ledger:
    """Runs for three customers, some of which ended; each asked an agent, and one agent a tool."""
    ledger = Ledger()
    for number in range(RUNS):
        key = f"run{number:02}"
        body = e.RunStartedBody(labels={"customer": CUSTOMERS[number % 3], "claim": f"C-{number}"})
        started = e.RunStarted(workflow="claims/settle@1.0.0", digest="d", key=key, principal="user:ada")
        ledger.write((key, started, body))
        ledger.write(
            (key, e.EffectRequested(effect=1, agent="cashier@1.0.0", frame=2, parent=1, started=True))
        )
        ledger.write(
            (key, e.EffectRequested(
                effect=2, agent="bank@1.0.0", kind="tool", frame=2, parent=1, asker=1, started=False,
                verdict="approve",
            ))
        )  # fmt: skip
        if number % 4 == 0:
            ledger.write((key, e.RunFaulted()))
    return ledger


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[Looks]:
    rebuild(tmp_path / "views.db", house().store)
    made = Looks(tmp_path / "views.db")
    yield made
    made.close()


def keys(
    looks: Looks, words: str = "", labels: list[tuple[str, str]] | None = None, **more: object
) -> list[str]:
    runs, _ = looks.search(words=words.split(), labels=labels or [], **more)  # type: ignore[arg-type]
    return [run.key for run in runs]


def test_words_find_runs_by_what_they_are_about(looks: Looks) -> None:
    assert keys(looks, "nordwind") == ["run11", "run08", "run05", "run02"]
    assert keys(looks, "acme C-3") == ["run03"], "all words must fit"
    assert keys(looks, "customer nordwind C-5") == ["run05"], "the name of a label says nothing by itself"
    assert keys(looks, "NORDWIND C-5") == ["run05"]
    assert keys(looks, "run07") == ["run07"]
    assert keys(looks, "ada C-1") == ["run11", "run10", "run01"], "a word is the beginning of a value"
    assert keys(looks, "nobody") == []
    assert keys(looks, "%") == [], "what means something to the database is a word like any other"


def test_labels_status_and_workflow_narrow_it(looks: Looks) -> None:
    assert keys(looks, labels=[("customer", "acme")]) == ["run09", "run06", "run03", "run00"]
    assert keys(looks, labels=[("customer", "acme"), ("claim", "C-6")]) == ["run06"]
    assert keys(looks, labels=[("customer", "acme")], status="faulted") == ["run00"]
    assert keys(looks, "C-8", labels=[("customer", "nordwind")], workflow="claims/settle") == ["run08"]
    assert keys(looks, workflow="other") == []


def test_what_is_old_is_found_by_its_label(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 2)
    assert keys(looks, "c-1", limit=1) == ["run11"], "new ones by whatever begins so"
    assert keys(looks, "c-2", limit=1) == ["run02"]
    assert keys(looks, "c-2 settle", limit=1) == ["run02"], "the other words hold, too"
    assert keys(looks, "c-2 nothing", limit=1) == []


@pytest.mark.parametrize("labels", [[], [("customer", "acme")]])
def test_pages_leave_none_out(looks: Looks, labels: list[tuple[str, str]]) -> None:
    whole = keys(looks, labels=labels)
    found: list[str] = []
    before = NEWEST
    while before:
        page, before = looks.search(words=[], labels=labels, limit=3, before=before)
        found += [run.key for run in page]
    assert found == whole


def test_a_time_is_from_its_beginning_to_before_its_end(looks: Looks) -> None:
    runs, _ = looks.search(words=[], labels=[])
    for first in range(RUNS):
        for last in range(first, RUNS):
            since, until = runs[last].started_at, runs[first].started_at
            expected = [run.key for run in runs if since <= run.started_at < until]
            assert keys(looks, since=since, until=until) == expected
    assert keys(looks, since=runs[0].started_at + 1) == []
    assert keys(looks, until=runs[-1].started_at) == []


def test_labels_are_found_by_the_beginning_of_a_value(looks: Looks) -> None:
    found = [(one.name, one.value) for one in looks.labels(["acme"])]
    assert found == [("customer", "acme"), ("customer", "Acme East")]
    assert [one.value for one in looks.labels(["customer=nord"])] == ["nordwind"]
    assert ("claim", "C-11") in [(one.name, one.value) for one in looks.labels(["claim", "C-11"])]


def test_who_asks_whom_is_counted(looks: Looks) -> None:
    counted = {(one.asker, one.agent, one.status): one.count for one in looks.flow()}
    assert counted["", "cashier@1.0.0", "running"] == 9
    assert counted["cashier@1.0.0", "bank@1.0.0", "approval"] == 9
    assert sum(count for (_, agent, _), count in counted.items() if agent == "cashier@1.0.0") == RUNS


def test_the_last_hour_is_told_by_minutes(looks: Looks) -> None:
    newest = looks.search(words=[], labels=[])[0][0].updated_at
    seen = looks.glance(newest + 1)
    assert len(seen.minutes) == MINUTES
    assert sum(minute.faulted for minute in seen.minutes) == seen.runs["faulted"] == 3
    assert sum(minute.ended for minute in looks.glance(newest + 2 * 3_600_000).minutes) == 0
