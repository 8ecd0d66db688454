"""Who performs an order: the worker in the hub's own process, or one of the fleet."""

from __future__ import annotations

from collections.abc import Container

from podium.facts.orders import Abandon, Answer, Perform, Recall
from podium.runtime.fleet import Fleet
from podium.runtime.worker import Activity, EmbeddedWorker


class Dispatcher:
    """Hands orders on to whoever performs them.

    Args:
        hosted: digests of the versions that workers of the fleet host.
    """

    def __init__(self, worker: EmbeddedWorker, fleet: Fleet, hosted: Container[str]) -> None:
        self._worker, self._fleet, self._hosted = worker, fleet, hosted

    def perform(self, orders: list[Perform]) -> None:
        """Make these attempts."""
        elsewhere = [order for order in orders if order.digest in self._hosted]
        if not elsewhere:
            self._worker.perform(orders)
            return
        self._fleet.perform(elsewhere)
        here = [order for order in orders if order.digest not in self._hosted]
        if here:
            self._worker.perform(here)

    def abandon(self, orders: list[Abandon]) -> None:
        """Stop these attempts, whoever has them."""
        self._worker.abandon(orders)
        self._fleet.abandon(orders)

    def recall(self, orders: list[Recall]) -> None:
        """Give back what nobody has begun; whatever the embedded worker has it begins at once."""
        for order in orders:
            self._fleet.recall(order.digests)

    def answer(self, orders: list[Answer]) -> None:
        """Tell attempts what came of what they asked for, whoever has them."""
        self._worker.answer(orders)
        self._fleet.answer(orders)

    def snapshot(self) -> list[Activity]:
        """What runs now."""
        return [*self._worker.snapshot(), *self._fleet.snapshot()]

    def close(self, grace_ms: int) -> None:
        """Let what runs here go on for the grace, and hand nothing out any more."""
        self._fleet.close()
        self._worker.close(grace_ms)
