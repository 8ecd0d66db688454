"""One life of a simulated hub: the production host, with the world's disk, clock, agents and people."""

from __future__ import annotations

from collections.abc import Callable

import jq

from podium.facts import inputs as i
from podium.facts.orders import Abandon, Answer, Perform, Recall
from podium.facts.values import Reply
from podium.runtime.clock import GuardedClock
from podium.runtime.host import Host
from podium.runtime.hub import SLEEP_MAX_S
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.sim.agents import Agents
from podium.sim.compare import SHARD, overdue
from podium.sim.disk import DiskStore
from podium.sim.faults import Crash
from podium.sim.ledger import Attempt
from podium.sim.stage import Stage
from podium.sim.violation import hold
from podium.store.interface import StoreError
from podium.workflow.processes import PROCESSES

EPOCH_MS = 1_700_000_000_000
"""When worlds begin, in ms since 1970."""

SPINS_MAX = 50
SPIN_MS = 1_000
"""A hub that is served so often, each time so soon after the last, with nothing to do burns a processor."""


class HubProcess:
    """Its host, its inbox, what it performs, and its clock.

    Attributes:
        paused_until: when the paused process goes on, in world time.
        mine: attempts that its performer makes.
        skew_ms: how far its wall clock is off.
    """

    def __init__(
        self, stage: Stage, agents: Agents, name: str, skew_ms: int, on_death: Callable[[HubProcess], None]
    ) -> None:
        self._stage, self._agents, self._on_death = stage, agents, on_death
        self.name = name
        self.alive = True
        self.paused_until = 0
        self.skew_ms = skew_ms
        self.mine: dict[Attempt, Perform] = {}
        self.inbox: list[i.Input] = []
        self.replies: dict[int, Callable[[Reply], None]] = {}
        self._alarm_at = 0
        self._kept: list[i.Reported] = []
        self._abandoned: list[Abandon] = []
        self._spins = self._seq = self._served_at = 0
        self.clock = GuardedClock(lambda: EPOCH_MS + stage.now + self.skew_ms, lambda: stage.now)
        store = DiskStore(stage.disk, name, stage.dice)
        system = SystemHost(store, name)
        system.catalog.allowed = PROCESSES
        shard = ShardHost(
            store,
            SHARD,
            system.catalog,
            name,
            snapshot_records=stage.conditions.snapshot_records,
            passivate_ms=stage.conditions.passivate_ms,
            sealing=stage.disk.keys.sealing,
        )
        self.host = Host(shard, system, self.clock, self, self, self._reply, stage.disk.keys)
        self.host.listeners.append(stage.promises.listener(name))

    # --- what the host is given ----------------------------------------------------------------------

    def perform(self, orders: list[Perform]) -> None:
        for order in orders:
            if self._stage.dice.strikes("crash_at_dispatch"):
                raise Crash
            self._stage.promises.performing(order, self.name)
            self.mine[order.run_id, order.effect, order.token] = order
            self._stage.auditor.books.charge(order)
            self._agents.play(order, self.clock.now(), self.told)

    def abandon(self, orders: list[Abandon]) -> None:
        self._abandoned += orders

    def recall(self, orders: list[Recall]) -> None:
        """Whatever is ordered here begins at once."""

    def answer(self, orders: list[Answer]) -> None:
        for order in orders:
            self._agents.hear(order, self.clock.now())

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        try:
            value, failure = jq.compile(program).input_text(argument.decode()).first(), ""
        except (ValueError, StopIteration) as error:
            value, failure = None, str(error) or "no value"
        answer = i.Evaluated(run_id=run_id, program=program, argument=argument, value=value, failure=failure)
        slow = self._stage.dice.strikes("slow_evaluator")
        random = self._stage.chance[f"evaluator {run_id}"]
        self._stage.after(random.randrange(1, 9_000 if slow else 50), lambda: self.told(answer))

    def _reply(self, ticket: int, reply: Reply) -> None:
        waiter = self.replies.pop(ticket, None)
        if waiter is not None:
            if self._stage.dice.strikes("crash_at_reply"):
                raise Crash
            waiter(reply)

    # --- its life ------------------------------------------------------------------------------------

    def told(self, told: i.Input) -> None:
        """Something arrives in the inbox; it is served a little later, with whatever else is there."""
        if self.alive:
            self.inbox.append(told)
            self._stage.after(self._stage.chance["inbox"].randrange(0, 5), self.serve)

    def open(self) -> None:
        """Take the shards over."""
        if self._guarded(self.host.open):
            self._stage.auditor.all_changed()
            self._check([])

    @property
    def paused(self) -> bool:
        return self.alive and self._stage.now < self.paused_until

    def go_on(self) -> None:
        """The process is not paused any more."""
        self._stage.note("revived", self.name)
        self.paused_until = self._stage.now
        self._stage.after(1, self.serve)

    def serve(self) -> None:
        """Serve what waits, unless the process is paused."""
        if not self.alive:
            return
        if self.paused:
            self._stage.at(self.paused_until, self.serve)
            return
        inputs, self.inbox = self.inbox, []
        self._stage.note("serve", self.name, *(_brief(told) for told in inputs))
        now = self._past()
        if self._guarded(lambda: self.host.serve(list(inputs))):
            self._check(inputs, now)

    def stop(self) -> None:
        """End in good order, as far as the disk lets it."""
        self._stage.note("stop", self.name)
        if self.host.shard.state is not None and self._guarded(self.host.shard.save_snapshot):
            self.die()

    def die(self) -> None:
        """The process is gone, and its agents with it."""
        self.alive = False
        self.inbox = []
        self.mine = {}
        self._on_death(self)

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Whether the process outlives this."""
        stage = self._stage
        stage.auditor.begin_step()
        self._abandoned = []
        try:
            work()
        except (Crash, StoreError) as end:
            stage.note("down", self.name, type(end).__name__, end)
            self.die()
            return False
        return True

    def _check(self, inputs: list[i.Input], now: int = 0) -> None:
        """What must hold after a step that went well."""
        stage, host = self._stage, self.host
        self._note_spin(inputs)
        stage.auditor.read()
        stage.promises.released(self._abandoned, self.mine)
        for order in self._abandoned:
            self.mine.pop((order.run_id, order.effect, order.token), None)
        stage.auditor.compare(host, self._past())
        stage.promises.dispatched(host, self.mine)
        reports = self._kept + [told for told in inputs if isinstance(told, i.Reported)]
        if host.trouble:
            self._kept = reports
        else:
            self._kept = []
            stage.promises.consumed(reports)
            late = overdue(host, now)
            hold(not late, "I9", f"{late}, and was looked at in vain at {now}")
        if stage.chance["observer"].random() < 0.02:
            stage.auditor.compare_recovery(host)
        wait_ms = host.wait_ms()
        if wait_ms >= 0:
            self._alarm(stage.now + max(min(wait_ms, int(SLEEP_MAX_S * 1_000)), 1))

    def _past(self) -> int:
        """Kernel time as the hub has it."""
        state = self.host.shard.state
        return max(self.clock.now(), state.now if state is not None else 0)

    def _note_spin(self, inputs: list[i.Input]) -> None:
        state = self.host.shard.state
        seq = state.seq if state is not None else 0
        soon = self._stage.now - self._served_at < SPIN_MS
        self._spins = self._spins + 1 if soon and not inputs and seq == self._seq else 0
        self._seq, self._served_at = seq, self._stage.now
        hold(self._spins < SPINS_MAX, "I13", f"{self.name} is woken again and again, and has nothing to do")

    def _alarm(self, when: int) -> None:
        """Serve at `when`, unless an earlier alarm will set the next."""
        if self._alarm_at <= self._stage.now or when < self._alarm_at:
            self._alarm_at = when
            self._stage.at(when, self.serve)


def _brief(told: i.Input) -> str:
    name = type(told).__name__
    return f"{name}/{told.status}" if isinstance(told, i.Reported) else name
