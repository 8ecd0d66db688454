"""A lane: one thread with one loop, on which attempts run until they are reported."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

from podium.agents.interface import Adapter, AttemptFailed
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.orders import Abandon, Perform
from podium.facts.values import JSON
from podium.runtime.reports import PROVENANCE, Stop, failed, stopped
from podium.runtime.threads import DaemonThreads

SWEEP_S = 0.05
"""Deadlines and silences are noticed at most this much late."""
GRACE_MS = 3_500
"""An attempt that was told to stop and has not is reported after this, whatever it still does."""
LINES_KEPT = 100
LINE_CHARS_MAX = 4096

Key: TypeAlias = tuple[str, int, int]

_log = logging.getLogger("podium.worker")
_agent_log = logging.getLogger("podium.agent")


class Work(NamedTuple):
    """One attempt to make: for whom, by whom, and the name of the adapter that reaches them."""

    order: Perform
    agent: AgentVersion
    reach: str


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
        "reach",
        "task",
        "started_at",
        "heard_at",
        "latest",
        "lines",
        "unended",
        "stop",
        "stopped_at",
        "reported",
        "_clock",
        "__weakref__",
    )

    def __init__(self, work: Work, clock: Callable[[], int]) -> None:
        self.order, self.agent, self.reach = work
        self.task: asyncio.Task[None] | None = None
        self.started_at = self.heard_at = clock()
        self.latest: JSON = None
        self.lines: deque[str] | None = None
        self.unended = ""
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

    def say(self, text: str) -> None:
        """Log what the agent printed, line by line; the end of `text` need not end a line."""
        *lines, rest = (self.unended + text).split("\n")
        for line in lines:
            self.log(line)
        self.unended = rest[-LINE_CHARS_MAX:]


class Left(NamedTuple):
    """What is taken from a lane that is given up: attempts without report, reports, orders not begun."""

    running: list[Running]
    reports: list[Reported]
    ended: int
    inbox: list[Work | Abandon | Reported]


CURRENT: ContextVar[Running] = ContextVar("podium-attempt")
"""The attempt whose code runs, in its tasks and in what they start."""


class Lane:
    """A daemon thread and its loop, and the adapters that live on it.

    Methods may be called from other threads up to the line that says so.
    """

    def __init__(
        self,
        name: str,
        adapters: Mapping[str, Adapter],
        deliver: Callable[[list[Reported], int], None],
        clock: Callable[[], int],
    ) -> None:
        """
        Args:
            adapters: by the name that `Work.reach` has.
            deliver: takes reports, and how many attempts ended (abandoned ones end unreported).
            clock: kernel time in ms.
        """
        self.name = name
        self.running: dict[Key, Running] = {}
        self.ticked_at = 0.0
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(self._new_task)  # type: ignore[arg-type]
        self.loop.set_default_executor(DaemonThreads(f"podium-{name}"))
        self._adapters = adapters
        self._deliver = deliver
        self._clock = clock
        self._lock = threading.Lock()
        self._inbox: deque[Work | Abandon | Reported] = deque()
        self._reports: list[Reported] = []
        self._ended = 0
        self._owners: weakref.WeakKeyDictionary[asyncio.Task[Any], Running] = weakref.WeakKeyDictionary()
        self._woken = False
        self._flushing = False
        self._sweeping = False
        self._gone = False
        self._closing = False
        self.thread = threading.Thread(target=self._live, name=f"podium-{name}", daemon=True)
        self.thread.start()

    def post(self, batch: list[Work] | list[Abandon] | list[Reported]) -> bool:
        """Hand over attempts to make or to stop, and reports to deliver; False if the lane was given up."""
        with self._lock:
            if self._gone:
                return False
            self._inbox.extend(batch)
            if self._woken:
                return True
            self._woken = True
        self.loop.call_soon_threadsafe(self._take)
        return True

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.running or self._inbox)

    def culprit(self) -> Running | None:
        """The attempt whose code runs this very moment, if it runs in a task that the attempt started."""
        task = asyncio.current_task(self.loop)
        if task is None:
            return None
        owner = self._owners.get(task)
        return owner or next((r for r in list(self.running.values()) if r.task is task), None)

    def stop_all(self, stop: Stop) -> None:
        """Tell every attempt to stop."""
        self.loop.call_soon_threadsafe(self._stop_all, stop)

    def give_up(self) -> Left:
        """Take everything from a lane that is stuck; what still comes out of it is dropped.

        Should its thread ever come back, it cancels what it has and ends.
        """
        with self._lock:
            self._gone = self._closing = True
            inbox = list(self._inbox)
        # `_end` adds a report before it removes the attempt, so each is found in one of them, or in both.
        running = list(self.running.values())
        reports, ended = list(self._reports), self._ended
        known = {(report.run_id, report.effect, report.token) for report in reports}
        left = [r for r in running if (r.order.run_id, r.order.effect, r.order.token) not in known]
        self.loop.call_soon_threadsafe(self.loop.stop)
        return Left(left, reports, ended, inbox)

    def close(self, timeout_s: float = 3.0) -> None:
        """Close the adapters, end loop and thread. Attempts must have been stopped before."""
        try:
            asyncio.run_coroutine_threadsafe(self._close_adapters(), self.loop).result(timeout_s)
        except TimeoutError:
            _log.warning("the adapters of %s did not close within %.1f s", self.name, timeout_s)
        self._closing = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout_s)

    # --- from here on: the lane's own thread

    def _live(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._closing:
            try:
                self.loop.run_forever()
            except BaseException:
                # SystemExit and KeyboardInterrupt of an agent's own task come out here.
                _log.exception("a task of an agent broke out of the loop of %s", self.name)
        if self._gone:
            _log.warning("a blocked thread of %s came back and ends", self.name)
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
            self.loop.close()
        except BaseException:
            _log.exception("the loop of %s did not end well", self.name)

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """Tasks that agents start belong to the attempt that started them."""
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        owner = CURRENT.get(None)
        if owner is not None:
            self._owners[task] = owner
        return task

    def _take(self) -> None:
        with self._lock:
            self._woken = False
            if self._gone:
                return
            batch, self._inbox = self._inbox, deque()
        loop, clock, running_by = self.loop, self._clock, self.running
        for item in batch:
            if isinstance(item, Work):
                running = Running(item, clock)
                order = item.order
                running.task = asyncio.Task(self._attempt(running), loop=loop, name=order.agent or order.kind)
                running_by[order.run_id, order.effect, order.token] = running
            elif isinstance(item, Abandon):
                self._abandon(item)
            else:
                self._report(item)
        self.ticked_at = time.monotonic()
        if running_by and not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_S, self._sweep)

    def _abandon(self, order: Abandon) -> None:
        running = self.running.get((order.run_id, order.effect, order.token))
        if running is not None:
            self._stop(running, "abandoned")

    def _stop_all(self, stop: Stop) -> None:
        for running in list(self.running.values()):
            self._stop(running, stop)

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
                    self._end(running, stopped(running, "It did not stop when told to, and was left behind."))
            elif order.deadline_at and now >= order.deadline_at:
                self._stop(running, "timeout")
            elif order.heartbeat_ms and now - running.heard_at > order.heartbeat_ms:
                self._stop(running, "silent")
        self._sweeping = bool(self.running)
        if self._sweeping:
            self.loop.call_later(SWEEP_S, self._sweep)

    async def _attempt(self, running: Running) -> None:
        CURRENT.set(running)
        order = running.order
        report: Reported | None
        try:
            performed = await self._adapters[running.reach].perform(running.agent, running)
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
            if running.stop == "abandoned" and order.delivery == "at-least-once":
                report = None
        except asyncio.CancelledError:
            if running.stop:
                report = stopped(running)
            else:
                report = failed(order, AttemptFailed("the agent cancelled itself"))
        except GeneratorExit:
            raise
        except BaseException as error:
            _log.exception("the adapter of %s broke", order.agent or order.kind)
            report = failed(order, AttemptFailed(f"{type(error).__name__}: {error}"))
        self._end(running, report)

    def _end(self, running: Running, report: Reported | None) -> None:
        if running.reported:
            return
        running.reported = True
        if running.unended:
            running.say("\n")
        order = running.order
        self._ended += 1
        self._report(report)
        self.running.pop((order.run_id, order.effect, order.token), None)

    def _report(self, report: Reported | None) -> None:
        if report is not None:
            self._reports.append(report)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        with self._lock:
            if self._gone:
                return
            reports, self._reports = self._reports, []
            ended, self._ended = self._ended, 0
        self._deliver(reports, ended)

    async def _close_adapters(self) -> None:
        for adapter in self._adapters.values():
            await adapter.close()
