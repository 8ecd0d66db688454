"""Budgets as people look at them: what is spent, held and left, those nearest to their ceiling first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from podium.facts.policy_version import Budget, PolicyVersion
from podium.kernel.books import Books, Held
from podium.kernel.ceilings import PLAN
from podium.policy.ledger import BUDGET
from podium.runtime.presenting import Shown


class Taken(NamedTuple):
    """What was taken of budgets, by counter, at one moment; of what is in doubt since when, too."""

    spent: dict[str, int]
    held: dict[str, int]
    raised: dict[str, int]
    doubtful: dict[str, int]
    since: dict[str, int]


def taken(books: Books) -> Taken:
    """A copy, so that nobody who looks at it holds up who changes it."""
    ledger = books.ledger
    return Taken(dict(ledger.spent), dict(ledger.held), dict(ledger.raised), *_doubtful(books))


def budgets(of: Taken, policies: Mapping[str, PolicyVersion], limit: int) -> list[Shown]:
    """A line for each counter of a budget that anything was ever taken of, and whose window is not over.

    Of what is in doubt, `lost_at` says from when it counts as lost, ms since 1970; 0 for never.

    Args:
        policies: those that are declared, by name.
        limit: no more than so many.
    """
    limits: dict[str, int] = {}

    def nearness(counter: str) -> tuple[float, str, str]:
        head, _, rest = counter.partition(":")[2].partition("|")
        if head not in limits:
            limits[head] = int(_named(counter, policies)["limit"])
        ceiling = limits[head] + of.raised.get(counter, 0)
        used = of.spent.get(counter, 0) + of.held.get(counter, 0)
        return -(used / ceiling if ceiling > 0 else float(used > 0)), head, rest

    counters = [counter for counter in {*of.spent, *of.held} if counter[0] == BUDGET]
    return [_line(counter, of, policies) for counter in heapq.nsmallest(limit, counters, key=nearness)]


def _line(counter: str, of: Taken, policies: Mapping[str, PolicyVersion]) -> Shown:
    row = _named(counter, policies)
    spent, held, raised = (amounts.get(counter, 0) for amounts in (of.spent, of.held, of.raised))
    hold_ms, ceiling = row.pop("hold_ms"), row.pop("limit") + raised
    row.update(
        spent=spent, held=held, doubtful=of.doubtful.get(counter, 0), ceiling=ceiling, raised=raised,
        left=ceiling - spent - held,
        lost_at=of.since[counter] + hold_ms if hold_ms and counter in of.since else 0,
    )  # fmt: skip
    return row


def _doubtful(books: Books) -> tuple[dict[str, int], dict[str, int]]:
    """How much of what is held nobody knows the fate of, and since when at the longest, ms since 1970."""
    found: dict[str, int] = {}
    since: dict[str, int] = {}
    for held in _all_held(books):
        if held.doubtful or not held.token:
            for hold in held.holds:
                found[hold.counter] = found.get(hold.counter, 0) + hold.amount
                since[hold.counter] = min(since.get(hold.counter, held.since), held.since)
    return found, since


def _all_held(books: Books) -> Iterator[Held]:
    for of_run in books.held.values():
        yield from of_run.values()
    for held in books.torn.values():
        yield Held(held.holds, 0, held.since)


def _named(counter: str, policies: Mapping[str, PolicyVersion]) -> Shown:
    """Policy, budget, unit, scope, window and limit that a counter's text stands for."""
    head, _, rest = counter.partition(":")[2].partition("|")
    names, _, unit = head.rpartition("/")
    policy, _, name = names.partition("/")
    values, _, end = rest.rpartition("@")
    if policy == PLAN:
        tree, run = values.split("|")
        return {
            "policy": "", "budget": "plan", "unit": unit, "scope": {"tree": tree, "run": run}, "window": "",
            "ends_at": 0, "limit": int(name), "hold_ms": 0,
        }  # fmt: skip
    known = policies.get(policy)
    declared = _budget(known, name)
    scope = declared.scope if declared is not None else ()
    listed = values.split("|") if values or scope else []
    given = [one.replace("%7C", "|").replace("%25", "%") for one in listed]
    named = scope if len(scope) == len(given) else tuple(f"scope{at}" for at in range(len(given)))
    return {
        "policy": policy, "budget": name, "unit": unit, "scope": dict(zip(named, given, strict=True)),
        "window": _window(declared), "ends_at": int(end),
        "limit": declared.limit.get(unit, 0) if declared is not None else 0,
        "hold_ms": known.reservation.hold_ms if known is not None else 0,
    }  # fmt: skip


def _budget(policy: PolicyVersion | None, name: str) -> Budget | None:
    return next((one for one in policy.budgets if one.name == name), None) if policy is not None else None


def _window(budget: Budget | None) -> str:
    if budget is None or budget.window is None:
        return ""
    return f"{budget.window.per} ({budget.window.timezone})"
