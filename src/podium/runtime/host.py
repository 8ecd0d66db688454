"""The host: serves a batch of inputs to the shards, and releases what became durable, in that order.

Synchronous, with every outside part handed in, so that a simulator drives the very same code; `Hub` gives it
a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog

from podium.facts import inputs as i
from podium.facts.events import Record
from podium.facts.inputs import Input
from podium.facts.orders import Abandon, Answer, Evaluate, Order, Perform, Recall
from podium.facts.values import Problem, Refused, Reply
from podium.kernel.outcome import Outcome
from podium.runtime.pinned import pinned, unfinished
from podium.runtime.shard import ShardHost
from podium.runtime.subjects import Keys, with_keys
from podium.runtime.system import SYSTEM_SHARD, SystemHost
from podium.store.interface import StorageFull

FULL_RETRY_MS = 1_000
"""How long a host that ran out of disk waits before it tries to write again."""

_RESERVE = (
    "the disk is full but for a reserve, which is kept for what is under way: make room, and new work is "
    "taken again"
)

log = structlog.get_logger("podium.host")


class Performer(Protocol):
    """Who carries out attempts, but for events that are emitted; its reports come back as inputs."""

    def perform(self, orders: list[Perform]) -> None: ...
    def abandon(self, orders: list[Abandon]) -> None: ...
    def recall(self, orders: list[Recall]) -> None: ...
    def answer(self, orders: list[Answer]) -> None: ...


class Questions(Protocol):
    """Who evaluates what is not native; its answers come back as inputs."""

    def ask(self, run_id: str, program: str, argument: bytes) -> None: ...


class Clock(Protocol):
    """Kernel time in ms since 1970."""

    def now(self) -> int: ...
    def at_least(self, at: int) -> None: ...


Listener = Callable[[int, list[Record]], None]
"""Called with shard and records after each commit; must be quick and not raise."""


class Host:
    """The shards of one hub and the parts they work with.

    Attributes:
        shard: the shard of runs.
        system: the system shard.
        listeners: who hears of commits.
        trouble: why nothing can be written now, in a sentence; "" while all is well.
        emitted: what runs have for each other, to be told with the next step: events to those that listen.
    """

    def __init__(
        self, shard: ShardHost, system: SystemHost, clock: Clock, performer: Performer, questions: Questions,
        on_reply: Callable[[int, Reply], None], keys: Keys | None = None,
    ) -> None:  # fmt: skip
        self.shard, self.system = shard, system
        self.listeners: list[Listener] = []
        self.trouble = ""
        self._clock, self._performer, self._questions = clock, performer, questions
        self._on_reply, self._keys = on_reply, keys
        self.emitted: list[Input] = []
        self._kept: list[Input] = []
        self._retry_at = 0

    @property
    def hindrance(self) -> str:
        """Why nothing new is accepted now, in a sentence; "" while all is well."""
        return self.trouble or (_RESERVE if self.shard.store.full else "")

    def open(self) -> None:
        """Take the shards over and set going what is unfinished. Raises StoreError if it cannot."""
        now = self._clock.now()
        records = self.system.open(now)
        out = self.shard.open(now)
        assert self.shard.state is not None
        self._clock.at_least(self.shard.state.now)
        self._publish(SYSTEM_SHARD, records)
        self._release(out)
        changed = self._catalog_changed()
        if changed:
            self._step(changed, self._clock.now())

    def wake_at(self) -> int:
        """When `serve` is due even without inputs; 0 if never."""
        if self._retry_at or not self.emitted:
            return self._retry_at or self.shard.wake_at()
        return 1

    def wait_ms(self) -> int:
        """How long it is until then; -1 if for ever."""
        at, now = self.wake_at(), self._clock.now()
        if not at:
            return -1
        return 0 if not self._retry_at and at <= self._past(now) else max(at - now, 0)

    def _past(self, now: int) -> int:
        """What has come by now: kernel time never goes back, though the clock may be set back a little."""
        assert self.shard.state is not None
        return max(now, self.shard.state.now)

    def serve(self, inputs: list[Input]) -> None:
        """Decide these inputs and whatever is due, make it durable, release it.

        Raises:
            StoreError: the shards must not be used any more: fenced out, or the disk failed.
        """
        now = self._clock.now()
        if self._retry_at:
            if now < self._retry_at:
                self._turn_away(inputs)
                return
            inputs, self._kept, self._retry_at = self._kept + inputs, [], 0
            inputs.append(i.Tick())
        if self.emitted:
            inputs, self.emitted = [*self.emitted, *inputs], []
        store = self.shard.store
        if store.full:
            # An idle hub appends nothing, so nothing else would ever find that there is room again.
            store.look_for_room()
        if store.full:
            inputs = [told for told in inputs if not self._spared(told)]
        wake_at = self.shard.wake_at()
        if wake_at and wake_at <= self._past(now):
            inputs.append(i.Tick())
        if any(isinstance(told, i.Apply | i.Delete | i.NoteAct) for told in inputs):
            inputs = [told for told in inputs if not self._declare(told, now)]
        if any(type(told) is i.SubmitRun for told in inputs):
            inputs, refused = with_keys(inputs, self.system.catalog, self._keys)
            for ticket, refusal in refused:
                self._on_reply(ticket, refusal)
        for told in inputs:
            if type(told) is i.FleetChanged:
                self.system.catalog.staff(told.capacity)
        inputs = self._catalog_changed() + inputs
        if inputs:
            self._step(inputs, now)

    def _step(self, inputs: list[Input], now: int) -> None:
        try:
            out = self.shard.step(inputs, now)
        except StorageFull as full:
            self._run_full(inputs, full, now)
            return
        if self.trouble:
            self.trouble = ""
            log.info("writing again")
        self._release(out)

    def _declare(self, told: Input, now: int) -> bool:
        if not isinstance(told, i.Apply | i.Delete | i.NoteAct):
            return False
        try:
            if isinstance(told, i.NoteAct):
                reply, records = self.system.note(told, now)
            else:
                reply, records = self.system.declare(told, now, self._pinned)
        except StorageFull as full:
            self._on_reply(told.ticket, _storage_full(full))
            return True
        self._publish(SYSTEM_SHARD, records)
        self._on_reply(told.ticket, reply)
        return True

    def _pinned(self) -> dict[str, int]:
        """Unfinished runs by the digest of their workflow, as of the last commit."""
        shard = self.shard
        assert shard.state is not None
        return pinned(
            unfinished(shard.state.runs),
            lambda status, after, limit: shard.store.cold_runs(shard.number, status, after, limit),
        )

    def _catalog_changed(self) -> list[Input]:
        """What tells the shard of runs that it is behind the catalog; nothing if it is not."""
        catalog, state = self.system.catalog, self.shard.state
        assert state is not None
        if catalog.revision <= state.revision:
            return []
        return [i.CatalogChanged(revision=catalog.revision, digest=catalog.digest)]

    # --- no room -------------------------------------------------------------------------------------

    def _run_full(self, inputs: list[Input], full: StorageFull, now: int) -> None:
        """Go read-only: nothing of these inputs was kept in the log."""
        if not self.trouble:
            log.error("read-only", reason=str(full))
        self.trouble = str(full)
        self.shard.reload()
        self._retry_at = now + FULL_RETRY_MS
        self._turn_away(inputs)

    def _spared(self, told: Input) -> bool:
        """Turn new work away while the little room that is left is for what is under way."""
        if not isinstance(told, i.SubmitRun | i.Apply | i.Delete):
            return False
        self._on_reply(told.ticket, _storage_full(_RESERVE))
        return True

    def _turn_away(self, inputs: list[Input]) -> None:
        """People are told that nothing was accepted; what comes from attempts and runs waits in memory."""
        for told in inputs:
            if isinstance(told, i.Reported | i.Asked | i.Begun | i.FleetChanged):
                self._kept.append(told)
            elif isinstance(told, i.Emitted):
                self.emitted.append(told)
            else:
                self._on_reply(told.ticket, _storage_full(self.trouble))

    # --- releasing -----------------------------------------------------------------------------------

    def _release(self, out: Outcome) -> None:
        if out.orders:
            self._dispatch(out.orders)
        for query in out.queries:
            assert isinstance(query, Evaluate)
            self._questions.ask(query.run_id, query.program, query.argument)
        self.emitted += out.inputs
        self._publish(self.shard.number, out.records)
        for ticket, reply in out.replies:
            self._on_reply(ticket, reply)

    def _dispatch(self, orders: Iterable[Order]) -> None:
        performs = [order for order in orders if type(order) is Perform]
        emits = [order for order in performs if order.kind == "emit"]
        if emits:
            self.emitted += map(_emission, emits)
            performs = [order for order in performs if order.kind != "emit"]
        if performs:
            self._performer.perform(performs)
        abandons = [order for order in orders if type(order) is Abandon]
        if abandons:
            self._performer.abandon(abandons)
        recalls = [order for order in orders if type(order) is Recall]
        if recalls:
            self._performer.recall(recalls)
        answers = [order for order in orders if type(order) is Answer]
        if answers:
            self._performer.answer(answers)

    def _publish(self, shard: int, records: list[Record]) -> None:
        if records:
            for listener in tuple(self.listeners):
                listener(shard, records)


def _emission(order: Perform) -> i.Emitted:
    return i.Emitted(run_id=order.run_id, effect=order.effect, token=order.token, event=order.input)


def _storage_full(reason: Any) -> Refused:
    return Refused("refused", (Problem("storage-full", "", f"{reason}; nothing was accepted"),))
