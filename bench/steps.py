"""Durable steps a second: runs of a 10-step sequence of no-op agents, a fixed number of them at any time.

python -m bench.steps --runs 64 --seconds 5 --json
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import bench.agents
from bench import world
from podium.bootstrap import LocalHub
from podium.facts.catalog import Declared
from podium.facts.events import Record, RunCompleted, RunFaulted
from podium.facts.inputs import SubmitRun
from podium.runtime.hub import Hub

STEPS = 10


class Load:
    """Keeps so many runs in flight, and counts those that ended.

    Args:
        subjects: the runs are about so many people in turn, and sealed; 0 for nobody.
    """

    def __init__(self, hub: Hub, runs: int, workflow: str = "bench/sequence", subjects: int = 0) -> None:
        self._hub = hub
        self._runs = runs
        self._workflow = workflow
        self._subjects = subjects
        self._started: dict[str, float] = {}
        self._open = True
        self._quiet = threading.Event()
        self.durations_s: list[float] = []
        self.completed = 0
        self.records = 0
        self.commits = 0

    def start(self) -> None:
        """Submit the first runs."""

        def begin() -> None:
            self._forget = self._hub.listen(self._committed)
            self._submit(self._runs)

        self._hub.do(begin).result()

    def stop(self) -> None:
        """Submit no more, and wait for the last."""
        self._hub.do(lambda: setattr(self, "_open", False)).result()
        self._quiet.wait()
        self._hub.do(self._forget).result()

    def _submit(self, count: int) -> None:
        now = time.perf_counter()
        batch: list[Any] = []
        for _ in range(count):
            run_id = str(uuid4())
            self._started[run_id] = now
            subject = f"subject {len(self.durations_s) % self._subjects}" if self._subjects else ""
            batch.append(
                SubmitRun(
                    run_id=run_id, workflow=self._workflow, input=bench.agents.ANSWER, subject=subject
                )
            )  # fmt: skip
        self._hub.tell_all(batch)

    def _committed(self, shard: int, records: list[Record]) -> None:
        self.records += len(records)
        self.commits += 1
        ended = 0
        for record in records:
            kind = type(record.event)
            assert kind is not RunFaulted, record
            if kind is RunCompleted:
                ended += 1
                self.durations_s.append(time.perf_counter() - self._started.pop(record.run_id))
        self.completed += ended
        if ended and self._open:
            self._submit(ended)
        elif not self._started:
            self._quiet.set()


def file_bytes(folder: Path) -> dict[str, int]:
    """Size of every file of the state folder."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def views_behind_s(hub: LocalHub) -> float:
    """Seconds from now until the views reflect all that is committed."""
    begun = time.perf_counter()
    state = hub.do(lambda: hub.shard.state).result()
    assert state is not None and hub.views.wait_for(1, state.seq, 60_000)
    return time.perf_counter() - begun


def measure(runs: int, seconds: float, *declared: Declared, subjects: int = 0) -> dict[str, Any]:
    """Figures of one measurement, with units in their keys.

    Args:
        declared: resources beside the workflow; the agent alone where none are given.
        subjects: as of a `Load`.
    """
    folder = world.fresh_folder(f"steps-{runs}")
    with world.hub(folder) as hub:
        world.apply(hub, *(declared or (world.agent(),)), world.sequence(STEPS))
        warm_up = Load(hub, runs, subjects=subjects)
        warm_up.start()
        time.sleep(0.5)
        warm_up.stop()
        before = file_bytes(folder)
        load = Load(hub, runs, subjects=subjects)
        cpu, begun = time.process_time(), time.perf_counter()
        load.start()
        time.sleep(seconds)
        load.stop()
        elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
        steps = load.completed * STEPS
        behind = views_behind_s(hub)
    after = file_bytes(folder)
    growth = sum(after.values()) - sum(before.values())
    log_growth = after["log.db"] - before["log.db"]
    durations = sorted(load.durations_s)
    return {
        "runs": runs,
        "steps": steps,
        "seconds": round(elapsed, 3),
        "steps_per_s": round(steps / elapsed, 1),
        "cpu_us_per_step": round(cpu / steps * 1e6, 2),
        "step_latency_p50_ms": round(durations[len(durations) // 2] / STEPS * 1e3, 4),
        "step_latency_p99_ms": round(durations[int(len(durations) * 0.99)] / STEPS * 1e3, 4),
        "records_per_commit": round(load.records / load.commits, 1),
        "records_per_step": round(load.records / steps, 3),
        "views_behind_s": round(behind, 3),
        "growth_bytes_per_step": round(growth / steps, 1),
        "log_growth_bytes_per_step": round(log_growth / steps, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--subjects", type=int, default=0, help="runs are about so many people, and sealed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.runs, options.seconds, subjects=options.subjects)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
