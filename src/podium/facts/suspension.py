"""What is kept of everything, or one agent, being suspended: nothing begins there until it is resumed."""

from __future__ import annotations

import msgspec

EVERYTHING = ""
"""In place of an agent: whatever the hub would have begun."""


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
        """The same in words; `what` is suspended."""
        said = f"{what} is suspended by {self.principal or 'somebody'}"
        return f"{said} because {self.why}" if self.why else said
