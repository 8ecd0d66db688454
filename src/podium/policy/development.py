"""The policy of a hub that was given none: everything is allowed, and the record says by which rule."""

from __future__ import annotations

import msgspec


class Decision(msgspec.Struct, frozen=True):
    """A verdict on an action: `allow`, `deny`, `approve` or `defer`, and the rules that gave it."""

    verdict: str
    rules: tuple[str, ...]


_ALLOWED = Decision("allow", ("development",))


def decide(kind: str, subject: str) -> Decision:
    """The verdict on an effect of this kind on this capability."""
    return _ALLOWED
