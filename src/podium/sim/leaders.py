"""Agents of a world that ask for tools and for each other, and do not always go the same way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from podium.facts import inputs as i
from podium.facts.orders import Answer, Perform

Tell = Callable[[i.Asked], None]

PLANS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "leader.do": (
        ("tool", "look.up", {"what": 1}),
        ("tool", "book", {"what": 1}),
        ("tool", "book", {"what": 1}),
        ("agent", "plain.do", {"for": "leader"}),
    ),
    "chief.do": (("agent", "leader.do", {"for": "chief"}), ("tool", "book", {"what": 2})),
    "clerk.do": (("tool", "look.up", {"what": 3}), ("tool", "nothing", {}), ("tool", "look.up", {"what": 4})),
}
"""What agents ask for, by capability, in their usual order."""


class Leader:
    """One attempt of an agent that asks.

    Attributes:
        waits: it has no answer to what it asked for last.
        phase: how often it was told to go on.
        deadline_at: when it has failed, by the clock of its hub.
        token: fencing token.
    """

    def __init__(self, order: Perform, random: Random, tell: Tell) -> None:
        self.waits, self.phase = False, 0
        self.deadline_at, self.order = order.deadline_at, order
        self._tell = tell
        plan = list(PLANS[order.capability])
        if order.attempt > 1 and random.random() < 0.3:
            # It thinks again, as a model might: something it asked for before it does not want any more.
            del plan[random.randrange(len(plan))]
        self._plan = plan
        self._both = random.random() < 0.3
        self._open: set[int] = set()
        self._number = 0

    @property
    def done(self) -> bool:
        return not self._plan and not self._open

    def go_on(self) -> None:
        """Ask for the next thing, or for the next two at once."""
        self.phase += 1
        for _ in range(2 if self._both else 1):
            if self._plan:
                self._ask(*self._plan.pop(0))
        self.waits = bool(self._open)

    def hear(self, answer: Answer) -> bool:
        """Take an answer in; whether all that was asked for is there."""
        self._open.discard(answer.number)
        self.deadline_at = answer.deadline_at
        self.waits = bool(self._open)
        return not self.waits

    def _ask(self, kind: Any, target: str, args: Any) -> None:
        self._number += 1
        self._open.add(self._number)
        order = self.order
        self._tell(
            i.Asked(
                run_id=order.run_id, effect=order.effect, token=order.token, number=self._number, kind=kind,
                target=target, args=args,
            )
        )  # fmt: skip
