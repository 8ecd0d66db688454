"""Large runs, from submission to the durable end: a map, a graph, a loop, and tasks deep inside each other.

python -m bench.large
"""

from __future__ import annotations

import json
import resource
import statistics
import threading
import time
from typing import Any
from uuid import uuid4

import bench.agents
from bench import world
from podium.facts.catalog import Declared
from podium.facts.events import Record, RunCompleted, RunFaulted
from podium.facts.inputs import SubmitRun
from podium.facts.values import JSON
from podium.runtime.hub import Hub

ITEMS = 10_000
CONCURRENCY = 256
NODES = 1_000
WIDTH = 10
"""Nodes of the graph that need the same number of others."""

ITERATIONS = 100_000
DEPTH = 100
ROUNDS = 3


def mapping() -> Declared:
    """One call of the agent for each item of the input."""
    arguments = {"in": "${ .items }", "function": world.call(), "concurrency": CONCURRENCY}
    return world.workflow("map", [{"all": {"call": "map", "with": arguments}}])


def graph() -> Declared:
    """Calls in ranks: each but the first needs two of the rank before."""
    given = {"input": bench.agents.ANSWER}
    nodes: dict[str, Any] = {}
    for at in range(NODES):
        rank, place = divmod(at, WIDTH)
        needs = [f"n{(rank - 1) * WIDTH + other % WIDTH}" for other in (place, place + 1)] if rank else []
        nodes[f"n{at}"] = {"function": world.call(), "needs": needs, **given}
    return world.workflow("graph", [{"all": {"call": "graph", "with": {"nodes": nodes}}}])


def loop() -> Declared:
    """A counter that is set again and again."""
    body = [{"count": {"set": {"n": "${ $at + 1 }"}}}]
    return world.workflow(
        "loop", [{"all": {"for": {"in": f"${{ [range({ITERATIONS})] }}", "at": "at"}, "do": body}}]
    )


def nested() -> Declared:
    """A call deep inside blocks."""
    tasks: list[dict[str, Any]] = [{"innermost": world.call()}]
    for at in range(DEPTH - 1):
        tasks = [{f"at{at}": {"do": tasks}}]
    return world.workflow("nested", tasks)


class Bench:
    """A hub whose runs are waited for."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._ended = hub, threading.Event()
        hub.do(lambda: hub.listen(self._committed)).result()

    def _committed(self, shard: int, records: list[Record]) -> None:
        for record in records:
            assert type(record.event) is not RunFaulted, record
            if type(record.event) is RunCompleted:
                self._ended.set()

    def times(self, workflow: str, given: JSON, rounds: int = ROUNDS) -> list[tuple[float, float]]:
        """Seconds and processor seconds of each of some runs, the first left out where there are several."""
        taken = []
        for _ in range(rounds + (rounds > 1)):
            self._ended.clear()
            begun, processor = time.perf_counter(), time.process_time()
            self._hub.tell_all([SubmitRun(run_id=str(uuid4()), workflow=f"bench/{workflow}", input=given)])
            self._ended.wait()
            taken.append((time.perf_counter() - begun, time.process_time() - processor))
        return taken[-rounds:]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> dict[str, float]:
    """Median times in s, processor time for each item in us, and what the loop added to the memory in MB."""
    answer = bench.agents.ANSWER
    with world.hub(world.fresh_folder("large")) as hub:
        world.apply(hub, world.agent(), mapping(), graph(), loop(), nested())
        runs = Bench(hub)
        runs.times("nested", answer)
        before = _peak_mb()
        looped = runs.times("loop", None, rounds=1)
        grown = _peak_mb() - before
        nested_ = runs.times("nested", answer)
        graphs = runs.times("graph", answer)
        maps = runs.times("map", {"items": [answer] * ITEMS})
    return {
        f"map_{ITEMS}_p50_s": round(statistics.median(taken for taken, _ in maps), 3),
        f"map_{ITEMS}_max_s": round(max(taken for taken, _ in maps), 3),
        "cpu_us_per_item": round(statistics.median(cpu for _, cpu in maps) / ITEMS * 1e6, 1),
        f"graph_{NODES}_p50_s": round(statistics.median(taken for taken, _ in graphs), 3),
        f"loop_{ITERATIONS}_s": round(looped[0][0], 3),
        f"loop_{ITERATIONS}_grown_mb": round(grown, 1),
        f"nested_{DEPTH}_p50_ms": round(statistics.median(taken for taken, _ in nested_) * 1e3, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
