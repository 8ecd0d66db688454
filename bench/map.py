"""A map over 10,000 items, 256 at once: from submission to the durable end.

python -m bench.map
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from uuid import uuid4

import bench.agents
from bench import world
from podium.facts.catalog import Declared
from podium.facts.events import Record, RunCompleted, RunFaulted
from podium.facts.inputs import SubmitRun

ITEMS = 10_000
CONCURRENCY = 256
ROUNDS = 3


def mapping() -> Declared:
    """One call of the agent for each item of the input."""
    arguments = {"in": "${ .items }", "function": world.call(), "concurrency": CONCURRENCY}
    return world.workflow("map", [{"all": {"call": "map", "with": arguments}}])


def measure() -> dict[str, float]:
    """Median and worst time of a run in s, and processor time of the hub for each item."""
    ended = threading.Event()

    def committed(shard: int, records: list[Record]) -> None:
        for record in records:
            assert type(record.event) is not RunFaulted, record
            if type(record.event) is RunCompleted:
                ended.set()

    items = [bench.agents.ANSWER] * ITEMS
    taken: list[float] = []
    cpu: list[float] = []
    with world.hub(world.fresh_folder("map")) as hub:
        world.apply(hub, world.agent(), mapping())
        hub.do(lambda: hub.listen(committed)).result()
        for _ in range(ROUNDS + 1):
            ended.clear()
            begun, processor = time.perf_counter(), time.process_time()
            hub.tell_all([SubmitRun(run_id=str(uuid4()), workflow="bench/map", input={"items": items})])
            ended.wait()
            taken.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - processor)
    taken, cpu = taken[1:], cpu[1:]
    return {
        f"map_{ITEMS}_p50_s": round(statistics.median(taken), 3),
        f"map_{ITEMS}_max_s": round(max(taken), 3),
        "cpu_us_per_item": round(statistics.median(cpu) / ITEMS * 1e6, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
