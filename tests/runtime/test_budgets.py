"""Budgets of a running hub, as people look at them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from podium.facts.policy_version import Budget, PolicyVersion, Reservation, Window
from podium.kernel.books import Books
from podium.runtime.budgets import budgets, taken
from tests.kernel.conversation import START, Conversation
from tests.kernel.conversation import agent as kernel_agent
from tests.policies import policy
from tests.runtime.serving import House, agent, call, workflow


def test_budgets_show_what_is_spent_and_held_nearest_to_the_ceiling_first(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    house = House(tmp_path)
    try:
        house.apply(
            agent(tmp_path, "gate", cost_nano=3, priced=True),
            workflow("wait", {"one": call("gate")}),
            policy(
                budgets=(
                    Budget("wide", ("tenant",), {"nano": 1000}, window=Window("day")),
                    Budget("run", ("run",), {"nano": 4, "calls": 10}),
                    Budget("all", (), {"nano": 9000}),
                )
            ),
        )
        assert house.call("get", kind="budgets") == []
        run_id = house.submit("wait", {"gate": str(gate)})
        house.until(run_id, "attempt")
        rows = house.call("get", kind="budgets")
        shown = [(row["budget"], row["unit"], row["spent"], row["held"], row["left"]) for row in rows]
        assert shown == [
            ("run", "nano", 0, 3, 1), ("run", "calls", 0, 1, 9), ("wide", "nano", 0, 3, 997),
            ("all", "nano", 0, 3, 8997),
        ]  # fmt: skip
        assert rows[0]["scope"] == {"run": run_id}
        assert rows[2]["ends_at"] > 0
        assert rows[3]["scope"] == {}
        gate.touch()
        house.call("wait", run_id=run_id, timeout_ms=30_000)
        rows = house.call("get", kind="budgets")
        assert [(row["budget"], row["spent"], row["held"]) for row in rows] == [("wide", 3, 0), ("all", 3, 0)]
    finally:
        house.close()


@pytest.mark.parametrize(("hold_ms", "lost_at"), [(0, 0), (60_000, START + 60_000)])
def test_what_is_in_doubt_for_long_is_shown_as_lost_and_stays_held(hold_ms: int, lost_at: int) -> None:
    declared = policy(budgets=(Budget("all", (), {"nano": 9}),), reservation=Reservation(hold_ms=hold_ms))
    once = kernel_agent("once", cost_nano=3, priced=True, delivery="at-most-once")
    talk = Conversation([{"a": {"call": "agent", "with": {"agent": "once"}}}], agents=(once, declared))
    talk.submit({})
    known = {"house": msgspec.convert(declared.spec, PolicyVersion)}

    def row() -> dict[str, object]:
        shard = talk.shard
        (found,) = budgets(taken(Books(ledger=shard.ledger, held=shard.held, torn=shard.torn)), known, 9)
        return found

    assert (row()["doubtful"], row()["lost_at"]) == (0, 0)
    talk.lose("a")
    talk.wait(120_000)
    assert (row()["held"], row()["doubtful"], row()["lost_at"]) == (3, 3, lost_at)


def test_what_a_plan_may_cost_is_shown_while_it_runs() -> None:
    planner, once = kernel_agent("planner"), kernel_agent("once", cost_nano=3, priced=True)
    more = {"allow": {"calls": ["agent"], "agents": ["once"]}, "limits": {"money": {"usd": "0.000000009"}}}
    tasks = [{"a": {"call": "plan", "with": {"agent": "planner", **more}}}]
    talk = Conversation(tasks, agents=(planner, once))
    talk.submit({})
    talk.settle("/do/0/a/with/agent", {"do": [{"b": {"call": "agent", "with": {"agent": "once"}}}]})
    (row,) = budgets(taken(talk.shard.books()), {}, 9)
    assert (row["budget"], row["unit"], row["ceiling"], row["held"], row["left"]) == ("plan", "nano", 9, 3, 6)
    assert list(row["scope"]) == ["tree", "run"]
