"""The hub's own thread: takes whatever waits, steps the shard, and releases what became durable.

Natural batching: whatever queued while the last commit ran is decided and committed together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from podium.facts import inputs as i
from podium.facts.events import Record
from podium.facts.inputs import Input
from podium.facts.orders import Abandon, Evaluate, Order, Perform
from podium.facts.values import Problem, Refused, Reply
from podium.kernel.outcome import Outcome
from podium.runtime.clock import GuardedClock
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.store.interface import Fenced, StorageFull, Store, StoreError

T = TypeVar("T")

BATCH_INPUTS_MAX = 512
"""No more inputs than this are committed together: it bounds what one commit may take."""

FULL_RETRY_S = 1.0
"""How long a hub that ran out of disk waits before it tries to write again."""

log = structlog.get_logger("podium.hub")


class Performer(Protocol):
    """Who carries out attempts; its reports come back through `Hub.tell_all`."""

    def perform(self, orders: list[Perform]) -> None: ...
    def abandon(self, orders: list[Abandon]) -> None: ...
    def drain(self, timeout_ms: int = -1) -> bool: ...
    def close(self, grace_ms: int) -> None: ...


class Questions(Protocol):
    """Who evaluates what is not native."""

    def ask(self, run_id: str, program: str, argument: bytes) -> None: ...
    def close(self) -> None: ...


Listener = Callable[[int, list[Record]], None]
"""Called on the hub's thread with shard and records after each commit; must be quick and not raise."""


class Hub:
    """A running hub. Every method but the constructor's may be called from any thread.

    Attributes:
        status: `starting`, `serving`, `read-only` (no room on the disk), `stopped`, `broken`.
        trouble: why it is not serving, in a sentence; "".
    """

    def __init__(
        self, store: Store, shard: ShardHost, system: SystemHost, clock: GuardedClock, performer: Performer,
        questions: Questions,
    ) -> None:  # fmt: skip
        self._store, self._shard, self._system, self._clock = store, shard, system, clock
        self._performer, self._questions = performer, questions
        self._inbox: SimpleQueue[list[Input] | Callable[[], None]] = SimpleQueue()
        self._tickets: dict[int, Future[Reply]] = {}
        self._ticket = 0
        self._ticket_lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._stopping = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="podium-hub", daemon=True)
        self.status = "starting"
        self.trouble = ""

    # --- from other threads --------------------------------------------------------------------------

    def start(self) -> None:
        """Take the shards over and serve.

        Raises:
            StoreError: they could not be taken over.
        """
        self._failure: BaseException | None = None
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def tell(self, told: Input) -> Future[Reply]:
        """Tell the kernel something; the reply comes when its consequences are durable."""
        future: Future[Reply] = Future()
        with self._ticket_lock:
            self._ticket += 1
            ticket = self._ticket
            self._tickets[ticket] = future
        told = _with_ticket(told, ticket)
        self._inbox.put([told])
        if self.status in ("stopped", "broken"):
            self._refuse_all(self.trouble or "the hub has stopped")
        return future

    def tell_all(self, told: list[Any]) -> None:
        """Tell the kernel things that nobody waits for: reports, answers of the evaluator."""
        self._inbox.put(told)

    def do(self, work: Callable[[], T]) -> Future[T]:
        """Run something on the hub's thread between two steps, to look at committed state."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)

        self._inbox.put(run)
        return future

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every commit from now on; the returned function ends that. For the hub's thread only."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def stop(self, grace_ms: int = 2_000) -> None:
        """Start nothing more, give attempts in flight the grace, keep a snapshot, and end."""
        if not self._thread.is_alive():
            return
        self._performer.close(grace_ms)
        self._questions.close()
        self._stopping = True
        self._inbox.put([])
        self._thread.join()

    @property
    def shard(self) -> ShardHost:
        """The shard of runs; to be looked at on the hub's thread only."""
        return self._shard

    @property
    def system(self) -> SystemHost:
        """The system shard; its catalog may be looked at from any thread."""
        return self._system

    @property
    def clock(self) -> GuardedClock:
        return self._clock

    # --- the hub's thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._open()
        except BaseException as error:
            self._failure = error
            self.status = "broken"
            self._ready.set()
            return
        self._ready.set()
        try:
            while not self._stopping or not self._inbox.empty():
                self._serve(*self._take())
            self._shard.save_snapshot()
            self.status = "stopped"
        except BaseException as error:
            self.status, self.trouble = "broken", f"the hub stopped: {error}"
            log.error("hub stopped", reason=str(error), exc_info=not isinstance(error, StoreError))
        finally:
            self._refuse_all(self.trouble or "the hub has stopped")
            self._store.close()

    def _open(self) -> None:
        now = self._clock.now()
        records = self._system.open(now)
        out = self._shard.open(now)
        self.status = "serving"
        self._publish(0, records)
        self._release(out)
        self._advance_catalog()

    def _take(self) -> tuple[list[Input], list[Callable[[], None]]]:
        """Everything that waits; sleeps until something does, or a timer is due."""
        inputs: list[Input] = []
        work: list[Callable[[], None]] = []
        inbox = self._inbox
        timeout = self._timeout()
        try:
            item = inbox.get(timeout > 0, timeout or None)
            while True:
                if isinstance(item, list):
                    inputs += item
                else:
                    work.append(item)
                if len(inputs) >= BATCH_INPUTS_MAX or inbox.empty():
                    break
                item = inbox.get_nowait()
        except Empty:
            pass
        return inputs, work

    def _timeout(self) -> float:
        """Seconds to sleep at most; 0 if something is due already."""
        at = self._shard.wake_at()
        if not at:
            return 60.0
        return min(max(at - self._clock.now(), 0) / 1000, 60.0)

    def _serve(self, inputs: list[Input], work: list[Callable[[], None]]) -> None:
        now = self._clock.now()
        wake_at = self._shard.wake_at()
        if wake_at and wake_at <= now:
            inputs.append(i.Tick())
        if any(type(told) is i.Apply for told in inputs):
            inputs = [told for told in inputs if not self._apply(told, now)]
        if inputs:
            self._step(inputs, now)
        for one in work:
            one()

    def _step(self, inputs: list[Input], now: int) -> None:
        try:
            out = self._shard.step(inputs, now)
        except StorageFull as full:
            self._go_read_only(inputs, full)
            return
        except Fenced:
            raise
        if self.status == "read-only":
            self.status, self.trouble = "serving", ""
            log.info("writing again")
        self._release(out)

    def _go_read_only(self, inputs: list[Input], full: StorageFull) -> None:
        """Nothing of these inputs was kept: people are told so, reports are kept in memory and tried again."""
        if self.status != "read-only":
            log.error("read-only", reason=str(full))
        self.status, self.trouble = "read-only", str(full)
        self._shard.reload()
        problem = Problem("storage-full", "", f"{full}; nothing was accepted")
        for told in inputs:
            self._reply(told.ticket, Refused("refused", (problem,)))
        kept = [told for told in inputs if isinstance(told, i.Reported | i.Evaluated)]
        retry = threading.Timer(FULL_RETRY_S, self._inbox.put, ([*kept, i.Tick()],))
        retry.daemon = True
        retry.start()

    def _apply(self, told: Input, now: int) -> bool:
        if not isinstance(told, i.Apply):
            return False
        try:
            reply, records = self._system.apply(told, now)
        except StorageFull as full:
            reply, records = Refused("refused", (Problem("storage-full", "", f"{full}; nothing was accepted"),)), []
        self._publish(0, records)
        self._advance_catalog()
        self._reply(told.ticket, reply)
        return True

    def _advance_catalog(self) -> None:
        catalog, state = self._system.catalog, self._shard.state
        if state is not None and catalog.revision > state.revision:
            changed = i.CatalogChanged(revision=catalog.revision, digest=catalog.digest)
            self._step([changed], self._clock.now())

    # --- releasing -----------------------------------------------------------------------------------

    def _release(self, out: Outcome) -> None:
        if out.orders:
            self._dispatch(out.orders)
        for query in out.queries:
            assert isinstance(query, Evaluate)
            self._questions.ask(query.run_id, query.program, query.argument)
        self._publish(1, out.records)
        for ticket, reply in out.replies:
            self._reply(ticket, reply)

    def _dispatch(self, orders: Iterable[Order]) -> None:
        performs = [order for order in orders if type(order) is Perform]
        if performs:
            self._performer.perform(performs)
        abandons = [order for order in orders if type(order) is Abandon]
        if abandons:
            self._performer.abandon(abandons)

    def _publish(self, shard: int, records: list[Record]) -> None:
        if records:
            for listener in self._listeners:
                listener(shard, records)

    def _reply(self, ticket: int, reply: Reply) -> None:
        future = self._tickets.pop(ticket, None)
        if future is not None:
            future.set_result(reply)

    def _refuse_all(self, reason: str) -> None:
        with self._ticket_lock:
            tickets = list(self._tickets)
        refusal = Refused("refused", (Problem("hub-stopped", "", f"{reason}; nothing was accepted"),))
        for ticket in tickets:
            self._reply(ticket, refusal)


def _with_ticket(told: Input, ticket: int) -> Input:
    return msgspec.structs.replace(told, ticket=ticket)


