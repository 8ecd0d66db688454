"""Tiers: on what terms people are asked, where one or several policies ask for it."""

from __future__ import annotations

from collections.abc import Iterable

from podium.facts.approvals import Terms
from podium.facts.policy_version import Tier


def terms_of(number: int, tiers: Iterable[Tier], now: int) -> Terms | None:
    """The terms that keep those of every policy that asks; None where nobody could meet them all.

    Args:
        number: of the tier.
        tiers: what each of the policies says of it.
        now: ms since 1970, from which the time for an answer counts.
    """
    given = list(tiers)
    roles: tuple[str, ...] | None = None
    if any(tier.step_up for tier in given):
        # Nothing here can make people prove again who they are.
        return None
    for tier in given:
        if tier.approvers:
            known = tier.approvers if roles is None else roles
            roles = tuple(role for role in known if role in tier.approvers)
    if roles == ():
        return None
    soonest = min((tier for tier in given if tier.timeout_ms), key=lambda tier: tier.timeout_ms, default=None)
    return Terms(
        tier=str(number),
        roles=roles or (),
        quorum=max((tier.quorum for tier in given), default=1),
        others=any(tier.not_requester for tier in given),
        deadline_at=now + soonest.timeout_ms if soonest is not None else 0,
        silence=soonest.on_timeout if soonest is not None and soonest.on_timeout != "deny" else "",
        seconded=any(tier.second_person for tier in given),
    )
