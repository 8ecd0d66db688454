"""A world from a seed: one disk, hubs that come and go, agents, people, and a clock; all in one thread.

The hubs are the production host over the production shards; only disk, clock, performer and evaluator are the
world's. Everything that happens is drawn from the seed and happens in one order, so a seed is a bug report.
"""

from __future__ import annotations

from hashlib import sha256
from typing import cast

from podium.runtime.signing import verify_signature
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.verifying import verify_log
from podium.runtime.writer import read_records
from podium.sim.agents import Agents
from podium.sim.compare import SHARD, leftovers
from podium.sim.faults import Conditions, draw
from podium.sim.governed import left_held
from podium.sim.people import People
from podium.sim.stage import Stage
from podium.sim.succession import SETTLING_MS, Succession
from podium.sim.timetable import dealt_with
from podium.sim.violation import hold
from podium.store.interface import Reader, Store
from podium.store.memory import MemoryStore

HEALED_MS = 4 * 3_600_000
"""How long after the heal everything must have ended."""


class World:
    """The whole of it.

    Attributes:
        stage: what its parts share.
        digest: of everything that became durable, once the world has ended.
    """

    def __init__(self, seed: int, conditions: Conditions | None = None, store: Store | None = None) -> None:
        self.seed = seed
        self.conditions = draw(seed) if conditions is None else conditions
        self.stage = Stage(seed, self.conditions, store or MemoryStore())
        self.hubs = Succession(self.stage, Agents(self.stage))
        self.people = People(self.stage, self.hubs)
        self.hubs.on_start = self.people.introduce
        self.digest = ""

    def run(self) -> None:
        """Live through it. Raises Violation: a guarantee was broken."""
        stage, troubled_ms = self.stage, self.conditions.troubled_ms
        self.hubs.start()
        self.people.begin()
        self.hubs.trouble()
        stage.at(troubled_ms, self.hubs.heal)
        end = troubled_ms + HEALED_MS
        stage.play(lambda: stage.now > end or (stage.healed and self._quiet()))
        unaccepted = sorted(self.people.unaccepted)
        hold(not unaccepted, "I13", f"never accepted: {unaccepted}")
        stage.promises.finished()
        self._rest()
        self._check_recovery()
        disk = self.stage.disk
        dealt_with(list(read_records(disk.store, SHARD, 0, sealing=disk.keys.sealing)))
        self.digest = self._digest()

    def _quiet(self) -> bool:
        hub = self.hubs.current
        if not self.people.content or hub is None or not hub.alive:
            return False
        return all(run.ended for run in self.stage.ledger.replica.runs.values())

    def _rest(self) -> None:
        """Late replies and repeated questions come to ended runs; then nothing is left."""
        stage = self.stage
        self.people.ask_again()
        end = stage.now + 2 * SETTLING_MS
        stage.play(lambda: stage.now > end)
        stage.over = True
        hub = self.hubs.current
        assert hub is not None
        left = leftovers(hub.host)
        hold(not left, "I13", f"all has ended, and {hub.name} still holds {left}")
        wake = stage.disk.store.next_wake(SHARD)
        hold(not wake, "I13", f"all has ended, and somebody is to be woken at {wake}")

        self.stage.auditor.read()
        held = left_held(self.stage.ledger)
        hold(not held, "I14", f"all has ended, and {held}")

    def _check_recovery(self) -> None:
        """A last hub makes up its state from snapshot and tail, and it is what the log gives."""
        hub = self.hubs.start()
        hold(hub.alive, "I13", "the last hub did not start")
        left = leftovers(hub.host)
        hold(not left, "I13", f"all has ended, and a new hub begins with {left}")
        report = verify_log(cast(Reader, self.stage.disk.store), None, verify_signature)
        hold(report.sound, "I3", f"the log does not verify: {report.findings[:1]}")

    def _digest(self) -> str:
        digest = sha256()
        for shard in (SYSTEM_SHARD, SHARD):
            for row in self.stage.disk.store.read(shard, 0, 10_000_000):
                digest.update(row.hash)
        return digest.hexdigest()


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
        world.run()
    except Exception as error:
        error.world = world  # type: ignore[attr-defined]
        raise
    return world
