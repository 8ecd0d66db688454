"""Copies of the sources with bugs in them, and hunts for these bugs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.mutations.mutation import Edit, Mutation

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "podium"
TRANSCRIPTS = ROOT / "tests" / "sim" / "transcripts"
"""Where worlds are kept that broke a guarantee once."""

SEEDS_MAX = 100
"""Within so many worlds every seeded bug shows itself."""

PATIENCE_S = 1_800


class Caught(NamedTuple):
    """What found a bug: a guarantee, an exception or a test; "" if nothing did. `seeds` of tests is 0."""

    by: str
    seeds: int
    message: str


def copy_sources(folder: Path, edits: Iterable[Edit]) -> Path:
    """A copy of the package with these edits made, in `folder/src`.

    Raises:
        ValueError: what an edit replaces does not occur exactly once.
    """
    target = folder / "src"
    shutil.copytree(SOURCES, target / "podium", ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        path = target / "podium" / edit.file
        text = path.read_text()
        count = text.count(edit.old)
        if count != 1:
            raise ValueError(f"{edit.file} has {count} times: {edit.old!r}; adapt the mutation")
        path.write_text(text.replace(edit.old, edit.new))
    return target


def hunt(sources: Path, mutation: Mutation | None = None, seeds: int = SEEDS_MAX) -> Caught:
    """What finds the bug in a copy of the sources."""
    if mutation is not None and mutation.tests:
        return _test(sources, mutation.tests)
    first = mutation.first if mutation is not None else 0
    return hunt_worlds(sources, str(seeds), "--from", str(first))


def hunt_worlds(sources: Path, *arguments: str) -> Caught:
    """What the simulator finds in a copy of the sources; see `hunt.py` for the arguments."""
    child = _run(sources, "-m", "tests.mutations.hunt", *arguments)
    if child.returncode:
        return Caught("", 0, child.stderr[-2_000:])
    told = msgspec.json.decode(child.stdout)
    return Caught(told["caught"], told["seeds"], told["message"])


def _test(sources: Path, tests: tuple[str, ...]) -> Caught:
    path = f"pythonpath={sources} {ROOT}"
    child = _run(
        sources, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", path, *tests
    )
    failed = [line for line in child.stdout.splitlines() if line.startswith("FAILED")]
    if child.returncode != 1 or not failed:
        return Caught("", 0, (child.stdout + child.stderr)[-2_000:])
    return Caught(failed[0].split("::")[1].split("[")[0].split(" ")[0], 0, failed[0])


def _run(sources: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{sources}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "0"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
