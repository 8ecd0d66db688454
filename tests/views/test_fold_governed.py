"""What policy holds back, and what people say of it, in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts import events as e
from podium.facts.approvals import Terms
from tests.views.ledger import AT, effects_of, run_of
from tests.views.test_fold import Board, asked, settled, started

TERMS = Terms("1", ("operator",), deadline_at=AT + 60_000)
NEXT = Terms("2", ("lead",), deadline_at=AT + 90_000)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path / "views.db")
    board.write(("a", started()))
    yield board
    board.close()


def held_back(verdict: str, terms: Terms | None = None) -> tuple[str, e.Event, e.Body]:
    event = asked(started=False)
    event.verdict, event.terms = verdict, terms
    return "a", event, e.EffectRequestedBody(message="it is dear")


def status(board: Board) -> str:
    (effect,) = effects_of(board.views, "a")
    return effect.status


def test_an_action_that_waits_for_people_is_a_row_until_they_agree(board: Board) -> None:
    board.write(held_back("approve", TERMS))
    (row,) = board.views.approvals()
    assert (row.effect, row.title, row.deadline_at) == (1, "it is dear", AT + 60_000)
    assert status(board) == "approval"
    assert run_of(board.views, "a").status == "waiting"
    board.write(("a", e.ApprovalDecided(effect=1, verdict="approve", principal="user:ann")))
    assert board.views.overview().approvals == 1
    board.write(("a", e.ApprovalDecided(effect=1, verdict="approve", outcome="granted")))
    assert (board.views.approvals(), board.views.overview().approvals, status(board)) == ([], 0, "queued")
    board.write(("a", e.AttemptStarted(effect=1, attempt=1)), ("a", settled()))
    assert status(board) == "succeeded"


@pytest.mark.parametrize(
    "ending",
    [
        (e.ApprovalDecided(effect=1, verdict="deny", outcome="denied"), settled(status="failed")),
        (e.ApprovalExpired(effect=1), settled(status="failed")),
        (e.RunCancelled(),),
    ],
    ids=["denied", "expired", "cancelled"],
)
def test_the_row_goes_however_it_ends(board: Board, ending: tuple[e.Event, ...]) -> None:
    board.write(held_back("approve", TERMS))
    board.write(*(("a", event) for event in ending))
    assert (board.views.approvals(), board.views.overview().approvals) == ([], 0)


def test_who_is_asked_next_has_a_time_of_their_own(board: Board) -> None:
    board.write(held_back("approve", TERMS))
    board.write(("a", e.ApprovalEscalated(effect=1, terms=NEXT)))
    (row,) = board.views.approvals()
    assert row.deadline_at == AT + 90_000
    assert board.views.overview().approvals == 1


def test_what_is_deferred_goes_on_or_is_asked_about(board: Board) -> None:
    board.write(held_back("defer"))
    assert (status(board), run_of(board.views, "a").status) == ("deferred", "waiting")
    board.write(("a", e.EffectDecided(effect=1, verdict="approve", terms=TERMS)))
    assert (status(board), len(board.views.approvals())) == ("approval", 1)
    board.write(("a", e.ActionEdited(effect=1)))
    assert (status(board), board.views.approvals()) == ("queued", [])
    board.write(("a", e.EffectDecided(effect=1, verdict="deny")), ("a", settled(status="failed")))
    assert status(board) == "failed"


def test_an_override_is_a_row_for_ever(board: Board) -> None:
    board.write(held_back("approve", TERMS))
    first = e.DecisionOverridden(effect=1, task="/do/1/pack", principal="user:eve", expires_at=AT + 9)
    board.write(("a", first, e.DecisionOverriddenBody("she waits")))
    second = e.DecisionOverridden(effect=1, principal="user:ann", expires_at=AT + 9, outcome="granted")
    board.write(("a", second), ("a", e.AttemptStarted(effect=1, attempt=1)), ("a", settled()))
    board.write(("a", e.RunCompleted()))
    latest, earliest = board.views.overrides()
    assert (earliest.principal, earliest.reason, earliest.granted) == ("user:eve", "she waits", False)
    assert (latest.principal, latest.granted, latest.workflow) == ("user:ann", True, "shop/order")
    assert (board.views.approvals(), status(board)) == ([], "succeeded")
