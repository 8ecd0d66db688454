"""What keeps runs from going on, and who can let them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.testing.virtual import Dies, Fails, Never, Podium, virtual

DECLARED = """\
document: {dsl: '1.0.3', namespace: test, name: ask, version: '1.0.0'}
do: [{ask: {call: human, with: {title: Send it?}}}]
---
document: {dsl: '1.0.3', namespace: test, name: pay, version: '1.0.0'}
do: [{pay: {call: http, with: {method: post, endpoint: 'http://127.0.0.1:9/pay', body: {}}}}]
---
document: {dsl: '1.0.3', namespace: test, name: hear, version: '1.0.0'}
do: [{hear: {listen: {to: {any: [{with: {type: paid}}, {with: {type: cancelled}}]}}}}]
---
document: {dsl: '1.0.3', namespace: test, name: wait, version: '1.0.0'}
do: [{wait: {wait: PT1H}}]
---
document: {dsl: '1.0.3', namespace: test, name: work, version: '1.0.0'}
do: [{work: {call: agent, with: {capability: work}}}]
---
document: {dsl: '1.0.3', namespace: test, name: kept, version: '1.0.0', metadata: {onFailure: deadLetter}}
do: [{fail: {call: agent, with: {capability: fail}}}]
---
document: {dsl: '1.0.3', namespace: test, name: above, version: '1.0.0'}
do: [{below: {run: {workflow: {namespace: test, name: ask, version: '1.0.0'}}}}]
---
document:
  dsl: '1.0.3'
  namespace: test
  name: alone
  version: '1.0.0'
  metadata: {concurrency: {key: '${ .of }'}}
do: [{wait: {wait: PT1H}}]
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: once}
spec:
  version: 1.0.0
  delivery: at-most-once
  capabilities: [{name: once}]
  runtime: {function: {callable: "nowhere:once"}}
---
document: {dsl: '1.0.3', namespace: test, name: doubt, version: '1.0.0'}
do: [{act: {call: agent, with: {capability: once}}}]
"""


@pytest.fixture
def podium(tmp_path: Path) -> Iterator[Podium]:
    (tmp_path / "all.yaml").write_text(DECLARED)
    agents: Any = {"work": Never(), "fail": Fails("no such account", retryable=False), "once": Dies()}
    with virtual(tmp_path / "all.yaml", agents=agents) as made:
        yield made


def rows(podium: Podium, run_id: str = "") -> list[Any]:
    return podium.client.stuck(run_id)


CASES = [
    ("ask", "human", "an answer: Send it?", "whoever the task asks", "podium answer RUN --task 1 --decision"),
    ("pay", "approval", "people to allow http", "people with the role", "podium approve|deny RUN/1"),
    ("hear", "event", "an event of the type cancelled or paid", "whoever sends it", "podium send RUN"),
    ("wait", "timer", "time", "nobody needs to", ""),
    ("work", "attempt", "scripted-work@1.0.0, which is at work (attempt 1)", "nobody needs to", ""),
    ("kept", "dead_letter", "no such account", "an operator", "podium dlq retry|drop RUN --effect 1"),
    ("doubt", "in_doubt", "somebody to say what became of once", "an operator", "podium resolve RUN"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "waits", "who", "command"), CASES)
def test_what_waits_says_who_can_let_it_go_on(
    podium: Podium, name: str, kind: str, waits: str, who: str, command: str
) -> None:
    run = podium.start(f"test/{name}", {})
    (row,) = rows(podium, run.id)
    assert row["kind"] == kind
    assert waits in row["waits"] and who in row["who"], row
    assert row["command"].startswith(command.replace("RUN", run.id[:8])), row
    assert bool(row["until"]) == (kind == "timer")


def test_runs_that_wait_for_others_lead_to_them(podium: Podium) -> None:
    above = podium.start("test/above", {})
    (row,) = rows(podium, above.id)
    (child,) = podium.client.get("runs", parent=above.id)
    assert row["kind"] == "run" and row["command"] == f"podium explain --stuck {str(child['id'])[:8]}"
    first = podium.start("test/alone", {"of": 1})
    second = podium.start("test/alone", {"of": 1})
    (row,) = rows(podium, second.id)
    assert row["kind"] == "claim" and first.id[:8] in row["waits"]


def test_who_somebody_must_see_to_comes_first(podium: Podium) -> None:
    for name in ("wait", "work", "hear", "doubt", "ask"):
        podium.start(f"test/{name}", {})
    suspended = podium.start("test/wait", {})
    podium.client.suspend(suspended.id)
    found = rows(podium)
    assert [row["kind"] for row in found] == ["human", "in_doubt", "suspended", "event", "attempt", "timer"]
    assert found[2]["command"] == f"podium resume {suspended.id[:8]}"
    assert len(podium.client.stuck(limit=2)) == 2


def test_what_has_ended_waits_for_nothing(podium: Podium) -> None:
    run = podium.start("test/ask", {}).answer("approve")
    assert rows(podium, run.id) == [] and rows(podium) == []
