"""The tests that stand in the examples, run as their authors would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE_S
from tests.examples.conftest import EXAMPLES


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/test_*.py")), ids=lambda file: file.parent.name)
def test_of_an_example(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        cwd=EXAMPLES.parent, capture_output=True, text=True, timeout=2 * PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
