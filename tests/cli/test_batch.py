"""`batch`: every line a durable run, and a line for each as it ends."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.command import Command


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
