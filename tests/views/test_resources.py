"""What becomes of agents and workflows in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts import events as e
from tests.views.ledger import AT
from tests.views.test_fold import Board


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path / "views.db")
    yield board
    board.close()


def applied(version: str, revision: int, **more: Any) -> tuple[str, e.Event, e.Body]:
    spec = {"name": "packer", "capabilities": [{"name": "parcel.pack"}], **more.pop("spec", {})}
    event = e.ResourceApplied(
        kind="Agent", name="packer", version=version, digest=f"sha256:{version}", revision=revision, **more
    )
    return "", event, e.ResourceBody(spec)


def deleted(version: str, revision: int) -> tuple[str, e.Event]:
    digest = f"sha256:{version}"
    return "", e.ResourceDeleted(
        kind="Agent", name="packer", version=version, digest=digest, revision=revision
    )


def rows(board: Board) -> list[tuple[str, bool, bool]]:
    """Version, whether it is current, whether it was deleted."""
    found = board.views.agents(every_version=True)
    return [(one.version, one.current, one.deleted_at > 0) for one in found]


def test_the_version_applied_last_is_current(board: Board) -> None:
    board.write(applied("1.0.0", 1), applied("2.0.0", 2))
    assert rows(board) == [("1.0.0", False, False), ("2.0.0", True, False)]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_deleted_version_gives_way_to_the_one_before(board: Board, at_once: bool) -> None:
    happened = [applied("1.0.0", 1), applied("3.0.0", 2), applied("2.0.0", 3), deleted("2.0.0", 4)]
    for batch in [happened] if at_once else [[one] for one in happened]:
        board.write(*batch)
    assert rows(board) == [("1.0.0", False, False), ("2.0.0", False, True), ("3.0.0", True, False)]
    assert [one.version for one in board.views.agents()] == ["3.0.0"]
    assert {one.version: one.deleted_at for one in board.views.agents(every_version=True)}["2.0.0"] >= AT


def test_what_is_deleted_whole_has_no_current_version(board: Board) -> None:
    board.write(applied("1.0.0", 1), applied("2.0.0", 2), deleted("1.0.0", 3), deleted("2.0.0", 4))
    assert board.views.agents() == []
    board.write(applied("1.0.0", 5))
    assert rows(board) == [("1.0.0", True, False), ("2.0.0", False, True)]


def test_notices_and_force_are_told(board: Board) -> None:
    board.write(applied("1.0.0", 1, forced=True, spec={"deprecated": "use boxer"}))
    [one] = board.views.agents()
    assert (one.deprecated, one.forced) == ("use boxer", True)
    document = {"document": {"metadata": {"deprecated": "use refund-2"}}}
    event = e.ResourceApplied(kind="Workflow", name="shop/refund", version="1.0.0", digest="sha256:w")
    board.write(("", event, e.ResourceBody({"document": document})))
    assert board.views.workflows()[0].deprecated == "use refund-2"
