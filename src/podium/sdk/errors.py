"""Errors of the client: why a call came to nothing, and what to do about it."""

from __future__ import annotations

from podium.facts.values import Problem


class PodiumError(Exception):
    """A call came to nothing; the message says why, and what to do.

    Attributes:
        problems: every reason, with its place in what was given.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InvalidError(PodiumError):
    """What was given is not as it must be: fix the input."""


class NotFoundError(PodiumError):
    """What was named is not there."""


class ConflictError(PodiumError):
    """The key is taken, or the state has moved on."""


class RefusedError(PodiumError):
    """A rule forbids it, or the hub could not do it."""


class UnreachableError(PodiumError):
    """There is no hub to talk to."""
