"""One life of a hub: a process of its own, from its start to its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import podium
from podium.sdk.client import Client, SocketTransport, UnreachableError
from tests.crash.team.book import BOOK

ROOT = Path(__file__).resolve().parents[2]

SOURCES = Path(podium.__file__).resolve().parents[1]
"""Where this process has the package from; the hubs are to have it from there, too."""

LOOK_S = 0.005


class Life:
    """A hub that serves a state folder, or is about to.

    Args:
        book: the agents' book.
        point: where it kills itself, at which pass, and how long it stands still before that in ms.
    """

    def __init__(self, state: Path, book: Path, point: tuple[str, int, int] | None = None) -> None:
        self.state = state
        self.born = time.monotonic()
        command = [sys.executable, "-m", "tests.crash.hub", str(state)]
        self._errors = (state.parent / "errors.txt").open("ab")
        self.process = subprocess.Popen(
            [*command, *map(str, point or ())],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors,
            env={**os.environ, BOOK: str(book), "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}"},
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.born

    def client(self, until_s: float) -> Client | None:
        """A client of this very hub; None if it died before it served, or did not within its life's time."""
        while self.alive and self.age_s < until_s:
            try:
                transport = SocketTransport(self.state)
            except UnreachableError:
                time.sleep(LOOK_S)
                continue
            if transport.pid == self.process.pid:
                return Client(transport, "user:crash")
            transport.close()
        return None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end in good order."""
        self.process.send_signal(signal.SIGTERM)

    def buried(self, patience_s: float = 30.0) -> int:
        """Its exit code; minus the signal's number if one killed it."""
        try:
            return self.process.wait(patience_s)
        finally:
            self._errors.close()
