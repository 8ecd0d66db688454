"""How a program speaks as an agent: input on stdin, progress and one result on stdout."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class CannotWork(Exception):
    """The agent cannot do its work; the text says why, and what to do."""


def speak(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read the input, do the work, and say the result; a failure leaves its reason on standard error."""
    try:
        result = work(json.load(sys.stdin))
    except CannotWork as error:
        sys.exit(str(error))
    _say({"result": result})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Tool:
    """A tool that judges files: of this interpreter, or else the one on the path.

    Args:
        name: of the module and the program.
        arguments: that come before the files.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self._name = name
        self._arguments = arguments
        self.seen = 0
        """How many files it reached in time."""

    def judge(self, root: Path, paths: list[str], batch: int, time_max_s: float) -> Iterator[Any]:
        """What it says of files, batch by batch, as JSON; after each batch it reports progress.

        Raises:
            CannotWork: it is not installed, or broke.
        """
        until = time.monotonic() + time_max_s
        for start in range(0, len(paths), batch):
            files = [f"./{path}" for path in paths[start : start + batch]]
            try:
                done = subprocess.run(
                    [*self._command(), *self._arguments, *files],
                    cwd=root, capture_output=True, check=False, timeout=max(until - time.monotonic(), 0.1),
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return
            try:
                said = json.loads(done.stdout)
            except ValueError:
                why = done.stderr.decode("utf-8", "replace").strip()[-500:]
                raise CannotWork(f"{self._name} broke: {why}") from None
            self.seen += len(files)
            _say({"progress": {"seen": self.seen, "of": len(paths)}})
            yield said

    def version(self) -> str:
        """Its name and version."""
        done = subprocess.run([*self._command(), "--version"], capture_output=True, text=True, check=False)
        return " ".join((self._name, *done.stdout.split()[1:2]))

    def _command(self) -> list[str]:
        if importlib.util.find_spec(self._name) is not None:
            # -P keeps the reviewed folder off the module path: it might hold a `json.py`.
            return [sys.executable, "-P", "-m", self._name]
        if found := shutil.which(self._name):
            return [found]
        raise CannotWork(f"{self._name} is not installed; run: pip install {self._name}")
