"""The hub: a host on a thread of its own, with an inbox that every other thread may use.

Natural batching: whatever queued while the last commit ran is decided and committed together.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from podium.facts.inputs import Input
from podium.facts.saying import Said
from podium.facts.values import Problem, Refused, Reply
from podium.runtime import host as hosting
from podium.runtime.clock import GuardedClock
from podium.runtime.host import Host, Listener
from podium.runtime.shard import ShardHost
from podium.runtime.subjects import Keys
from podium.runtime.system import SystemHost
from podium.store.interface import Store, StoreError

T = TypeVar("T")

BATCH_INPUTS_MAX = 512
"""No more inputs than this are committed together: it bounds what one commit may take."""

SLEEP_MAX_S = 60.0

log = structlog.get_logger("podium.hub")


class Performer(hosting.Performer, Protocol):
    def close(self, grace_ms: int) -> None: ...


class Questions(hosting.Questions, Protocol):
    def close(self) -> None: ...


class Hub:
    """A running hub. Every method but the constructor's may be called from any thread.

    Attributes:
        status: `starting`, `serving`, `read-only` (no room on the disk), `stopped`, `broken`.
        performer: who carries out attempts.
        resumed: unfinished runs that its predecessor left to it, but for those that wait in the cold.
        said: who is told what attempts say while they run; on any thread, and must be quick.
    """

    def __init__(
        self, store: Store, shard: ShardHost, system: SystemHost, clock: GuardedClock, performer: Performer,
        questions: Questions, keys: Keys | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.performer = performer
        self.resumed = 0
        self.said: list[Callable[[Said], None]] = []
        self._host = Host(shard, system, clock, performer, questions, self._reply, keys)
        self._store, self._questions = store, questions
        self._inbox: SimpleQueue[list[Any] | Callable[[], None]] = SimpleQueue()
        self._work_taken: deque[Callable[[], None]] = deque()
        self._tickets: dict[int, Future[Reply]] = {}
        self._ticket = 0
        self._ticket_lock = threading.Lock()
        self._stopping = False
        self._state = "starting"
        self._end = ""
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="podium-hub", daemon=True)

    # --- from other threads --------------------------------------------------------------------------

    @property
    def status(self) -> str:
        return "read-only" if self._state == "serving" and self._host.hindrance else self._state

    @property
    def trouble(self) -> str:
        """Why it is not serving, in a sentence; ""."""
        return self._end or self._host.hindrance

    @property
    def shard(self) -> ShardHost:
        """The shard of runs; to be looked at on the hub's thread only (`do`)."""
        return self._host.shard

    @property
    def system(self) -> SystemHost:
        """The system shard; its catalog may be looked at from any thread."""
        return self._host.system

    def start(self) -> None:
        """Take the shards over and serve. Raises StoreError where they cannot be taken over."""
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
        self._inbox.put([msgspec.structs.replace(told, ticket=ticket)])
        if self._state in ("stopped", "broken"):
            self._refuse_all()
        return future

    def tell_all(self, told: list[Any]) -> None:
        """Tell the kernel things that nobody waits for: reports, answers of the evaluator."""
        self._inbox.put(told)

    def do(self, work: Callable[[], T]) -> Future[T]:
        """Run something on the hub's thread between two steps, to look at committed state."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                if self._state in ("stopped", "broken"):
                    raise StoreError(self.trouble or "the hub has stopped")
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)

        self._inbox.put(run)
        if self._state in ("stopped", "broken"):
            self._refuse_all()
        return future

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every commit from now on; the returned function ends that. For the hub's thread only."""
        listeners = self._host.listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def say(self, said: Said) -> None:
        """Tell those in `said` what an attempt says while it runs. From any thread."""
        for listener in self.said:
            listener(said)

    def stop(self, grace_ms: int = 2_000) -> None:
        """Start nothing more, give attempts in flight the grace, keep a snapshot, and end."""
        if self._thread.is_alive():
            with suppress(StoreError):
                self.do(self._drain).result()
            self.performer.close(grace_ms)
            self._questions.close()
            self._stopping = True
            self._inbox.put([])
        self._thread.join()

    def _finish(self) -> None:
        """What is done last before an orderly end, on the hub's thread."""
        self._host.shard.save_snapshot()

    def _drain(self) -> None:
        self.system.catalog.draining = True

    # --- the hub's thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._host.open()
            self.resumed = _unfinished(self._host.shard)
            self._state = "serving"
        except BaseException as error:
            self._failure = error
            self._state = "broken"
            self._refuse_all()
            self._store.close()
            return
        finally:
            self._ready.set()
        try:
            while not self._stopping or not self._inbox.empty():
                self._host.serve(self._take())
                self._do_taken()
            self._finish()
            self._state = "stopped"
        except BaseException as error:
            self._state, self._end = "broken", f"the hub stopped: {error}"
            log.error("stopped", reason=str(error), exc_info=not isinstance(error, StoreError))
        finally:
            self._refuse_all()
            self._store.close()

    def _take(self) -> list[Any]:
        """All inputs that wait, and the work beside them set aside; sleeps until something does or is due."""
        inputs: list[Any] = []
        inbox = self._inbox
        try:
            timeout = self._timeout()
            item = inbox.get(timeout > 0, timeout or None)
            while True:
                if isinstance(item, list):
                    inputs += item
                else:
                    self._work_taken.append(item)
                if len(inputs) >= BATCH_INPUTS_MAX or inbox.empty():
                    break
                item = inbox.get_nowait()
        except Empty:
            pass
        return inputs

    def _do_taken(self) -> None:
        while True:
            try:
                work = self._work_taken.popleft()
            except IndexError:
                return
            work()

    def _timeout(self) -> float:
        """Seconds to sleep at most; 0 if something is due already."""
        wait_ms = self._host.wait_ms()
        return min(wait_ms / 1000, SLEEP_MAX_S) if wait_ms >= 0 else SLEEP_MAX_S

    def _reply(self, ticket: int, reply: Reply) -> None:
        future = self._tickets.pop(ticket, None)
        if future is not None:
            future.set_result(reply)

    def _refuse_all(self) -> None:
        reason = self.trouble or "the hub has stopped"
        refusal = Refused("refused", (Problem("hub-stopped", "", f"{reason}; nothing was accepted"),))
        for ticket in list(self._tickets):
            self._reply(ticket, refusal)
        # What was taken beside the inputs that ended the hub would else be waited for without end.
        self._do_taken()
        while True:
            try:
                item = self._inbox.get_nowait()
            except Empty:
                return
            if not isinstance(item, list):
                item()


def _unfinished(shard: ShardHost) -> int:
    return sum(not run.ended for run in shard.state.runs.values()) if shard.state is not None else 0
