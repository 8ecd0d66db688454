"""Endings: who waits for a run hears of its end from the commit that ended it; nobody polls.

The hub's thread only notes which runs ended. What they gave is read, and the futures are resolved, on a
thread of their own, so that no client's callback ever holds the hub up.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from itertools import count
from queue import Empty, SimpleQueue
from typing import TypeAlias

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.identity import run_bytes, run_text
from podium.kernel.state import Run
from podium.runtime import presenting
from podium.runtime.hub import Hub
from podium.runtime.inquiry import Declined, Inquiry, Readers, named_tasks
from podium.runtime.presenting import Shown
from podium.runtime.shard import thaw
from podium.runtime.tracing import Trace
from podium.store.interface import StoreError

_ENDS = (e.RunCompleted, e.RunFaulted, e.RunCancelled)

_LOOK_S = 1.0
"""How often a thread that waits looks whether there still is a hub to wait for."""

_LIMIT_MS_MAX = 10 * 366 * 86_400_000
"""Nobody waits longer."""


class Waiter:
    """Somebody who waits for a run.

    Attributes:
        future: gets a reply of the door: the run as it stands when it ended, or when the time is over.
        extra: what is added to the run in the reply.
        traces: whether the trace is wanted.
        trace: gathered meanwhile, if the waiter was there from the run's first record.
        submits: it waits for the reply to its submission first. The run of its id may be another's, of
            the same key, and end before this one is refused.
        ended: the run ended before the reply came.
    """

    __slots__ = ("ended", "extra", "future", "refusal", "run_id", "submits", "trace", "traces")

    def __init__(self, run_id: str, *, traces: bool = False, submits: bool = False) -> None:
        self.run_id = run_id
        self.future: Future[Shown] = Future()
        self.extra: Shown = {}
        self.traces = traces
        self.trace: Trace | None = None
        self.refusal: Shown | None = None
        self.submits = submits
        self.ended = False


_Limit: TypeAlias = tuple[float, int, Waiter]


class Endings:
    """Hears of every commit, and tells waiters."""

    def __init__(self, hub: Hub, inquiry: Inquiry, readers: Readers) -> None:
        self._hub, self._inquiry, self._readers = hub, inquiry, readers
        self._waiters: dict[str, list[Waiter]] = {}
        self._lock = threading.Lock()
        self._over = False
        self._named: dict[str, list[str]] = {}
        self._inbox: SimpleQueue[list[Waiter] | _Limit | None] = SimpleQueue()
        self._limits: list[_Limit] = []
        self._count = count()
        hub.do(lambda: hub.listen(self._committed)).result()
        self._thread = threading.Thread(target=self._tell, name="podium-endings", daemon=True)
        self._thread.start()

    # --- from any thread -----------------------------------------------------------------------------

    def wait(self, waiter: Waiter, timeout_ms: int = -1) -> None:
        """Tell the waiter when its run, which exists, has ended, or how it stands when the time is over."""
        self.expect(waiter)
        self.limit(waiter, timeout_ms)
        self.check(waiter)

    def limit(self, waiter: Waiter, timeout_ms: int) -> None:
        """Tell the waiter how its run stands when the time is over; never, where it is negative."""
        if timeout_ms >= 0:
            self._inbox.put(
                (time.monotonic() + min(timeout_ms, _LIMIT_MS_MAX) / 1000, next(self._count), waiter)
            )

    def expect(self, waiter: Waiter) -> None:
        """Wait for a run that is about to be submitted; from now on nothing of it is missed."""
        with self._lock:
            self._waiters.setdefault(waiter.run_id, []).append(waiter)

    def check(self, waiter: Waiter) -> None:
        """Tell the waiter if the run ended before it began to wait."""
        self._look_at(waiter)

    def accept(self, waiter: Waiter, created: bool, timeout_ms: int) -> None:
        """The waiter's submission was accepted. For the hub's thread only.

        Args:
            created: whether it started the run.
            timeout_ms: as of `limit`, from now on.
        """
        waiter.extra, waiter.submits = {"created": created}, False
        self.limit(waiter, timeout_ms)
        if waiter.ended or not created:
            self.check(waiter)

    def redirect(self, waiter: Waiter, run_id: str) -> None:
        """Wait for another run, which does the same work already."""
        with self._lock:
            self._waiters.get(waiter.run_id, []).remove(waiter)
            if not self._waiters.get(waiter.run_id):
                self._waiters.pop(waiter.run_id, None)
            waiter.run_id = run_id
            self._waiters.setdefault(run_id, []).append(waiter)

    def refuse(self, waiter: Waiter, refusal: Shown) -> None:
        """Tell the waiter that its run never started."""
        waiter.refusal = refusal
        self._look_at(waiter)

    def _look_at(self, waiter: Waiter) -> None:
        self._inbox.put([waiter])
        with self._lock:
            over = self._over
        if over:
            # The thread that tells may be gone already.
            self._answer(waiter, waiter.refusal or gone(self._hub))

    def close(self) -> None:
        """Give everyone who still waits the news that the hub is gone."""
        self._inbox.put(None)
        self._thread.join()

    # --- on the hub's thread -------------------------------------------------------------------------

    def _committed(self, shard: int, records: list[Record]) -> None:
        if not self._waiters:
            return
        ended: list[Waiter] = []
        with self._lock:
            for record in records:
                waiting = self._waiters.get(record.run_id)
                if waiting is None:
                    continue
                for waiter in waiting:
                    if waiter.traces:
                        self._trace(waiter, record.event)
                if isinstance(record.event, _ENDS):
                    ended += self._take_waiting(record.run_id)
        if ended:
            self._inbox.put(ended)

    def _take_waiting(self, run_id: str) -> list[Waiter]:
        """Those who wait for nothing but the end of a run. The lock is held."""
        waiting = self._waiters.pop(run_id)
        submitting = [waiter for waiter in waiting if waiter.submits]
        if not submitting:
            return waiting
        self._waiters[run_id] = submitting
        for waiter in submitting:
            waiter.ended = True
        return [waiter for waiter in waiting if not waiter.submits]

    def _trace(self, waiter: Waiter, event: e.Event) -> None:
        if isinstance(event, e.RunStarted):
            if event.digest not in self._named:
                self._named[event.digest] = named_tasks(self._hub.system.catalog, event.digest)
            waiter.trace = Trace(self._named[event.digest])
        elif waiter.trace is not None:
            waiter.trace.hear(event)

    # --- on the thread that tells --------------------------------------------------------------------

    def _tell(self) -> None:
        while True:
            try:
                item = self._inbox.get(timeout=self._pause())
            except Empty:
                if self._hub.status in ("stopped", "broken"):
                    break
            else:
                if item is None:
                    break
                if isinstance(item, tuple):
                    heapq.heappush(self._limits, item)
                else:
                    self._answer_ended(item)
            self._answer_late()
        self._forsake()

    def _pause(self) -> float:
        due = self._limits[0][0] - time.monotonic() if self._limits else _LOOK_S
        return min(max(due, 0.0), _LOOK_S)

    def _answer_ended(self, waiters: list[Waiter]) -> None:
        """Tell those of the waiters whose runs have ended, or never started."""
        try:
            runs = self._ended(waiter.run_id for waiter in waiters if waiter.refusal is None)
            for waiter in waiters:
                if waiter.refusal is not None:
                    self._answer(waiter, waiter.refusal)
                elif (run := runs.get(waiter.run_id)) is not None:
                    self._answer(waiter, {"result": {**presenting.run_shown(run), **self._extra(waiter)}})
        except (StoreError, Declined) as error:
            for waiter in waiters:
                self._answer(waiter, {"error": {"message": str(error)}})

    def _ended(self, run_ids: Iterable[str]) -> dict[str, Run]:
        with self._readers.lend() as reader:
            cold = reader.cold(self._hub.shard.number, map(run_bytes, run_ids))
        sealing = self._hub.shard.sealing
        return {run_text(row.run): run for row in cold if (run := thaw(row, sealing)).ended}

    def _extra(self, waiter: Waiter) -> Shown:
        if not waiter.traces:
            return waiter.extra
        trace = waiter.trace.started if waiter.trace else self._inquiry.trace(waiter.run_id)
        return {**waiter.extra, "trace": trace}

    def _answer_late(self) -> None:
        """Tell those whose time is over how their runs stand."""
        while self._limits and self._limits[0][0] <= time.monotonic():
            waiter = heapq.heappop(self._limits)[2]
            if not waiter.future.done():
                try:
                    stands = {**self._inquiry.run(waiter.run_id), **self._extra(waiter)}
                    self._answer(waiter, {"result": stands})
                except (StoreError, Declined) as error:
                    self._answer(waiter, {"error": {"message": str(error)}})

    def _answer(self, waiter: Waiter, reply: Shown) -> None:
        with self._lock:
            waiting = self._waiters.get(waiter.run_id)
            if waiting is not None and waiter in waiting:
                waiting.remove(waiter)
                if not waiting:
                    del self._waiters[waiter.run_id]
        if not waiter.future.done() and waiter.future.set_running_or_notify_cancel():
            waiter.future.set_result(reply)

    def _forsake(self) -> None:
        reply = gone(self._hub)
        with self._lock:
            self._over = True
            waiters = [waiter for waiting in self._waiters.values() for waiter in waiting]
        for waiter in waiters:
            self._answer(waiter, reply)


def gone(hub: Hub) -> Shown:
    """The reply to whoever still waits for a hub that has ended."""
    reason = hub.trouble or "the hub has stopped; what it accepted goes on with the next one"
    return {"gone": {"message": reason}}
