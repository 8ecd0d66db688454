"""The wheel: all that Podium needs is in it, nothing else, and it runs without the sources beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs Python where the wheel was unpacked, away from the sources."""
    folder = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            env={**os.environ, "PYTHONPATH": str(folder), "PODIUM_STATE": str(folder / "state")},
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_everything_of_the_package_is_in_it_and_nothing_else(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "src/podium"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    wanted = {name.removeprefix("src/") for name in tracked.stdout.splitlines()}
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert wanted <= held
    assert not {name for name in held if not name.startswith("podium/")}
    assert not {name for name in held if "__pycache__" in name}


def test_it_runs_without_the_sources(installed: Callable[..., str]) -> None:
    assert "/installed" in installed("-c", "import podium; print(podium.__file__)")
    hello = installed("-m", "podium.cli", "run", str(ROOT / "examples" / "hello"), "--input", "name=Ada")
    assert "HELLO, ADA!" in hello
    assert "the log is sound" in installed("-m", "podium.cli", "audit", "verify")
