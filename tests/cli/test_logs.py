"""The hub's own log: lines of JSON that say which run and which attempt they are about."""

from __future__ import annotations

import json

from tests.cli.command import Command

TEAM = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: teller}
spec:
  version: 1.0.0
  capabilities: [{name: tell}]
  retry: {attempts: 2}
  runtime: {function: {callable: "telling:tell"}}
---
document: {dsl: '1.0.3', namespace: test, name: tell, version: '1.0.0'}
do: [{tell: {call: agent, with: {capability: tell}}}]
"""

TELLING = """\
async def tell(input, context):
    context.log("here I am")
    if context.attempt == 1:
        raise ValueError("a payload")
    return {}
"""


def test_lines_are_about_runs_and_attempts(podium: Command) -> None:
    (podium.team / "telling.py").write_text(TELLING)
    (podium.team / "telling.yaml").write_text(TEAM)
    assert podium("run", "team", "--workflow", "tell").returncode == 0
    (run,) = podium.json("get", "runs")
    lines = [json.loads(line) for line in (podium.state / "hub.log").read_text().splitlines()]
    about = [line for line in lines if line.get("run_id") == run["id"]]
    assert [(line["event"], line["attempt"]) for line in about] == [
        ("here I am", 1), ("an attempt is failed: runtime", 1), ("here I am", 2),
    ]  # fmt: skip
    for line in about:
        assert (line["agent"], line["task"], line["effect"]) == ("teller@1.0.0", "/do/0/tell", 1)
        assert line["trace_id"] == run["id"].replace("-", "")
        assert line["level"] == "info" and line["timestamp"].endswith("Z")
    assert "a payload" not in (podium.state / "hub.log").read_text()
