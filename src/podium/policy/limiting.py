"""Limiting: budgets, rates and quotas of one policy, as they bear on actions of one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from podium.facts.policy import Action, Count, Destination, Hold
from podium.facts.policy_version import Budget, Quota, Rate, Reservation, Window
from podium.policy.findings import DEFER, DENY, Finding, Tally, Unevaluable, consequence_of
from podium.policy.ledger import (
    BUDGET,
    CALLS,
    IN_FLIGHT,
    INPUT,
    LATELY,
    MONEY,
    OUTPUT,
    QUOTA,
    RATE,
    TIME,
    TOKENS,
    UNBOUND,
    Ledger,
)
from podium.policy.matching import TOOLS, Shape
from podium.policy.zones import stretch, zone
from podium.resources.quantities import money_text

Own = Mapping[str, Hold]
"""What the effect holds already, by counter."""

_COSTLY = frozenset({"agent", "tool", "model"})
"""Kinds of effects that can cost money or tokens."""
_TIMELESS = frozenset({"human", "workflow", "emit", "guard"})
"""Kinds of effects that nobody performs, so that they take no time of anybody."""

_UNITS = {
    "nano": MONEY, "calls": CALLS, "tool_calls": CALLS, "agent_calls": CALLS, "model_calls": CALLS,
    "input_tokens": INPUT, "output_tokens": OUTPUT, "tokens": TOKENS, "ms": TIME,
}  # fmt: skip

_SCOPES: dict[str, Callable[[Action, Destination], str]] = {
    "run": lambda action, _: action.run,
    "tree": lambda action, _: action.tree or action.run,
    "agent": lambda action, _: action.agent or (action.target if action.kind == "agent" else ""),
    "capability": lambda action, _: action.capability,
    "tenant": lambda action, _: action.tenant,
    "tool": lambda action, _: action.target if action.kind in TOOLS else "",
    "host": lambda _, destination: destination.host,
    "credential": lambda action, _: action.credential,
    "workflow": lambda action, _: action.workflow,
    "principal": lambda action, _: action.principal,
}


class _Span:
    """The stretch of the calendar that a window is in; the last one is kept."""

    __slots__ = ("_known", "_per", "_where")

    def __init__(self, window: Window) -> None:
        where = zone(window.timezone)
        assert where is not None, "a policy whose zones are not known does not compile"
        self._per, self._where, self._known = window.per, where, (0, 0)

    def end(self, now: int) -> int:
        start, end = self._known
        if not start <= now < end:
            self._known = start, end = stretch(now, self._per, self._where)
        return end


KNOWN_MAX = 512
"""So many values of a scope are kept with the texts of their counters."""
COUNTERS_MAX = 256
"""Of so many limits."""

Texts = tuple[str, ...]


class Counter:
    """The texts of a limit's counters; those of the values that it met lately are kept."""

    __slots__ = ("_heads", "_known", "_scope", "_span")

    def __init__(
        self, policy: str, name: str, books: tuple[str, ...], scope: Any, window: Window | None
    ) -> None:
        bound = next((str(scope.index(one)) for one in ("run", "tree") if one in scope), UNBOUND)
        self._scope = tuple(_SCOPES[one] for one in scope)
        self._known: dict[Texts, tuple[int, Texts]] = {}
        self._span = _Span(window) if window is not None and window.per else None
        self._heads = tuple(f"{book[:2]}{bound}:{policy}/{name}{book[2:]}|" for book in books)

    def end(self, now: int) -> int:
        """When the window ends, ms since 1970; 0 if it does not."""
        return self._span.end(now) if self._span is not None else 0

    def texts(self, action: Action, destination: Destination, now: int) -> Texts:
        """One for each of the books."""
        scope = self._scope
        values = (
            (scope[0](action, destination),)
            if len(scope) == 1
            else tuple([value(action, destination) for value in scope])
        )
        end = self._span.end(now) if self._span is not None else 0
        known = self._known.get(values)
        return known[1] if known is not None and known[0] == end else self._made(values, end)

    def _made(self, values: Texts, end: int) -> Texts:
        tail = "|".join(map(_plain, values))
        texts = tuple(f"{head}{tail}@{end}" for head in self._heads)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[values] = (end, texts)
        return texts


def _plain(value: str) -> str:
    """A value so that no two lists of values make one text."""
    return value.replace("%", "%25").replace("|", "%7C")


@lru_cache(maxsize=COUNTERS_MAX)
def counter_of(
    policy: str, name: str, books: tuple[str, ...], scope: tuple[str, ...], window: Window | None
) -> Counter:
    """The counter of a limit: one for actions of all shapes, so that what it keeps is kept once."""
    return Counter(policy, name, books, scope, window)


class BudgetLimit:
    """A budget, for actions of one shape."""

    __slots__ = (
        "_amounts", "_counter", "_exhausted", "_held", "_lowest", "_name", "_price", "_reservation", "_warn",
    )  # fmt: skip

    def __init__(self, policy: str, budget: Budget, reservation: Reservation, shape: Shape) -> None:
        units = [unit for unit in budget.limit if _bears(unit, shape.kind)]
        self._amounts = [(unit, budget.limit[unit], _UNITS[unit]) for unit in units]
        books = tuple(f"{BUDGET}{_UNITS[unit]}/{unit}" for unit in units)
        self._counter = counter_of(policy, budget.name, books, budget.scope, budget.window)
        self._name = f"{policy}/budgets/{budget.name}"
        self._exhausted = consequence_of(budget.on_exhausted)
        self._held = consequence_of(reservation.when_held)
        self._price = consequence_of(reservation.unknown_price)
        self._reservation, self._warn = reservation, budget.warn_at
        self._lowest = min(budget.warn_at, default=0)

    @property
    def bears(self) -> bool:
        return bool(self._amounts)

    def counters(self, action: Action, destination: Destination, now: int) -> dict[str, str]:
        """The counters that an action bears on, by unit."""
        units = (unit for unit, _, _ in self._amounts)
        return dict(zip(units, self._counter.texts(action, destination, now), strict=True))

    def weigh(
        self, action: Action, destination: Destination, ledger: Ledger, now: int, own: Own, tally: Tally
    ) -> None:
        """Reserve what the action takes at worst, or find that it does not fit."""
        counters = self._counter.texts(action, destination, now)
        all_spent, all_held, raised, lowest = ledger.spent, ledger.held, ledger.raised, self._lowest
        for counter, (unit, limit, letter) in zip(counters, self._amounts):  # noqa: B905 - strict is slow
            amount = (
                action.cost_nano if letter == MONEY else 1 if letter == CALLS else self._worst(action, letter)
            )
            if amount is None:
                message = f"nobody knows what {action.target or action.kind} costs"
                tally.findings.append(self._price.finding(self._name, message))
                amount = 0
            spent, held = all_spent.get(counter, 0), all_held.get(counter, 0)
            ceiling = limit + raised.get(counter, 0) if raised else limit
            mine = own.get(counter) if own else None
            if mine is not None:
                held, ceiling = held - mine.amount, ceiling - mine.over
            taken = spent + held + amount
            over = taken - ceiling
            if over > 0:
                found = self._full(spent + amount > limit, amount > limit, unit, limit, spent, held, now)
                tally.findings.append(found)
                tally.reads[f"{self._name}/{unit}"] = {"limit": ceiling, "spent": spent, "held": held}
            elif lowest and taken * 100 >= limit * lowest:
                self._warned(unit, limit, spent + held, amount, tally)
            tally.holds.append(Hold(counter, amount, over) if over > 0 else Hold(counter, amount))

    def _full(
        self, is_spent: bool, is_hopeless: bool, unit: str, limit: int, spent: int, held: int, now: int
    ) -> Finding:
        told = (
            f"{self._name} would be passed: {_amount(unit, limit)} at most, {_amount(unit, spent)} spent, "
            f"{_amount(unit, held)} held"
        )
        if not is_spent:
            return self._held.finding(self._name, told)
        end = self._counter.end(now)
        if self._exhausted.rank == DEFER and (is_hopeless or not end):
            return Finding(DENY, self._name, told)
        return self._exhausted.finding(self._name, told, end if self._exhausted.rank == DEFER else 0)

    def _warned(self, unit: str, limit: int, before: int, amount: int, tally: Tally) -> None:
        crossed = [one for one in self._warn if before * 100 < limit * one <= (before + amount) * 100]
        if crossed:
            tally.warnings.append(f"{self._name}: {max(crossed)}% of {_amount(unit, limit)}")

    def _worst(self, action: Action, letter: str) -> int:
        """What an action takes at worst, of time or tokens."""
        if letter == TIME:
            return action.duration_ms
        made = action.output_tokens
        if made is None:
            made = self._reservation.output_tokens
        if action.output_tokens_max and self._reservation.clamp_to_model:
            made = min(made, action.output_tokens_max)
        return {INPUT: action.input_tokens, OUTPUT: made}.get(letter, action.input_tokens + made)


def _bears(unit: str, kind: str) -> bool:
    """Whether a unit can be taken by effects of a kind."""
    if unit == "calls":
        return True
    if unit == "tool_calls":
        return kind in TOOLS
    if unit in ("agent_calls", "model_calls"):
        return kind == unit.removesuffix("_calls")
    return kind not in _TIMELESS if unit == "ms" else kind in _COSTLY


def _amount(unit: str, amount: int) -> str:
    """An amount for people."""
    if unit == "nano":
        return money_text(amount, 2)
    return f"{amount} {unit.replace('_', ' ')}"


class RateLimit:
    """A rate, and a number of calls at once, for actions of one shape."""

    __slots__ = ("_counter", "_name", "_over", "_rate", "_span_ns")

    def __init__(self, policy: str, rate: Rate) -> None:
        self._rate, self._name = rate, f"{policy}/rates/{rate.name}"
        self._counter = counter_of(policy, rate.name, (RATE + CALLS, IN_FLIGHT + CALLS), rate.scope, None)
        self._over = consequence_of(rate.over)
        # So slow that the burst and what follows it stay within the limit in any stretch of that length.
        self._span_ns = -(-rate.per_ms * 1_000_000 // (rate.count - rate.burst + 1)) if rate.count else 0

    def weigh(
        self, action: Action, destination: Destination, ledger: Ledger, now: int, own: Own, tally: Tally
    ) -> None:
        """Count the call, or find that it comes too soon, or with too many others."""
        rate = self._rate
        flow, flight = self._counter.texts(action, destination, now)
        ready_at = self._ready_at(ledger, flow)
        if ready_at > now:
            tally.findings.append(self._late(action, now, ready_at, f"{self._name} is used up"))
        if rate.count:
            tally.counts.append(Count(flow, 1, self._span_ns))
        if rate.concurrency:
            held = ledger.held.get(flight, 0) - (1 if flight in own else 0)
            if held >= rate.concurrency:
                told = f"{self._name}: {held} calls are in flight, {rate.concurrency} at most"
                tally.findings.append(self._late(action, now, 0, told))
            tally.holds.append(Hold(flight, 1))

    def pauses(self, action: Action, destination: Destination, now: int) -> str:
        """The counter that stands still where the target asks for a pause; "" if that is not honoured."""
        return self._counter.texts(action, destination, now)[0] if self._rate.retry_after else ""

    def _ready_at(self, ledger: Ledger, flow: str) -> int:
        """When the next call may come, ms since 1970."""
        ready_at = ledger.paused.get(flow, 0) if ledger.paused else 0
        if self._rate.count:
            free_ns = ledger.rates.get(flow, 0) - (self._rate.burst - 1) * self._span_ns
            ready_at = max(ready_at, -(-free_ns // 1_000_000))
        return ready_at

    def _late(self, action: Action, now: int, ready_at: int, told: str) -> Finding:
        if self._over.rank != DEFER:
            return self._over.finding(self._name, told)
        wait_ms = self._rate.wait_ms
        if wait_ms and max(now, ready_at) - (action.asked_at or now) > wait_ms:
            return Finding(DENY, self._name, f"{told}, and it may wait {wait_ms} ms only")
        return Finding(DEFER, self._name, told, until=ready_at)


class QuotaLimit:
    """A quota, for actions of one shape."""

    __slots__ = ("_counter", "_name", "_over", "_quota")

    def __init__(self, policy: str, quota: Quota) -> None:
        self._quota, self._name = quota, f"{policy}/quotas/{quota.name}"
        book = LATELY if quota.window.last_ms else QUOTA
        self._counter = counter_of(policy, quota.name, (book + CALLS,), quota.scope, quota.window)
        self._over = consequence_of(quota.over)

    def weigh(
        self, action: Action, destination: Destination, ledger: Ledger, now: int, own: Own, tally: Tally
    ) -> None:
        """Count the call or what it asks for, or find that it is too much. Raises Unevaluable."""
        if action.attempt > 1:
            return
        quota = self._quota
        amount = _summand(action, quota.sum) if quota.sum else 1
        (counter,) = self._counter.texts(action, destination, now)
        last_ms = quota.window.last_ms
        counted = ledger.counted(counter, now) if last_ms else ledger.spent.get(counter, 0)
        if counted + amount > quota.limit:
            what = f"the sum of {'.'.join(('args', *quota.sum))}" if quota.sum else "calls"
            told = f"{self._name}: {what} may reach {quota.limit}; it is {counted}, and this adds {amount}"
            told = quota.message or told
            tally.findings.append(self._finding(ledger, counter, counted, amount, now, told))
            tally.reads[self._name] = {"limit": quota.limit, "counted": counted}
        tally.counts.append(Count(counter, amount, last_ms))

    def _finding(
        self, ledger: Ledger, counter: str, counted: int, amount: int, now: int, told: str
    ) -> Finding:
        if self._over.rank != DEFER:
            return self._over.finding(self._name, told)
        if amount > self._quota.limit:
            return Finding(DENY, self._name, told)
        if self._quota.window.last_ms:
            until = ledger.frees_at(counter, now, counted + amount - self._quota.limit)
        else:
            until = self._counter.end(now)
        return Finding(DEFER, self._name, told, until=until)


def _summand(action: Action, path: tuple[str, ...]) -> int:
    value = argument(action, path)
    if type(value) is not int or value < 0:
        raise Unevaluable(f"{'.'.join(('args', *path))} must be a whole number from 0 to be summed up")
    return value


def argument(action: Action, path: tuple[str, ...]) -> Any:
    """The value of an argument. Raises Unevaluable where there is none."""
    value = action.args
    for part in path:
        if not isinstance(value, dict) or part not in value:
            raise Unevaluable(f"{'.'.join(('args', *path))} is missing")
        value = value[part]
    return value
