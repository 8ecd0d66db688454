"""A line before slots: by priority first, and within one fairly between tenants.

Whoever has least under way is next; among those that have as much, whoever came, or had a slot, longest
ago. So a tenant whose attempts take long gets no more slots than one whose attempts are short, and one that
submits much waits behind itself. It takes O(log n) for n tenants that wait.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from podium.facts.sharing import NORMAL, PRIORITIES, TENANT, Priority

TOLD_MAX = 3
"""So many of the others that wait are named."""

Item = TypeVar("Item", bound=Hashable)


class Taken(NamedTuple, Generic[Item]):
    """Who is next, and why; `reason` is "" where all that wait are of one tenant and one priority."""

    item: Item
    reason: str


class Line(Generic[Item]):
    """What waits for slots of one performer.

    Attributes:
        under_way: slots that each tenant has, as far as it has any.
    """

    __slots__ = ("_classes", "_size", "_turn", "under_way")

    def __init__(self) -> None:
        self.under_way: dict[str, int] = {}
        self._classes: dict[Priority, _Class[Item]] = {}
        self._turn = self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Item]:
        for priority in PRIORITIES:
            if priority in self._classes:
                yield from self._classes[priority].items()

    def __contains__(self, item: Item) -> bool:
        return any(item == other for other in self)

    # --- slots ----------------------------------------------------------------------------------------

    def begin(self, tenant: str) -> None:
        """A tenant has one slot more."""
        self._count(tenant, self.under_way.get(tenant, 0) + 1)

    def end(self, tenant: str) -> None:
        """A tenant has one slot less."""
        self._count(tenant, self.under_way[tenant] - 1)

    def _count(self, tenant: str, count: int) -> None:
        if count:
            self.under_way[tenant] = count
        else:
            del self.under_way[tenant]
        if self._classes:
            self._turn += 1
            for waiting in self._classes.values():
                waiting.rank(tenant, count, self._turn)

    # --- who waits ------------------------------------------------------------------------------------

    @property
    def priority(self) -> Priority | None:
        """The highest priority that waits."""
        return next((one for one in PRIORITIES if one in self._classes), None)

    @property
    def tenants(self) -> dict[str, int]:
        """How many wait, by tenant."""
        counts: dict[str, int] = {}
        for waiting in self._classes.values():
            for tenant, queue in waiting.queues.items():
                counts[tenant] = counts.get(tenant, 0) + len(queue)
        return counts

    def add(self, item: Item, tenant: str = "", priority: Priority = NORMAL, *, first: bool = False) -> None:
        """Put something in line, behind what waits of its tenant and priority; or before that, if `first`."""
        waiting = self._classes.get(priority)
        if waiting is None:
            waiting = self._classes[priority] = _Class()
        self._turn += 1
        waiting.add(item, tenant, self.under_way.get(tenant, 0), self._turn, first)
        self._size += 1

    def take(self) -> Taken[Item]:
        """Take out what is next; something must wait."""
        priority = self.priority
        assert priority is not None, "nothing waits"
        waiting = self._classes[priority]
        self._turn += 1
        tenant = waiting.next()
        reason = self._why(priority, tenant) if len(self._classes) > 1 or len(waiting.queues) > 1 else ""
        item = waiting.take(tenant, self.under_way.get(tenant, 0), self._turn)
        self._drop(priority, waiting)
        return Taken(item, reason)

    def remove(self, item: Item) -> None:
        """Take something out that waits, wherever that is."""
        for priority, waiting in self._classes.items():
            if waiting.remove(item):
                self._drop(priority, waiting)
                return
        raise ValueError("it does not wait")

    def clear(self) -> None:
        """Forget all that waits."""
        self._classes.clear()
        self._size = 0

    def _drop(self, priority: Priority, waiting: _Class[Item]) -> None:
        self._size -= 1
        if not waiting.queues:
            del self._classes[priority]

    def _why(self, priority: Priority, tenant: str) -> str:
        queues = self._classes[priority].queues
        reason = f"next of {len(self)} that wait"
        after = [of for of in PRIORITIES if of in self._classes and of != priority]
        reason += f"; priority {priority}, before {' and '.join(after)}" if after else ""
        if len(queues) > 1:
            count = self.under_way.get(tenant, 0)
            others = [one for one in islice(queues, TOLD_MAX + 1) if one != tenant][:TOLD_MAX]
            told = ", ".join(f"{_named(one)} has {self.under_way.get(one, 0)}" for one in others)
            more = len(queues) - 1 - len(others)
            reason += f"; tenant {_named(tenant)} has {count} under way; {told}"
            reason += f", {more} more tenants wait" if more else ""
        return reason


class _Class(Generic[Item]):
    """What waits of one priority.

    Attributes:
        queues: what waits, oldest first, by tenant.
    """

    __slots__ = ("_heap", "_ranks", "queues")

    def __init__(self) -> None:
        self.queues: dict[str, deque[Item]] = {}
        self._ranks: dict[str, tuple[int, int, str]] = {}
        """Of each tenant: slots that it has, when it came or last had one, its name."""
        self._heap: list[tuple[int, int, str]] = []
        """Of these the least is next; what is not in `_ranks` any more counts no longer."""

    def items(self) -> Iterator[Item]:
        for queue in self.queues.values():
            yield from queue

    def add(self, item: Item, tenant: str, under_way: int, turn: int, first: bool) -> None:
        queue = self.queues.get(tenant)
        if queue is None:
            queue = self.queues[tenant] = deque()
            self._place(tenant, under_way, turn)
        if first:
            queue.appendleft(item)
        else:
            queue.append(item)

    def rank(self, tenant: str, under_way: int, turn: int) -> None:
        if tenant in self._ranks:
            self._place(tenant, under_way, turn)

    def next(self) -> str:
        heap, ranks = self._heap, self._ranks
        while ranks.get(heap[0][2]) != heap[0]:
            heapq.heappop(heap)
        return heap[0][2]

    def take(self, tenant: str, under_way: int, turn: int) -> Item:
        queue = self.queues[tenant]
        item = queue.popleft()
        if queue:
            self._place(tenant, under_way, turn)
        else:
            self._forget(tenant)
        return item

    def remove(self, item: Item) -> bool:
        for tenant, queue in self.queues.items():
            if item in queue:
                queue.remove(item)
                if not queue:
                    self._forget(tenant)
                return True
        return False

    def _place(self, tenant: str, under_way: int, turn: int) -> None:
        rank = self._ranks[tenant] = under_way, turn, tenant
        heapq.heappush(self._heap, rank)
        if len(self._heap) > 2 * len(self._ranks) + 64:
            self._heap = list(self._ranks.values())
            heapq.heapify(self._heap)

    def _forget(self, tenant: str) -> None:
        del self.queues[tenant], self._ranks[tenant]


def _named(tenant: str) -> str:
    return tenant or TENANT
