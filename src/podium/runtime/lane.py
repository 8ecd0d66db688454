"""A lane: one thread with one loop, on which attempts run until they are reported."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeAlias

from podium.agents.interface import Adapter, AttemptFailed
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.orders import Abandon, Perform
from podium.facts.values import JSON
from podium.runtime.reports import PROVENANCE, Stop, failed, stopped

SWEEP_S = 0.05
"""Deadlines and silences are noticed at most this much late."""
GRACE_MS = 3_000
"""An attempt that was told to stop and has not is reported after this, whatever it still does."""
LINES_KEPT = 100

Key: TypeAlias = tuple[str, int, int]


_log = logging.getLogger("podium.worker")
_agent_log = logging.getLogger("podium.agent")


class Work(NamedTuple):
    """One attempt to make, by whom, and how it is reached. `agent` is None for a `call: http`."""

    order: Perform
    agent: AgentVersion | None
    adapter: Adapter


class Running:
    """One attempt between its order and its report; what an adapter sees as `Attempt`.

    Attributes:
        started_at: ms since 1970.
        heard_at: when it last said that it is alive; `started_at` at first.
        latest: its latest progress.
        lines: the last lines of its log.
        stop: why it was told to stop; "" while it was not.
    """

    __slots__ = (
        "order",
        "agent",
        "adapter",
        "task",
        "started_at",
        "heard_at",
        "latest",
        "lines",
        "stop",
        "stopped_at",
        "reported",
        "_clock",
    )

    def __init__(self, work: Work, clock: Callable[[], int]) -> None:
        self.order, self.agent, self.adapter = work
        self.task: asyncio.Task[None] | None = None
        self.started_at = self.heard_at = clock()
        self.latest: JSON = None
        self.lines: deque[str] | None = None
        self.stop: Stop = ""
        self.stopped_at = 0
        self.reported = False
        self._clock = clock

    def progress(self, value: JSON) -> None:
        self.latest = value
        self.heard_at = self._clock()

    def log(self, line: str) -> None:
        if self.lines is None:
            self.lines = deque(maxlen=LINES_KEPT)
        self.lines.append(line)
        order = self.order
        _agent_log.info("%s %s %s: %s", order.run_id, order.task, order.agent or order.kind, line)


class Lane:
    """A daemon thread and its loop. Everything but `post`, `stop_all`, `close` belongs to that thread."""

    def __init__(
        self, name: str, deliver: Callable[[Lane, list[Reported], int], None], clock: Callable[[], int]
    ) -> None:
        """
        Args:
            deliver: takes reports, and how many attempts ended (abandoned ones end unreported).
            clock: kernel time in ms.
        """
        self.name = name
        self.running: dict[Key, Running] = {}
        self.reports: list[Reported] = []
        self.ended = 0
        self.gone = False
        self.ticked_at = 0.0
        self.lock = threading.Lock()
        self.inbox: deque[Work | Abandon] = deque()
        self.loop = asyncio.new_event_loop()
        self._deliver = deliver
        self._clock = clock
        self._woken = False
        self._flushing = False
        self._sweeping = False
        self._closing = False
        self.thread = threading.Thread(target=self._live, name=f"podium-{name}", daemon=True)
        self.thread.start()

    # --- from other threads

    def post(self, batch: list[Work] | list[Abandon]) -> None:
        """Hand over attempts to make, or to stop."""
        with self.lock:
            self.inbox.extend(batch)
            if self._woken:
                return
            self._woken = True
        self.loop.call_soon_threadsafe(self._take)

    def stop_all(self, stop: Stop) -> None:
        """Tell every attempt to stop."""
        self.loop.call_soon_threadsafe(self._stop_all, stop)

    def run(self, coroutine: Coroutine[Any, Any, None], timeout_s: float) -> None:
        """Run a coroutine on the lane and wait for it."""
        try:
            asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)
        except TimeoutError:
            _log.warning("%s did not finish within %.1f s", self.name, timeout_s)

    def close(self, timeout_s: float = 1.0) -> None:
        """End loop and thread; an attempt that still runs is left behind."""
        self._closing = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout_s)

    # --- the thread

    def _live(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._closing:
            try:
                self.loop.run_forever()
            except BaseException:
                # SystemExit and KeyboardInterrupt of an agent's own task come out here.
                _log.exception("an agent's task broke out of %s", self.name)
        self.loop.close()

    def _take(self) -> None:
        with self.lock:
            self._woken = False
            batch, self.inbox = self.inbox, deque()
            if self.gone:
                return
        loop, clock, running_by = self.loop, self._clock, self.running
        for item in batch:
            if isinstance(item, Abandon):
                self._abandon(item)
                continue
            running = Running(item, clock)
            order = item.order
            running.task = asyncio.Task(self._attempt(running), loop=loop, name=order.agent or "http")
            running_by[order.run_id, order.effect, order.token] = running
        if running_by and not self._sweeping:
            self._sweeping = True
            self.ticked_at = time.monotonic()
            loop.call_later(SWEEP_S, self._sweep)

    def _stop_all(self, stop: Stop) -> None:
        for running in list(self.running.values()):
            self._stop(running, stop)

    def _abandon(self, order: Abandon) -> None:
        running = self.running.get((order.run_id, order.effect, order.token))
        if running is not None:
            self._stop(running, "abandoned")

    def _stop(self, running: Running, stop: Stop) -> None:
        if running.stop or running.task is None:
            return
        running.stop = stop
        running.stopped_at = self._clock()
        running.task.cancel()

    def _sweep(self) -> None:
        self.ticked_at = time.monotonic()
        now = self._clock()
        for running in list(self.running.values()):
            order = running.order
            if running.stop:
                if now - running.stopped_at > GRACE_MS:
                    self._end(
                        running, stopped(running, "It did not stop when it was told to and was left behind.")
                    )
            elif order.deadline_at and now >= order.deadline_at:
                self._stop(running, "timeout")
            elif order.heartbeat_ms and now - running.heard_at > order.heartbeat_ms:
                self._stop(running, "silent")
        self._sweeping = bool(self.running)
        if self._sweeping:
            self.loop.call_later(SWEEP_S, self._sweep)

    async def _attempt(self, running: Running) -> None:
        order = running.order
        report: Reported | None
        try:
            performed = await running.adapter.perform(running.agent, running)  # type: ignore[arg-type]
            provenance = {**PROVENANCE, **performed.provenance} if performed.provenance else PROVENANCE
            report = Reported(
                run_id=order.run_id,
                effect=order.effect,
                token=order.token,
                status="succeeded",
                output=performed.output,
                cost_nano=performed.cost_nano,
                provenance=provenance,
            )
        except AttemptFailed as failure:
            report = failed(order, failure)
        except asyncio.CancelledError:
            if running.stop:
                report = stopped(running)
            else:
                report = failed(order, AttemptFailed("the agent cancelled itself"))
        except GeneratorExit:
            raise
        except BaseException as error:
            _log.exception("the adapter of %s failed", order.agent or order.kind)
            report = failed(order, AttemptFailed(f"{type(error).__name__}: {error}"))
        self._end(running, report)

    def _end(self, running: Running, report: Reported | None) -> None:
        if running.reported:
            return
        running.reported = True
        order = running.order
        # In this order: whoever takes the lane over finds an attempt in one of the two, or in both.
        if report is not None:
            self.reports.append(report)
        self.ended += 1
        self.running.pop((order.run_id, order.effect, order.token), None)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        with self.lock:
            if self.gone:
                return
            reports, self.reports = self.reports, []
            ended, self.ended = self.ended, 0
        self._deliver(self, reports, ended)
