"""A real hub with a past and a present, for browsers to look at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from podium.cli.declaring import apply_to, load
from podium.sdk.client import Client, SocketTransport

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = Path(__file__).parent / "elsewhere"
_URL = re.compile(r"API and console: (\S+)")
_LINK = re.compile(r"(\S+/sign-in\?link=\S+)")
_START_S = 30


class Hub:
    """`podium up` on a folder, as a process of its own.

    Attributes:
        url: where the console is; link: what signs its owner in, once.
        client: of the socket in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        folder.mkdir(parents=True)
        self._worker: subprocess.Popen[bytes] | None = None
        self._log = (folder / "up.log").open("w+")
        command = [sys.executable, "-m", "tests.console.world.seed", str(folder)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
        )
        self.url, self.link = self._said(_URL), self._said(_LINK)
        self.client = Client(SocketTransport(folder))

    def _said(self, pattern: re.Pattern[str]) -> str:
        limit = time.monotonic() + _START_S
        while time.monotonic() < limit and self._process.poll() is None:
            found = pattern.search((self.folder / "up.log").read_text())
            if found:
                return found[1]
            time.sleep(0.02)
        raise AssertionError(f"the hub does not start: {(self.folder / 'up.log').read_text()}")

    def submit(self, workflow: str, given: Any, **labels: str) -> str:
        """Start a run."""
        return self.client.submit(workflow, given, labels=labels).run_id

    def status(self, run: str) -> str:
        """How a run is now."""
        return str(self.client.describe("run", run)["status"])

    def settle(self, claim: str, amount: int, customer: str, damage: str = "water") -> str:
        given = {"claim": claim, "amount": amount, "damage": damage}
        return self.submit("claims/settle", given, customer=customer, claim=claim)

    def fill(self) -> None:
        """What is going on today."""
        for number in range(14):
            self.settle(f"C-1{number:03}", 900 + 10 * number, CUSTOMERS[number % len(CUSTOMERS)])
        self.settle("C-1018", 700, "acme", "sudden")
        self.settle("C-1020", 8200, "nordwind", "storm")
        self.settle("C-1021", 24000, "acme", "storm")
        self.submit(
            "claims/complaint", {"customer": "ulme", "text": "It took you nine weeks."}, customer="ulme"
        )
        self.submit("claims/visit", {"customer": "hansa"}, customer="hansa")
        self.submit("claims/register", {"claim": "C-1003"}, customer="birke")
        self.submit("claims/register-later", {"claim": "C-1004"}, customer="acme")
        self.submit("claims/keep", {"claim": "C-1005"}, customer="birke")
        self.submit("claims/scan", {"pages": 120})
        self.until(lambda: len(self.client.approvals("")) >= 4 and len(self.client.dead_letters()) >= 1)

    def staff(self) -> None:
        """Workers elsewhere: one at work, one that is told to end, and one that nobody hears of any more."""
        self.client.add_account("depot", ("worker", "operator"))
        token = str(self.client.create_token("depot", account="depot")["secret"])
        environment = {**self.environment, "PODIUM_TOKEN": token}
        command = [
            sys.executable, "-m", "podium.cli", "--hub", self.url, "worker", str(ELSEWHERE / "agents.py"),
            "--name", "depot", "--region", "eu-west", "--label", "gpu=none",
        ]  # fmt: skip
        self._worker = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._log, stderr=self._log
        )
        headers = {"authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=10) as http:
            for name, lease_ms in (("attic", 1_000), ("cellar", 60_000)):
                offered = {"agent": f"{name}-clerk@1.0.0", "capabilities": [{"name": f"{name}.tidy"}]}
                told = {"name": name, "region": "eu-north", "lease_ms": lease_ms, "agents": [offered]}
                joined = http.post("/v1/workers", json=told).json()
            http.post(f"/v1/workers/{joined['id']}/drain")
        self.until(lambda: self.standing().get("depot") == "live" and self.standing()["attic"] == "stale")
        apply_to(self.client, load((ELSEWHERE / "translate.yaml",)))
        for letter in ("Guten Tag", "Buongiorno"):
            self.submit("claims/translate", {"letter": letter}, customer="hansa")
        self.until(lambda: any(one["attempts"] == 2 for one in self.client.workers()))

    def standing(self) -> dict[str, str]:
        """How workers elsewhere are, by name."""
        return {str(one["name"]): str(one["status"]) for one in self.client.workers()}

    def until(self, holds: Callable[[], Any]) -> Any:
        """What something gives as soon as it gives anything."""
        limit = time.monotonic() + _START_S
        while not (found := holds()):
            assert time.monotonic() < limit, "it did not come to that"
            time.sleep(0.02)
        return found

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
        self.client.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()


CUSTOMERS = ("acme", "nordwind", "ulme", "birke", "hansa")
