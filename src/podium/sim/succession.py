"""Hubs come and go: they are started, killed, paused, taken over, and short of disk."""

from __future__ import annotations

from collections.abc import Callable

from podium.sim.agents import Agents
from podium.sim.hub import EPOCH_MS, HubProcess
from podium.sim.stage import Stage

SETTLING_MS = 40_000
"""How long a paused hub may still sleep after the heal."""

REVIVAL = 0.5
"""How likely a paused hub goes on just when its successor has died."""

JUMPS_MS = (-86_400_000, -40_000, -2_000, 1_500, 40_000, 86_400_000)


class Succession:
    """Sees to it that there is a hub, and to its trouble.

    Attributes:
        current: the hub that the people know.
        former: the one before it, which may be a zombie.
        on_start: called when a new hub is up.
    """

    def __init__(self, stage: Stage, agents: Agents) -> None:
        self._stage, self._agents = stage, agents
        self.current: HubProcess | None = None
        self.former: HubProcess | None = None
        self.on_start: Callable[[], None] = lambda: None
        self._hubs = 0

    def start(self) -> HubProcess:
        """A new hub takes over; a former one that is only paused becomes a zombie."""
        stage = self._stage
        self._hubs += 1
        skew = stage.chance["skew"].choice(JUMPS_MS) if stage.dice.strikes("clock_start") else 0
        self.former = self.current
        hub = self.current = HubProcess(stage, self._agents, f"hub{self._hubs}", skew, self._gone)
        stage.note("start", hub.name, skew)
        hub.open()
        if hub.alive:
            self.on_start()
        return hub

    def trouble(self) -> None:
        """What may happen to a hub between two steps, again and again until the world heals."""
        stage, hub = self._stage, self.current
        if stage.healed or hub is None:
            return
        strikes, random = stage.dice.strikes, stage.chance["trouble"]
        stage.after(random.randrange(500, 3_000), self.trouble)
        if not hub.alive:
            return
        if strikes("stop"):
            hub.stop()
        elif strikes("crash"):
            stage.note("kill", hub.name)
            hub.die()
        elif strikes("pause"):
            hub.paused_until = stage.now + random.randrange(100, 30_000)
            stage.note("pause", hub.name, hub.paused_until)
            stage.after(random.randrange(100, 5_000), self._take_over)
            if strikes("full_at_wake"):
                stage.at(hub.paused_until - 1, self._fill)
        elif strikes("full"):
            self._fill()
        elif strikes("tight"):
            stage.note("tight")
            stage.disk.tight = True
            stage.after(random.randrange(100, 8_000), stage.disk.make_room)
        elif strikes("clock_jump"):
            hub.skew_ms += random.choice(JUMPS_MS)
            stage.note("clock", hub.name, hub.skew_ms)

    def _fill(self) -> None:
        """There is no room for a while, unless the world has healed."""
        stage = self._stage
        if not stage.healed:
            stage.note("full")
            stage.disk.full = True
            stage.after(stage.chance["trouble"].randrange(100, 8_000), stage.disk.make_room)

    def heal(self) -> None:
        """Faults end: whoever lives is sound."""
        stage = self._stage
        stage.note("heal")
        stage.healed = True
        stage.dice.heal()
        stage.disk.make_room()
        if self.current is not None:
            self.current.skew_ms = 0
            # By the clock that is furthest ahead: a hub may be dead, and the log from one that was fast.
            now = max(self.current.clock.now(), EPOCH_MS + stage.now, stage.ledger.replica.now)
            stage.ledger.punctual_from = now + 2 * SETTLING_MS

    def _gone(self, hub: HubProcess) -> None:
        """A hub died; somebody starts another, if it was the one that counts."""
        if self.current is hub:
            chance = self._stage.chance
            # The worst moment for a zombie: nobody is there, and its successor has done something or nothing.
            if self.former is not None and self.former.paused and chance["revival"].random() < REVIVAL:
                self.former.go_on()
            self._stage.after(chance["successor"].randrange(10, 3_000), self._start)

    def _start(self) -> None:
        self.start()

    def _take_over(self) -> None:
        """Somebody believes that the hub is dead. It may have died meanwhile, and have a successor."""
        if not self._stage.over:
            self.start()
