"""Budgets as people look at them: what is spent, held and left, those nearest to their ceiling first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podium.facts.policy_version import Budget, PolicyVersion
from podium.kernel.books import Books, Held
from podium.kernel.ceilings import PLAN
from podium.policy.ledger import BUDGET
from podium.runtime.presenting import Shown


def budgets(books: Books, policies: Mapping[str, PolicyVersion]) -> list[Shown]:
    """A line for each counter of a budget that anything was ever taken of, and whose window is not over.

    Of what is in doubt, `lost_at` says from when it counts as lost, ms since 1970; 0 for never.

    Args:
        policies: those that are declared, by name.
    """
    ledger = books.ledger
    doubtful, since = _doubtful(books)
    rows = []
    for counter in {*ledger.spent, *ledger.held}:
        if counter[0] != BUDGET:
            continue
        row = _named(counter, policies)
        spent, held = ledger.spent.get(counter, 0), ledger.held.get(counter, 0)
        raised, hold_ms = ledger.raised.get(counter, 0), row.pop("hold_ms")
        ceiling = row.pop("limit") + raised
        row.update(
            spent=spent, held=held, doubtful=doubtful.get(counter, 0), ceiling=ceiling, raised=raised,
            left=ceiling - spent - held,
            lost_at=since[counter] + hold_ms if hold_ms and counter in since else 0,
        )  # fmt: skip
        rows.append(row)
    rows.sort(key=lambda row: (-_nearness(row), row["budget"], row["unit"], list(row["scope"].items())))
    return rows


def _nearness(row: Shown) -> float:
    ceiling = row["ceiling"]
    return (row["spent"] + row["held"]) / ceiling if ceiling > 0 else float(row["spent"] + row["held"] > 0)


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
