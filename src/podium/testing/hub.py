"""The hub of a test: the production host and store, in this process, by a clock that the test moves.

Whatever waits for time waits for nobody: `advance` jumps from one thing that is due to the next.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import jq
import msgspec

from podium.facts import inputs as i
from podium.facts.inputs import Input
from podium.facts.orders import Abandon, Answer, Perform, Recall
from podium.facts.values import Reply
from podium.runtime.clock import GuardedClock
from podium.runtime.hub import Hub
from podium.runtime.jq_worker import PRELUDE
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.runtime.worker import EmbeddedWorker
from podium.store.memory import MemoryStore
from podium.testing import scripts

T = TypeVar("T")

PATIENCE_S = 30.0
"""Agents that are called for real, in real time, are not waited for any longer."""

TURNS_MAX = 1_000_000

RUNS_SHARD = 1


class Performer:
    """Performs scripted attempts by the virtual clock, and any other for real, while that stands still.

    Attributes:
        calls: every attempt that was ordered, oldest first.
        scripts: by capability, tool, or name of an agent.
    """

    def __init__(self, folder: Path, now: Callable[[], int], tell: Callable[[Input], None]) -> None:
        self.calls: list[Perform] = []
        self.scripts: dict[str, scripts.Answer] = {}
        self._now, self._tell = now, tell
        self._later: list[tuple[int, int, i.Reported]] = []
        self._number = count()
        self._folder = folder
        self._agents: Callable[[str], Any] = lambda digest: None
        self._worker: EmbeddedWorker | None = None

    def use(self, agents: Callable[[str], Any]) -> None:
        """Call those for real that no script is for; `agents` knows them by digest."""
        self._agents = agents

    def perform(self, orders: list[Perform]) -> None:
        real = []
        for order in orders:
            self.calls.append(order)
            names = (order.capability, order.agent, order.agent.partition("@")[0], order.kind)
            known = next((name for name in names if name in self.scripts), None)
            if known is None:
                real.append(order)
                continue
            delay_ms, report = scripts.performed(order, self.scripts[known])
            if report is not None:
                heapq.heappush(self._later, (self._now() + delay_ms, next(self._number), report))
        if real:
            self.worker.perform(real)

    def abandon(self, orders: list[Abandon]) -> None:
        gone = {(order.run_id, order.effect, order.token) for order in orders}
        self._later = [one for one in self._later if (one[2].run_id, one[2].effect, one[2].token) not in gone]
        heapq.heapify(self._later)
        if self._worker is not None:
            self._worker.abandon(orders)

    def recall(self, orders: list[Recall]) -> None:
        """Whatever is ordered here begins at once."""

    def answer(self, orders: list[Answer]) -> None:
        self.worker.answer(orders)

    def close(self, grace_ms: int) -> None:
        if self._worker is not None:
            self._worker.close(grace_ms)

    @property
    def worker(self) -> EmbeddedWorker:
        """Who calls agents for real."""
        if self._worker is None:
            self._worker = EmbeddedWorker(
                self._report, self._agents, self._folder, self._now, on_asked=self._tell,
            )  # fmt: skip
        return self._worker

    def _report(self, reports: list[i.Reported]) -> None:
        for report in reports:
            self._tell(report)

    @property
    def busy(self) -> bool:
        """Whether an agent is being called for real."""
        return self._worker is not None and not self._worker.drain(0)

    def next_at(self) -> int:
        """When the next scripted attempt is over; 0 if none is."""
        return self._later[0][0] if self._later else 0

    def due(self) -> list[Input]:
        """Take the reports whose time has come."""
        found: list[Input] = []
        while self._later and self._later[0][0] <= self._now():
            found.append(heapq.heappop(self._later)[2])
        return found

    def snapshot(self) -> list[Any]:
        return []

    def owns(self, group: int) -> bool:
        return self._worker is not None and self._worker.owns(group)


class _Evaluator:
    """Evaluates at once, in this process: a test's own expressions are trusted."""

    def __init__(self, tell: Callable[[Input], None]) -> None:
        self._tell = tell
        self._programs: dict[str, Any] = {}

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        value, failure = None, ""
        try:
            if program not in self._programs:
                self._programs[program] = jq.compile(f"{PRELUDE}first(({program}), null) | tojson")
            value = msgspec.json.decode(self._programs[program].input_text(argument.decode()).first())
        except ValueError as error:
            failure = str(error).partition("\n")[0].removeprefix("jq: error: ") or "it gives no value"
        self._tell(
            i.Evaluated(run_id=run_id, program=program, argument=argument, value=value, failure=failure)
        )

    def close(self) -> None:
        """Nothing is left."""


class VirtualHub(Hub):
    """A hub without a thread: whoever tells it something makes it work, until nothing is left to do now.

    Attributes:
        performer: who performs attempts. now: the clock, ms since 1970.
    """

    performer: Performer

    def __init__(self, folder: Path, start_at: int, scripted: Mapping[str, scripts.Answer]) -> None:
        self.now = start_at
        self._busy = threading.RLock()
        self._arrived: SimpleQueue[Input] = SimpleQueue()
        store, clock = MemoryStore(), GuardedClock(lambda: self.now, lambda: self.now)
        system = SystemHost(store, "test")
        system.catalog.digest_key = b"test"
        performer = Performer(folder, lambda: self.now, self._arrived.put)
        performer.scripts.update(scripted)
        performer.use(system.catalog.agents.get)
        shard = ShardHost(store, RUNS_SHARD, system.catalog, "test")
        super().__init__(store, shard, system, clock, performer, _Evaluator(self._arrived.put))
        self.store = store

    def start(self) -> None:
        self._host.open()
        self._state = "serving"
        self.settle()

    def tell(self, told: Input) -> Future[Reply]:
        future: Future[Reply] = Future()
        with self._busy:
            self._ticket += 1
            self._tickets[self._ticket] = future
            self._arrived.put(msgspec.structs.replace(told, ticket=self._ticket))
            self.settle()
        return future

    def tell_all(self, told: list[Any]) -> None:
        for one in told:
            self._arrived.put(one)

    def do(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._busy:
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)
        return future

    def stop(self, grace_ms: int = 0) -> None:
        with self._busy:
            self.performer.close(grace_ms)
            self._state = "stopped"

    # --- time ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do all that is to be done without time going on."""
        with self._busy:
            for _ in range(TURNS_MAX):
                inputs = self._taken()
                if not inputs and self._host.wait_ms() != 0 and not self.performer.busy:
                    if self._arrived.empty():
                        return
                    continue
                if not inputs and self.performer.busy and self._host.wait_ms() != 0:
                    inputs = [self._awaited()]
                self._host.serve(inputs)
            raise AssertionError("the runs never come to rest: something goes on without end, and in no time")

    def _taken(self) -> list[Input]:
        inputs = self.performer.due()
        while not self._arrived.empty():
            inputs.append(self._arrived.get())
        return inputs

    def _awaited(self) -> Input:
        """What comes next of agents that are called for real."""
        try:
            return self._arrived.get(timeout=PATIENCE_S)
        except Empty:
            names = sorted({order.agent for order in self.performer.calls})
            raise AssertionError(
                f"an agent that is called for real has not answered for {PATIENCE_S:g} s: one of {names}"
            ) from None

    def next_at(self) -> int:
        """When something is due next; 0 if nothing ever is."""
        return min(filter(None, (self._host.wake_at(), self.performer.next_at())), default=0)

    def advance(self, to: int, until: Callable[[], bool] = lambda: False) -> None:
        """Let time go on to a moment, or to where `until` holds, through all that is due before."""
        with self._busy:
            self.settle()
            for _ in range(TURNS_MAX):
                if until():
                    return
                following = self.next_at()
                if not following or following > to:
                    self.now = max(self.now, to)
                    self.settle()
                    return
                self.now = max(self.now, following)
                self.settle()
            raise AssertionError("time does not pass: something is always due")
