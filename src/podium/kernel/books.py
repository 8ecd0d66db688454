"""The books of a shard: what it remembers across its runs. Changed by `evolve` and by nothing else."""

from __future__ import annotations

import msgspec

from podium.facts.policy import Hold
from podium.facts.recovery import Breaker
from podium.facts.schedules import Scheduled
from podium.facts.suspension import Suspension
from podium.policy.ledger import Ledger


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an effect holds in the ledger.

    Attributes:
        token: that of the attempt in flight; 0 while there is none.
        since: when that started, ms since 1970; deadline_at: its deadline.
        once: another attempt under the same key counts with this one.
        doubtful: nobody knows whether it was taken.
    """

    holds: tuple[Hold, ...]
    token: int
    since: int
    deadline_at: int = 0
    once: bool = False
    doubtful: bool = False


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody's word that one action goes through.

    Attributes:
        seq: the last record of it.
        principals: who gave it.
        expires_at: until when, ms since 1970.
        granted: whether it is enough.
    """

    seq: int
    principals: tuple[str, ...]
    expires_at: int
    granted: bool = False


class Claim(msgspec.Struct, omit_defaults=True):
    """What no more than so many runs may hold at once: who does, and who waits for it, oldest first."""

    holders: list[str] = []
    waiting: list[str] = []


class Books(msgspec.Struct, omit_defaults=True):
    """What a shard remembers across its runs; the attributes are those of `Shard`."""

    ledger: Ledger
    held: dict[str, dict[int, Held]] = {}
    torn: dict[str, Held] = {}
    tree_of: dict[str, str] = {}
    trees: dict[str, int] = {}
    overrides: dict[str, Override] = {}
    breakers: dict[str, Breaker] = {}
    claims: dict[str, Claim] = {}
    claimed: dict[str, str] = {}
    schedules: dict[str, Scheduled] = {}
    scheduled: dict[str, str] = {}
    suspended: dict[str, Suspension] = {}
