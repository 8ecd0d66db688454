"""What is kept of everything, or one agent, being suspended: nothing begins there until it is resumed."""

from __future__ import annotations

import msgspec

EVERYTHING = ""
"""In place of an agent: whatever the hub would have begun."""


WHY_MAX = 200
"""So much of a reason is told of everything that waits."""


class Suspension(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody's word that nothing is to begin.

    Attributes:
        at: since when, ms since 1970.
        principal: whose word; why: the reason that was given.
        cancels: what was under way was stopped.
    """

    at: int
    principal: str = ""
    why: str = ""
    cancels: bool = False

    def told(self, what: str) -> str:
        """The same in a sentence, which records repeat; `what` is suspended."""
        said = f"{what} is suspended by {self.principal or 'somebody'}"
        why = self.why if len(self.why) <= WHY_MAX else f"{self.why[:WHY_MAX]}…"
        return f"{said} because {why}" if why else said
