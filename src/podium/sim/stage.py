"""What everything in a world shares: time, chance, the disk, who watches, and what has happened."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from podium.sim.auditor import Auditor
from podium.sim.disk import Disk
from podium.sim.faults import Chance, Conditions, Dice
from podium.sim.ledger import Ledger
from podium.sim.promises import Promises
from podium.sim.violation import hold
from podium.store.interface import Store

LINES_MAX = 2_000
"""No more of a transcript is remembered."""

STEPS_MAX = 2_500
"""More than worlds need, by far: one in which more happens goes round in circles."""


class Stage:
    """Where hubs, agents and people meet.

    Attributes:
        chance: all that is random in the world.
        now: virtual milliseconds since the world began.
        healed: whether faults have ended.
        over: whether the world is past its end.
        steps: things that happened.
        transcript: the last of them, a line each.
    """

    def __init__(self, seed: int, conditions: Conditions, store: Store) -> None:
        self.conditions = conditions
        self.chance = Chance(seed)
        self.dice = Dice(self.chance, conditions.faults)
        self.now = self.steps = 0
        self.healed = self.over = False
        self.disk = Disk(store)
        self.ledger = Ledger()
        self.auditor = Auditor(self.disk, self.ledger)
        self.promises = Promises(self.disk, self.ledger, self.auditor.read)
        self.transcript: list[str] = []
        self._order = itertools.count()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, when: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.at(self.now + delay_ms, action)

    def note(self, what: str, *details: Any) -> None:
        """Remember it for the transcript."""
        self.transcript.append(" ".join(map(str, (self.now, what, *details))))
        if len(self.transcript) > LINES_MAX:
            del self.transcript[: LINES_MAX // 2]

    def play(self, enough: Callable[[], bool]) -> None:
        """Let things happen in their order, until it is enough or nothing is left to happen."""
        while self._queue and not enough():
            hold(self.steps < STEPS_MAX, "I13", f"the world does not come to rest in {STEPS_MAX} steps")
            when, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            self.steps += 1
            action()
