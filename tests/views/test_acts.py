"""Who did what: people, and the hub by itself, in one table from both logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts import events as e
from podium.facts.approvals import Terms
from podium.facts.values import JSON
from podium.views.answers import Act
from podium.views.follower import rebuild
from podium.views.looking import Looks
from tests.views.ledger import Ledger

RULES = ("house/large",)
ADA, BOB = "user:ada", "user:bob"


def house() -> Ledger:
    ledger = Ledger()
    spec: dict[str, JSON] = {"capabilities": []}
    ledger.write(
        (
            "",
            e.ResourceApplied(
                kind="Agent", name="cashier", version="1.0.0", digest="d", revision=1, principal=ADA
            ),
            e.ResourceBody(spec, "new"),
        )
    )
    ledger.write(("a", e.RunStarted(workflow="claims/settle@1.0.0", digest="d", key="a")))
    ledger.write(
        ("a", e.EffectRequested(effect=1, kind="tool", started=False, verdict="approve", rules=RULES))
    )
    ledger.write(("a", e.ApprovalEscalated(effect=1, terms=Terms("2"))))
    body = e.ApprovalDecidedBody("seen the pictures")
    ledger.write(
        ("a", e.ApprovalDecided(effect=1, verdict="approve", principal=BOB, via="http password"), body)
    )
    ledger.later(1_000)
    ledger.write(("a", e.RunSuspended(principal=BOB), e.RunSuspendedBody("the bank called")))
    ledger.write(("a", e.RunResumed()))
    return ledger


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[Looks]:
    rebuild(tmp_path / "views.db", house().store)
    made = Looks(tmp_path / "views.db")
    yield made
    made.close()


def test_people_and_the_hub_have_a_list_each(looks: Looks) -> None:
    assert [(one.principal, one.act, one.why) for one in looks.acts(people=True)] == [
        (BOB, "suspended", "the bank called"), (BOB, "approved", "seen the pictures"),
        (ADA, "applied", "new"),
    ]  # fmt: skip
    assert [(one.principal, one.act, one.why) for one in looks.acts(people=False)] == [
        ("hub", "asked tier 2", ""), ("hub", "asked people", "house/large"),
    ]  # fmt: skip


def test_it_is_told_what_was_done_to_what(looks: Looks) -> None:
    found = {one.act: one.target for one in looks.acts(people=True)}
    run = found["suspended"]
    assert found == {"suspended": run, "approved": f"{run}/1", "applied": "agent/cashier@1.0.0"}


def test_a_page_goes_on_where_the_one_before_ended(looks: Looks) -> None:
    first = looks.acts(people=True, limit=2)
    rest = looks.acts(people=True, limit=2, before=first[-1].cursor)
    assert [one.act for one in (*first, *rest)] == ["suspended", "approved", "applied"]


def test_lists_are_narrowed(looks: Looks) -> None:
    assert [one.act for one in looks.acts(people=True, about="approvals")] == ["approved"]
    assert [one.act for one in looks.acts(people=True, principal=ADA)] == ["applied"]
    last = looks.acts(people=True)[0].at
    assert [one.act for one in looks.acts(people=True, until=last)] == ["approved", "applied"]
    assert [one.act for one in looks.acts(people=True, since=last)] == ["suspended"]


def test_what_was_noted_and_then_done_is_there_once(tmp_path: Path) -> None:
    ledger = house()
    run = looks_at(tmp_path / "one.db", ledger)[0].target
    noted = e.ActNoted(principal=BOB, via="http token ci", act="cancel", target=run)
    ledger.later(60_000)
    ledger.write(("", noted), ("a", e.RunCancelled(principal=BOB)))
    refused = e.ActNoted(principal=BOB, via="http token ci", act="decide", target=f"{run}/7")
    ledger.write(("", refused))
    found = [(one.act, one.via, one.noted) for one in looks_at(tmp_path / "two.db", ledger)][:2]
    assert found == [("decide", "http token ci", True), ("cancelled", "http token ci", False)]


def test_what_is_held_still_is_an_act(tmp_path: Path) -> None:
    ledger = house()
    ledger.later(60_000)
    note = e.ActNoted(principal=BOB, via="http link", act="suspend_work", target="cashier")
    body = e.WorkSuspendedBody("it overpays")
    ledger.write(("", note), ("", e.WorkSuspended(agent="cashier", principal=BOB), body))
    ledger.write(("", e.WorkSuspended(principal=ADA)))
    found = [(one.about, one.act, one.target, one.why) for one in looks_at(tmp_path / "v.db", ledger)][:2]
    assert found == [
        ("hub", "suspended", "everything", ""), ("agents", "suspended", "cashier", "it overpays"),
    ]  # fmt: skip


def looks_at(path: Path, ledger: Ledger) -> list[Act]:
    rebuild(path, ledger.store)
    looks = Looks(path)
    try:
        return list(looks.acts(people=True))
    finally:
        looks.close()
