"""What many worlds add up to."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from podium.facts.events import EVENTS
from podium.sim.faults import KINDS
from podium.sim.world import World

ELSEWHERE = frozenset({"ActNoted", "AttemptBegun"})
"""Events of hubs that are served over HTTP, and of workers elsewhere; simulated worlds have neither."""


class Lived(NamedTuple):
    """What is told of one world."""

    seed: int
    steps: int
    events: dict[str, int]
    struck: dict[str, int]
    shapes: frozenset[bytes]
    digest: str


def lived(world: World) -> Lived:
    """What is told of a world that has ended."""
    stage = world.stage
    return Lived(
        world.seed,
        stage.steps,
        stage.auditor.events,
        stage.dice.struck,
        frozenset(stage.auditor.shapes),
        world.digest,
    )


class Tally:
    """The sum over worlds."""

    def __init__(self) -> None:
        self.worlds = self.steps = 0
        self.events: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.shapes: set[bytes] = set()

    def add(self, one: Lived) -> None:
        self.worlds += 1
        self.steps += one.steps
        self.events.update(one.events)
        self.struck.update(one.struck)
        self.shapes |= one.shapes

    def missing(self) -> list[str]:
        """Events and faults that never happened."""
        return [name for name in EVENTS if not self.events[name] and name not in ELSEWHERE] + [
            kind for kind in KINDS if not self.struck[kind]
        ]

    def report(self) -> str:
        """A few lines for people."""
        return "\n".join(
            [
                f"seeds    {self.worlds:,}",
                f"steps    {self.steps:,}",
                f"records  {self.events.total():,}",
                f"faults   {self.struck.total():,}",
                f"states   {len(self.shapes):,} distinct states of runs",
                f"never    {', '.join(self.missing()) or 'nothing'}",
                "",
                *_table(self.events),
                "",
                *_table(self.struck),
            ]
        )


def _table(counts: Counter[str]) -> list[str]:
    return [f"{count:>10,}  {name}" for name, count in counts.most_common() if count]
