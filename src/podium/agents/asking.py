"""What an attempt asks the hub for while it is under way: a tool, or another agent."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeAlias

from podium.agents.interface import AttemptFailed, Question
from podium.facts.values import JSON, Error

__all__ = ["Ask", "Asking", "CallFailed", "Question", "settle"]

_FINAL = frozenset({400, 401, 402, 403, 404, 422})
"""Statuses of errors that the same attempt made again would only get again."""


class CallFailed(AttemptFailed):
    """What an attempt asked for came to nothing. An attempt that does not catch it fails with the same error.

    Attributes:
        error: as the hub has recorded it: `type`, `status`, `title`, `detail`.
    """

    def __init__(self, error: Error) -> None:
        kind = error.type.rpartition("/")[2] or "runtime"
        retryable = error.status not in _FINAL
        super().__init__(
            error.title, error.detail, retryable=retryable, kind=kind, status=error.status, type=error.type
        )
        self.error = error


Ask: TypeAlias = Callable[[Question], Future[JSON]]
"""Asks the hub; the future gives what comes of it, or raises CallFailed."""


def settle(future: Future[JSON], output: JSON, error: Error | None) -> None:
    """Give a future what came of its question; one that nobody waits for any more is left alone."""
    # From here on it cannot be cancelled any more.
    if future.set_running_or_notify_cancel():
        if error is not None:
            future.set_exception(CallFailed(error))
        else:
            future.set_result(output)


class Asking:
    """Something that was asked for: `await` it, or wait for its `result` on a thread of one's own."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[JSON]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, None, JSON]:
        # Not at the top: children of functions that await nothing start without it.
        import asyncio

        return asyncio.wrap_future(self._future).__await__()

    def result(self, timeout_s: float | None = None) -> JSON:
        """What came of it. Raises CallFailed, TimeoutError."""
        return self._future.result(timeout_s)
