"""On what terms people are asked, and what they said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

PERSON = "user:"
"""Principals that begin so are people; anything else (`agent:`, `run:`, `hub:`) decides nothing."""


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may decide, how many of them, and until when.

    Attributes:
        tier: name of the policy's tier; "" where a task says all by itself.
        roles: whoever has one of them may decide; empty lets everybody.
        quorum: so many distinct people must agree. One who is against it is enough to deny.
        others: whoever asked for it may not decide.
        deadline_at: when silence becomes an answer; 0 for never.
        silence: the tier that is asked then; "" denies.
        seconded: overriding it takes a second person.
    """

    tier: str = ""
    roles: tuple[str, ...] = ()
    quorum: int = 1
    others: bool = False
    deadline_at: int = 0
    silence: str = ""
    seconded: bool = False


class Vote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one person said, and when.

    Attributes:
        principal: the person.
        verdict: `approve` or `deny`; of a `call: human` one of its decisions.
        at: ms since 1970.
    """

    principal: str
    verdict: str
    at: int


class Approval(msgspec.Struct, omit_defaults=True):
    """What is asked of people about one action, as it stands.

    Attributes:
        terms: those that hold now.
        asked_at: since when, ms since 1970.
        action: keyed digest of the exact action, which an answer must name; "" of a `call: human`.
        requesters: whoever asked for the action: the run's principal, and who edited it.
        delegates: people who may decide though they have none of the roles, by whose word.
        votes: what was said so far under these terms; one of each person.
        silent: the terms of those who did not decide in time.
    """

    terms: Terms
    asked_at: int = 0
    action: str = ""
    requesters: tuple[str, ...] = ()
    delegates: dict[str, str] = {}
    votes: tuple[Vote, ...] = ()
    silent: tuple[Terms, ...] = ()

    def agreed(self, verdict: str) -> int:
        """How many people said so."""
        return sum(vote.verdict == verdict for vote in self.votes)


def is_person(principal: str) -> bool:
    """Whether a principal is a person with a name."""
    return principal.startswith(PERSON) and len(principal) > len(PERSON)


def fits(roles: Iterable[str], terms: Terms) -> bool:
    """Whether somebody with these roles may decide on these terms."""
    return not terms.roles or bool(frozenset(roles) & frozenset(terms.roles))
