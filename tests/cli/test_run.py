"""`run`: what it shows where, and the exit code of every way in which it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Command, until


def test_the_output_alone_is_on_stdout(podium: Command) -> None:
    done = podium("run", "team", "--workflow", "greet", "--input", "name=Ada")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"text": "Hello, Ada!"}
    assert "/do/0/greet -> greeter@1.0.0" in done.stderr
    assert podium.hub() == 0
    # What ran before is seen without a hub, by its beginning, and by its name.
    (run,) = podium.json("get", "runs", "--workflow", "test/greet")
    described = podium.json("describe", "run", run["id"][:6])
    assert described["input"] == {"name": "Ada"}
    again = podium("run", "greet", "-o", "jsonl")
    assert json.loads(again.stdout)["output"] == {"text": "Hello, you!"}
    assert podium.hub() == 0


def test_a_run_that_faults(podium: Command) -> None:
    done = podium("run", "team", "--workflow", "fail")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "It cannot be" in done.stderr
    assert "It never could." in done.stderr
    assert "at /do/0/check" in done.stderr
    assert "podium story" in done.stderr


def test_an_invalid_manifest_is_named_with_its_place(podium: Command) -> None:
    (podium.team / "team.yaml").write_text(
        "document: {dsl: '1.0.3', namespace: a, name: b}\ndo: [{a: {st: 1}}]\n"
    )
    done = podium("run", "team")
    assert done.returncode == 2
    assert "team/team.yaml:1:" in done.stderr
    assert "`version`" in done.stderr
    assert not podium.state.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "team", "--workflow", "greet", "--input", "name=3"), 2, "/input/name"),
        (("run", "team", "--workflow", "greet", "--input", "name"), 2, "neither key=value nor @file"),
        (("run", "team"), 2, "several workflows"),
        (("run", "team", "--bogus"), 2, "--bogus"),
        (("run", "nothing-of-this-name"), 4, "no workflow is named"),
        (("run", "nothing.yaml"), 4, "no file or folder"),
        (("--state", "/proc/podium", "run", "team", "--workflow", "greet"), 7, "/proc/podium"),
    ],
)  # fmt: skip
def test_what_cannot_be_run(podium: Command, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = podium(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_stands_for_one_run(podium: Command) -> None:
    first = podium("run", "team", "--workflow", "greet", "--key", "k", "--input", "name=Ada", "-o", "json")
    assert first.returncode == 0, first.stderr
    again = podium("run", "greet", "--key", "k", "--input", "name=Ada", "-o", "json")
    assert json.loads(again.stdout)["id"] == json.loads(first.stdout)["id"]
    other = podium("run", "greet", "--key", "k", "--input", "name=Bob")
    assert other.returncode == 5
    assert "already stands for run" in other.stderr


def test_an_agent_that_nobody_declares(podium: Command) -> None:
    text = "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0'}\ndo:\n"
    text += "  - x: {call: agent, with: {capability: c}}\n"
    (podium.folder / "lonely.yaml").write_text(text)
    done = podium("run", "lonely.yaml")
    assert done.returncode == 6
    assert "lonely.yaml:3:" in done.stderr
    assert "no agent offers c" in done.stderr


def test_a_run_that_waits_for_a_person(podium: Command) -> None:
    done = podium("run", "team", "--workflow", "ask", "--timeout", "0")
    assert done.returncode == 8
    (run,) = podium.json("get", "runs", "--status", "waiting")
    answered = podium("answer", run["id"][:8], "--decision", "deny", "--why", "not today")
    assert answered.returncode == 0, answered.stderr
    late = podium("answer", run["id"][:8])
    assert late.returncode == 5
    assert podium.hub() == 0
    story = podium("story", run["id"][:8])
    assert "answered /do/0/approve: deny" in story.stdout
    assert "because: not today" in story.stdout
    assert json.loads(podium("follow", run["id"]).stdout)["decision"] == "deny"


def test_progress_says_what_a_person_must_do(podium: Command) -> None:
    running = podium.start("run", "team", "--workflow", "ask")
    assert running.stderr is not None
    said = ""
    while "--decision approve|deny" not in said:
        line = running.stderr.readline()
        assert line, f"it ended after {said!r}"
        said += line
    command = next(line for line in said.splitlines() if "podium answer" in line).split()
    # This process is the hub; another one is served by it.
    answered = podium(*command[1:-1], "approve")
    assert answered.returncode == 0, answered.stderr
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert json.loads(out)["decision"] == "approve"


def test_leaving_a_run_to_the_background(podium: Command) -> None:
    urgent = ("--priority", "high", "--label", "tenant=acme")
    started = podium("run", "team", "--workflow", "slow", "--detach", "--label", "team=blue", *urgent)
    assert started.returncode == 0, started.stderr
    run_id = started.stdout.strip()
    assert f"pid {podium.hub()}" in started.stderr
    until(podium.calls)
    (run,) = podium.json("get", "runs", "--status", "running")
    assert (run["id"], run["labels"]) == (run_id, {"team": "blue", "tenant": "acme"})
    assert (run["priority"], run["tenant"]) == ("high", "acme")
    assert "priority high" in podium("get", "runs").stdout
    assert "for the tenant acme with priority high" in podium("story", run_id).stdout
    podium.open_gate()
    done = podium("follow", run_id)
    assert json.loads(done.stdout) == {"text": "Hello, last!"}


def test_declared_files_are_checked_and_applied(podium: Command, tmp_path: Path) -> None:
    checked = podium("validate", "team", "-o", "json")
    assert checked.returncode == 0, checked.stderr
    assert {row["kind"] for row in json.loads(checked.stdout)} == {"Agent", "Workflow"}
    assert not podium.state.exists()
    assert podium("apply", "team").returncode == 0
    again = podium("apply", "team")
    assert "0 changed" in again.stderr
    assert {agent["name"] for agent in podium.json("get", "agents")} == {"greeter", "gate", "once"}
    assert podium.json("describe", "workflow", "test/ask")["version"] == "1.0.0"
    assert podium("describe", "agent", "nobody").returncode == 4
    (podium.team / "agents.py").unlink()
    (podium.team / "broken.yaml").write_text("document: [\n")
    assert podium("apply", "team").returncode == 2
