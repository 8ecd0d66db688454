"""Workflows that run workflows, and lifecycle events, by the command line."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.command import Command

FAMILY = """\
document: {dsl: '1.0.3', namespace: test, name: parent, version: '1.0.0'}
do:
  - below: {run: {workflow: {namespace: test, name: ask, version: '1.0.0'}}}
  - tell: {set: {decided: '${ .decision }'}}
"""


def test_a_run_below_another_is_listed_answered_and_told_of(podium: Command) -> None:
    (podium.team / "family.yaml").write_text(FAMILY)
    waiting = podium("run", "team", "--workflow", "parent", "--timeout", "0")
    assert waiting.returncode == 8, waiting.stderr
    (top,) = podium.json("get", "runs")
    (child,) = podium.json("get", "runs", "--parent", top["id"][:8])
    assert (child["parent"], child["parent_task"], child["phase"]) == (top["id"], "/do/0/below", "waiting")
    table = podium("get", "runs", "--nested", "-o", "table").stdout
    assert f"started by run {top['id'][:8]}; waits for a person (approve)" in table
    assert f"waits for run {child['id'][:8]} (below)" in table
    assert podium.json("get", "runs", "--status", "waiting")[0]["id"] == child["id"]
    assert podium("answer", child["id"], "--decision", "deny").returncode == 0
    assert json.loads(podium("follow", top["id"]).stdout) == {"decided": "deny"}
    assert f"runs test/ask@1.0.0 as run {child['id']}" in podium("story", top["id"]).stdout


def test_lifecycle_events_are_lines_of_json(podium: Command) -> None:
    ran = podium("run", "team", "--workflow", "greet", "--input", "name=Ada")
    assert ran.returncode == 0, ran.stderr
    (run,) = podium.json("get", "runs")
    lines = podium("events", run["id"], "--cloudevents").stdout.splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    kinds = [event["type"].removeprefix("io.serverlessworkflow.") for event in events]
    assert kinds[0] == "workflow.started.v1" and kinds[-2:] == [
        "workflow.completed.v1", "workflow.status-changed.v1",
    ]  # fmt: skip
    assert events[-2]["data"]["output"] == {"text": "Hello, Ada!"}
    assert podium.json("events", run["id"], "--cloudevents", "--follow") == events
    first = podium.json("events", run["id"])[0]["seq"]
    later = podium.json("events", run["id"], "--cloudevents", "--after", str(first))
    assert 0 < len(later) < len(events) and later == events[-len(later) :]
