"""Isolated function agents: pools of warm child processes that host their callables."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import msgspec

import podium
from podium.agents import child as protocol
from podium.agents.asking import CallFailed, Question
from podium.agents.interface import OUTPUT_BYTES_MAX, Attempt, AttemptFailed, Performed, Spawned
from podium.agents.lines import Lines
from podium.agents.output import too_large
from podium.agents.program import Program, ending
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON

IDLE_S = 60.0
"""A child that had nothing to do for this long is ended."""
CALLS_MAX = 1000
"""A child is replaced after this many calls, so that what leaks in it does not grow for ever."""
CHILDREN_UNASKED = 16
"""Children of an agent that did not ask for processes of its own, whatever its concurrency."""
REPLY_BYTES_MAX = OUTPUT_BYTES_MAX + 1024

_decode = msgspec.json.Decoder(protocol.AnyReply).decode
_encode = msgspec.json.Encoder().encode


class PoolAdapter:
    """Performs attempts of function agents in child processes, a pool for each agent version."""

    def __init__(self, spawned: Spawned, idle_s: float = IDLE_S, calls_max: int = CALLS_MAX) -> None:
        self._spawned = spawned
        self._idle_s = idle_s
        self._calls_max = calls_max
        self._pools: dict[str, Pool] = {}

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        digest = attempt.order.digest
        pool = self._pools.get(digest)
        if pool is None:
            pool = self._pools[digest] = Pool(agent, self._spawned, self._idle_s, self._calls_max)
        return await pool.perform(attempt)

    async def close(self) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))


class Pool:
    """The children of one agent version: as many as attempts at once, up to its concurrency."""

    def __init__(self, agent: AgentVersion, spawned: Spawned, idle_s: float, calls_max: int) -> None:
        asked = agent.runtime.get("isolation") == "process"
        self._agent = agent
        self._spawned = spawned
        self._idle_s = idle_s
        self._calls_max = calls_max
        self._limit = max(1, agent.concurrency if asked else min(agent.concurrency, CHILDREN_UNASKED))
        self._idle: list[Child] = []
        self._children: set[Child] = set()
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    async def perform(self, attempt: Attempt) -> Performed:
        await self._place()
        child: Child | None = None
        try:
            child = self._child()
            return await child.call(attempt)
        finally:
            self._give_back(child)

    async def _place(self) -> None:
        """Wait until fewer attempts than the limit have a child."""
        if self._taken < self._limit:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise AttemptFailed(
                f"no process of {self._agent.name} became free in time",
                f"It may have {self._limit} at once; see its concurrency.",
                unstarted=True,
                kind="timeout",
            ) from None

    def _pass_on(self) -> None:
        """Give a place to the attempt that waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    def _waits(self, begins: bool) -> None:
        """An attempt that waits for the hub has no place; it has one again at once, whatever the limit is.

        Otherwise attempts that wait for each other could keep each other from going on.
        """
        if begins:
            self._pass_on()
        else:
            self._taken += 1

    def _child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.usable:
                return child
        child = Child(self._agent, self._spawned, self._children.discard, self._waits)
        self._children.add(child)
        return child

    def _give_back(self, child: Child | None) -> None:
        if child is not None and child.usable:
            if child.calls < self._calls_max:
                self._idle.append(child)
                self._sweep_later()
            else:
                child.dismiss()
        self._pass_on()

    def _sweep_later(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._idle_s, self._end_idle)

    def _end_idle(self) -> None:
        self._sweep = None
        old = asyncio.get_running_loop().time() - self._idle_s
        for child in [child for child in self._idle if child.used_at <= old]:
            self._idle.remove(child)
            child.dismiss()
        if self._idle:
            self._sweep_later()

    async def close(self) -> None:
        """Kill every child."""
        if self._sweep is not None:
            self._sweep.cancel()
        await asyncio.gather(*(child.kill() for child in list(self._children)))


class Child:
    """One child process, which makes one attempt at a time.

    Attributes:
        usable: it can take another attempt.
        calls: attempts it has made.
        used_at: time of the loop at which it last did something.
        waits_for: numbers of what its callable asked the hub for and has no answer to.
    """

    def __init__(
        self, agent: AgentVersion, spawned: Spawned, gone: Callable[[Child], None],
        waiting: Callable[[bool], None],
    ) -> None:  # fmt: skip
        """
        Args:
            waiting: told when its attempt begins to wait for the hub, and when that ends.
        Raises:
            AttemptFailed: it cannot be started.
        """
        self.usable = True
        self.waits_for: set[int] = set()
        self._waiting = waiting
        self.calls = 0
        self._agent = agent
        self._attempt: Attempt | None = None
        self._answer: asyncio.Future[Performed] | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._lines = Lines(_nobody)
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self._program = Program(
            [sys.executable, "-P", "-m", "podium.agents.child"],
            cwd=os.getcwd(),
            env=_environment(),
            on_stdout=self._heard,
            on_stderr=self._lines.feed,
            spawned=spawned,
        )
        memory = int(agent.runtime.get("memory_bytes") or 0)
        self._program.write(_encode(protocol.Hosting(agent, memory, os.getpid())) + b"\n")
        self._end = self._loop.create_task(self._watch(gone))

    async def call(self, attempt: Attempt) -> Performed:
        """Make an attempt.

        Raises:
            AttemptFailed: it failed, or the child died.
        """
        order = attempt.order
        self._lines.fresh(attempt.log)
        self._attempt = attempt
        self._answer = self._loop.create_future()
        self.calls += 1
        request = protocol.Request(
            order.input, order.run_id, order.task, order.attempt, order.key, order.deadline_at,
            order.trace,
        )  # fmt: skip
        self._program.write(_encode(request) + b"\n")
        try:
            return await self._answer
        except asyncio.CancelledError:
            await self.kill()
            raise
        finally:
            self._attempt = self._answer = None
            if self.waits_for:
                self.waits_for.clear()
                self._waiting(False)
            self._lines.log = _nobody
            self.used_at = self._loop.time()

    def dismiss(self) -> None:
        """Let it end by itself; what does not end soon is killed."""
        self.usable = False
        self._program.write(b"", last=True)
        self._loop.call_later(2.0, self._program.kill)

    async def kill(self) -> None:
        """Kill it and whatever it started."""
        self.usable = False
        await self._program.stop(0)

    # --- what it says

    def _heard(self, chunk: bytes) -> None:
        self._buffer += chunk
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            self._reply(line)
        self._searched = len(self._buffer)
        if len(self._buffer) > REPLY_BYTES_MAX:
            raise too_large(len(self._buffer))

    def _reply(self, line: bytes) -> None:
        try:
            reply = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise AttemptFailed(f"{self._agent.name}'s process spoke nonsense", str(error)) from None
        if isinstance(reply, protocol.Progress):
            if self._attempt is not None:
                self._attempt.progress(reply.value)
        elif isinstance(reply, protocol.Line):
            self._lines.log(reply.text)
        elif isinstance(reply, protocol.Ask):
            self._ask(reply)
        elif isinstance(reply, protocol.Output):
            self._program.read_stderr()
            self._settle(Performed(reply.output))
        elif isinstance(reply, protocol.Failure):
            self._failed(reply)

    def _ask(self, asked: protocol.Ask) -> None:
        """Ask the hub for the callable; while something is open, another attempt may have its place."""
        if self._attempt is None:
            return
        if not self.waits_for:
            self._waiting(True)
        self.waits_for.add(asked.number)
        question = Question(asked.kind, asked.target, asked.args, asked.key, asked.agent)
        future = self._attempt.ask(question)
        future.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(self._answer_ask, asked.number, done)
        )

    def _answer_ask(self, number: int, done: Future[JSON]) -> None:
        if number not in self.waits_for or done.cancelled():
            return
        self.waits_for.discard(number)
        if not self.waits_for:
            self._waiting(False)
        failure = done.exception()
        if isinstance(failure, CallFailed):
            answer = protocol.Answer(number, error=failure.error)
        else:
            answer = protocol.Answer(number, done.result())
        self._program.write(_encode(answer) + b"\n")

    def _failed(self, reply: protocol.Failure) -> None:
        self._program.read_stderr()
        self.usable = self.usable and not reply.ends
        self._settle(
            AttemptFailed(
                reply.title,
                reply.detail,
                retryable=reply.retryable,
                unstarted=reply.unstarted,
                kind=reply.kind,
                status=reply.status,
                type=reply.type,
            )
        )

    def _settle(self, outcome: Performed | AttemptFailed) -> None:
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, AttemptFailed):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

    async def _watch(self, gone: Callable[[Child], None]) -> None:
        try:
            code = await self._program.ended()
            died = AttemptFailed(
                f"{self._agent.name}'s process {ending(code)} while it worked", self._last_words(), lost=True
            )
        except AttemptFailed as failure:
            died = failure
        self.usable = False
        self._settle(died)
        gone(self)

    def _last_words(self) -> str:
        self._lines.finish()
        return self._lines.text()


def _nobody(_: JSON) -> None:
    """Whatever a child logs between attempts belongs to none."""


def _environment() -> dict[str, str]:
    """The hub's environment, with this very package to be found in it."""
    path = [str(Path(podium.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in path if part)}
