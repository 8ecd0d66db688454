"""Function agents in this process: async callables that run as tasks of the lane's loop."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context

from podium.agents import joining, loading
from podium.agents.calling import Call, Context, Uncallable, call_of
from podium.agents.interface import Attempt, AttemptFailed, Performed
from podium.agents.output import output_of, private
from podium.facts.catalog import AgentVersion


def in_process(agent: AgentVersion) -> bool:
    """Whether attempts of this function agent run in the worker's own process.

    They do if the callable is async and asks for neither isolation nor a bound of memory, which only a
    process of its own can have.
    """
    if agent.runtime.get("isolation") == "process" or agent.runtime.get("memory_bytes"):
        return False
    try:
        return loading.is_plainly_async(loading.place_of(agent))
    except AttemptFailed:
        return False


class FunctionAdapter:
    """Performs attempts by awaiting the agent's callable. Its loop is at the mercy of that callable."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._loading: dict[str, asyncio.Future[Call]] = {}

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        order = attempt.order
        call = self._calls.get(order.digest) or await self._load(order.digest, agent)
        context = Context(
            order.run_id,
            order.task,
            order.attempt,
            order.key,
            order.deadline_at,
            attempt.progress,
            attempt.log,
            attempt.ask,
            trace=order.trace,
        )
        joining.join(order.trace)
        try:
            value = call(private(order.input), context)
            if inspect.isawaitable(value):
                value = await value
        except (AttemptFailed, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            raise loading.raised(error) from None
        return Performed(output_of(value))

    async def close(self) -> None:
        """Nothing outlives its attempt here."""

    async def _load(self, digest: str, agent: AgentVersion) -> Call:
        """Import the callable on a thread, once, so that a slow import keeps nobody waiting but its own."""
        loading_now = self._loading.get(digest)
        if loading_now is None:
            future = asyncio.get_running_loop().run_in_executor(None, copy_context().run, _load, agent)
            loading_now = self._loading[digest] = future
            future.add_done_callback(lambda done: self._loaded(digest, done))
        return await asyncio.shield(loading_now)

    def _loaded(self, digest: str, done: asyncio.Future[Call]) -> None:
        del self._loading[digest]
        if not done.cancelled() and done.exception() is None:
            self._calls[digest] = done.result()


def _load(agent: AgentVersion) -> Call:
    function = loading.load(agent, loading.place_of(agent), shared=True)
    try:
        return call_of(function)
    except Uncallable as error:
        raise loading.misconfigured(agent, str(error)) from None
