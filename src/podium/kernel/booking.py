"""What an attempt took of what its effect held: what its performer says, and else the worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podium.facts.inputs import Reported
from podium.facts.policy import Amounts, Hold
from podium.facts.values import JSON
from podium.kernel.books import Held
from podium.kernel.state import Effect, Run, Shard
from podium.policy.ledger import BUDGET, INPUT, MONEY, OUTPUT, TOKENS

_MONEY, _INPUT, _OUTPUT, _TOKENS = (BUDGET + unit for unit in (MONEY, INPUT, OUTPUT, TOKENS))
"""How counters of these units begin."""

UNPERFORMED = frozenset({"unstarted", "returned"})
"""What is said of attempts that certainly were not performed."""


def held_by(shard: Shard, run: Run, effect: int) -> Held | None:
    """What an effect holds in the ledger; None for nothing."""
    of_run = shard.held.get(run.id) if shard.held else None
    return of_run.get(effect) if of_run is not None else None


def worst_of(holds: Iterable[Hold], duration_ms: int = 0) -> Amounts:
    """As much as was held of each unit."""
    money = given = made = tokens = 0
    for one in holds:
        unit, amount = one.counter[:2], one.amount
        if unit == _MONEY:
            money = max(money, amount)
        elif unit == _INPUT:
            given = max(given, amount)
        elif unit == _OUTPUT:
            made = max(made, amount)
        elif unit == _TOKENS:
            tokens = max(tokens, amount)
    return Amounts(money, given, max(made, tokens - given), duration_ms)


def cost(shard: Shard, run: Run, effect: Effect, reported: Reported) -> int:
    """The cost of an attempt in nano-units: the metered one; else what was held, or 0 where nothing was."""
    if reported.cost_nano >= 0:
        return reported.cost_nano
    held = held_by(shard, run, effect.id)
    if held is None or reported.status in UNPERFORMED:
        return 0
    most = 0
    for one in held.holds:
        if one.amount > most and one.counter.startswith(_MONEY):
            most = one.amount
    return most


def took(
    shard: Shard, run: Run, effect: Effect, cost_nano: int, provenance: Mapping[str, JSON]
) -> Amounts | None:
    """What is booked for an effect in place of what it holds; None where it holds nothing."""
    held = held_by(shard, run, effect.id)
    return None if held is None else _amounts(held, cost_nano, provenance, shard.now)


def took_late(shard: Shard, run: Run, reported: Reported) -> Amounts | None:
    """The same of an attempt that was told to stop, and says now what it took."""
    held = shard.torn.get(f"{run.id}/{reported.effect}/{reported.token}") if shard.torn else None
    if held is None:
        return None
    known = reported.cost_nano
    if reported.status in UNPERFORMED and known < 0:
        return Amounts()
    cost_nano = known if known >= 0 else worst_of(held.holds).cost_nano
    return _amounts(held, cost_nano, reported.provenance, shard.now)


def _amounts(held: Held, cost_nano: int, provenance: Mapping[str, JSON], now: int) -> Amounts:
    worst = worst_of(held.holds, now - held.since)
    usage = provenance.get("usage")
    if isinstance(usage, dict):
        given, made = usage.get("input_tokens"), usage.get("output_tokens")
        if type(given) is int and type(made) is int and given >= 0 and made >= 0:
            return Amounts(cost_nano, given, made, worst.duration_ms)
    return Amounts(cost_nano, worst.input_tokens, worst.output_tokens, worst.duration_ms)
