"""Decisions: how long one takes, for actions that were made for it anew.

python -m bench.policy
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec

from bench import governed
from podium.facts.policy import Action, Destination
from podium.facts.policy_version import PolicyVersion
from podium.policy.compiling import Compiled, compile_policy
from podium.policy.deciding import PolicySet, decide
from podium.policy.development import development
from podium.policy.ledger import Ledger

DECISIONS = 20_000
NOW = 1_773_226_800_000


def transfer(number: int) -> Action:
    """A payment, that conditions, a quota and four budgets are about."""
    run = f"run{number % 64}"
    return Action(
        "tool", "payments.transfer", groups=("payments",), side_effect="write", risk=2,
        args={"amount_cents": number % 9_000, "currency": "EUR", "to": "DE02", "text": "for the books"},
        agent="clerk", agent_version="1.0.0", roles=("finance",), state="active", attested="measured",
        workflow="finance/pay", tenant="default", run=run, tree=run, cost_nano=1_000, duration_ms=60_000,
    )  # fmt: skip


def fetch(number: int) -> Action:
    """A request to the outside, past the allowlist and a rate."""
    run = f"run{number % 64}"
    return Action(
        "http", "http.get", side_effect="read", external=True, args={"endpoint": "https://api.github.com/x"},
        agent="reader", agent_version="1.0.0", roles=("researcher",), state="active", workflow="bench/read",
        tenant="default", run=run, tree=run, destinations=(Destination("api.github.com", "https", "GET"),),
        duration_ms=60_000,
    )  # fmt: skip


def confused(number: int) -> Action:
    """A payment of a text, which no condition can be evaluated for."""
    action = transfer(number)
    action.args = {"amount_cents": str(number)}
    return action


def measure(policies: PolicySet, made: Callable[[int], Action]) -> dict[str, float]:
    """Figures of decisions, with units in their keys."""
    ledger, taken_us = Ledger(), []
    gc.collect()
    for number in range(DECISIONS):
        begun = time.perf_counter_ns()
        decide(policies, made(number), ledger, {}, NOW + number)
        taken_us.append((time.perf_counter_ns() - begun) / 1e3)
    taken_us.sort()
    return {"p50_us": round(taken_us[DECISIONS // 2], 2), "p99_us": round(taken_us[DECISIONS * 99 // 100], 2)}


def compiled() -> Compiled:
    """The policy of `bench.governed`: twenty rules, and limits of every kind."""
    found, problems = compile_policy(msgspec.convert(governed.policy().spec, PolicyVersion))
    assert found is not None, problems
    return found


def figures() -> dict[str, Any]:
    begun = time.perf_counter()
    twenty = PolicySet([compiled()])
    compile_ms = round((time.perf_counter() - begun) * 1e3, 1)
    return {
        "read_and_compile_ms": compile_ms,
        "twenty_rules_transfer": measure(twenty, transfer),
        "twenty_rules_fetch": measure(twenty, fetch),
        "twenty_rules_error": measure(twenty, confused),
        "built_in_transfer": measure(PolicySet([development()]), transfer),
    }


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
