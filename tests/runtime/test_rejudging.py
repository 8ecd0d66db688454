"""Effects decided again: budgets, sequences and what became of runs count as they were in the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.bootstrap import RUNS_SHARD, reader_of
from podium.facts.policy_version import PolicyVersion
from podium.kernel.catalog import Catalog
from podium.policy.compiling import compile_policy
from podium.policy.deciding import PolicySet
from podium.resources.manifest import read_text
from podium.runtime.rejudging import Rejudged, Rejudging
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import read_records
from tests.runtime.serving import House, agent, call, human, workflow

HEAD = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: other}
spec:
  version: 1.0.0
"""
ALLOWED = """\
  rules:
    - {id: agents, effect: allow, match: {kinds: [agent]}}
    - {id: people, effect: allow, match: {kinds: [human]}}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def policies(text: str) -> PolicySet:
    (document,), troubles = read_text(HEAD + text, "other.yaml", "/")
    assert not troubles
    compiled, problems = compile_policy(msgspec.convert(document.spec, PolicyVersion), document.digest)
    assert compiled is not None, problems
    return PolicySet([compiled])


def rejudged(house: House, text: str, since: int = 0) -> list[Rejudged]:
    reader = reader_of(house.state)
    catalog = Catalog()
    for record in read_records(reader, SYSTEM_SHARD, 0):
        catalog.fold(record)
    found = Rejudging(catalog, policies(text), since)
    found.hear(read_records(reader, RUNS_SHARD, 0))
    reader.close()
    return sorted(found.rows, key=lambda row: row.seq)


def verdicts(rows: list[Rejudged]) -> list[str]:
    return [row.now for row in rows]


def priced(folder: Path, name: str, **more: Any) -> Any:
    return agent(folder, name, cost_nano=2_000_000, priced=True, **more)


def test_a_budget_counts_all_that_went_before(house: House, tmp_path: Path) -> None:
    house.apply(priced(tmp_path, "echo"), workflow("one", {"ask": call("echo")}))
    for number in range(4):
        house.call("execute", workflow="one", input=number)
    limited = "  budgets:\n    - {name: all, scope: [tenant], limit: {usd: '0.005'}}\n" + ALLOWED
    rows = rejudged(house, limited)
    # Nothing metered a cost: what was held is what was taken, so that two fit and no third.
    assert verdicts(rows) == ["allow", "allow", "deny", "deny"]
    assert all(row.was == "allow" and row.performed for row in rows)
    later = rejudged(house, limited, since=rows[3].at)
    assert verdicts(later)[-1] == "deny" and len(later) < 4, "what is older counts, and is not told of"


def test_runs_that_wait_and_runs_that_failed_are_told_of(house: House, tmp_path: Path) -> None:
    house.apply(
        priced(tmp_path, "echo"), priced(tmp_path, "nobody"),
        workflow("bad", {"ask": call("nobody")}), workflow("asks", {"ok": human("Well?")}),
    )  # fmt: skip
    assert house.call("execute", workflow="bad")["status"] == "faulted"
    waiting = house.submit("asks")
    house.until(waiting, "human")
    rows = rejudged(house, "  rules: [{id: agents, effect: allow, match: {kinds: [agent]}}]\n")
    assert [(row.kind, row.was, row.now, row.rules) for row in rows] == [
        ("agent", "allow", "allow", ("other/agents",)), ("human", "allow", "deny", ("default",)),
    ]  # fmt: skip


def test_what_comes_after_something_else(house: House, tmp_path: Path) -> None:
    house.apply(
        priced(tmp_path, "echo"), priced(tmp_path, "gate"),
        workflow("both", {"first": call("echo")}, {"then": call("gate")}),
        workflow("late", {"then": call("gate")}),
    )  # fmt: skip
    opened = tmp_path / "open"
    opened.touch()
    for name in ("both", "late"):
        assert house.call("execute", workflow=name, input={"gate": str(opened)})["status"] == "completed"
    rows = rejudged(
        house,
        "  sequences:\n"
        "    - {name: order, match: {capabilities: [gate]}, require: {capabilities: [echo]}, else: deny}\n"
        + ALLOWED,
    )
    assert [(row.target, row.now) for row in rows] == [("echo", "allow"), ("gate", "allow"), ("gate", "deny")]
