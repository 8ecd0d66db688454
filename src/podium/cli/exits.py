"""Exit codes, and which of them an error means."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended. The numbers never change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DIFFERENCE = 3
    NOT_FOUND = 4
    CONFLICT = 5
    REFUSED = 6
    UNREACHABLE = 7
    TIMED_OUT = 8
    DEFECT = 70
    INTERRUPTED = 130


class Stop(Exception):
    """A command ends here, with a sentence for stderr.

    Attributes:
        code: the process's exit code.
        hint: what to do next; "" if there is nothing to add.
    """

    def __init__(self, code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def exit_of(error: Exception) -> Exit | None:
    """The exit code of an error that a hub or a store gave; None if it is a defect."""
    from podium.sdk import client
    from podium.store.interface import StoreError, Unwritable

    codes: tuple[tuple[type[Exception], Exit], ...] = (
        (client.InvalidError, Exit.USAGE),
        (client.NotFoundError, Exit.NOT_FOUND),
        (client.ConflictError, Exit.CONFLICT),
        (client.UnreachableError, Exit.UNREACHABLE),
        (client.PodiumError, Exit.REFUSED),
        (Unwritable, Exit.UNREACHABLE),
        (StoreError, Exit.REFUSED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), None)
