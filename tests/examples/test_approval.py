"""The example in which a person decides, answered from another terminal."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.command import Command, until
from tests.examples.conftest import EXAMPLES


def asked(podium: Command, product: str) -> tuple[subprocess.Popen[str], str]:
    """Start a run, and wait until it asks; gives its process and its id."""
    process = podium.start("run", str(EXAMPLES / "approval"), "--input", f"product={product}", "--no-input")
    until(podium.hub)

    def waiting() -> str:
        runs = podium.json("get", "runs", "--workflow", "examples/approval")
        return next((run["id"] for run in runs if run["waiting_for"]), "")

    return process, str(until(waiting))


@pytest.mark.parametrize(
    ("decision", "output"),
    [
        ("send", {"sent": True, "subject": "Tea is here"}),
        ("drop", {"sent": False}),
    ],
)
def test_a_person_decides(podium: Command, decision: str, output: dict[str, object]) -> None:
    process, run = asked(podium, "Tea")
    answered = podium("answer", run, "--decision", decision)
    assert answered.returncode == 0, answered.stderr
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    given = json.loads(stdout)
    assert {key: given[key] for key in output} == output
    assert ("sender@1.0.0" in stderr) is (decision == "send")


def test_a_decision_that_nobody_offered_is_refused(podium: Command) -> None:
    process, run = asked(podium, "Rain")
    answered = podium("answer", run, "--decision", "perhaps")
    assert answered.returncode == 2
    assert "perhaps" in answered.stderr
    assert podium("answer", run, "--decision", "drop").returncode == 0
    process.communicate(timeout=120)
