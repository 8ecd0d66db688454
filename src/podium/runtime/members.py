"""Members of the fleet: workers as they registered, and the attempts that they have."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from podium.agents.interface import printable
from podium.facts.catalog import Capability
from podium.facts.orders import Answer, Perform
from podium.facts.values import JSON
from podium.runtime.running import LINE_CHARS_MAX, LINES_KEPT

LEASE_MS = 15_000
LEASE_MS_MIN, LEASE_MS_MAX = 1_000, 300_000
CONCURRENCY_MAX = 10_000
WEIGHT_MAX = 1_000

Standing: TypeAlias = Literal["live", "draining", "stale", "left"]
"""How a worker stands: it takes attempts; it ends what it has; nobody has heard of it; it said good-bye."""

Key: TypeAlias = tuple[str, int, int]
"""An attempt: its run, its effect, its fencing token."""


class Hosting(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a worker says of one agent or tool that it hosts.

    Attributes:
        agent: `name@version`.
        kind: `Agent` or `Tool`.
        code: digest of the code that runs, in the worker's own way; "" if it does not say.
        concurrency: attempts of it that the worker takes at once; 0 for as many as it takes at all.
        contract: digest of the capabilities that it was built for, as the hub gives it; "" if not known.
        capabilities: those capabilities; empty to take what is declared.
        labels: of the agent, should it not be declared yet.
        spec: whatever else a manifest says in `spec`, should it not be declared yet.
        declared: in place of capabilities, labels and spec: the version as the catalog has it.
    """

    agent: str
    kind: Literal["Agent", "Tool"] = "Agent"
    code: str = ""
    concurrency: int = 0
    contract: str = ""
    capabilities: tuple[Capability, ...] = ()
    labels: dict[str, str] = {}
    spec: dict[str, JSON] = {}
    declared: dict[str, JSON] | None = None


class Registration(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a worker says of itself when it joins.

    Attributes:
        name: for people; several workers may have the same.
        region: where it stands; "" if it does not say.
        labels: for selection and for people.
        weight: how much of the work it gets beside others that are as busy.
        concurrency: attempts that it takes at once.
        lease_ms: how long it may be silent before it is taken for lost.
        previous: the id that it had before, where it comes back.
        holding: tokens of the attempts that it has from then.
    """

    agents: tuple[Hosting, ...]
    name: str = "worker"
    region: str = ""
    labels: dict[str, str] = {}
    weight: int = 1
    concurrency: int = 4
    lease_ms: int = LEASE_MS
    previous: str = ""
    holding: tuple[str, ...] = ()


class Hosted(NamedTuple):
    """A version that a worker hosts, by the digest that the catalog has for it."""

    digest: str
    agent: str
    code: str
    concurrency: int


class Attempt:
    """An attempt that a worker has, or waits for one.

    Attributes:
        worker: the id of whoever has it; "" while nobody has, or nobody knows who.
        token: what names it to the worker, and proves that it may speak of it.
        delivered: whether it was given out; started: whether the worker was let begin.
        since: when it began, or else was given out, or ordered.
        heard_at: when it last showed that it is alive.
        latest: its latest progress; lines: the last lines of its log, of `said` in all.
        asks: what it asked for, by number, open or answered.
        open: for how many of these it waits: meanwhile its time stands still.
        why: why it went to this worker, where others waited for work, too.
        stop: why the worker was told to stop it.
        until: when nobody waits any longer for a worker to claim it, where a former hub handed it out.
    """

    __slots__ = (
        "asks", "deadline_at", "delivered", "heard_at", "latest", "lines", "open", "order", "said", "since",
        "started", "stop", "stopped_at", "token", "until", "why", "worker",
    )  # fmt: skip

    def __init__(self, order: Perform, now: int) -> None:
        self.order = order
        self.worker = self.token = self.stop = self.why = ""
        self.delivered = self.started = False
        self.since = self.heard_at = now
        self.deadline_at = order.deadline_at
        self.latest: JSON = None
        self.lines: deque[str] | None = None
        self.asks: dict[int, Future[Answer]] = {}
        self.open = self.said = 0
        self.until = self.stopped_at = 0

    def hush(self) -> None:
        """Let it wait for nothing that it asked for any longer."""
        for future in self.asks.values():
            future.cancel()

    @property
    def key(self) -> Key:
        order = self.order
        return order.run_id, order.effect, order.token

    def say(self, lines: list[str]) -> tuple[str, ...]:
        """Keep lines of its log. Gives them as they are kept."""
        if self.lines is None:
            self.lines = deque(maxlen=LINES_KEPT)
        kept = tuple(printable(line[:LINE_CHARS_MAX]) for line in lines)
        self.lines.extend(kept)
        self.said += len(kept)
        return kept


class Worker:
    """A worker that registered.

    Attributes:
        told: what it said of itself.
        principal: who registered it.
        hosts: what it hosts, by digest.
        bound: the attempts that it has, oldest first.
        at_work: how many of them do not just wait for what they asked for, by digest.
        mailbox: those of them that it has not been given yet.
        stops: tokens of attempts that it is to stop, and has not been told.
        most: how many it wants at most now; 0 while it does not wait for any.
        wake: lets it look for what has come.
    """

    __slots__ = (
        "at_work", "bound", "due_at", "failed", "heard_at", "hosts", "id", "joined_at", "mailbox", "most",
        "principal", "standing", "stops", "succeeded", "told", "turn", "wake",
    )  # fmt: skip

    def __init__(
        self, id: str, told: Registration, hosts: dict[str, Hosted], principal: str, now: int
    ) -> None:
        self.id, self.told, self.hosts, self.principal = id, told, hosts, principal
        self.joined_at = self.heard_at = now
        self.due_at = now + told.lease_ms
        self.standing: Standing = "live"
        self.bound: dict[Key, Attempt] = {}
        self.at_work: dict[str, int] = {}
        self.mailbox: deque[Attempt] = deque()
        self.stops: list[str] = []
        self.most = self.turn = self.succeeded = self.failed = 0
        self.wake: Callable[[], None] | None = None

    @property
    def present(self) -> bool:
        return self.standing in ("live", "draining")

    def renew(self, now: int) -> None:
        """It was heard of: its lease begins anew."""
        self.heard_at = now
        self.due_at = now + self.told.lease_ms

    def room(self, digest: str) -> int:
        """How many more attempts at a version it takes."""
        hosted = self.hosts.get(digest)
        if hosted is None or self.standing != "live":
            return 0
        busy = self.at_work
        return min(self.told.concurrency - sum(busy.values()), hosted.concurrency - busy.get(digest, 0))

    def bind(self, attempt: Attempt) -> None:
        """Have an attempt."""
        attempt.worker = self.id
        self.bound[attempt.key] = attempt
        if not attempt.open:
            self.proceed(attempt)

    def unbind(self, attempt: Attempt) -> None:
        """Have it no longer."""
        if self.bound.pop(attempt.key, None) is not None and not attempt.open:
            self.pause(attempt)

    def pause(self, attempt: Attempt) -> None:
        """An attempt waits for what it asked for: it leaves room for another."""
        self.at_work[attempt.order.digest] -= 1

    def proceed(self, attempt: Attempt) -> None:
        """An attempt is at work."""
        digest = attempt.order.digest
        self.at_work[digest] = self.at_work.get(digest, 0) + 1

    def rouse(self) -> None:
        """Let it look, if it waits."""
        if self.wake is not None:
            wake, self.wake = self.wake, None
            wake()
