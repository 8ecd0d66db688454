"""Ceilings: the money that a plan of an agent may take, with all that it leads to.

They hold as budgets of policies do: what an effect costs at worst is reserved before it begins, in the same
ledger, and what it truly took is booked as it ends.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podium.facts.plans import Ceiling
from podium.facts.policy import Decision, Hold, Verdict
from podium.kernel.state import PROMISED, Run
from podium.kernel.step import Step
from podium.planning.vetting import usd
from podium.policy.ledger import BUDGET, MONEY

RULE = "plan/budgets/money"
PRICE = "plan/price"
PLAN = "(plan)"
"""In counters, in place of a policy's name; the limit stands in place of the budget's."""


def ceiling_of(run: Run, plan: str, limit_nano: int) -> Ceiling:
    """What the run of a plan is held to; its counter ends with the tree that it belongs to.

    Args:
        run: who asked for the plan.
        plan: id of the plan's run.
    """
    counter = f"{BUDGET}{MONEY}0:{PLAN}/{limit_nano}/nano|{run.tree or run.id}|{plan}@0"
    return Ceiling(counter, limit_nano)


def within(
    step: Step, kind: str, digest: str, decision: Decision, *, own: Iterable[Hold] = (), asked: bool = False
) -> Decision:
    """The decision on an effect, where its run is held to a ceiling: with what it reserves, or another.

    Args:
        own: what the effect holds already.
        asked: whether an attempt asks for it, which holds something itself for as long as it waits.
    """
    performer = step.view.agents.get(digest) if kind in PROMISED else None
    if performer is None or decision.verdict != "allow":
        return decision
    if not performer.priced:
        message = f"nobody knows what {performer.name} costs, and the plan may cost only so much"
        return _instead(decision, "deny", PRICE, message)
    mine = {one.counter: one.amount for one in own}
    cost, holds = performer.cost_nano, decision.holds
    for ceiling in step.run.ceilings:
        spent = step.shard.ledger.spent.get(ceiling.counter, 0)
        taken = step.shard.ledger.taken(ceiling.counter) - mine.get(ceiling.counter, 0)
        if taken + cost > ceiling.limit_nano:
            limit, used = usd(ceiling.limit_nano), usd(taken)
            message = f"the plan may cost {limit}, {used} is taken, and {performer.name} costs {usd(cost)}"
            may_wait = not asked and spent + cost <= ceiling.limit_nano
            return _instead(decision, "defer" if may_wait else "deny", RULE, message, taken)
        holds = (*holds, Hold(ceiling.counter, cost))
    return msgspec.structs.replace(decision, holds=holds)


def _instead(
    decision: Decision, verdict: Verdict, rule: str, message: str, taken: int | None = None
) -> Decision:
    reads = {} if taken is None else {f"{rule}/nano": taken}
    return Decision(verdict, (rule,), decision.policy, message=message, reads=reads)
