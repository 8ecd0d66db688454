"""Answers on their way from the hub's thread to the loop: many that come together wake it once."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any


class Mailbox:
    """For one event loop, that which is running when it is made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._come: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._called = False

    async def of(self, future: Future[Any]) -> Any:
        """The result of a future that some other thread sees to."""
        waiting = self._loop.create_future()
        future.add_done_callback(lambda done: self._put(waiting, done))
        return await waiting

    def _put(self, waiting: asyncio.Future[Any], done: Future[Any]) -> None:
        self._come.append((waiting, done))
        if not self._called:
            # Each call costs a write to a pipe, by which the thread that makes it loses the interpreter.
            self._called = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First, so that whatever is put from here on is either found below or calls again.
        self._called = False
        while self._come:
            waiting, done = self._come.popleft()
            if waiting.done():
                continue
            if (error := done.exception()) is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(done.result())
