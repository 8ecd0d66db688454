"""Lint: what ruff knows to be a mistake, with a fixed choice of rules, whatever the project's own."""

from __future__ import annotations

import json
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from doubts import Doubts
from findings import grouped
from rules import LINT
from sources import Selection, Source, select
from speaking import CannotWork, progress, speak, tool

BATCH = 400
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""


def lint(given: dict[str, Any]) -> dict[str, Any]:
    """Lint the Python files under a folder.

    Args:
        given: `root`, absolute path of the folder; `out`, absolute path of a folder that is left out.
    Returns:
        What `schemas/findings.yaml` describes.
    Raises:
        CannotWork: ruff is not installed, or broke.
    """
    started = time.monotonic()
    root = Path(given["root"])
    selection = select(root, Path(given["out"]) if given.get("out") else None)
    files = selection.of("Python")
    command = tool("ruff") if files else []
    found, seen = _run_all(command, selection, files, started + TIME_MAX_S)
    unparsable = [entry for entry in found if entry["code"] in (None, "invalid-syntax")]
    doubts = Doubts(root)
    places = [
        place
        for entry in found
        if entry["code"] in LINT and (place := _place(entry, root)) and not _waved(doubts, place)
    ]
    return {
        "tool": _version(command) if command else "",
        "files": len(files),
        "seen": seen,
        "findings": grouped(places, LINT, "lint"),
        "unparsable": _unparsable(unparsable, root),
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _run_all(
    command: list[str], selection: Selection, files: list[Source], until: float
) -> tuple[list[dict[str, Any]], int]:
    options = [
        *command, "check", "--isolated", "--no-cache", "--exit-zero", "--force-exclude",
        "--output-format=json",
        f"--target-version={_target(selection.root)}", f"--select={','.join(sorted(LINT))}",
        *_own_settings(selection.root),
    ]  # fmt: skip
    found: list[dict[str, Any]] = []
    seen = 0
    for batch in _batches(files):
        left_s = until - time.monotonic()
        if left_s <= 0:
            break
        try:
            found += _run(options, batch, selection.root, left_s)
        except subprocess.TimeoutExpired:
            break
        seen += len(batch)
        progress({"linted": seen, "of": len(files)})
    return found, seen


def _batches(files: list[Source]) -> Iterator[list[str]]:
    for start in range(0, len(files), BATCH):
        yield [f"./{file.path}" for file in files[start : start + BATCH]]


def _run(options: list[str], paths: list[str], root: Path, left_s: float) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*options, "--", *paths], cwd=root, capture_output=True, timeout=left_s, check=False
    )
    if done.returncode != 0:
        raise CannotWork(f"ruff broke: {done.stderr.decode('utf-8', 'replace').strip()[-500:]}")
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def _place(entry: dict[str, Any], root: Path) -> dict[str, Any]:
    return {
        "rule": entry["code"],
        "path": Path(entry["filename"]).relative_to(root).as_posix(),
        "line": entry["location"]["row"],
        "column": entry["location"]["column"],
        "message": entry["message"],
        "fixable": (entry.get("fix") or {}).get("applicability") == "safe",
    }


def _waved(doubts: Doubts, place: dict[str, Any]) -> bool:
    return doubts.waves_through(
        place["rule"], place["path"], place["line"], place["column"], place["message"]
    )


def _unparsable(entries: list[dict[str, Any]], root: Path) -> list[dict[str, Any]]:
    """The first mistake of each file that ruff cannot parse."""
    first: dict[str, dict[str, Any]] = {}
    for entry in entries:
        path = Path(entry["filename"]).relative_to(root).as_posix()
        first.setdefault(path, {"path": path, "line": entry["location"]["row"], "reason": entry["message"]})
    return list(first.values())


# --- what the project says of itself ----------------------------------------------------------


def _target(root: Path) -> str:
    """The newest syntax there is; but 3.14 takes some Python 2 for valid, so only if it is asked for."""
    asked = str(_toml(root / "pyproject.toml").get("project", {}).get("requires-python", ""))
    return "py314" if "3.14" in asked else "py313"


def _own_settings(root: Path) -> list[str]:
    """Files that the project leaves out of its own linting, and the names that it calls builtins."""
    settings: dict[str, Any] = _toml(root / "pyproject.toml").get("tool", {}).get("ruff", {})
    for name in ("ruff.toml", ".ruff.toml"):
        settings = _toml(root / name) or settings
    left_out = [*_texts(settings.get("exclude")), *_texts(settings.get("extend-exclude"))]
    builtins = _texts(settings.get("builtins"))
    options = []
    if left_out:
        options.append(f"--config=extend-exclude={json.dumps(left_out)}")
    if builtins:
        options.append(f"--config=builtins={json.dumps(builtins)}")
    return options


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _version(command: list[str]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "ruff"


if __name__ == "__main__":
    speak(lint)
