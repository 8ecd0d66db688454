"""Workflows that take one run at a time for a key, through a running hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.identity import digest_of
from tests.runtime.serving import House, agent, call, workflow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.apply(agent(tmp_path, "gate"))
    yield made
    made.close()


def declare(house: House, on_conflict: str) -> None:
    made = workflow("one", {"wait": call("gate")})
    terms = {"key": "${ .customer }", "onConflict": on_conflict}
    made.spec["document"]["document"]["metadata"] = {"concurrency": terms}
    house.apply(msgspec.structs.replace(made, digest=digest_of(made.spec)))


def given(tmp_path: Path) -> dict[str, Any]:
    return {"customer": "ada", "gate": str(tmp_path / "gate")}


def test_one_more_is_pending_until_it_begins(house: House, tmp_path: Path) -> None:
    declare(house, "queue")
    first, second = house.submit("one", given(tmp_path)), house.submit("one", given(tmp_path))
    assert house.call("run", run_id=second)["phase"] == "pending"
    assert [row["id"] for row in house.call("get", kind="runs", status="queued")] == [second]
    assert {row["id"] for row in house.call("get", kind="runs", status="unfinished")} == {first, second}
    (tmp_path / "gate").touch()
    for run_id in (first, second):
        assert house.call("wait", run_id=run_id, timeout_ms=30_000)["status"] == "completed"


def test_whoever_asks_for_the_same_work_gets_what_is_there(house: House, tmp_path: Path) -> None:
    declare(house, "dedupe")
    first = house.submit("one", given(tmp_path))
    same = house.door.start("execute", {"workflow": "one", "input": given(tmp_path), "timeout_ms": 30_000})
    (tmp_path / "gate").touch()
    ended = same.result(timeout=30)["result"]
    assert (ended["id"], ended["status"], ended["created"]) == (first, "completed", False)


def test_the_latest_takes_the_place_of_the_former(house: House, tmp_path: Path) -> None:
    declare(house, "cancelPrevious")
    first, second = house.submit("one", given(tmp_path)), house.submit("one", given(tmp_path))
    assert house.call("wait", run_id=first, timeout_ms=30_000)["status"] == "cancelled"
    (tmp_path / "gate").touch()
    assert house.call("wait", run_id=second, timeout_ms=30_000)["status"] == "completed"
