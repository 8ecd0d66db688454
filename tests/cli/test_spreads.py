"""Runs of many items, and of tasks deep inside each other, whose hub is killed in the middle."""

from __future__ import annotations

import json

from tests.cli.command import Command, until
from tests.workflow.nesting import KINDS, nested

WORKFLOW = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: counter}
spec:
  version: 1.0.0
  capabilities: [{name: count}]
  concurrency: 64
  runtime:
    function: {callable: "counting:count"}
---
document: {dsl: '1.0.3', namespace: test, name: many, version: '1.0.0'}
do:
  - all:
      call: map
      with: {in: '${ [range(3000)] }', function: {call: agent, with: {capability: count}}, concurrency: 64}
"""

AGENT = """\
from pathlib import Path

LOG = open(Path(__file__).parent / "counted", "a", buffering=1)


async def count(input):
    LOG.write(f"{input}\\n")
    return input * 2
"""


def test_a_map_killed_in_the_middle_goes_on_where_it_was(podium: Command) -> None:
    (podium.team / "many.yaml").write_text(WORKFLOW)
    (podium.team / "counting.py").write_text(AGENT)
    counted = podium.team / "counted"

    def count() -> int:
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    first = podium.start("run", "team", "--workflow", "many")
    until(lambda: count() > 400)
    first.kill()
    first.communicate()
    (run,) = podium.json("get", "runs")
    (progress,) = podium.json("describe", "run", run["id"])["progress"]
    assert 0 < progress["done"] < 3_000 and progress["total"] == 3_000
    again = podium("run", "team", "--workflow", "many", "--resume")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == [2 * item for item in range(3_000)]
    # What had been answered before is not asked again; what was in flight may be.
    assert 3_000 <= count() <= 3_000 + 64
    assert len(again.stderr.splitlines()) < 40
    assert len(podium("story", run["id"]).stdout.splitlines()) < 20
    assert podium("audit", "verify").returncode == 0


def test_tasks_a_hundred_deep_survive_their_hub(podium: Command) -> None:
    header = {"dsl": "1.0.3", "namespace": "test", "name": "deep", "version": "1.0.0"}
    gate = {"call": "agent", "with": {"capability": "pass"}}
    document = {"document": header, "do": nested(100, KINDS, gate)}
    (podium.team / "deep.yaml").write_text(json.dumps(document))
    first = podium.start("run", "team", "--workflow", "deep")
    until(podium.calls)
    first.kill()
    first.communicate()
    podium.open_gate()
    again = podium("run", "team", "--workflow", "deep", "--resume")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {"passed": True}
    (run,) = podium.json("get", "runs")
    assert podium.json("describe", "workflow", "deep")["document"]["do"] == document["do"]
    assert podium("story", run["id"]).returncode == 0
