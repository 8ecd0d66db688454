"""A worker: hosts agents for a hub elsewhere. It joins, takes attempts, and says what became of them.

Whoever performs them is handed in (`Performer`). What is here speaks with the hub, and outlives its absence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import msgspec

from podium.facts.catalog import Declared
from podium.facts.inputs import Asked, Reported
from podium.facts.orders import Abandon, Answer, Perform
from podium.facts.saying import Said
from podium.facts.values import AT_LEAST_ONCE, JSON, Error
from podium.resources.kinds import CONCURRENCY_DEFAULT, CONCURRENCY_IN_PROCESS, CONCURRENCY_OF_WORKERS
from podium.sdk.worker_link import LeaseOver, Link, Patience, TooMuch, Unheard

BATCH_MAX = 256
"""So many attempts are taken, or told of, at once."""
LINES_MAX = 100
"""No more lines of an attempt are told at once."""
TELL_S = 0.25
"""How far attempts are is told this often."""
CALLS_MAX = 64

_log = logging.getLogger("podium.worker")
_Key = tuple[str, int, int]


class Performer(Protocol):
    """Whoever makes attempts; it tells what comes of them by `RemoteWorker.hear`, `.ask` and `.say`."""

    def perform(self, orders: list[Perform]) -> None: ...
    def abandon(self, orders: list[Abandon]) -> None: ...
    def answer(self, orders: list[Answer]) -> None: ...
    def close(self, grace_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker says of itself: see `podium worker --help`."""

    name: str = "worker"
    region: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    weight: int = 1
    concurrency: int = 16
    lease_ms: int = 15_000
    codes: dict[str, str] = field(default_factory=dict)
    """Digests of the code of agents, by `name@version`."""


@dataclass(slots=True)
class _Held:
    """An attempt that it has; `asks` of its questions are open.

    What is to be told of it: `lines` of its log, before which `cut` were lost, its `progress`, and as `tail`
    the line that it has not ended. None says nothing.
    """

    token: str
    repeatable: bool
    asks: int = 0
    progress: JSON = None
    tail: str | None = None
    lines: deque[str] = field(default_factory=deque)
    cut: int = 0

    def say(self, said: Said) -> None:
        self.progress = said.progress if said.progress is not None else self.progress
        self.tail = said.tail if said.tail is not None else self.tail
        self.lines.extend(said.lines)
        while len(self.lines) >= LINES_MAX:
            self.lines.popleft()
            self.cut += 1

    def take(self) -> dict[str, Any]:
        """What is to be told of it; it counts as told. Empty where there is nothing."""
        told: dict[str, Any] = {"lines": self.taken()} if self.lines else {}
        if self.progress is not None:
            told["progress"], self.progress = self.progress, None
        if self.tail is not None:
            told["tail"], self.tail = self.tail, None
        return told

    def taken(self) -> list[str]:
        """The lines that are to be told; they count as told."""
        lines = [f"… {self.cut:,} lines were cut here"] if self.cut else []
        lines += self.lines
        self.lines.clear()
        self.cut = 0
        return lines

    def put_back(self, told: dict[str, Any]) -> None:
        """It could not be told."""
        self.progress = told.get("progress") if self.progress is None else self.progress
        self.tail = told.get("tail") if self.tail is None else self.tail
        self.lines.extendleft(reversed(told.get("lines", ())))


class RemoteWorker:
    """Hosts agents and tools for a hub.

    Args:
        link: the way to the hub.
        agents: what it hosts, as declared here.
        terms: what it says of itself.
    Attributes:
        versions: what is hosted, by the digest that the hub has for it: `kind/name@version`.
    """

    def __init__(self, link: Link, agents: Sequence[Declared], terms: Terms) -> None:
        self._link, self._agents, self._terms = link, agents, terms
        self.versions: dict[str, Declared] = {}
        self._performer: Performer | None = None
        self._held: dict[_Key, _Held] = {}
        self._unheard: list[str] = []
        """Attempts that it said it was about to begin, and does not know whether it may."""
        self._lock = threading.Condition()
        self._ended: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._unsaid: set[str] = set()
        """Attempts that ended, as far as the hub has not confirmed to have heard of it."""
        self._draining, self._over = threading.Event(), threading.Event()
        self._joining = threading.Lock()
        self._calls = ThreadPoolExecutor(CALLS_MAX, "podium-call")
        self._threads: list[threading.Thread] = []

    # --- its life -------------------------------------------------------------------------------------

    def join(self) -> str:
        """Register; gives its id. Raises PodiumError where the hub refuses, Unheard where none answers."""
        with self._lock:
            tokens = [*(held.token for held in self._held.values()), *self._unheard, *self._unsaid]
        told = {
            "agents": [_hosting(one, self._terms.codes) for one in self._agents],
            "name": self._terms.name, "region": self._terms.region, "labels": self._terms.labels,
            "weight": self._terms.weight, "concurrency": self._terms.concurrency,
            "lease_ms": self._terms.lease_ms, "previous": self._link.id, "holding": tokens,
        }  # fmt: skip
        joined = self._link.register(told)
        by_name = {(one.kind, f"{one.name}@{one.version}"): one for one in self._agents}
        for shown in joined["agents"]:
            self.versions[shown["digest"]] = by_name[shown["kind"], shown["agent"]]
        self._stop(token for token, word in joined["holding"].items() if word != "accepted")
        return self._link.id

    def run(self, performer: Performer) -> None:
        """Take attempts and have them made, on threads of its own, until `stop`. It must have joined."""
        self._performer = performer
        for work in (self._pull, self._tell, self._beat):
            thread = threading.Thread(target=work, name=f"podium-{work.__name__.strip('_')}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, grace_ms: int = 30_000) -> None:
        """Take nothing more, let what runs go on for the grace, say what came of it, and leave."""
        self._draining.set()
        if not self._link.id:
            self._link.close()
            return
        try:
            self._link.drain()
        except (LeaseOver, Unheard, TooMuch) as error:
            _log.warning("the hub does not hear that this worker drains: %s", error)
        limit_at = time.monotonic() + grace_ms / 1000
        with self._lock:
            self._lock.wait_for(lambda: not self._held, max(0.0, limit_at - time.monotonic()))
        if self._performer is not None:
            self._performer.close(0)
        with self._lock:
            self._lock.wait_for(lambda: not self._unsaid, 5.0)
        self._over.set()
        self._ended.put(None)
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._link.leave()
        self._link.close()

    # --- what the performer says ----------------------------------------------------------------------

    def hear(self, reports: list[Reported]) -> None:
        """Take what became of attempts. From any thread."""
        with self._lock:
            for report in reports:
                held = self._held.pop((report.run_id, report.effect, report.token), None)
                if held is not None:
                    self._unsaid.add(held.token)
                    self._ended.put(_ended(report, held))
            self._lock.notify_all()

    def say(self, said: Said) -> None:
        """Take what an attempt says while it runs. From any thread."""
        order = said.order
        with self._lock:
            held = self._held.get((order.run_id, order.effect, order.token))
            if held is not None:
                held.say(said)

    def ask(self, asked: Asked) -> None:
        """Take what an attempt asks for. From any thread."""
        key = (asked.run_id, asked.effect, asked.token)
        with self._lock:
            held = self._held.get(key)
            if held is None or self._over.is_set():
                return
            held.asks += 1
            self._lock.notify_all()
        self._calls.submit(self._call, key, held, asked)

    # --- threads --------------------------------------------------------------------------------------

    def _pull(self) -> None:
        patience = Patience(self._draining)
        while not self._draining.is_set():
            free = self._free()
            if not free:
                continue
            try:
                pulled = self._link.pull(min(free, BATCH_MAX), min(20_000, self._terms.lease_ms // 2))
                patience.renew()
                self._begin(pulled["attempts"])
                self._stop(pulled["stop"])
                if pulled["draining"] and patience.wait():
                    return
            except LeaseOver as over:
                self._rejoin(over.id)
            except TooMuch as error:
                _log.warning("%s", error)
                patience.wait()
            except Unheard as error:
                _log.warning("%s", error)
                patience.wait()
                # It may have been given attempts that it will never hear of: by this the hub knows.
                self._rejoin(self._link.id)

    def _free(self) -> int:
        """How many more attempts it takes; waits until there is room, for a while."""
        with self._lock:
            self._lock.wait_for(lambda: self._room() > 0 or self._draining.is_set(), 1.0)
            return max(self._room(), 0)

    def _room(self) -> int:
        return self._terms.concurrency - sum(not held.asks for held in self._held.values())

    def _begin(self, attempts: Sequence[dict[str, Any]]) -> None:
        self._perform([one for one in attempts if one["started"]])
        self._unheard = [one["token"] for one in attempts if not one["started"]]
        patience = Patience(self._over)
        while self._unheard and not self._over.is_set():
            try:
                # Where no answer came they may have been let begin: then nobody else will be.
                words = dict(zip(self._unheard, self._link.start(self._unheard), strict=True))
                self._perform([one for one in attempts if words.get(one["token"]) == "accepted"])
                self._unheard = []
            except LeaseOver as over:
                self._rejoin(over.id)
            except (Unheard, TooMuch) as error:
                _log.warning("%s", error)
                patience.wait()

    def _perform(self, attempts: Sequence[dict[str, Any]]) -> None:
        now = time.time_ns() // 1_000_000
        orders = []
        with self._lock:
            for one in attempts:
                order = _order(one, now)
                self._held[order.run_id, order.effect, order.token] = _Held(
                    one["token"], order.delivery == AT_LEAST_ONCE
                )
                orders.append(order)
        if orders:
            assert self._performer is not None
            self._performer.perform(orders)

    def _stop(self, tokens: Iterable[str]) -> None:
        """Stop attempts; nobody waits for what comes of them."""
        gone = set(tokens)
        with self._lock:
            keys = [key for key, held in self._held.items() if held.token in gone]
        if keys and self._performer is not None:
            self._performer.abandon([Abandon(*key) for key in keys])
        with self._lock:
            for key in keys:
                # One that may be repeated ends without a word.
                if (held := self._held.get(key)) is not None and held.repeatable:
                    del self._held[key]
            self._lock.notify_all()

    def _tell(self) -> None:
        """Say what became of attempts, as often as it takes until the hub has heard it."""
        patience = Patience(self._over)
        while not self._over.is_set():
            batch = self._batch()
            while batch and not self._over.is_set():
                try:
                    self._say(batch)
                    patience.renew()
                    break
                except (Unheard, LeaseOver) as error:
                    _log.warning("%s", error)
                    patience.wait()
            with self._lock:
                self._unsaid.difference_update(one["token"] for one in batch)
                self._lock.notify_all()

    def _batch(self) -> list[dict[str, Any]]:
        first = self._ended.get()
        batch = [first] if first is not None else []
        while len(batch) < BATCH_MAX:
            try:
                more = self._ended.get_nowait()
            except Empty:
                break
            if more is not None:
                batch.append(more)
        return batch

    def _say(self, batch: list[dict[str, Any]]) -> None:
        try:
            words = self._link.complete(batch)
        except TooMuch as error:
            if len(batch) > 1:
                for one in batch:
                    self._say([one])
                return
            title = "the hub does not take the output"
            failed = {"title": title, "detail": str(error), "retryable": False}
            words = self._link.complete([{"token": batch[0]["token"], "error": failed}])
        late = sum(word not in ("accepted", "repeated") for word in words)
        if late:
            _log.warning("%d results came too late and changed nothing", late)

    def _beat(self) -> None:
        """Keep the lease, and say how far attempts are."""
        beat_s = self._terms.lease_ms / 3_000
        beaten = time.monotonic()
        while not self._over.wait(TELL_S):
            try:
                self._tell_going()
                if time.monotonic() - beaten >= beat_s:
                    self._stop(self._link.heartbeat()["stop"])
                    beaten = time.monotonic()
            except LeaseOver as over:
                self._rejoin(over.id)
            except (Unheard, TooMuch) as error:
                _log.warning("%s", error)

    def _tell_going(self) -> None:
        """Tell what attempts have said since the last time. Raises what the link raises."""
        with self._lock:
            told = [(held, held.take()) for held in self._held.values()]
        told = [(held, said) for held, said in told if said]
        for first in range(0, len(told), BATCH_MAX):
            batch = told[first : first + BATCH_MAX]
            try:
                self._link.progress([{"token": held.token, **said} for held, said in batch])
            except (LeaseOver, Unheard, TooMuch):
                with self._lock:
                    for held, said in told[first:]:
                        held.put_back(said)
                raise

    def _rejoin(self, before: str) -> None:
        """Register again, once, whoever finds first that it must; `before` is the id that it had."""
        patience = Patience(self._over)
        with self._joining:
            while before == self._link.id and not self._over.is_set():
                try:
                    _log.warning("the hub knows this worker no more; it is %s now", self.join())
                except Exception as error:
                    _log.warning("the hub does not let this worker in again: %s", error)
                    patience.wait()

    def _call(self, key: _Key, held: _Held, asked: Asked) -> None:
        """Ask for something in the name of an attempt, until there is an answer or that is over."""
        question = {
            "token": held.token, "number": asked.number, "args": asked.args, "key": asked.key,
            "agent": asked.agent, "tool" if asked.kind == "tool" else "call": asked.target,
            "code": asked.code,
        }  # fmt: skip
        patience = Patience(self._over)
        answer: dict[str, Any] | None = {"done": False}
        while answer is not None and not answer["done"] and not self._over.is_set() and key in self._held:
            try:
                answer = self._link.call(question)
            except Unheard as trouble:
                _log.warning("%s", trouble)
                patience.wait()
            except TooMuch as trouble:
                refused = {"type": "about:blank", "status": 400, "title": str(trouble)}
                answer = {"done": True, "output": None, "error": refused, "deadline_ms": 0}
        with self._lock:
            held.asks -= 1
        if answer is None or not answer["done"] or self._performer is None:
            return
        error = msgspec.convert(answer["error"], Error) if answer["error"] is not None else None
        left = answer["deadline_ms"]
        deadline_at = time.time_ns() // 1_000_000 + left if left else 0
        self._performer.answer([Answer(*key, asked.number, answer["output"], error, deadline_at)])


def _hosting(one: Declared, codes: dict[str, str]) -> dict[str, Any]:
    """What is said of something that is hosted, so that the hub can declare it if it knows nothing of it."""
    agent = f"{one.name}@{one.version}"
    here = one.spec.get("concurrency", CONCURRENCY_DEFAULT)
    # What nobody set bounds this machine, and not all workers together.
    everywhere = CONCURRENCY_OF_WORKERS if here in (CONCURRENCY_DEFAULT, CONCURRENCY_IN_PROCESS) else here
    return {
        "agent": agent, "kind": one.kind, "code": codes.get(agent, ""), "concurrency": here,
        "declared": {**one.spec, "concurrency": everywhere},
    }  # fmt: skip


def _order(given: dict[str, Any], now: int) -> Perform:
    """An attempt as it was given, as an order; times are this machine's."""
    deadline_at = now + given["deadline_ms"] if given["deadline_ms"] else 0
    return Perform(
        given["run_id"], given["task"], given["effect"], given["attempt"], given["number"], 0, given["kind"],
        given["agent"], given["digest"], given["capability"], given["input"], given["delivery"], deadline_at,
        given["heartbeat_ms"], given["key"], given["traceparent"], tuple(given["secrets"]),
    )  # fmt: skip


def _ended(report: Reported, held: _Held) -> dict[str, Any]:
    """What is said of an attempt that came to its end."""
    said: dict[str, Any] = {"token": held.token}
    if held.lines:
        said["lines"] = held.taken()
    if report.provenance:
        said["provenance"] = report.provenance
    if report.cost_nano >= 0:
        said["cost_nano"] = report.cost_nano
    if report.status == "succeeded":
        return {**said, "output": report.output}
    error = report.error
    shown: dict[str, Any] = {"title": "it failed"}
    if error is not None:
        shown = {
            "title": error.title[:2_000], "detail": error.detail, "type": error.type, "status": error.status,
        }  # fmt: skip
    shown |= {
        "retryable": report.retryable, "unstarted": report.status == "unstarted",
        "lost": report.status == "lost", "returned": report.status == "returned",
    }  # fmt: skip
    return {**said, "error": shown}
