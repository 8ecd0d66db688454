"""An attempt at work: what the worker keeps of it between its order and its report."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from itertools import count
from typing import NamedTuple

import msgspec

from podium.agents.asking import Question, settle
from podium.agents.interface import AttemptFailed, printable
from podium.agents.loading import code_of
from podium.agents.output import private
from podium.agents.secrets import Vault
from podium.agents.veil import Veil
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Asked
from podium.facts.orders import Answer, Perform
from podium.facts.saying import Said
from podium.facts.values import JSON, standard_error
from podium.runtime.reports import Stop

LINES_KEPT = 100
LINE_CHARS_MAX = 4096

_agent_log = logging.getLogger("podium.agent")


class Work(NamedTuple):
    """One attempt to make: for whom, by whom, and the name of the adapter that reaches them."""

    order: Perform
    agent: AgentVersion
    reach: str


class Running:
    """One attempt between its order and its report; what an adapter sees as `Attempt`.

    Attributes:
        started_at: ms since 1970.
        heard_at: when it last said that it is alive; `started_at` at first.
        latest: its latest progress.
        lines: the last lines of its log, and how many it said in all.
        begun: its adapter was asked; until then nothing of it was performed.
        stop: why it was told to stop; "" while it was not.
        veil: hides the secrets that it was given; None if there are none.
        deadline_at: when it has failed; it moves while the attempt waits for what it asked for.
        asks: what it asked for and has no answer to, by number.
    """

    __slots__ = (
        "order",
        "agent",
        "reach",
        "task",
        "started_at",
        "heard_at",
        "latest",
        "lines",
        "said",
        "unended",
        "stop",
        "stopped_at",
        "begun",
        "reported",
        "veil",
        "deadline_at",
        "asks",
        "_asked",
        "_code",
        "_tell",
        "_on_said",
        "_clock",
        "__weakref__",
    )

    def __init__(
        self,
        work: Work,
        clock: Callable[[], int],
        tell: Callable[[Asked], None] = lambda asked: None,
        on_said: Callable[[Said], None] = lambda said: None,
    ) -> None:
        """
        Args:
            clock: kernel time in ms.
            tell: tells the hub what the attempt asks for; from any thread.
            on_said: takes what it says, as it says it; on any thread; must be quick.
        """
        self.order, self.agent, self.reach = work
        self.deadline_at = self.order.deadline_at
        self.asks: dict[int, Future[JSON]] = {}
        self._asked = count(1)
        self._code: str | None = None
        self._tell, self._on_said = tell, on_said
        self.task: asyncio.Task[None] | None = None
        self.started_at = self.heard_at = clock()
        self.latest: JSON = None
        self.lines: deque[str] | None = None
        self.said = 0
        self.unended = ""
        self.stop: Stop = ""
        self.stopped_at = 0
        self.begun = False
        self.reported = False
        self.veil: Veil | None = None
        self._clock = clock

    def ask(self, question: Question) -> Future[JSON]:
        future: Future[JSON] = Future()
        if self.reported or self.stop:
            settle(future, None, standard_error("authorization", "", "this attempt is over"))
            return future
        order, number = self.order, next(self._asked)
        args = private(question.args)
        self.asks[number] = future
        self._tell(
            Asked(
                run_id=order.run_id, effect=order.effect, token=order.token, number=number,
                kind=question.kind, target=question.target, key=question.key, agent=question.agent,
                args=self.veil.masked(args) if self.veil is not None else args, code=self._code_digest(),
            )
        )  # fmt: skip
        return future

    def _code_digest(self) -> str:
        if self._code is None:
            self._code = code_of(self.agent)
        return self._code

    def answered(self, answer: Answer) -> None:
        """Hand on what came of something that it asked for."""
        self.heard_at = self._clock()
        self.deadline_at = answer.deadline_at or self.deadline_at
        future = self.asks.pop(answer.number, None)
        if future is not None:
            settle(future, answer.output, answer.error)

    def forsake(self) -> None:
        """It is over: nobody waits for what it asked for any more."""
        for future in self.asks.values():
            future.cancel()

    def unveil(self, vault: Vault) -> None:
        """Put the values of the order's secrets into its input; from here on they are hidden.

        Raises:
            AttemptFailed: one of them that the input needs is not there.
        """
        order = self.order

        def value(name: str, pointer: str) -> JSON:
            if name not in order.secrets:
                raise AttemptFailed(
                    f"the workflow may not use the secret {name}", "Name it in `use.secrets`.",
                    retryable=False, unstarted=True, kind="configuration",
                )  # fmt: skip
            return vault.value(name, pointer)

        self.veil = Veil(value)
        for name in order.secrets:
            if (found := vault.find(name)) is not None:
                self.veil.hide(name, found)
        self.order = msgspec.structs.replace(order, input=self.veil.revealed(order.input))

    def hide(self, name: str, value: JSON) -> None:
        if self.veil is None:
            self.veil = Veil(_unknown)
        self.veil.hide(name, value)

    def hides(self, text: str) -> bool:
        return self.veil is not None and self.veil.text(text) != text

    def progress(self, value: JSON) -> None:
        # A copy, made where the agent hears of it if there is none: others will ask for it as JSON.
        value = private(value)
        self.latest = self.veil.masked(value) if self.veil is not None else value
        self.heard_at = self._clock()
        self._on_said(Said(self.order, self.latest))

    def log(self, line: str) -> None:
        if self.lines is None:
            self.lines = deque(maxlen=LINES_KEPT)
        line = printable(line)
        if self.veil is not None:
            line = self.veil.text(line)
        self.lines.append(line)
        self.said += 1
        self._on_said(Said(self.order, None, (line,)))
        _agent_log.info("%s", line, extra=about(self.order))

    def say(self, text: str) -> None:
        """Log what the agent printed, line by line; the end of `text` need not end a line."""
        *lines, rest = (self.unended + text).split("\n")
        for line in lines:
            self.log(line)
        self.unended = rest[-LINE_CHARS_MAX:]
        if self.veil is None:
            # The beginning of a secret is not known for one.
            self._on_said(Said(self.order, None, (), printable(self.unended)))


def about(order: Perform) -> dict[str, object]:
    """What a line of a log says of the attempt that it is about; `trace_id` is that of its spans."""
    return {
        "run_id": order.run_id, "task": order.task, "effect": order.effect, "attempt": order.attempt,
        "agent": order.agent or order.kind, "trace_id": order.trace[3:35],
    }  # fmt: skip


def _unknown(name: str, pointer: str) -> JSON:
    """The value of a secret in an attempt that was ordered without any."""
    raise AssertionError(name)


CURRENT: ContextVar[Running] = ContextVar("podium-attempt")
"""The attempt whose code runs: in its task, and in every task and callback that it starts."""
