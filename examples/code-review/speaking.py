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

BROKEN_MAX = 3
"""What breaks on so many files is broken itself."""


class CannotWork(Exception):
    """The agent cannot do its work; the text says why, and what to do."""


def speak(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read the input, do the work, and say the result, or why there is none."""
    try:
        _say({"result": work(json.load(sys.stdin))})
    except CannotWork as error:
        _say({"error": {"title": str(error), "retryable": False}})


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

        A file that breaks the tool is left out: the batch is halved until only that file is left.

        Raises:
            CannotWork: it is not installed, or breaks on whatever it is given.
        """
        until = time.monotonic() + time_max_s
        waiting = [paths[start : start + batch] for start in range(0, len(paths), batch)]
        broken = 0
        while waiting:
            files = waiting.pop(0)
            try:
                done = self._run(root, files, until - time.monotonic())
            except subprocess.TimeoutExpired:
                return
            try:
                said = json.loads(done.stdout)
            except ValueError:
                halves = files[: len(files) // 2], files[len(files) // 2 :]
                waiting[:0] = halves if len(files) > 1 else ()
                broken += len(files) == 1
                if broken == BROKEN_MAX:
                    why = done.stderr.decode("utf-8", "replace").strip()[-500:]
                    raise CannotWork(f"{self._name} broke: {why}") from None
                continue
            self.seen += len(files)
            _say({"progress": {"seen": self.seen, "of": len(paths)}})
            yield said

    def _run(self, root: Path, files: list[str], left_s: float) -> subprocess.CompletedProcess[bytes]:
        command = [*self._command(), *self._arguments, *(f"./{path}" for path in files)]
        return subprocess.run(command, cwd=root, capture_output=True, timeout=max(left_s, 0.1), check=False)

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
