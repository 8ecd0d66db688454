"""`podium erase`, and runs that are about somebody, as people have them."""

from __future__ import annotations

import json

from tests.cli.command import Command


def test_a_run_about_somebody_is_erased(podium: Command) -> None:
    ran = podium("run", "team", "--workflow", "greet", "--input", "name=Grosvenor", "--subject", "ada")
    assert json.loads(ran.stdout) == {"text": "Hello, Grosvenor!"}
    (run,) = podium.json("get", "runs")
    assert "Grosvenor" in podium("story", run["id"]).stdout
    podium("run", "greet", "--input", "name=Public")
    done = podium("erase", "--subject", "ada", "--reason", "asked for it")
    assert done.returncode == 0, done.stderr
    assert "erased: 0 cancelled" in done.stderr
    told = podium("story", run["id"])
    assert told.returncode == 0
    assert "input (erased)" in told.stdout
    for command in ("describe run", "events", "explain", "graph"):
        shown = podium(*command.split(), run["id"])
        assert shown.returncode == 0, shown.stderr
        assert "Grosvenor" not in shown.stdout
    assert podium("audit", "verify").returncode == 0
    assert podium("views", "rebuild").returncode == 0
    files = [path for path in podium.state.rglob("*") if path.is_file()]
    assert any(b"Public" in path.read_bytes() for path in files)
    assert not any(b"Grosvenor" in path.read_bytes() for path in files)


def test_what_cannot_be_erased(podium: Command) -> None:
    nothing = podium("erase", "--subject", "ada", "--reason", "x")
    assert nothing.returncode == 7
    podium("run", "team", "--workflow", "greet")
    unknown = podium("erase", "--subject", "ada", "--reason", "x")
    assert unknown.returncode == 4
    assert "nothing is sealed for that subject" in unknown.stderr
    assert podium("erase", "--subject", "ada").returncode == 2
    assert podium("erase", "--subject", "ada", "--reason", " ").returncode == 2


def test_lines_of_a_batch_may_be_about_somebody(podium: Command) -> None:
    podium("apply", "team")
    lines = [
        {"id": 1, "workflow": "greet", "input": {"name": "Grosvenor"}, "subject": "ada"},
        {"id": 2, "workflow": "greet", "input": {}, "subject": 5},
    ]
    done = podium("batch", input="".join(json.dumps(line) + "\n" for line in lines))
    rows = {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows[1]["output"] == {"text": "Hello, Grosvenor!"}
    assert "`subject` must be a text" in rows[2]["error"]["title"]
    assert not any(b"Grosvenor" in path.read_bytes() for path in podium.state.rglob("*") if path.is_file())
