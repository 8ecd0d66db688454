"""How a program speaks as an agent: input on stdin, progress and one result on stdout."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
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


def progress(value: Any) -> None:
    """Say how far the work is; also shows that the agent is alive."""
    _say({"progress": value})


def tool(name: str) -> list[str]:
    """The command that runs a Python tool: of this interpreter, or else the one on the path.

    Raises:
        CannotWork: there is none.
    """
    if importlib.util.find_spec(name) is not None:
        # -P keeps the reviewed folder off the module path: it might hold a `json.py`.
        return [sys.executable, "-P", "-m", name]
    found = shutil.which(name)
    if found is None:
        raise CannotWork(f"{name} is not installed; run: pip install {name}")
    return [found]


def _say(message: dict[str, Any]) -> None:
    json.dump(message, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()
