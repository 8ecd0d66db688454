"""Hostile expressions: what they cost, and how long others wait because of them.

What a thread that only sleeps finds itself late by is told too: that is the machine's own doing.

python -m bench.hostile
"""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from typing import Any
from uuid import uuid4

from bench import world
from podium.facts.catalog import Declared
from podium.facts.events import Record, RunCompleted, RunFaulted
from podium.facts.inputs import SubmitRun
from podium.runtime.evaluator import DEADLINE_MS

ROUNDS = 400
AT_ONCE = 4
"""Hostile runs in flight all the time."""

HOSTILE = {
    "endless": "${ def forever: forever; forever }",
    "repeating": "${ [repeat(.)] | length }",
    "exponential": "${ [range(30)] | combinations(12) | length }",
    "greedy": '${ reduce range(40) as $x ("x"; . + .) | length }',
    "large": "${ [range(3000000)] }",
    "deep": "${ reduce range(5000000) as $x (0; [.]) }",
    "backtracking": '${ ("a" * 40 + "b") | test("^(a+)+$") }',
    "sorting": "${ [range(3000000)] | reverse | sort | length }",
}
QUIET = '${ [.n, (.n | tostring)] | map(tostring) | join("-") }'


class Sleeper:
    """A thread that sleeps, and how late it was at most, in ms."""

    def __init__(self) -> None:
        self.late_max_ms = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sleep, daemon=True)
        self._thread.start()

    def _sleep(self) -> None:
        while not self._stopping.is_set():
            begun = time.perf_counter()
            time.sleep(0.002)
            self.late_max_ms = max(self.late_max_ms, (time.perf_counter() - begun) * 1e3 - 2)

    def stop(self) -> float:
        self._stopping.set()
        self._thread.join()
        return self.late_max_ms


class Watch:
    """Tells when runs end, and how."""

    def __init__(self) -> None:
        self._ended: dict[str, threading.Event] = {}
        self.faulted: set[str] = set()

    def expect(self, run_id: str) -> threading.Event:
        event = self._ended[run_id] = threading.Event()
        return event

    def committed(self, shard: int, records: list[Record]) -> None:
        for record in records:
            if type(record.event) in (RunCompleted, RunFaulted) and record.run_id in self._ended:
                if type(record.event) is RunFaulted:
                    self.faulted.add(record.run_id)
                self._ended.pop(record.run_id).set()


def workflows() -> list[Declared]:
    """A quiet one that asks jq once, and one for each way to be hostile."""
    quiet = [{"ask": {"set": {"text": QUIET}}}]
    hostile = [world.workflow(name, [{"a": {"set": {"x": text}}}]) for name, text in HOSTILE.items()]
    return [world.workflow("quiet", quiet), *hostile]


def measure() -> dict[str, Any]:
    """How long a quiet run takes alone and beside hostile ones, and how long these go on, in ms."""
    watch = Watch()
    with world.hub(world.fresh_folder("hostile")) as hub:
        world.apply(hub, *workflows())
        hub.do(lambda: hub.listen(watch.committed)).result()

        def run(name: str) -> float:
            run_id, begun = str(uuid4()), time.perf_counter()
            ended = watch.expect(run_id)
            hub.tell_all([SubmitRun(run_id=run_id, workflow=f"bench/{name}", input={"n": 1})])
            ended.wait()
            return (time.perf_counter() - begun) * 1e3

        alone = sorted(run("quiet") for _ in range(ROUNDS + 20))[:-20]
        stopping = threading.Event()
        took: dict[str, list[float]] = {name: [] for name in HOSTILE}
        kinds = list(HOSTILE)

        def harass(number: int) -> None:
            while not stopping.is_set():
                name = kinds[number % len(kinds)]
                took[name].append(run(name))
                number += 1

        threads = [threading.Thread(target=harass, args=(number,), daemon=True) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        sleeper = Sleeper()
        beside = []
        limit = time.monotonic() + 60
        while (len(beside) < ROUNDS or not all(took.values())) and time.monotonic() < limit:
            beside.append(run("quiet"))
        late_ms = sleeper.stop()
        stopping.set()
        for thread in threads:
            thread.join()
    beside.sort()
    return {
        "quiet_alone_p50_ms": round(statistics.median(alone), 2),
        "quiet_alone_max_ms": round(alone[-1], 2),
        "quiet_beside_p50_ms": round(statistics.median(beside), 2),
        "quiet_beside_p99_ms": round(beside[int(len(beside) * 0.99)], 2),
        "quiet_beside_max_ms": round(beside[-1], 2),
        "hostile_wait_p99_ms": round(beside[int(len(beside) * 0.99)] - statistics.median(alone), 2),
        "hostile_wait_max_ms": round(beside[-1] - statistics.median(alone), 2),
        "sleeper_late_max_ms": round(late_ms, 2),
        "quiet_runs": len(beside),
        "deadline_ms": DEADLINE_MS,
        "load_average": round(os.getloadavg()[0], 1),
        "hostile_runs": {name: len(times) for name, times in took.items()},
        "hostile_max_ms": {name: round(max(times, default=0.0)) for name, times in took.items()},
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
