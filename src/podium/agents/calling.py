"""How a Python callable is called as an agent: what it is given, and what becomes of what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from podium.facts.values import JSON


class Context:
    """What an agent may know about the attempt it makes.

    Attributes:
        run_id: the run that asked.
        task: reference of the task, `/do/0/classify`.
        attempt: number of the attempt, from 1.
        key: idempotency key, the same for every attempt of the effect.
        deadline_at: time in ms since 1970 at which the attempt has failed; 0 for none.
        progress: say that the attempt is alive, and how far.
        log: keep a line with the attempt.
    """

    __slots__ = ("run_id", "task", "attempt", "key", "deadline_at", "progress", "log")

    def __init__(
        self,
        run_id: str,
        task: str,
        attempt: int,
        key: str,
        deadline_at: int,
        progress: Callable[[JSON], None],
        log: Callable[[str], None],
    ) -> None:
        self.run_id = run_id
        self.task = task
        self.attempt = attempt
        self.key = key
        self.deadline_at = deadline_at
        self.progress = progress
        self.log = log


def call_of(function: Callable[..., Any]) -> Callable[[JSON, Context], Any]:
    """The function as a call with one input; with the context too, if it has a parameter `context`."""
    if "context" in inspect.signature(function).parameters:
        return lambda input, context: function(input, context=context)
    return lambda input, context: function(input)


def dump(value: Any) -> JSON:
    """What a callable returned, as a JSON value."""
    return value
