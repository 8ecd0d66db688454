"""The fleet: workers that come and go, and which of them has which attempt.

The kernel routes to a version and keeps no more attempts in flight than live workers take. Here each is
bound to a worker at the moment that it is handed out. A worker that is not heard of for its lease loses what
it has: what it had begun is `lost`, what it had not is `returned`. Nothing is handed out twice: another try
is another attempt, with another token, so that whatever comes late is known by its token.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

from podium.agents.interface import AttemptFailed, Question, printable
from podium.facts.inputs import Asked, Begun, FleetChanged, Reported
from podium.facts.orders import Abandon, Answer, Perform
from podium.facts.saying import Said
from podium.facts.values import AT_LEAST_ONCE, JSON
from podium.runtime.members import Attempt, Hosted, Registration, Worker
from podium.runtime.roster import Roster, Word
from podium.runtime.running import LINE_CHARS_MAX
from podium.runtime.tokens import Named, token_of
from podium.runtime.worker import Activity

REMEMBERED_MS = 3_600_000
"""So long a worker that is gone is still shown."""
WORKERS_MAX = 10_000
RECLAIM_MS = 15_000
"""How long workers have to come back for what a former hub handed out."""
SWEEP_S = 0.25

_log = logging.getLogger("podium.fleet")


_NOBODY = "no live worker has the id {}; register again"


class Gone(Exception):
    """Nobody knows the worker, or its lease is over: it must register again."""


class Crowded(Exception):
    """There are too many workers."""


class Pulled(NamedTuple):
    """What a worker is given.

    Attributes:
        attempts: those to begin; stops: tokens of those to stop; draining: whether it gets no more.
    """

    attempts: list[Attempt]
    stops: list[str]
    draining: bool


class Fleet:
    """All methods may be called from any thread.

    Args:
        on_reports: takes what became of attempts; on any thread; must be quick.
        on_asked: takes what attempts ask for, likewise.
        on_change: takes what live workers take at once, whenever that changes.
        clock: kernel time in ms.
        key: makes and proves tokens of attempts; the same after a restart.
        on_said: takes what attempts say while they run; on any thread; must be quick.
        on_begun: takes what workers are about to begin and must not be made twice, likewise.
    Attributes:
        hushed: nobody is to wait here any longer.
    """

    def __init__(
        self, on_reports: Callable[[list[Reported]], None], on_asked: Callable[[Asked], None],
        on_change: Callable[[FleetChanged], None], clock: Callable[[], int], key: bytes,
        *, reclaim_ms: int = RECLAIM_MS, on_said: Callable[[Said], None] = lambda said: None,
        on_begun: Callable[[Begun], None] = lambda begun: None,
    ) -> None:  # fmt: skip
        self._on_reports, self._on_asked, self._on_change = on_reports, on_asked, on_change
        self._on_said, self._on_begun = on_said, on_begun
        self._clock, self._key, self._reclaim_ms = clock, key, reclaim_ms
        self._lock = threading.RLock()
        self._roster = Roster(key)
        self._capacity: dict[str, int] = {}
        self.hushed = self._closing = False
        self._busy, self._slow = threading.Event(), threading.Event()

    # --- from the hub ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch over leases and deadlines from now on."""
        threading.Thread(target=self._watch, name="podium-fleet", daemon=True).start()

    def perform(self, orders: Iterable[Perform]) -> None:
        """Have these attempts made."""
        now, roster = self._clock(), self._roster
        with self._lock:
            for order in orders:
                attempt = Attempt(order, now)
                roster.attempts[attempt.key] = attempt
                if order.again:
                    attempt.until = now + self._reclaim_ms
                    attempt.started = attempt.delivered = True
                elif self._closing:
                    roster.give_back(attempt, "the hub is being shut down")
                else:
                    roster.place(attempt)
            self._tell()
        self._busy.set()

    def abandon(self, orders: Iterable[Abandon]) -> None:
        """Stop these attempts; nobody waits for those that are not there."""
        now, roster = self._clock(), self._roster
        with self._lock:
            for order in orders:
                attempt = roster.attempts.get((order.run_id, order.effect, order.token))
                if attempt is None or attempt.stop:
                    continue
                if attempt.delivered:
                    attempt.stop, attempt.stopped_at = "abandoned", now
                    roster.tell_to_stop(attempt)
                    attempt.hush()
                else:
                    roster.forget(attempt)

    def recall(self, digests: Collection[str]) -> None:
        """Give back what no worker has begun, of these versions; none for all."""
        roster = self._roster
        with self._lock:
            for attempt in list(roster.attempts.values()):
                meant = not digests or attempt.order.digest in digests
                if meant and not attempt.started:
                    roster.tell_to_stop(attempt)
                    roster.give_back(attempt, "it was suspended before a worker began it")
            self._tell()

    def answer(self, orders: Iterable[Answer]) -> None:
        """Tell attempts what came of what they asked for."""
        now = self._clock()
        for order in orders:
            with self._lock:
                attempt = self._roster.attempts.get((order.run_id, order.effect, order.token))
                future = attempt.asks.get(order.number) if attempt is not None else None
                if attempt is None or future is None or future.done():
                    continue
                self._go_on(attempt)
                attempt.heard_at = now
                attempt.deadline_at = order.deadline_at or attempt.deadline_at
                future.set_result(order)

    def hush(self) -> None:
        """Let no worker wait for attempts any longer."""
        with self._lock:
            self.hushed = True
            for worker in self._roster.workers.values():
                worker.rouse()

    def close(self) -> None:
        """Hand nothing out any more. What workers have they may end: the next hub hears of it."""
        roster = self._roster
        with self._lock:
            self._closing = True
            for attempt in list(roster.attempts.values()):
                if not attempt.delivered:
                    roster.give_back(attempt, "the hub is being shut down")
            for attempt in roster.attempts.values():
                attempt.hush()
            for worker in roster.workers.values():
                worker.rouse()
            self._tell()
        self._busy.set()
        self._slow.set()

    # --- workers come and go --------------------------------------------------------------------------

    def join(
        self, told: Registration, hosts: Mapping[str, Hosted], principal: str
    ) -> tuple[Worker, dict[str, Word]]:
        """Take a worker in that hosts versions, by digest.

        Returns:
            the worker, and of each attempt that it says it has, by token, whether it still counts.
        Raises:
            Crowded: there are too many.
        """
        now, roster = self._clock(), self._roster
        with self._lock:
            if len(roster.workers) >= WORKERS_MAX:
                raise Crowded(f"there are {WORKERS_MAX:,} workers already")
            worker = Worker(f"{told.name}.{secrets.token_hex(4)}", told, dict(hosts), principal, now)
            roster.workers[worker.id] = worker
            words = {token: roster.claim(worker, token, now) for token in told.holding}
            before = roster.workers.get(told.previous)
            if before is not None and before.present and before.principal == principal:
                roster.lose(before, "it registered anew", "left")
            self._count()
            self._tell()
        self._busy.set()
        return worker, words

    def drain(self, id: str, principal: str = "") -> Worker:
        """Give a worker nothing more: by its word, or without `principal` an operator's. Raises Gone."""
        with self._lock:
            worker = self._known(id, principal) if principal else self._present(id)
            if worker.standing == "live":
                worker.standing = "draining"
                self._roster.take_back(worker)
                self._count()
                worker.rouse()
        return worker

    def leave(self, id: str, principal: str) -> None:
        """Let a worker go; what it still has is lost. Raises Gone."""
        with self._lock:
            self._roster.lose(self._known(id, principal), "it said good-bye", "left")
            self._count()
            self._tell()

    def look(self, id: str, principal: str) -> Worker:
        """A worker that is there. Raises Gone."""
        with self._lock:
            return self._known(id, principal)

    def renew(self, id: str, principal: str) -> tuple[Worker, list[str]]:
        """A worker says that it lives. Gives it, and tokens of attempts that it is to stop. Raises Gone."""
        with self._lock:
            worker = self._known(id, principal)
            stops, worker.stops = worker.stops, []
            return worker, stops

    # --- attempts -------------------------------------------------------------------------------------

    def pull(
        self, id: str, principal: str, most: int, *, started: bool = False,
        wake: Callable[[], None] | None = None,
    ) -> Pulled | None:  # fmt: skip
        """Give a worker attempts.

        Args:
            most: how many at most.
            started: whether those that may be repeated count as started, so that it need not ask first.
            wake: called once as soon as there may be something to give, where there is nothing now: then this
                gives None, and it is to be called again, or `rest`.
        Raises:
            Gone: it must register again.
        """
        now = self._clock()
        with self._lock:
            worker = self._known(id, principal)
            if not self._closing:
                self._roster.fill(worker, most)
            given = [worker.mailbox.popleft() for _ in range(min(most, len(worker.mailbox)))]
            for attempt in given:
                attempt.delivered = True
                attempt.started = started and attempt.order.delivery == AT_LEAST_ONCE
                attempt.heard_at = attempt.since = now
                attempt.token = token_of(self._key, Named(*attempt.key, worker.id))
            stops, worker.stops = worker.stops, []
            draining = worker.standing == "draining" or self._closing
            if given or stops or draining or wake is None or self.hushed:
                self._rest(worker)
                return Pulled(given, stops, draining)
            worker.most, worker.wake = most, wake
            self._roster.waiting[id] = worker
            return None

    def rest(self, id: str) -> None:
        """A worker does not wait any more; what was meant for it and not given goes to others."""
        with self._lock:
            worker = self._roster.workers.get(id)
            if worker is not None:
                self._rest(worker)
                self._roster.take_back(worker)

    def begin(self, tokens: Iterable[str]) -> list[Word]:
        """A worker is about to begin attempts: it must not where the word is any but `accepted`.

        Nor may it be told so before what `on_begun` was given is durable.
        """
        now, words = self._clock(), list[Word]()
        with self._lock:
            for token in tokens:
                attempt, word = self._roster.held(token, now)
                if word == "repeated" or (attempt is not None and attempt.stop):
                    attempt, word = None, "stale"
                words.append(word)
                if attempt is None:
                    continue
                if not attempt.started:
                    attempt.started, attempt.since = True, now
                if attempt.order.delivery != AT_LEAST_ONCE:
                    run_id, effect, number = attempt.key
                    begun = Begun(run_id=run_id, effect=effect, token=number, worker=attempt.worker)
                    self._on_begun(begun)
        return words

    def lives(self, token: str) -> bool:
        """Whether a token is of an attempt that is not over."""
        with self._lock:
            return self._roster.held(token, self._clock())[0] is not None

    def tell(self, token: str, progress: JSON, lines: list[str], tail: str | None = None) -> Word:
        """An attempt goes on: how far it is (None says nothing of that), and what it logs.

        Args:
            tail: the line that it has not ended yet, as far as it goes; None says nothing of that.
        """
        with self._lock:
            attempt, word = self._roster.held(token, self._clock())
            if attempt is not None:
                attempt.latest = progress if progress is not None else attempt.latest
                tail = printable(tail[-LINE_CHARS_MAX:]) if tail is not None else None
                self._on_said(Said(attempt.order, progress, attempt.say(lines), tail))
            return word

    def ask(self, token: str, number: int, question: Question, code: str = "") -> Future[Answer] | None:
        """An attempt asks for something; by the same number it finds the same answer. None if it is over."""
        with self._lock:
            attempt, _ = self._roster.held(token, self._clock())
            if attempt is None or attempt.stop or self._closing:
                return None
            known = attempt.asks.get(number)
            if known is not None:
                return known
            attempt.asks[number] = future = Future[Answer]()
            attempt.open += 1
            worker = self._roster.workers.get(attempt.worker)
            if worker is not None and attempt.open == 1:
                worker.pause(attempt)
                self._roster.offer(worker)
            order = attempt.order
            self._on_asked(
                Asked(
                    run_id=order.run_id, effect=order.effect, token=order.token, number=number,
                    kind=question.kind, target=question.target, args=question.args, key=question.key,
                    agent=question.agent, code=code,
                )
            )  # fmt: skip
        return future

    def settle(self, ended: Iterable[tuple[str, Reported | AttemptFailed]]) -> list[Word]:
        """Workers say what became of attempts; what comes too late is recorded, and changes nothing.

        Args:
            ended: of each attempt the token, and its outcome: a report that names no attempt, or a failure.
        """
        words, now = list[Word](), self._clock()
        with self._lock:
            for token, outcome in ended:
                attempt, word = self._roster.held(token, now)
                words.append(word)
                if attempt is not None:
                    self._roster.settle(attempt, outcome)
                elif word == "stale":
                    self._roster.report_late(token, outcome)
            self._tell()
        return words

    # --- looking --------------------------------------------------------------------------------------

    def now(self) -> int:
        """Kernel time in ms."""
        return self._clock()

    def workers(self) -> list[Worker]:
        """All that are remembered, in the order in which they registered."""
        with self._lock:
            return list(self._roster.workers.values())

    def snapshot(self) -> list[Activity]:
        """What runs now."""
        with self._lock:
            return [_activity(one) for one in self._roster.attempts.values() if one.started]

    def backlog(self) -> dict[str, int]:
        """Attempts that wait for a worker, by digest."""
        with self._lock:
            return {digest: len(queue) for digest, queue in self._roster.backlog.items() if queue}

    @property
    def capacity(self) -> dict[str, int]:
        """What live workers take at once, by digest."""
        return self._capacity

    # --- leases and deadlines -------------------------------------------------------------------------

    def sweep(self) -> None:
        """Notice who has not been heard of, and what took too long."""
        now, roster = self._clock(), self._roster
        with self._lock:
            for worker in list(roster.workers.values()):
                if worker.present and worker.due_at <= now:
                    why = f"nothing was heard of it for {worker.told.lease_ms / 1000:g} s"
                    roster.lose(worker, why, "stale")
                elif not worker.present and worker.heard_at + REMEMBERED_MS <= now:
                    del roster.workers[worker.id]
            self._count()
            for attempt in list(roster.attempts.values()):
                roster.look_at(attempt, now)
            self._tell()

    def _watch(self) -> None:
        while not self._closing:
            self._busy.wait(SWEEP_S if self._is_busy() else None)
            self._busy.clear()
            try:
                self.sweep()
            except Exception:
                _log.exception("the fleet could not be looked after")
            self._slow.wait(SWEEP_S)

    def _is_busy(self) -> bool:
        with self._lock:
            return bool(self._roster.attempts) or any(one.present for one in self._roster.workers.values())

    # --- with the lock held ---------------------------------------------------------------------------

    def _known(self, id: str, principal: str) -> Worker:
        """A worker that is heard of. Raises Gone."""
        worker = self._present(id)
        if worker.principal != principal:
            raise Gone(_NOBODY.format(id))
        worker.renew(self._clock())
        return worker

    def _present(self, id: str) -> Worker:
        worker = self._roster.workers.get(id)
        if worker is None or not worker.present:
            raise Gone(_NOBODY.format(id))
        return worker

    def _rest(self, worker: Worker) -> None:
        worker.most, worker.wake = 0, None
        self._roster.waiting.pop(worker.id, None)

    def _go_on(self, attempt: Attempt) -> None:
        """One of the things that it waited for is there."""
        attempt.open -= 1
        worker = self._roster.workers.get(attempt.worker)
        if worker is not None and not attempt.open:
            worker.proceed(attempt)

    def _count(self) -> None:
        """Say what live workers take at once, if that changed."""
        capacity: dict[str, int] = {}
        for worker in self._roster.workers.values():
            if worker.standing == "live":
                for digest, hosted in worker.hosts.items():
                    taken = min(hosted.concurrency, worker.told.concurrency)
                    capacity[digest] = capacity.get(digest, 0) + taken
        if capacity != self._capacity:
            self._capacity = capacity
            self._on_change(FleetChanged(capacity=capacity))

    def _tell(self) -> None:
        """Tell the kernel what became of attempts."""
        if self._roster.reports:
            reports, self._roster.reports = self._roster.reports, []
            self._on_reports(reports)


def _activity(one: Attempt) -> Activity:
    order = one.order
    return Activity(
        order.run_id, order.effect, order.attempt, order.task, order.agent, one.since, one.heard_at,
        one.latest, tuple(one.lines or ()), one.stop, order.token, one.said,
    )  # fmt: skip
