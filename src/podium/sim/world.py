"""A world from a seed: one disk, hubs that come and go, agents, people, and a clock; all in one thread.

The hubs are the production host over the production shards; only disk, clock, performer and evaluator are the
world's. Everything that happens is drawn from the seed and happens in one order, so a seed is a bug report.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from podium.runtime.system import SYSTEM_SHARD
from podium.sim.agents import Agents
from podium.sim.compare import SHARD, leftovers
from podium.sim.disk import Disk
from podium.sim.faults import Chance, Conditions, Dice, draw
from podium.sim.hub import HubProcess
from podium.sim.invariants import Auditor
from podium.sim.people import People
from podium.sim.promises import Promises
from podium.sim.violation import hold
from podium.store.interface import Store
from podium.store.memory import MemoryStore

HEALED_MS = 4 * 3_600_000
"""How long after the heal everything must have ended."""

SETTLING_MS = 40_000
"""How long a paused hub may still sleep after the heal."""

JUMPS_MS = (-86_400_000, -40_000, -2_000, 1_500, 40_000, 86_400_000)


class World:
    """The whole of it.

    Attributes:
        chance: all that is random in it.
        now: virtual milliseconds since the world began.
        hub: the hub that the people know; `former` the one before it, which may be a zombie.
        healed: whether faults have ended.
        over: whether the world is past its end.
        steps: things that happened.
        transcript: the last of them, a line each.
        digest: of everything that became durable, once the world has ended.
    """

    def __init__(self, seed: int, conditions: Conditions | None = None, store: Store | None = None) -> None:
        self.seed = seed
        self.conditions = draw(seed) if conditions is None else conditions
        self.chance = Chance(seed)
        self.dice = Dice(self.chance, self.conditions.faults)
        self.now = self.steps = 0
        self.healed = self.over = False
        self.hub: HubProcess | None = None
        self.former: HubProcess | None = None
        self.disk = Disk(store or MemoryStore())
        self.auditor = Auditor(self.disk)
        self.promises = Promises(self.disk, self.auditor)
        self.agents = Agents(self)
        self.people = People(self)
        self.transcript: list[str] = []
        self.digest = ""
        self._hubs = 0
        self._order = itertools.count()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, when: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.at(self.now + delay_ms, action)

    def note(self, what: str, *details: Any) -> None:
        """Remember it for the transcript."""
        self.transcript.append(" ".join(map(str, (self.now, what, *details))))
        if len(self.transcript) > 2_000:
            del self.transcript[:1_000]

    def run(self) -> str:
        """Live through it.

        Returns:
            a digest of everything that became durable.
        Raises:
            Violation: a guarantee was broken.
        """
        self.start_hub()
        self.people.begin()
        self._trouble()
        self.at(self.conditions.troubled_ms, self._heal)
        end = self.conditions.troubled_ms + HEALED_MS
        self._live(lambda: self.now > end or (self.healed and self._quiet()))
        unaccepted = sorted(self.people.unaccepted)
        hold(not unaccepted, "I13", f"never accepted: {unaccepted}")
        self.promises.finished()
        self._rest()
        self._check_recovery()
        digest = sha256()
        for shard in (SYSTEM_SHARD, SHARD):
            for row in self.disk.store.read(shard, 0, 10_000_000):
                digest.update(row.hash)
        return digest.hexdigest()

    def _live(self, enough: Callable[[], bool]) -> None:
        while self._queue and not enough():
            when, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            self.steps += 1
            action()

    def _quiet(self) -> bool:
        if self.people.unaccepted or self.hub is None or not self.hub.alive:
            return False
        return all(run.ended for run in self.auditor.replica.runs.values())

    def _rest(self) -> None:
        """Late replies and repeated questions come to ended runs; then nothing is left."""
        self.people.ask_again()
        end = self.now + 2 * SETTLING_MS
        self._live(lambda: self.now > end)
        self.over = True
        assert self.hub is not None
        left = leftovers(self.hub.host)
        hold(not left, "I13", f"all has ended, and {self.hub.name} still holds {left}")
        wake = self.disk.store.next_wake(SHARD)
        hold(not wake, "I13", f"all has ended, and somebody is to be woken at {wake}")

    def _check_recovery(self) -> None:
        """A last hub makes up its state from snapshot and tail, and it is what the log gives."""
        self.start_hub()
        assert self.hub is not None
        hold(self.hub.alive, "I13", "the last hub did not start")
        left = leftovers(self.hub.host)
        hold(not left, "I13", f"all has ended, and a new hub begins with {left}")

    # --- hubs ----------------------------------------------------------------------------------------

    def start_hub(self) -> None:
        """A new hub takes over; a former one that is only paused becomes a zombie."""
        self._hubs += 1
        skew = self.chance["skew"].choice(JUMPS_MS) if self.dice.strikes("clock_start") else 0
        self.former = self.hub
        hub = self.hub = HubProcess(self, f"hub{self._hubs}", skew)
        self.note("start", hub.name, skew)
        hub.open()
        if hub.alive:
            self.people.introduce()

    def gone(self, hub: HubProcess) -> None:
        """A hub died; somebody starts another, if it was the one that counts."""
        if self.hub is hub:
            self.after(self.chance["successor"].randrange(10, 3_000), self.start_hub)

    def _trouble(self) -> None:
        """What may happen to a hub between two steps."""
        hub = self.hub
        if self.healed or hub is None:
            return
        strikes, random = self.dice.strikes, self.chance["trouble"]
        self.after(random.randrange(500, 3_000), self._trouble)
        if not hub.alive:
            return
        if strikes("stop"):
            hub.stop()
        elif strikes("crash"):
            self.note("kill", hub.name)
            hub.die()
        elif strikes("pause"):
            hub.paused_until = self.now + random.randrange(100, 30_000)
            self.note("pause", hub.name, hub.paused_until)
            self.after(random.randrange(100, 5_000), self._take_over)
        elif strikes("full"):
            self.note("full")
            self.disk.full = True
            self.after(random.randrange(100, 8_000), self._make_room)
        elif strikes("tight"):
            self.note("tight")
            self.disk.tight = True
            self.after(random.randrange(100, 8_000), self._make_room)
        elif strikes("clock_jump"):
            hub.skew_ms += random.choice(JUMPS_MS)
            self.note("clock", hub.name, hub.skew_ms)

    def _take_over(self) -> None:
        """Somebody believes that the hub is dead. It may have died meanwhile, and have a successor."""
        if not self.over:
            self.start_hub()

    def _make_room(self) -> None:
        self.disk.full = self.disk.tight = False

    def _heal(self) -> None:
        """Faults end: whoever lives is sound."""
        self.note("heal")
        self.healed = True
        self.dice.heal()
        self._make_room()
        if self.hub is not None:
            self.hub.skew_ms = 0
            self.auditor.punctual_from = self.hub.clock.now() + 2 * SETTLING_MS


def live(seed: int, conditions: Conditions | None = None, store: Store | None = None) -> World:
    """Live through the world of a seed.

    Args:
        conditions: those of the seed, unless given.
        store: an empty one to keep its disk's content; one in memory unless given.
    Raises:
        Violation: a guarantee was broken. Any other exception is a broken guarantee, too. The world is in
            its attribute `world`.
    """
    world = World(seed, conditions, store)
    try:
        world.digest = world.run()
    except Exception as error:
        error.world = world  # type: ignore[attr-defined]
        raise
    return world
