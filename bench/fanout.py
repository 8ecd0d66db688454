"""Fan-out and join: a run that calls 100 agents at once and goes on when all have answered.

python -m bench.fanout
"""

from __future__ import annotations

import json
import threading
import time
from uuid import uuid4

import bench.agents
from bench import world
from podium.facts.events import Record, RunCompleted, RunFaulted
from podium.facts.inputs import SubmitRun

BRANCHES = 100
ROUNDS = 60


def measure() -> dict[str, float]:
    """Median and 99th percentile of the time from submission to the durable end, in ms."""
    ended = threading.Event()

    def committed(shard: int, records: list[Record]) -> None:
        for record in records:
            assert type(record.event) is not RunFaulted, record
            if type(record.event) is RunCompleted:
                ended.set()

    taken: list[float] = []
    with world.hub(world.fresh_folder("fanout")) as hub:
        world.apply(hub, world.agent(), world.fan_out(BRANCHES))
        hub.do(lambda: hub.listen(committed)).result()
        for _ in range(ROUNDS + 10):
            ended.clear()
            begun = time.perf_counter()
            hub.tell_all(
                [SubmitRun(run_id=str(uuid4()), workflow="bench/fan-out", input=bench.agents.ANSWER)]
            )
            ended.wait()
            taken.append((time.perf_counter() - begun) * 1e3)
    taken = sorted(taken[10:])
    return {
        f"fan_out_{BRANCHES}_p50_ms": round(taken[len(taken) // 2], 2),
        f"fan_out_{BRANCHES}_max_ms": round(taken[-1], 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
