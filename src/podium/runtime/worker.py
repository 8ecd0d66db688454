"""The embedded worker: takes attempts from the hub in memory, performs them on lanes, reports back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Set
from pathlib import Path

import msgspec

from podium.agents.authorizing import Authorizer
from podium.agents.command import CommandAdapter
from podium.agents.doorway import Doorway
from podium.agents.function import FunctionAdapter, in_process
from podium.agents.groups import Groups, reap_leftovers
from podium.agents.http import HttpAdapter
from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import Adapter, AttemptFailed
from podium.agents.openapi_call import OpenApiCallAdapter
from podium.agents.pool import PoolAdapter
from podium.agents.process import ProcessAdapter
from podium.agents.requesting import Sender
from podium.agents.secrets import Vault
from podium.agents.sink import SinkAdapter
from podium.agents.web import Web
from podium.facts.catalog import SINK, AgentVersion
from podium.facts.inputs import Asked, Reported
from podium.facts.orders import Abandon, Answer, Perform
from podium.facts.saying import Said
from podium.facts.values import JSON
from podium.runtime import prints
from podium.runtime.addresses import AGENTS, make_parent, socket_path
from podium.runtime.lane import GRACE_MS, Lane
from podium.runtime.reports import failed, lost
from podium.runtime.running import Running, Work, about
from podium.runtime.watchdog import Stall, Watchdog

STALL_MS = 1_000
BLOCKS_MAX = 3
"""An agent version that blocked the loop this often gets no more attempts."""

_CALLS = {
    kind: (AgentVersion(kind, "", (), {"type": reach}), reach)
    for kind, reach in {"http": "http-call", "openapi": "openapi-call", "process": "command"}.items()
}
"""Kinds of effects that need no agent: who is said to perform them, and the adapter that does."""

_log = logging.getLogger("podium.worker")


class Activity(msgspec.Struct, frozen=True):
    """What runs now: an attempt, since when (ms since 1970), what it last said, why it was told to stop.

    `lines` are the last of the `said` lines of its log.
    """

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
    token: int = 0
    said: int = 0


class EmbeddedWorker:
    """Performs attempts on threads of its own. All methods may be called from any thread.

    Every `Perform` gives exactly one `Reported`, except an abandoned at-least-once attempt that did
    stop: nobody waits for it. Async functions run on a lane that their code may stall; it is then given
    up and another one takes its place. Everything else runs on a lane where no agent's code does.
    """

    def __init__(
        self,
        on_reports: Callable[[list[Reported]], None],
        agents: Callable[[str], AgentVersion | None],
        state_folder: Path,
        clock: Callable[[], int],
        *,
        stall_ms: int = STALL_MS,
        vault: Vault | None = None,
        allowed: Set[str] = frozenset(),
        on_asked: Callable[[Asked], None] = lambda asked: None,
        on_said: Callable[[Said], None] = lambda said: None,
    ) -> None:
        """
        Args:
            on_reports: takes what became of attempts, on one of the worker's threads; must be quick.
            agents: the agent version of a digest; called by `perform` on its caller's thread, once a digest.
            state_folder: `.podium/`; what a former hub left running, by the records in its `processes/`, is
                killed now.
            clock: kernel time in ms.
            stall_ms: an async function that keeps the loop for longer is to blame.
            vault: where the values of secrets come from; the state folder's unless told.
            allowed: which of `script` and `shell` may run.
            on_asked: takes what attempts ask for, on any thread; must be quick.
            on_said: takes what they say while they run, likewise.
        """
        reap_leftovers(state_folder / "processes")
        self._on_reports, self._on_asked, self._on_said = on_reports, on_asked, on_said
        self._agents = agents
        self._clock = clock
        self._routes: dict[str, tuple[AgentVersion, str]] = {}
        self._blocks: dict[str, int] = {}
        self._given_up: list[Lane] = []
        self._open = 0
        self._idle = threading.Condition()
        self._closing = False
        self._groups = Groups(state_folder / "processes")
        self._vault = vault or Vault(state_folder)
        web = Web()
        sender = Sender(web, Authorizer(web))
        adapters: dict[str, Adapter] = {
            "child": PoolAdapter(self._groups.spawned),
            "process": ProcessAdapter(self._groups.spawned, Doorway(_doorway_path(state_folder))),
            "http": HttpAdapter(web),
            SINK: SinkAdapter(web),
            "http-call": HttpCallAdapter(sender),
            "openapi-call": OpenApiCallAdapter(sender),
            "command": CommandAdapter(self._groups.spawned, allowed),
        }
        self._outer = Lane("outer", adapters, self._deliver, clock, self._vault, on_asked, on_said)
        self._inner = self._new_inner()
        self._watchdog = Watchdog(lambda: self._inner, self._stalled, stall_ms)

    def perform(self, orders: list[Perform]) -> None:
        """Make these attempts."""
        inner: list[Work] = []
        outer: list[Work] = []
        refused: list[Reported] = []
        for order in orders:
            try:
                if self._closing:
                    raise AttemptFailed("the worker is being shut down", unstarted=True)
                agent, reach = self._routes.get(order.digest) or self._route(order)
                if self._blocks and self._blocks.get(order.digest, 0) >= BLOCKS_MAX:
                    raise _out_of_service(order)
            except AttemptFailed as failure:
                refused.append(failed(order, failure))
            else:
                (inner if reach == "inner" else outer).append(Work(order, agent, reach))
        with self._idle:
            self._open += len(inner) + len(outer)
        if refused and not self._outer.post(refused):
            self._deliver(refused, 0)
        if outer:
            self._outer.post(outer)
        if inner:
            self._post_inner(inner)
            self._watchdog.wake()

    def abandon(self, orders: list[Abandon]) -> None:
        """Stop these attempts; ones that are not running are ignored."""
        self._outer.post(orders)
        self._post_inner(orders)

    def answer(self, orders: list[Answer]) -> None:
        """Tell attempts what came of what they asked for; ones that are not running are ignored."""
        self._outer.post(orders)
        self._post_inner(orders)

    def snapshot(self) -> list[Activity]:
        """What runs now."""
        running = [*list(self._inner.running.values()), *list(self._outer.running.values())]
        return [_activity(one) for one in running]

    def owns(self, group: int) -> bool:
        """Whether a process group is one that was started for an agent."""
        return self._groups.holds(group)

    def blocked_threads(self) -> int:
        """How many threads agents have blocked that have not come back."""
        return sum(lane.thread.is_alive() for lane in self._given_up)

    def drain(self, timeout_ms: int = -1) -> bool:
        """Wait until nothing runs, or for the timeout; whether nothing does."""
        with self._idle:
            return self._idle.wait_for(lambda: self._open <= 0, None if timeout_ms < 0 else timeout_ms / 1000)

    def close(self, grace_ms: int) -> None:
        """Let what runs go on for the grace, stop the rest (reported `lost`), end processes and threads."""
        if self._closing:
            return
        self._closing = True
        if not self.drain(grace_ms):
            self._outer.stop_all("closing")
            self._inner.stop_all("closing")
            self.drain(GRACE_MS + 500)
        self._watchdog.close()
        self._outer.close()
        self._inner.close()
        self._groups.close()
        prints.remove()

    def _route(self, order: Perform) -> tuple[AgentVersion, str]:
        """Who performs an order, and the name of the adapter that reaches them."""
        if order.kind in _CALLS:
            return _CALLS[order.kind]
        agent = self._agents(order.digest)
        if agent is None:
            raise AttemptFailed(
                f"agent {order.agent} is not in the catalog",
                f"No agent version has digest {order.digest}.",
                retryable=False,
                unstarted=True,
                kind="configuration",
            )
        reach = str(agent.runtime.get("type"))
        if reach == "function":
            reach = "inner" if in_process(agent) else "child"
        if reach == "inner":
            prints.install()
        self._routes[order.digest] = agent, reach
        return agent, reach

    def _post_inner(self, batch: list[Work] | list[Abandon] | list[Answer]) -> None:
        # If it was just given up, its successor stands already.
        while not self._inner.post(batch) and not self._closing:
            continue

    def _new_inner(self) -> Lane:
        adapters = {"inner": FunctionAdapter()}
        return Lane("inner", adapters, self._deliver, self._clock, self._vault, self._on_asked, self._on_said)

    def _deliver(self, reports: list[Reported], ended: int) -> None:
        if reports:
            try:
                self._on_reports(reports)
            except Exception:
                _log.exception("%d reports could not be delivered", len(reports))
        with self._idle:
            self._open -= ended
            if self._open <= 0:
                self._idle.notify_all()

    def _stalled(self, lane: Lane, stall: Stall) -> None:
        """Give up a lane whose loop does not turn: blame the culprit, move what had not begun elsewhere."""
        if stall.ours:
            _log.warning("the loop of %s does not turn, though no agent's code runs on it", lane.name)
            return
        culprit = stall.culprit
        self._inner = self._new_inner()
        left = lane.give_up()
        self._given_up = [old for old in self._given_up if old.thread.is_alive()] + [lane]
        if culprit is not None:
            self._blocks[culprit.order.digest] = self._blocks.get(culprit.order.digest, 0) + 1
        reports = list(left.reports)
        moving: list[Work | Abandon | Answer | Reported] = []
        for running in left.running:
            order = running.order
            if not running.begun:
                moving.append(Work(order, running.agent, running.reach))
            elif running is culprit:
                reports.append(failed(order, stall.failure(running)))
            else:
                reports.append(lost(order, "another agent blocked the loop that it ran on", stall.stack))
        _log.error(
            "%s blocked the worker's loop; %d attempts are lost, %d threads are blocked; it stands at:\n%s",
            culprit.order.agent if culprit is not None else "unknown code",
            sum(report.status == "lost" for report in reports),
            self.blocked_threads(),
            stall.stack,
            extra=about(culprit.order) if culprit is not None else None,
        )
        self._move(moving + left.inbox)
        self._deliver(reports, left.ended + len(left.running) - len(moving))

    def _move(self, inbox: list[Work | Abandon | Answer | Reported]) -> None:
        for item in inbox:
            if isinstance(item, Work):
                self._post_inner([item])
            if isinstance(item, Abandon):
                self._post_inner([item])
        self._watchdog.wake()


def _doorway_path(folder: Path) -> Path:
    """Where processes of agents find the hub. Raises OSError where that cannot be."""
    path = socket_path(folder.absolute(), AGENTS)
    if path.parent != folder.absolute():
        make_parent(path.parent)
    return path


def _activity(one: Running) -> Activity:
    order = one.order
    return Activity(
        order.run_id,
        order.effect,
        order.attempt,
        order.task,
        order.agent,
        one.started_at,
        one.heard_at,
        one.latest,
        tuple(one.lines or ()),
        one.stop,
        order.token,
        one.said,
    )


def _out_of_service(order: Perform) -> AttemptFailed:
    return AttemptFailed(
        f"{order.agent} is out of service: it blocked the worker's loop {BLOCKS_MAX} times",
        "Declare `isolation: process`, apply the new version, or start the hub anew.",
        retryable=False,
        unstarted=True,
        kind="configuration",
    )
