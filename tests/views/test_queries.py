"""Pages of answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts import events as e
from podium.views.follower import rebuild
from podium.views.opening import drop
from podium.views.queries import STATUSES, Views, ViewsUnavailable
from tests.views.ledger import Ledger

RUNS = 30


def shop() -> Ledger:
    """Runs of two workflows, the second in two versions; every third ended, every fifth is labelled."""
    ledger = Ledger()
    for number in range(RUNS):
        key = f"run{number:02}"
        workflow = ("shop/order@1.0.0", "shop/refund@1.0.0", "shop/refund@2.0.0")[
            number % 3 if number % 2 else 0
        ]
        labels = {"team": "north" if number % 2 else "south", "size": "big"} if number % 5 == 0 else {}
        body = e.RunStartedBody(labels=labels)
        ledger.write((key, e.RunStarted(workflow=workflow, digest=workflow, key=key), body))
        if number % 3 == 0:
            ledger.write((key, e.RunCompleted()))
    return ledger


@pytest.fixture
def views(tmp_path: Path) -> Iterator[Views]:
    rebuild(tmp_path / "views.db", shop().store)
    views = Views(tmp_path / "views.db")
    yield views
    views.close()


def keys(views: Views, limit: int, **filters: object) -> list[str]:
    """The keys of all runs that pass, page by page."""
    found: list[str] = []
    page = views.list_runs(limit=limit, **filters)
    while page:
        assert len(page) <= limit
        found += [run.key for run in page]
        page = views.list_runs(limit=limit, before=page[-1].cursor, **filters)
    return found


@pytest.mark.parametrize("labels", [{}, {"size": "big"}, {"team": "north", "size": "big"}, {"team": "west"}])
@pytest.mark.parametrize("workflow", ["", "shop/order", "shop/refund", "shop/refund@2.0.0", "shop/none"])
@pytest.mark.parametrize("status", ["", "running", "completed"])
@pytest.mark.parametrize("limit", [1, 4, 1_000])
def test_pages_of_runs_leave_none_out(
    views: Views, status: str, workflow: str, labels: dict[str, str], limit: int
) -> None:
    name, _, version = workflow.partition("@")
    expected = [
        run.key
        for run in views.list_runs(limit=RUNS)
        if status in ("", run.status) and name in ("", run.workflow) and version in ("", run.version)
        and labels.items() <= run.labels.items()
    ]  # fmt: skip
    assert keys(views, limit, status=status, workflow=workflow, labels=labels) == expected


def test_all_runs_are_there_newest_first(views: Views) -> None:
    assert keys(views, 7) == [f"run{number:02}" for number in reversed(range(RUNS))]


def test_an_unknown_run_is_none(views: Views) -> None:
    assert views.run("6f2c7a52-5d0c-5b0e-9f7a-3c1d3a1f9e01") is None
    assert views.list_effects("6f2c7a52-5d0c-5b0e-9f7a-3c1d3a1f9e01") == []


def test_pages_of_effects_approvals_and_escalations(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.write(("a", e.RunStarted(workflow="w@1")))
    for effect in range(1, 6):
        request = e.EffectRequested(effect=effect, frame=effect + 1, parent=1, kind="human", started=False)
        doubtful = e.EffectRequested(effect=effect + 5, frame=effect + 6, parent=1, started=True)
        in_doubt = e.EffectInDoubt(effect=effect + 5, attempt=1)
        ledger.write(("a", request, e.EffectRequestedBody(input={"title": str(effect)})))
        ledger.write(("a", doubtful), ("a", in_doubt))
    rebuild(tmp_path / "views.db", ledger.store)
    views = Views(tmp_path / "views.db")
    run_id = views.list_runs()[0].run_id
    first, second = views.list_effects(run_id, limit=2)
    assert [effect.effect for effect in views.list_effects(run_id, after=second.effect)] == [
        *range(3, 6), *range(6, 11),
    ] and first.effect == 1  # fmt: skip
    oldest = views.approvals(limit=2)
    assert [approval.title for approval in oldest] == ["1", "2"]
    assert [approval.title for approval in views.approvals(after=oldest[-1].cursor)] == ["3", "4", "5"]
    newest = views.escalations(limit=2)
    assert [escalation.effect for escalation in newest] == [10, 9]
    assert [escalation.effect for escalation in views.escalations(before=newest[-1].cursor)] == [8, 7, 6]
    views.close()


def test_pages_of_agents(tmp_path: Path) -> None:
    ledger = Ledger(shard=0)
    for name in ("a", "a.b", "b"):
        for version in ("1.0.0", "1.1.0"):
            ledger.write(("", e.ResourceApplied(kind="Agent", name=name, version=version)))
    rebuild(tmp_path / "views.db", ledger.store)
    views = Views(tmp_path / "views.db")
    page = views.agents(every_version=True, limit=3)
    last = f"{page[-1].name}@{page[-1].version}"
    rest = views.agents(every_version=True, after=last)
    assert [(of.name, of.version) for of in page + rest] == [
        (name, version) for name in ("a", "a.b", "b") for version in ("1.0.0", "1.1.0")
    ]
    views.close()


def test_every_status_is_counted(views: Views) -> None:
    runs = views.overview().runs
    assert tuple(runs) == STATUSES
    assert (runs["running"], runs["completed"]) == (20, 10)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    views = Views(tmp_path / "views.db")
    with pytest.raises(ViewsUnavailable, match=r"podium views rebuild"):
        views.overview()
    rebuild(tmp_path / "views.db", shop().store)
    assert views.overview().runs["completed"] == 10
    views.close()


def test_a_file_made_anew_is_read_anew(tmp_path: Path, views: Views) -> None:
    assert views.progress()[1] > 1
    drop(tmp_path / "views.db")
    small = Ledger()
    small.write(("a", e.RunStarted(workflow="w@1")))
    rebuild(tmp_path / "views.db", small.store)
    assert views.progress() == {1: 1}
