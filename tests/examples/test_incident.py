"""The incident, as its README has it: a shop that breaks, alerts that find their run, people who answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import SOURCE, Command, until
from tests.examples.conftest import EXAMPLES

pytestmark = pytest.mark.xdist_group("incident")


@pytest.fixture
def shop(podium: Command) -> Iterator[Path]:
    """The shop with its broken version, customers and watch, where the hub is."""
    command = [sys.executable, str(EXAMPLES / "incident" / "shop.py"), "--deploy"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    environment.pop("PODIUM_STATE", None)
    process = subprocess.Popen(command, cwd=podium.folder, env=environment, stdout=subprocess.DEVNULL)
    yield podium.folder / "shop"
    process.kill()
    process.wait()


def asking(podium: Command, workflow: str) -> str:
    """The run of a workflow that asks a person, once there is one."""

    def found() -> str:
        runs = podium.json("get", "runs", "--status", "waiting", "--workflow", f"examples/{workflow}")
        return next((run["id"] for run in runs if any(w["kind"] == "human" for w in run["waiting_for"])), "")

    return str(until(found))


def test_from_the_first_alert_to_the_report(podium: Command, shop: Path) -> None:
    arguments = ("--workflow", "incident", "--input", "window=PT0.2S", "--detach")
    started = podium("run", str(EXAMPLES / "incident"), *arguments)
    assert started.returncode == 0, started.stderr
    run = started.stdout.strip()

    def traffic() -> Any:
        return json.loads((shop / "traffic.json").read_text())["checkout"]

    assert asking(podium, "incident") == run
    assert traffic() == {"v1": 0, "v2": 100}
    assert podium("answer", run, "--decision", "mitigate").returncode == 0
    below = asking(podium, "mitigation")
    assert traffic() == {"v1": 100, "v2": 0}
    assert (shop / "frozen" / "checkout").exists()

    assert podium("answer", below, "--decision", "undo").returncode == 0
    assert podium("follow", run).returncode == 0
    assert traffic() == {"v1": 0, "v2": 100}
    assert not (shop / "frozen" / "checkout").exists()
    assert "outcome: undone (shift, freeze)" in (shop / "incidents" / f"{run[:8]}.md").read_text()
    assert f"run {below}" in podium("story", run).stdout
