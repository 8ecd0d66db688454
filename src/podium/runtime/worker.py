"""The embedded worker: takes attempts from the hub in memory, performs them on lanes, reports back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from podium.agents.function import FunctionAdapter, in_process
from podium.agents.interface import Adapter, AttemptFailed
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.orders import Abandon, Perform
from podium.facts.values import JSON
from podium.runtime.lane import Lane, Work
from podium.runtime.reports import failed


class Activity(msgspec.Struct, frozen=True):
    """What runs now: an attempt, since when (ms since 1970), and what it last said."""

    run_id: str
    effect: int
    attempt: int
    task: str
    agent: str
    started_at: int
    heard_at: int
    progress: JSON = None
    lines: tuple[str, ...] = ()
    stop: str = ""


class EmbeddedWorker:
    """Performs attempts on threads of its own. All methods may be called from any thread.

    Every `Perform` gives exactly one `Reported`, except an abandoned at-least-once attempt that did
    stop: nobody waits for it.
    """

    def __init__(
        self,
        on_reports: Callable[[list[Reported]], None],
        agents: Callable[[str], AgentVersion | None],
        state_folder: Path,
        clock: Callable[[], int],
    ) -> None:
        """
        Args:
            on_reports: takes what became of attempts, on one of the worker's threads; must be quick.
            agents: the agent version of a digest; called by `perform`, on its caller's thread, once a digest.
            state_folder: `.podium/`; records of started processes are kept in `processes/` there.
            clock: kernel time in ms.
        """
        self._on_reports = on_reports
        self._agents = agents
        self._state_folder = state_folder
        self._clock = clock
        self._routes: dict[str, tuple[AgentVersion, Adapter, bool]] = {}
        self._open = 0
        self._idle = threading.Condition()
        self._functions = FunctionAdapter()
        self._lane = Lane("functions", self._deliver, clock)

    def perform(self, orders: list[Perform]) -> None:
        """Make these attempts."""
        refused: list[Reported] = []
        batch: list[Work] = []
        for order in orders:
            route = self._routes.get(order.digest) or self._route(order)
            if route is None:
                refused.append(failed(order, _unknown(order)))
            else:
                batch.append(Work(order, route[0], route[1]))
        with self._idle:
            self._open += len(batch)
        self._lane.post(batch)
        if refused:
            self._on_reports(refused)

    def abandon(self, orders: list[Abandon]) -> None:
        """Stop these attempts; ones that are not running are ignored."""
        self._lane.post(orders)

    def snapshot(self) -> list[Activity]:
        """What runs now."""
        return [
            Activity(
                r.order.run_id,
                r.order.effect,
                r.order.attempt,
                r.order.task,
                r.order.agent,
                r.started_at,
                r.heard_at,
                r.latest,
                tuple(r.lines or ()),
                r.stop,
            )
            for r in list(self._lane.running.values())
        ]

    def drain(self, timeout_ms: int = -1) -> bool:
        """Wait until nothing is running or the timeout is over; whether nothing is."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._open, None if timeout_ms < 0 else timeout_ms / 1000)

    def close(self, grace_ms: int) -> None:
        """Let what runs go on for the grace, stop the rest (reported `lost`), end the threads."""
        if not self.drain(grace_ms):
            self._lane.stop_all("closing")
            self.drain(3_500)
        self._lane.close()

    def _route(self, order: Perform) -> tuple[AgentVersion, Adapter, bool] | None:
        agent = self._agents(order.digest)
        if agent is None:
            return None
        route = self._routes[order.digest] = (agent, self._functions, in_process(agent))
        return route

    def _deliver(self, lane: Lane, reports: list[Reported], ended: int) -> None:
        if reports:
            self._on_reports(reports)
        with self._idle:
            self._open -= ended
            if not self._open:
                self._idle.notify_all()


def _unknown(order: Perform) -> AttemptFailed:
    return AttemptFailed(
        f"agent {order.agent} is not in the catalog",
        f"No agent version has digest {order.digest}.",
        retryable=False,
        unstarted=True,
        kind="configuration",
    )
