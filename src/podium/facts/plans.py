"""What the run of a plan, and all that it leads to, is held to."""

from __future__ import annotations

import msgspec


class Ceiling(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """How much money may be taken of a counter of the ledger, in nano-units."""

    counter: str
    limit_nano: int
