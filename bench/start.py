"""From process start to the first step: `podium run examples/hello` in a folder that has no state yet.

python -m bench.start
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from bench import world
from podium.store.sqlite_reader import SqliteReader

ROUNDS = 7


def first_step_s() -> float:
    """Seconds from process start until the first attempt was recorded as started."""
    folder = world.fresh_folder("start")
    begun = time.time()
    subprocess.run(
        [sys.executable, "-m", "podium.cli", "--state", str(folder / ".podium"), "run",
         str(world.HERE.parent / "examples" / "hello"), "--input", "name=Ada"],
        check=True, capture_output=True,
    )  # fmt: skip
    reader = SqliteReader(folder / ".podium" / "log.db")
    at = min(row.at for row in reader.read(1, 0) if row.type == "EffectRequested")
    reader.close()
    return at / 1000 - begun


def help_s() -> float:
    """Seconds that `podium --help` takes."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "podium.cli", "--help"], check=True, capture_output=True)
    return time.perf_counter() - begun


def measure() -> dict[str, Any]:
    """Medians over several starts."""
    first_step_s()
    return {
        "hello_first_step_s": round(statistics.median(first_step_s() for _ in range(ROUNDS)), 3),
        "help_s": round(statistics.median(help_s() for _ in range(ROUNDS)), 3),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
