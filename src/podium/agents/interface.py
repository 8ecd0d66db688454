"""What an adapter promises: it performs one attempt, and its answer is always a `Reported`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple, Protocol

from podium.facts.catalog import AgentVersion
from podium.facts.orders import Perform
from podium.facts.values import JSON

OUTPUT_BYTES_MAX = 16 * 1024 * 1024
"""An output larger than this fails its attempt."""


def printable(text: object) -> str:
    """A text that can be stored: what is no Unicode, as half a character of a file's name, is escaped."""
    return str(text).encode("utf-8", "backslashreplace").decode()


class Question(NamedTuple):
    """What is asked for.

    Attributes:
        kind: `tool` or `agent`.
        target: a tool's `name` or `name@version`; of agents the capability.
        args: what the tool or the agent gets.
        key: the asker's own name for it, by which a later attempt finds the answer again; "" for none.
        agent: this agent, `name` or `name@version`; "" for any that offers the capability.
    """

    kind: Literal["tool", "agent"]
    target: str
    args: JSON = None
    key: str = ""
    agent: str = ""


class AttemptFailed(Exception):
    """An attempt failed.

    Attributes:
        title: what went wrong, in one line; it reaches the run as the error's title.
        detail: the particulars: last lines of stderr, position of rubbish in the output.
        retryable: whether another attempt could do better.
        unstarted: it is certain that nothing was performed (no such program, connection refused).
        lost: it was under way and nobody knows how far (killed, connection broken); an at-most-once
            effect is then in doubt.
        kind: last name of a standard error: `runtime`, `communication`, `timeout`, `validation`...
        status: HTTP-like status; 0 for the standard one of `kind`.
        type: URI of the kind of error, where that is no standard one; "" for the one that `kind` names.
        provenance: what is recorded with it beside the error.
    """

    def __init__(
        self,
        title: str,
        detail: str = "",
        *,
        retryable: bool = True,
        unstarted: bool = False,
        lost: bool = False,
        kind: str = "runtime",
        status: int = 0,
        type: str = "",
    ) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.retryable = retryable
        self.unstarted = unstarted
        self.lost = lost
        self.kind = kind
        self.status = status
        self.type = type
        self.provenance: dict[str, Any] = {}


class Attempt(Protocol):
    """What an adapter is given beside the order."""

    @property
    def order(self) -> Perform: ...
    def progress(self, value: JSON) -> None:
        """Say that the attempt is alive, and how far; also counts as a heartbeat."""

    def log(self, line: str) -> None:
        """Keep a line of the agent's own log (stderr), with the attempt it belongs to."""

    def ask(self, question: Question) -> Future[JSON]:
        """Ask the hub for something; gives what comes of it, or raises CallFailed.

        While it is open the attempt waits, and its time stands still.
        """

    def hide(self, name: str, value: JSON) -> None:
        """Take a value for a secret of this name: whatever the attempt tells has a mask in its place."""

    def hides(self, text: str) -> bool:
        """Whether a text holds a secret that the attempt knows."""


class Performed:
    """What a successful attempt gives: the output and what it cost, if known."""

    __slots__ = ("output", "cost_nano", "provenance")

    def __init__(self, output: JSON, cost_nano: int = -1, provenance: dict[str, Any] | None = None) -> None:
        self.output = output
        self.cost_nano = cost_nano
        self.provenance = provenance or {}


class Adapter(Protocol):
    """How attempts reach the agents of one runtime type. Lives on the worker's own loop."""

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        """Make the attempt.

        Cancellation (deadline, abandoned, shutting down) must leave nothing running.
        Raises:
            AttemptFailed: it failed, in any way that the agent can be blamed for.
        """

    async def close(self) -> None:
        """Kill whatever is left."""


Spawned = Callable[[int], None]
"""Called with the process group id of every process an adapter starts, so that the group is reaped if
the hub dies; called again with the negated id once the group is gone."""
