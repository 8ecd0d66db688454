"""One state folder for all tests of a process; each has a copy of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.folders import Folder, build


@pytest.fixture(scope="package")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("original")
    notes = build(folder)
    return folder / ".podium", notes


@pytest.fixture
def folder(original: tuple[Path, list[str]], tmp_path: Path) -> Folder:
    state, notes = original
    return Folder(state, tmp_path / ".podium", notes)
