"""Runs that wait: what they cost in memory and on disk, and how a hub starts over them.

python -m bench.waiting --runs 10000
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import world
from podium.facts.inputs import SubmitRun
from podium.runtime.hub import Hub


def resident_bytes() -> int:
    """Resident memory of this process, after giving back what is free."""
    gc.collect()
    _trim()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def _trim() -> None:
    import ctypes

    ctypes.CDLL("libc.so.6").malloc_trim(0)


def submit(hub: Hub, runs: int) -> float:
    """Submit runs that wait for a person; seconds until all are durable."""
    begun = time.perf_counter()
    for start in range(0, runs, 500):
        hub.tell_all(
            [
                SubmitRun(run_id=str(uuid4()), workflow="bench/ask", input={"n": start + at})
                for at in range(min(500, runs - start))
            ]
        )
    hub.do(lambda: None).result()
    return time.perf_counter() - begun


def measure(runs: int) -> dict[str, Any]:
    """Memory over idle with so many passivated runs, and after a start over them."""
    folder = world.fresh_folder("waiting")
    ask = world.workflow("ask", [{"ask": {"call": "human", "with": {"title": "Go on?"}}}])
    with world.hub(folder) as hub:
        world.apply(hub, ask)
        submit(hub, 200)
        idle = resident_bytes()
        seconds = submit(hub, runs)
        time.sleep(1.5)
        over = resident_bytes() - idle
    begun = time.perf_counter()
    with world.hub(folder) as hub:
        opened = time.perf_counter() - begun
        hot = hub.do(lambda: len(hub.shard.state.runs) if hub.shard.state else -1).result()
        listed = hub.do(lambda: _count(hub)).result()
    return {
        "runs": runs,
        "submitted_runs_per_s": round(runs / seconds),
        "over_idle_mb": round(over / 1e6, 2),
        "start_over_them_s": round(opened, 3),
        "hot_runs_after_start": hot,
        "cold_runs": listed,
        "disk_bytes_per_run": round((folder / "log.db").stat().st_size / runs),
    }


def _count(hub: Hub) -> int:
    after, count = b"", 0
    store = hub.shard.store
    while found := store.cold_runs(1, "running", after, 5000):
        count += len(found)
        after = found[-1].run
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    print(json.dumps(measure(parser.parse_args().runs), indent=2))


if __name__ == "__main__":
    main()
