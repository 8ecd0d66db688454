"""`batch`: every line a durable run, and a line for each as it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from podium.cli import batching
from tests.cli.command import Command, until

AGENTS = """\
import asyncio, os
from pathlib import Path

HERE = Path(__file__).parent


async def count(input):
    if input["n"] >= 40:
        while not (HERE / "open").exists():
            await asyncio.sleep(0.02)
    with open(HERE / "ledger", "a") as ledger:
        ledger.write(f"{input['n']}\\n")
        ledger.flush()
        os.fsync(ledger.fileno())
    return {"done": input["n"]}
"""

MANIFEST = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: counter}
spec:
  version: 1.0.0
  capabilities: [{name: count}]
  runtime: {function: {callable: "counter:count"}}
---
document: {dsl: '1.0.3', namespace: test, name: work, version: '1.0.0'}
do:
  - count: {call: agent, with: {agent: counter}}
"""


def lines(*rows: Any) -> str:
    return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)


def test_a_batch(podium: Command) -> None:
    rows = [{"id": f"r{number}", "workflow": "greet", "input": {"name": str(number)}} for number in range(50)]
    done = podium("batch", "team", input=lines(*rows))
    assert done.returncode == 0, done.stderr
    results = {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert results.keys() == {row["id"] for row in rows}
    assert results["r7"] == {
        "id": "r7", "status": "completed", "output": {"text": "Hello, 7!"}, "error": None,
        "trace": ["/do/0/greet"],
    }  # fmt: skip

    again = podium(
        "batch", "--in-flight", "2",
        input=lines(
            rows[7], {**rows[8], "input": {"name": "other"}}, "no json\n", {"id": "x"}, "\n",
            {"id": "f", "workflow": "fail"}, {"id": "g", "workflow": "gone"},
            {"id": "r7", "workflow": "greet"},
        ),
    )  # fmt: skip
    assert again.returncode == 2
    found = [json.loads(line) for line in again.stdout.splitlines()]
    assert results["r7"] in found
    statuses = sorted((str(row.get("id")), row["status"]) for row in found)
    assert statuses == [
        ("None", "refused"), ("f", "faulted"), ("g", "refused"), ("r7", "completed"), ("r7", "conflict"),
        ("r8", "conflict"), ("x", "refused"),
    ]  # fmt: skip
    (failed,) = (row for row in found if row["status"] == "faulted")
    assert failed["error"]["title"] == "It cannot be"
    assert failed["trace"] == ["/do/0/check"]

    conflict = podium("batch", input=lines({**rows[8], "input": {"name": "other"}}, rows[9]))
    assert conflict.returncode == 5
    assert len(podium.json("get", "runs", "--limit", "100")) == 51
    rebuilt = podium("views", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert len(podium.json("get", "runs", "--workflow", "test/fail")) == 1


def test_lines_that_cannot_be_run_are_refused_alone(podium: Command) -> None:
    assert podium("apply", "team").returncode == 0
    bad: list[tuple[Any, str]] = [
        ("rubbish\n", "not JSON"),
        ("[1]\n", "not an object"),
        ({"workflow": "greet"}, "`id` must be"),
        ({"id": True, "workflow": "greet"}, "`id` must be"),
        ({"id": "a"}, "`workflow` must be"),
        ({"id": "b", "workflow": "greet", "inputs": {}}, "unknown members: inputs"),
        ({"id": "c", "workflow": "nothing"}, "no workflow is named nothing"),
        ({"id": "d", "workflow": "greet", "input": {"name": 3}}, "/input/name"),
        ('{"id": "e", "workflow": "greet", "input": NaN}\n', "no number NaN"),
        ('{"id": "f", "workflow": "greet", "input": {"name": "\\ud800"}}\n', "surrogate"),
        ('{"id": "g", "workflow": "greet", "input": {"name": "a", "name": "b"}}\n', "given twice"),
        ('{"id": "h", "workflow": "greet", "input": ' + "[" * 9000 + "]" * 9000 + "}\n", "too deeply"),
        ({"id": "i", "workflow": "greet", "input": {"x": "y" * 20_000_000}}, "16777216 characters"),
        ('{"id": "j", "workflow": "greet"', "not JSON"),
    ]
    good = [{"id": n, "workflow": "greet", "input": {"name": str(n)}} for n in range(len(bad))]
    mixed = [row for pair in zip(good, (row for row, _ in bad), strict=True) for row in ("\n", *pair)]
    done = podium("batch", input=lines(*mixed))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(row["id"] for row in found if row["status"] == "completed") == list(range(len(bad)))
    refused = [row["error"]["title"] for row in found if row["status"] == "refused"]
    assert len(refused) == len(bad)
    for _, said in bad:
        assert any(said in title for title in refused), said


def test_a_key_given_twice_in_one_batch(podium: Command) -> None:
    assert podium("apply", "team").returncode == 0
    row = {"id": "a", "workflow": "greet", "input": {"name": "Ada"}}
    done = podium("batch", input=lines(row, {**row, "input": {"name": "Bob"}}, row))
    assert done.returncode == 5
    statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert sorted(statuses) == ["completed", "completed", "conflict"]


def test_a_line_that_is_too_long_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(batching, "LINE_BYTES_MAX", 100)
    (tmp_path / "lines").write_bytes(
        b"first\n" + b"x" * 1000 + b"\nthird\n" + b"y" * 100 + b"\n" + b"z" * 101
    )
    with (tmp_path / "lines").open("rb") as stdin:
        found = [(number, len(text)) for number, text in batching._lines(stdin)]
    assert found == [(1, 6), (2, 101), (3, 6), (4, 101), (5, 101)]


def test_what_a_killed_batch_has_done_is_not_done_again(podium: Command) -> None:
    (podium.team / "counter.py").write_text(AGENTS)
    (podium.team / "counter.yaml").write_text(MANIFEST)
    rows = [{"id": f"r{n}", "workflow": "work", "input": {"n": n}} for n in range(80)]
    given = podium.folder / "lines"
    given.write_text(lines(*rows))
    first = podium.start("batch", "team", stdin=given)
    assert first.stdout is not None
    told = [json.loads(first.stdout.readline()) for _ in range(40)]
    first.kill()
    first.communicate()
    assert {row["status"] for row in told} == {"completed"}
    podium.open_gate()
    again = podium("batch", input=given.read_text())
    assert again.returncode == 0, again.stderr
    results = {row["id"]: row for row in map(json.loads, again.stdout.splitlines())}
    assert results.keys() == {row["id"] for row in rows}
    assert all(results[row["id"]] == row for row in told)
    assert all(results[row["id"]]["output"] == {"done": row["input"]["n"]} for row in rows)
    ledger = (podium.team / "ledger").read_text().split()
    assert sorted(map(int, ledger)) == list(range(80))
    assert len(podium.json("get", "runs", "--limit", "1000")) == 80


def test_a_batch_outlives_the_hub_that_serves_it(podium: Command) -> None:
    (podium.team / "counter.py").write_text(AGENTS)
    (podium.team / "counter.yaml").write_text(MANIFEST)
    podium.start("up")
    hub = until(podium.hub)
    given = podium.folder / "lines"
    given.write_text(lines(*({"id": n, "workflow": "work", "input": {"n": n}} for n in range(60))))
    batch = podium.start("batch", "team", "--in-flight", "30", stdin=given)
    assert batch.stdout is not None
    told = [json.loads(batch.stdout.readline()) for _ in range(40)]
    os.kill(hub, 9)
    podium.open_gate()
    out, said = batch.communicate(timeout=120)
    assert batch.returncode == 0, said
    told += [json.loads(line) for line in out.splitlines()]
    assert sorted(row["id"] for row in told) == list(range(60))
    assert {row["status"] for row in told} == {"completed"}
