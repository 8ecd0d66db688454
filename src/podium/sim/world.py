"""A world from a seed: one disk, hubs that come and go, agents, people, and a clock; all in one thread.

The hubs are the production host over the production shards; only disk, clock, performer and evaluator are the
world's. Everything that happens is drawn from one random source in one order, so a seed is a bug report.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

import jq
import msgspec

from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.orders import Abandon, Perform
from podium.facts.values import Accepted, Refused, Reply, standard_error
from podium.runtime.clock import GuardedClock
from podium.runtime.host import Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.sim.disk import Disk, DiskStore
from podium.sim.faults import NONE, Crash, Faults, draw
from podium.sim.invariants import SHARD, Auditor, Violation, hold
from podium.sim.workload import AGENTS, WORKFLOWS
from podium.store.interface import StoreError

EPOCH_MS = 1_700_000_000_000
TROUBLED_MS = 120_000
"""How long faults happen; after that the world heals."""
HEALED_MS = 4 * 3_600_000
"""How long after that everything must have ended."""


class HubProcess:
    """One life of a hub: its host, its inbox, what it performs, and its clock."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.paused_until = 0
        self.inbox: list[i.Input] = []
        self.alarm_at = 0
        self.mine: dict[tuple[str, int, int], Perform] = {}
        self.skew_ms = 0
        self.store = DiskStore(world.disk, world.random, world.faults)
        self.clock = GuardedClock(lambda: EPOCH_MS + world.now + self.skew_ms, lambda: world.now)
        system = SystemHost(self.store, name)
        shard = ShardHost(self.store, SHARD, system.catalog, name)
        self.host = Host(shard, system, self.clock, self, self, self._reply)
        self.replies: dict[int, Callable[[Reply], None]] = {}

    # --- what the host is given ----------------------------------------------------------------------

    def perform(self, orders: list[Perform]) -> None:
        for order in orders:
            if self.world.chance(self.world.faults.crash_at_dispatch):
                raise Crash
            self.world.auditor.performing(order)
            self.mine[order.run_id, order.effect, order.token] = order
            self.world.play(self, order)

    def abandon(self, orders: list[Abandon]) -> None:
        for order in orders:
            self.mine.pop((order.run_id, order.effect, order.token), None)

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        try:
            value, failure = jq.compile(program).input_text(argument.decode()).first(), ""
        except (ValueError, StopIteration) as error:
            value, failure = None, str(error) or "no value"
        answer = i.Evaluated(run_id=run_id, program=program, argument=argument, value=value, failure=failure)
        self.world.after(self.world.random.randrange(1, 50), lambda: self.told(answer))

    def _reply(self, ticket: int, reply: Reply) -> None:
        waiter = self.replies.pop(ticket, None)
        if waiter is not None:
            waiter(reply)

    # --- its life ------------------------------------------------------------------------------------

    def told(self, told: i.Input) -> None:
        """Something arrives in the inbox; it is served a little later, with whatever else is there by then."""
        if self.alive:
            self.inbox.append(told)
            self.world.after(self.world.random.randrange(0, 5), self.serve)

    def open(self) -> None:
        self._guarded(self.host.open)

    def serve(self) -> None:
        """Serve what waits, unless the process is paused."""
        if not self.alive:
            return
        if self.world.now < self.paused_until:
            self.world.at(self.paused_until, self.serve)
            return
        inputs, self.inbox = self.inbox, []
        self.world.note("serve", self.name, len(inputs))
        self._guarded(lambda: self.host.serve(inputs))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (Crash, StoreError) as end:
            self.world.note("down", self.name, type(end).__name__)
            self.die()
            return
        self.world.auditor.read()
        self.world.auditor.compare(self.host)
        at = self.host.wake_at()
        if at:
            self._alarm(self.world.now + max(at - self.clock.now(), 1))

    def _alarm(self, when: int) -> None:
        """Serve at `when`, unless an earlier alarm will set the next."""
        if self.alarm_at <= self.world.now or when < self.alarm_at:
            self.alarm_at = when
            self.world.at(when, self.serve)

    def die(self) -> None:
        """The process is gone, and its agents with it."""
        self.alive = False
        self.inbox = []
        self.mine = {}
        if self.world.hub is self:
            self.world.after(self.world.random.randrange(10, 3_000), self.world.start_hub)


class World:
    """The whole of it.

    Attributes:
        now: virtual milliseconds since the world began.
        transcript: what happened, a line each.
    """

    def __init__(self, seed: int, runs: int = 12, faults: Faults | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.faults = draw(self.random) if faults is None else faults
        self.now = 0
        self.disk = Disk()
        self.auditor = Auditor(self.disk)
        self.hub: HubProcess | None = None
        self.steps = 0
        self.transcript: list[str] = []
        self.counts: dict[str, int] = {}
        self.digest = ""
        self._runs = runs
        self._hubs = 0
        self._order = itertools.count()
        self._tickets = itertools.count(1)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._unaccepted: dict[str, i.SubmitRun] = {}

    def chance(self, likelihood: float) -> bool:
        return self.random.random() < likelihood

    def at(self, when: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.at(self.now + delay_ms, action)

    def note(self, what: str, *details: Any) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        if len(self.transcript) < 5_000:
            self.transcript.append(" ".join(map(str, (self.now, what, *details))))

    def run(self) -> str:
        """Live through it.

        Returns:
            a digest of everything that became durable.
        Raises:
            Violation: a guarantee was broken.
        """
        self.start_hub()
        self._plan()
        self.at(TROUBLED_MS, self._heal)
        while self._queue and self.now <= TROUBLED_MS + HEALED_MS:
            when, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            self.steps += 1
            action()
            if self.now > TROUBLED_MS and not self._unaccepted and self._quiet():
                break
        hold(not self._unaccepted, "I13", f"never accepted: {sorted(self._unaccepted)}")
        self.auditor.finished()
        self._check_recovery()
        log = self.disk.store.read(SHARD, 0, 10_000_000)
        return sha256(b"".join(row.hash for row in log)).hexdigest()

    def _quiet(self) -> bool:
        return all(run.ended for run in self.auditor.replica.runs.values())

    def _check_recovery(self) -> None:
        """A last hub makes up its state from snapshot and tail, and it is what the log gives."""
        self.start_hub()
        assert self.hub is not None
        hold(self.hub.alive, "I13", "the last hub did not start")
        state = self.hub.host.shard.state
        assert state is not None
        hold(not any(state.running.values()), "I8", f"slots are held at the end: {state.running}")

    # --- hubs ----------------------------------------------------------------------------------------

    def start_hub(self) -> None:
        """A new hub takes over; a former one that is only paused becomes a zombie."""
        self._hubs += 1
        hub = self.hub = HubProcess(self, f"hub{self._hubs}")
        self.note("start", hub.name)
        hub.open()
        if not hub.alive:
            return
        self._apply()
        for told in self._unaccepted.values():
            self._submit(told)

    def _apply(self) -> None:
        self._tell(i.Apply(resources=(*AGENTS, *WORKFLOWS), principal="sim:world"), self._applied)

    def _applied(self, reply: Reply) -> None:
        if isinstance(reply, Refused) and reply.problems[0].rule == "storage-full":
            self.after(1_000, self._apply)
        else:
            hold(isinstance(reply, Accepted), "I1", f"the workload was refused: {reply}")

    def _trouble(self) -> None:
        """What may happen to a hub between two steps."""
        hub = self.hub
        if self.now >= TROUBLED_MS or hub is None:
            return
        self.after(self.random.randrange(500, 3_000), self._trouble)
        if not hub.alive:
            return
        if self.chance(self.faults.crash * 10):
            self.note("kill", hub.name)
            hub.die()
        elif self.chance(self.faults.pause * 10):
            hub.paused_until = self.now + self.random.randrange(100, 30_000)
            self.note("pause", hub.name, hub.paused_until)
            self.after(self.random.randrange(100, 5_000), self.start_hub)
        elif self.chance(self.faults.full * 10):
            self.note("full")
            self.disk.full = True
            self.after(self.random.randrange(100, 8_000), self._make_room)
        elif self.chance(self.faults.clock_jump * 10):
            hub.skew_ms += self.random.choice((-86_400_000, -40_000, -2_000, 1_500, 40_000, 86_400_000))
            self.note("clock", hub.skew_ms)

    def _make_room(self) -> None:
        self.disk.full = False

    def _heal(self) -> None:
        """Faults end: whoever lives is sound, and if nobody does somebody starts."""
        self.note("heal")
        self.faults = NONE
        self.disk.full = False
        if self.hub is not None:
            self.hub.store.faults = NONE
            self.hub.skew_ms = 0
            self.hub.serve()

    # --- what it is asked to do ----------------------------------------------------------------------

    def _plan(self) -> None:
        self._trouble()
        self._look_after()
        for number in range(self._runs):
            workflow = self.random.choice(WORKFLOWS).name
            key = f"run{number}"
            told = i.SubmitRun(
                run_id=run_id_of("sim", key), workflow=workflow, input={"number": number}, key=key
            )
            self.at(self.random.randrange(0, TROUBLED_MS * 3 // 4), lambda told=told: self._submit(told))
            if self.chance(0.3):
                again = told if self.chance(0.5) else msgspec.structs.replace(told, input={"number": -1})
                self.at(self.random.randrange(TROUBLED_MS), lambda again=again, told=told: self._again(again, told))

    def _submit(self, told: i.SubmitRun) -> None:
        """Ask until it is accepted, as a careful client does."""
        self._unaccepted[told.key] = told

        def answered(reply: Reply) -> None:
            if isinstance(reply, Accepted):
                self._unaccepted.pop(told.key, None)
                self.auditor.promised(told.run_id)
            elif told.key in self._unaccepted:
                self.after(1_000, lambda: self._submit(told))

        self._tell(told, answered)

    def _again(self, again: i.SubmitRun, first: i.SubmitRun) -> None:
        """The same key again: the same run, or a conflict; never another run."""

        def answered(reply: Reply) -> None:
            if first.key in self._unaccepted:
                return
            if again == first:
                hold(isinstance(reply, Accepted) and not reply.created or isinstance(reply, Refused) and
                     reply.code != "conflict", "I7", f"{first.key} submitted again: {reply}")  # fmt: skip
            else:
                hold(isinstance(reply, Refused), "I7", f"{first.key} with another input: {reply}")

        if first.run_id in self.auditor.replica.runs:
            self._tell(again, answered)

    def _tell(self, told: i.Input, answered: Callable[[Reply], None] | None = None) -> None:
        hub = self.hub
        if hub is not None and hub.alive:
            ticket = next(self._tickets)
            if answered is not None:
                hub.replies[ticket] = answered
            hub.told(msgspec.structs.replace(told, ticket=ticket))

    def _look_after(self) -> None:
        """People: answer what waits for them, resolve what is in doubt, send events, and now and then meddle."""
        if self.now > TROUBLED_MS + HEALED_MS:
            return
        self.after(self.random.randrange(1_000, 6_000), self._look_after)
        for run in list(self.auditor.replica.runs.values()):
            if run.ended:
                continue
            for effect in list(run.effects.values()):
                if effect.status == "waiting" and self.chance(0.3):
                    self._tell(i.AnswerHuman(run_id=run.id, task=effect.task, principal="user:sim"))
                elif effect.status == "in_doubt" and self.chance(0.5):
                    verdict = self.random.choice(("succeeded", "failed", "retry"))
                    output = {"token": effect.token} if verdict == "succeeded" else None
                    self._tell(
                        i.ResolveEffect(
                            run_id=run.id, effect=effect.id, verdict=verdict, output=output, principal="user:sim"
                        )
                    )
            if any(frame.kind == "listen" for frame in run.frames.values()) and self.chance(0.5):
                to_all = self.chance(0.3)
                event = {"specversion": "1.0", "type": "sim.go", "source": "sim", "id": f"{run.id}/{self.now}"}
                self._tell(i.SendEvent(run_id="" if to_all else run.id, event=event))
            if run.status == "suspended":
                self._tell(i.ResumeRun(run_id=run.id))
            elif self.now < TROUBLED_MS and self.chance(0.01):
                meddle = self.random.choice((i.CancelRun, i.SuspendRun))
                self._tell(meddle(run_id=run.id, principal="user:sim"))

    # --- agents --------------------------------------------------------------------------------------

    def play(self, hub: HubProcess, order: Perform) -> None:
        """An agent of the world makes an attempt."""
        self.note("perform", order.task, order.token)
        faults = self.faults
        takes = self.random.randrange(5, 3_000)
        report = self._answer(order)
        if self.chance(faults.mute):
            return
        if self.chance(faults.die):
            report = i.Reported(
                run_id=order.run_id, effect=order.effect, token=order.token, status="lost"
            )
        if self.chance(faults.late):
            takes += 40_000
        deadline = order.deadline_at - hub.clock.now()
        if order.deadline_at and takes > deadline:
            self.after(max(deadline, 1), lambda: hub.told(_timed_out(order)))
        self.after(takes, lambda: hub.told(report))
        if self.chance(faults.twice):
            self.after(takes + self.random.randrange(1, 2_000), lambda: hub.told(report))

    def _answer(self, order: Perform) -> i.Reported:
        fields: dict[str, Any] = {"run_id": order.run_id, "effect": order.effect, "token": order.token}
        if self.chance(self.faults.fail):
            error = standard_error("runtime", order.task, "the simulated agent failed")
            return i.Reported(status="failed", error=error, **fields)
        if self.chance(self.faults.breach):
            return i.Reported(status="succeeded", output={"rubbish": True}, **fields)
        return i.Reported(status="succeeded", output={"token": order.token}, cost_nano=1_000, **fields)


def _timed_out(order: Perform) -> i.Reported:
    error = standard_error("timeout", order.task, "the attempt took longer than its deadline")
    status = "lost" if order.delivery == "at-most-once" else "failed"
    return i.Reported(
        run_id=order.run_id, effect=order.effect, token=order.token, status=status, error=error
    )


def live(seed: int, runs: int = 12, faults: Faults | None = None) -> World:
    """Live through the world of a seed. Raises Violation with the world's transcript in its notes."""
    world = World(seed, runs, faults)
    try:
        world.digest = world.run()
    except (Violation, AssertionError, KeyError, LookupError, TypeError, ValueError, AttributeError) as error:
        error.add_note("\n".join([f"seed {seed}", f"faults {faults}", *world.transcript[-60:]]))
        raise
    return world


