"""Governed steps a second: the runs of `bench.steps`, each step put to twenty rules and four budgets.

python -m bench.governed --runs 64 --seconds 5 --json
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import msgspec

import bench.agents
from bench import steps, world
from podium.facts.catalog import Declared
from podium.facts.policy import Action, Decision, Hold
from podium.facts.policy_version import PolicyVersion
from podium.policy.compiling import compile_policy
from podium.policy.deciding import PolicySet, decide
from podium.policy.ledger import Ledger
from podium.resources.manifest import read_text

COST_NANO = 1_000
"""Of a step; nobody says what it truly cost, so that the worst is booked."""

DECISIONS = 20_000


def policy() -> Declared:
    """The policy beside this file."""
    path = world.HERE / "policy.yaml"
    (document,), troubles = read_text(path.read_bytes(), path.name, str(world.HERE))
    assert not troubles, troubles
    return Declared("Policy", document.name, document.version, document.digest, document.spec)


def measure(runs: int, seconds: float) -> dict[str, Any]:
    """Figures of governed steps, with units in their keys."""
    return steps.measure(runs, seconds, world.agent(cost_nano=COST_NANO, priced=True), policy())


def decisions() -> dict[str, Any]:
    """How long a decision takes on actions that were made for it anew, in a ledger that is in use."""
    version = msgspec.convert(policy().spec, PolicyVersion)
    compiled, problems = compile_policy(version)
    assert compiled is not None, problems
    policies, ledger, now = PolicySet([compiled]), Ledger(), int(time.time() * 1000)
    taken_us: list[float] = []
    live: list[tuple[Hold, ...]] = []
    for number in range(DECISIONS):
        action = _action(number)
        begun = time.perf_counter_ns()
        decision = decide(policies, action, ledger, {}, now + number)
        taken_us.append((time.perf_counter_ns() - begun) / 1e3)
        _book(ledger, decision, live, now + number)
    taken_us.sort()
    return {
        "decision_p50_us": round(taken_us[DECISIONS // 2], 2),
        "decision_p99_us": round(taken_us[DECISIONS * 99 // 100], 2),
    }


def _action(number: int) -> Action:
    run = f"run{number % 64}"
    return Action(
        "agent", "noop", "bench.step", args={**bench.agents.ANSWER, "id": number % 10_000},
        workflow="bench/sequence", tenant="default", run=run, tree=run, cost_nano=COST_NANO,
        input_tokens=300, duration_ms=300_000,
    )  # fmt: skip


def _book(ledger: Ledger, decision: Decision, live: list[tuple[Hold, ...]], at: int) -> None:
    """Let it go ahead, and give back what began 64 decisions before."""
    assert decision.verdict == "allow", decision
    ledger.hold(decision.holds)
    ledger.count(decision.counts, at)
    live.append(decision.holds)
    if len(live) > 64:
        ledger.release(live.pop(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {**measure(options.runs, options.seconds), **decisions()}
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
