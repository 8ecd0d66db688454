"""Findings: what each rule or limit says of an action, and how the worst of them prevails."""

from __future__ import annotations

from typing import NamedTuple

from podium.facts.policy import Count, Hold, Reach, Verdict
from podium.facts.values import JSON

ALLOW, DEFER, APPROVE, DENY = 1, 2, 3, 4
"""Ranks: a higher one prevails."""

VERDICTS: dict[int, Verdict] = {ALLOW: "allow", DEFER: "defer", APPROVE: "approve", DENY: "deny"}


class Unevaluable(Exception):
    """Something that a policy looks at is not as it must be; the message says what."""


class Finding(NamedTuple):
    """What one rule or limit says.

    Attributes:
        rule: `policy/rule`.
        tier: of an approval.
        until: of a delay, ms since 1970; 0 is when something held is released.
    """

    rank: int
    rule: str
    message: str = ""
    tier: int = 0
    until: int = 0


class Consequence(NamedTuple):
    """What follows by a policy's own words."""

    rank: int
    tier: int = 0

    def finding(self, rule: str, message: str, until: int = 0) -> Finding:
        return Finding(self.rank, rule, message, self.tier, until)


def consequence_of(text: str) -> Consequence:
    """`deny`, `queue`, `hold` or `approve:<tier>`."""
    if text.startswith("approve:"):
        return Consequence(APPROVE, int(text.removeprefix("approve:")))
    return Consequence({"deny": DENY, "queue": DEFER, "hold": DEFER}[text])


class Tally:
    """What was found so far, and what follows if the action goes ahead."""

    __slots__ = (
        "allows", "counts", "findings", "holds", "is_unallowed", "marks", "proofs", "reach", "reads",
        "warnings",
    )  # fmt: skip

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.allows: dict[int, list[str]] = {}
        """Rules that allow it, by the breadth of their policies."""
        self.is_unallowed = False
        """Whether there is a breadth at which something must allow it and nothing does."""
        self.holds: list[Hold] = []
        self.counts: list[Count] = []
        self.marks: list[str] = []
        self.proofs: list[str] = []
        self.reach: Reach = ""
        self.reads: dict[str, JSON] = {}
        self.warnings: list[str] = []
