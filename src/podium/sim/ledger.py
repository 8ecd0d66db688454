"""What is known of a world from its log, and from its agents and people; not from its hubs."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.kernel.catalog import Catalog
from podium.kernel.state import Run, Shard
from podium.kernel.step import program_of
from podium.workflow.program import EventFilter, Listen, Node

Attempt = tuple[str, int, int]
"""Run, effect and token."""


class Ledger:
    """Filled by the auditor, the agents and the people.

    Attributes:
        replica: the state folded from the log alone, by nothing but `evolve`.
        catalog: the same of the system shard.
        before: the last record before the step that is going on.
        settled: (run, effect) of effects whose outcome is durable.
        outcomes: (run, effect, token) of attempts that have an outcome.
        stale: the same, and how many replies to them were recorded as stale.
        again: (run, effect) to how often its performer or a person said that it was not performed.
        principals: everybody who did something that was recorded.
        heard: (run, source, id) of events that were received, and the tasks that listened then.
        listening: (run, frame) of tasks that listen to the record since which they do.
        torn: attempts in flight whose task was torn down since this was last emptied.
        answers: what agents answered: (run, effect, token) to output.
        said: the same to the statuses that reached a hub.
        costs: run to what its effects cost, in nano-units.
        punctual_from: from when on timers are not late, by the clock of the hubs; 0 for never.
    """

    def __init__(self) -> None:
        self.replica = Shard()
        self.catalog = Catalog()
        self.before = 0
        self.settled: dict[tuple[str, int], e.EffectSettled] = {}
        self.outcomes: set[Attempt] = set()
        self.stale: dict[Attempt, int] = {}
        self.again: dict[tuple[str, int], int] = {}
        self.principals: set[str] = set()
        self.heard: dict[tuple[str, str, str], frozenset[int]] = {}
        self.listening: dict[tuple[str, int], int] = {}
        self.torn: list[Attempt] = []
        self.answers: dict[Attempt, Any] = {}
        self.said: dict[Attempt, set[str]] = {}
        self.costs: dict[str, int] = {}
        self.punctual_from = 0

    def node(self, run: Run, index: int) -> Node:
        return program_of(self.catalog, run).nodes[index]

    def wanting(self, run: Run, kind: str) -> list[int]:
        """The frames of tasks that listen for events of this type, whatever is in them."""
        found = []
        for frame in run.frames.values():
            if frame.kind == "listen" and not frame.phase:
                listen = self.node(run, frame.node).detail
                assert isinstance(listen, Listen)
                if not listen.goes_on and listen.to.enough(len(frame.outputs)):
                    continue
                free = (
                    one
                    for slot, one in enumerate(listen.to.filters)
                    if listen.goes_on or slot not in frame.outputs
                )
                if any(_takes_all(one, kind) for one in free):
                    found.append(frame.id)
        return found


def _takes_all(one: EventFilter, kind: str) -> bool:
    """Whether a filter looks at nothing but the type of an event, and this is it."""
    expected = one.attributes.get("type")
    is_plain = one.predicate is None and not one.keys and len(one.attributes) == 1
    if expected is None or expected.native is None or not is_plain:
        return False
    return expected.constant and expected.native(None, {}) == kind
