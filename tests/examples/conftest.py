"""The command line in a folder of its own, and the examples that it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# The agents import each other's helpers from their own folder.
sys.path += [str(EXAMPLES / "code-review"), str(EXAMPLES / "content-pipeline")]


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("podium"))
    yield command
    command.close()
