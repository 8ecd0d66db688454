"""Threads for blocking calls on a lane (`asyncio.to_thread`), none of which can hold up the hub's end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

THREADS_MAX = 32


class DaemonThreads(ThreadPoolExecutor):
    """Like its parent, but of daemon threads: the interpreter does not wait for them when it ends."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1)
        self._name = name
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._change = threading.Condition()
        self._count = 0
        self._free = 0
        self._ended = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._change:
            if self._ended:
                raise RuntimeError("the lane has ended")
            self._calls.append((future, lambda: fn(*args, **kwargs)))
            if self._free < len(self._calls) and self._count < THREADS_MAX:
                self._count += 1
                threading.Thread(target=self._work, name=f"{self._name}-call", daemon=True).start()
            self._change.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; what runs is left to itself."""
        with self._change:
            self._ended = True
            self._calls.clear()
            self._change.notify_all()

    def _work(self) -> None:
        while True:
            with self._change:
                self._free += 1
                self._change.wait_for(lambda: self._calls or self._ended)
                self._free -= 1
                if not self._calls:
                    self._count -= 1
                    return
                future, call = self._calls.popleft()
            if future.set_running_or_notify_cancel():
                _run(future, call)


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
