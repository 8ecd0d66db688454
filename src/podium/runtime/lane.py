"""A lane: one thread with one loop, on which attempts run until they are reported."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import NamedTuple, TypeAlias

from podium.agents.interface import Adapter, AttemptFailed
from podium.agents.secrets import Vault
from podium.facts.inputs import Asked, Reported
from podium.facts.orders import Abandon, Answer
from podium.facts.saying import Said
from podium.runtime.reports import Stop, failed, gave_up, logged, stopped, unstarted, veiled
from podium.runtime.running import CURRENT, Running, Work, about
from podium.runtime.threads import DaemonThreads

SWEEP_S = 0.05
"""Deadlines and silences are noticed at most this much late."""
GRACE_MS = 3_500
"""An attempt that was told to stop and has not is reported after this, whatever it still does."""

Key: TypeAlias = tuple[str, int, int]

_log = logging.getLogger("podium.worker")


class Left(NamedTuple):
    """What is taken from a lane that is given up: attempts without report, reports, orders not begun."""

    running: list[Running]
    reports: list[Reported]
    ended: int
    inbox: list[Work | Abandon | Answer | Reported]


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
        vault: Vault,
        tell: Callable[[Asked], None] = lambda asked: None,
        on_said: Callable[[Said], None] = lambda said: None,
    ) -> None:
        """
        Args:
            adapters: by the name that `Work.reach` has.
            deliver: takes reports, and how many attempts ended (abandoned ones end unreported).
            clock: kernel time in ms.
            vault: where the values of secrets come from.
            tell: tells the hub what attempts ask for; on_said takes what they say.
        """
        self.name = name
        self.running: dict[Key, Running] = {}
        self.ticked_at = 0.0
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(DaemonThreads(f"podium-{name}"))
        self._adapters = adapters
        self._deliver = deliver
        self._clock = clock
        self._vault = vault
        self._tell, self._on_said = tell, on_said
        self._lock = threading.Lock()
        self._inbox: deque[Work | Abandon | Answer | Reported] = deque()
        self._reports: list[Reported] = []
        self._ended = 0
        # Of what the lane itself schedules; else it would carry the context of some attempt.
        self._own = Context()
        self._woken = False
        self._flushing = False
        self._sweeping = False
        self._gone = False
        self._closing = False
        self.thread = threading.Thread(target=self._live, name=f"podium-{name}", daemon=True)
        self.thread.start()

    def post(self, batch: list[Work] | list[Abandon] | list[Answer] | list[Reported]) -> bool:
        """Hand over what is to be done with attempts, and reports; False if the lane takes no more."""
        with self._lock:
            if self._closing:
                return False
            self._inbox.extend(batch)
            if not self._woken:
                self._woken = True
                self.loop.call_soon_threadsafe(self._take, context=self._own)
            return True

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.running or self._inbox)

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
        if not self.thread.is_alive():
            return
        try:
            asyncio.run_coroutine_threadsafe(self._close_adapters(), self.loop).result(timeout_s)
        except TimeoutError:
            _log.warning("the adapters of %s did not close within %.1f s", self.name, timeout_s)
        with self._lock:
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

    def _take(self) -> None:
        with self._lock:
            self._woken = False
            if self._gone:
                return
            batch, self._inbox = self._inbox, deque()
        loop, clock, running_by = self.loop, self._clock, self.running
        for item in batch:
            if isinstance(item, Work):
                running = Running(item, clock, self._tell, self._on_said)
                order = item.order
                running.task = asyncio.Task(self._attempt(running), loop=loop, name=order.agent or order.kind)
                running_by[order.run_id, order.effect, order.token] = running
            elif isinstance(item, Abandon):
                self._abandon(item)
            elif isinstance(item, Answer):
                waiting = running_by.get((item.run_id, item.effect, item.token))
                if waiting is not None:
                    waiting.answered(item)
            else:
                self._report(item)
        self.ticked_at = time.monotonic()
        if running_by and not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_S, self._sweep, context=self._own)

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
        if not running.begun:
            # Its coroutine will never run, so it cannot report itself.
            self._end(running, unstarted(running))

    def _sweep(self) -> None:
        self.ticked_at = time.monotonic()
        now = self._clock()
        for running in list(self.running.values()):
            order = running.order
            if running.stop:
                if now - running.stopped_at > GRACE_MS:
                    self._end(running, stopped(running, "It did not stop when told to, and was left behind."))
            elif running.asks:
                continue
            elif running.deadline_at and now >= running.deadline_at:
                self._stop(running, "timeout")
            elif order.heartbeat_ms and now - running.heard_at > order.heartbeat_ms:
                self._stop(running, "silent")
        self._sweeping = bool(self.running)
        if self._sweeping:
            self.loop.call_later(SWEEP_S, self._sweep, context=self._own)

    async def _attempt(self, running: Running) -> None:
        CURRENT.set(running)
        # In this order, and in the other one where the lane is given up: an attempt that is moved to the
        # next lane because it had not begun does not begin here after all.
        running.begun = True
        if self._gone:
            return
        order = running.order
        report: Reported | None
        try:
            if order.secrets:
                running.unveil(self._vault)
            performed = await self._adapters[running.reach].perform(running.agent, running)
            report = Reported(
                run_id=order.run_id,
                effect=order.effect,
                token=order.token,
                status="succeeded",
                output=performed.output,
                cost_nano=performed.cost_nano,
                provenance=performed.provenance,
            )
        except AttemptFailed as failure:
            report = gave_up(running, failure)
        except asyncio.CancelledError:
            if running.stop:
                report = stopped(running)
            else:
                report = failed(order, AttemptFailed("the agent cancelled itself"))
        except GeneratorExit:
            raise
        except BaseException as error:
            broken = traceback.format_exc()
            if running.veil is not None:
                broken = running.veil.text(broken)
            _log.error("the adapter of %s broke:\n%s", order.agent or order.kind, broken, extra=about(order))
            report = failed(order, AttemptFailed(f"{type(error).__name__}: {error}"))
        if report is not None and running.veil is not None:
            report = veiled(report, running.veil)
        if report is not None and report.error is not None:
            # Its text may tell of payloads; the log of runs has it.
            kind = report.error.type.rpartition("/")[2]
            _log.info("an attempt is %s: %s", report.status, kind, extra=about(order))
        self._end(running, report)
        # The task's context holds `running`: without this each attempt would be left to the cycle collector.
        running.task = None

    def _end(self, running: Running, report: Reported | None) -> None:
        if running.reported:
            return
        running.reported = True
        running.forsake()
        if running.unended:
            running.say("\n")
        if running.lines and report is not None:
            report = logged(report, running.lines, running.said)
        order = running.order
        self._ended += 1
        self._report(report)
        self.running.pop((order.run_id, order.effect, order.token), None)

    def _report(self, report: Reported | None) -> None:
        if report is not None:
            self._reports.append(report)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush, context=self._own)

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
