"""A hub is killed with runs in flight; how soon does the next one hand their attempts out again.

python -m bench.recovery --runs 1000
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import world
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.inputs import SubmitRun
from podium.runtime.hub import Hub


def slow_agent() -> Declared:
    """An agent that never answers within the measurement."""
    spec = dict(world.agent().spec, name="slow", capabilities=[{"name": "bench.slow"}])
    spec["runtime"] = dict(spec["runtime"], callable="agents:stall")
    spec["concurrency"] = 100_000
    return Declared("Agent", "slow", "1.0.0", digest_of(spec), spec)


def in_flight(hub: Hub) -> int:
    """Attempts in flight."""
    state = hub.shard.state
    return sum(state.running.values()) if state is not None else 0


def fill(folder: Path, runs: int, history: int) -> None:
    """Child: put so many runs in flight over so much history, say so, and wait to be killed."""
    with world.hub(folder) as hub:
        stall = world.workflow("stall", [{"wait": {"call": "agent", "with": {"capability": "bench.slow"}}}])
        world.apply(hub, world.agent(), slow_agent(), stall, world.sequence(10))
        if history:
            from bench.steps import Load

            load = Load(hub, 128)
            load.start()
            while load.completed * 20 < history:
                time.sleep(0.05)
            load.stop()
        for start in range(0, runs, 250):
            hub.tell_all(
                [
                    SubmitRun(run_id=str(uuid4()), workflow="bench/stall")
                    for _ in range(min(250, runs - start))
                ]
            )
        while hub.do(lambda: in_flight(hub)).result() < runs:
            time.sleep(0.02)
        print("filled", flush=True)
        time.sleep(600)


def measure(runs: int, history: int) -> dict[str, Any]:
    """Seconds from opening until every attempt is handed out again."""
    folder = world.fresh_folder("recovery")
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.recovery", "--fill", str(folder), "--runs", str(runs),
         "--history", str(history)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline().strip() == "filled"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    begun = time.perf_counter()
    with world.hub(folder) as hub:
        up = time.perf_counter()
        again = hub.do(lambda: in_flight(hub)).result()
        done = time.perf_counter()
    assert again == runs, (again, runs)
    return {
        "in_flight_runs": runs,
        "history_records": history,
        "open_s": round(up - begun, 3),
        "dispatched_again_after_up_s": round(done - up, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--history", type=int, default=0)
    parser.add_argument("--fill", type=Path)
    options = parser.parse_args()
    if options.fill:
        fill(options.fill, options.runs, options.history)
    else:
        print(json.dumps(measure(options.runs, options.history), indent=2))


if __name__ == "__main__":
    main()
