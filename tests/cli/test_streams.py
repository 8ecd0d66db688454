"""Streams that are closed, full or of no use; data that other programs read; acts on a run that goes on."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from podium.cli.app import main
from tests.cli.command import Command, until


def shell(podium: Command, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `podium` is the command."""
    command = " ".join(podium.command(()))
    script = f'podium() {{ {command} "$@"; }}\nset -o pipefail\n{line}\n'
    return subprocess.run(
        ["bash", "-c", script], cwd=podium.folder, env=podium.environment(), capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


@pytest.fixture
def applied(podium: Command) -> Command:
    assert podium("apply", "team").returncode == 0
    return podium


def test_a_reader_that_has_had_enough(applied: Command) -> None:
    lines = "".join(f'{{"id": {n}, "workflow": "greet"}}\n' for n in range(300))
    (applied.folder / "lines").write_text(lines)
    for line in (
        "podium batch < lines | head -1", "podium get runs --limit 1000 -o json | head -1",
        "podium schema workflow | head -1",
    ):  # fmt: skip
        done = shell(applied, line)
        assert (done.returncode, done.stderr) == (0, ""), line
        assert done.stdout.count("\n") == 1


def test_streams_that_are_closed(applied: Command) -> None:
    closed = shell(applied, "podium batch <&-")
    assert closed.returncode == 2
    assert "stdin is closed" in closed.stderr
    assert shell(applied, "podium run greet -i @- <&-").returncode == 2
    assert shell(applied, "podium run greet >&-").returncode == 0
    assert shell(applied, "podium run greet 2>/dev/full").returncode == 0
    assert shell(applied, "podium run greet 2>&-").stdout == '{\n  "text": "Hello, you!"\n}\n'


@pytest.mark.parametrize(
    "line", ["podium get runs", "podium run greet", "podium schema", "podium batch < lines"]
)
def test_output_that_cannot_be_written(applied: Command, line: str) -> None:
    (applied.folder / "lines").write_text('{"id": 1, "workflow": "greet"}\n')
    applied("run", "greet")
    done = shell(applied, f"{line} > /dev/full")
    assert done.returncode == 7
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_is_utf8_whatever_the_locale(applied: Command) -> None:
    done = shell(applied, "LC_ALL=C podium run greet -i name=Zoé -o jsonl")
    assert json.loads(done.stdout)["output"] == {"text": "Hello, Zoé!"}


def test_whatever_is_shown_as_json_parses(
    podium: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    podium.start("up")
    until(podium.hub)
    monkeypatch.chdir(podium.folder)
    monkeypatch.delenv("PODIUM_STATE", raising=False)

    def shown(*command: str) -> Any:
        """What a command shows; it is the same command in this process, served by the hub in another."""
        for format in ("jsonl", "json"):
            assert main([*command, "-o", format]) in (0, 1), command
            out = capsys.readouterr().out
            found = [json.loads(text) for text in ([out] if format == "json" else out.splitlines())]
            assert found, command
        return found[0]

    for command in (
        "version", "schema", "schema workflow", "validate team", "apply team", "run greet", "run fail",
        "get agents", "get workflows", "describe agent greeter", "describe workflow greet", "doctor",
        "audit verify", "views rebuild", "send --type x",
    ):  # fmt: skip
        shown(*command.split())
    detached = podium("run", "ask", "--detach", "-o", "json")
    run_id = json.loads(detached.stdout)["id"]
    assert {run["workflow"] for run in shown("get", "runs")} >= {"test/greet@1.0.0", "test/ask@1.0.0"}
    for command in ("describe run", "story", "events", "suspend", "resume"):
        shown(*command.split(), run_id)
    assert main(["answer", run_id, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["detail"] == "/do/0/approve: approve"
    assert shown("follow", run_id)["id"] == run_id
    assert main(["events", run_id, "--follow", "-o", "json"]) == 0
    assert [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()][-1] == "RunCompleted"


def test_people_step_in_while_a_run_goes_on(podium: Command) -> None:
    """The run's own process is the hub; every other one is served by it."""
    going = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    assert podium.hub() == going.pid
    asked = podium("run", "ask", "--detach").stdout.strip()
    listens = podium("run", "listen", "--detach").stdout.strip()
    (slow,) = podium.json("get", "runs", "--workflow", "test/slow")
    assert podium("answer", asked, "--decision", "deny").returncode == 0
    assert podium("answer", asked).returncode == 5
    assert podium("send", listens, "--type", "other").returncode == 0
    assert podium("send", "--type", "go").stderr == "reached 1 run\n"
    assert podium("suspend", slow["id"][:8]).returncode == 0
    assert podium("resume", slow["id"]).returncode == 0
    assert podium("cancel", slow["id"], "--why", "enough").returncode == 0
    out, said = going.communicate(timeout=60)
    assert (going.returncode, out) == (1, "")
    assert "cancelled" in said
    assert podium("cancel", slow["id"]).returncode == 5
    statuses = {run["workflow"]: run["status"] for run in podium.json("get", "runs")}
    assert statuses == {
        "test/slow@1.0.0": "cancelled", "test/ask@1.0.0": "completed", "test/listen@1.0.0": "completed",
    }  # fmt: skip
    assert "because: enough" in podium("story", slow["id"]).stdout
