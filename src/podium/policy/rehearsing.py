"""Rehearsing: actions that people write down, decided by a policy before it is applied: its tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from podium.facts.policy import NOWHERE, Action, Amounts, Decision, Destination
from podium.facts.policy_version import PolicyVersion, Test
from podium.facts.values import Problem
from podium.policy.compiling import Compiled, compile_policy
from podium.policy.deciding import PolicySet, decide
from podium.policy.destinations import DestinationInvalid, destination_of, host_of
from podium.policy.findings import Tally
from podium.policy.ledger import Ledger
from podium.policy.limiting import BudgetLimit
from podium.policy.matching import shape_of
from podium.policy.zones import moment, zone
from podium.resources.quantities import QuantityInvalid, parse_money

NOON = datetime(2026, 3, 11, 12)
"""When tests happen unless they say otherwise: at noon of a Wednesday, by the clock of the policy."""

_BUILT_IN = ("http", "openapi", "process")
_READS = ("http.get", "http.head", "http.options")


class Scene(NamedTuple):
    """An action and when it is asked for, ms since 1970."""

    action: Action
    at: int


class Outcome(NamedTuple):
    """What came of a test.

    Attributes:
        failure: why it failed; "" if it did not.
        weighed: all that was found.
    """

    test: Test
    decision: Decision
    failure: str
    weighed: Tally


def unsound(version: PolicyVersion, digest: str = "") -> list[Problem]:
    """Why a policy must not be applied: it does not compile, or one of its tests fails."""
    compiled, problems = compile_policy(version, digest)
    if compiled is None:
        return problems
    return _unenforced(version) or [
        Problem("policy-test", f"/spec/tests/{number}", f"the test `{outcome.test.name}` {outcome.failure}")
        for number, outcome in enumerate(rehearse(compiled))
        if outcome.failure
    ]


def _unenforced(version: PolicyVersion) -> list[Problem]:
    """What a policy says and nothing holds to: worse than not to have said it."""
    asked = [f"/spec/tiers/{name}/stepUp" for name, tier in version.tiers.items() if tier.step_up]
    asked += [
        f"/spec/budgets/{number}/limit/modelCalls"
        for number, budget in enumerate(version.budgets)
        if "model_calls" in budget.limit
    ]
    return [
        Problem("not-enforced", path, f"`{path.rpartition('/')[2]}` is not yet enforced; remove it")
        for path in asked
    ]


def rehearse(policy: Compiled) -> list[Outcome]:
    """Run the tests of a policy, as if it enforced."""
    version = msgspec.structs.replace(policy.version, mode="enforce")
    enforcing = Compiled(version, policy.digest, policy.rules, policy.where)
    policies = PolicySet((enforcing,))
    return [_run(policies, version, test) for test in version.tests]


def _run(policies: PolicySet, version: PolicyVersion, test: Test) -> Outcome:
    ledger, marks = Ledger(), dict[str, int]()
    try:
        scene = scene_of(test.action, version, test.expect.stage)
        for number, values in enumerate(test.after):
            earlier = scene_of(values, version)
            if not values.keys() & {"now", "now.hour", "now.minute", "now.day"}:
                earlier = Scene(earlier.action, scene.at - len(test.after) + number)
            _happen(policies, earlier, ledger, marks)
        _spend(version, test.spent, scene, ledger)
    except (DestinationInvalid, QuantityInvalid, ValueError) as error:
        return Outcome(test, Decision("deny", ()), f"cannot be run: {error}", Tally())
    decision = decide(policies, scene.action, ledger, marks, scene.at)
    try:
        weighed = policies.weigh(scene.action, ledger, marks, scene.at)
    except Exception:
        # The decision says so already, and denies.
        weighed = Tally()
    return Outcome(test, decision, _failure(version, test, decision), weighed)


def _happen(policies: PolicySet, scene: Scene, ledger: Ledger, marks: dict[str, int]) -> None:
    """Let an action have been done and have succeeded, whatever the policy says of it."""
    tally = policies.weigh(scene.action, ledger, marks, scene.at)
    ledger.hold(tally.holds)
    ledger.count(tally.counts, scene.at)
    ledger.settle(tally.holds, Amounts(cost_nano=scene.action.cost_nano or 0))
    marks.update(dict.fromkeys((*tally.marks, *tally.proofs), scene.at))


def _spend(
    version: PolicyVersion, spent: Mapping[str, Mapping[str, int]], scene: Scene, ledger: Ledger
) -> None:
    by_name = {budget.name: budget for budget in version.budgets}
    place = (scene.action.destinations or (NOWHERE,))[0]
    for name, amounts in spent.items():
        if name not in by_name:
            raise ValueError(f"no budget is named {name}")
        limit = BudgetLimit(
            version.name, by_name[name], version.reservation, shape_of(scene.action, place.host)
        )
        counters = limit.counters(scene.action, place, scene.at)
        for unit, amount in amounts.items():
            if unit not in counters:
                raise ValueError(f"the budget {name} counts no {unit} of such an action")
            ledger.spent[counters[unit]] = amount


def _failure(version: PolicyVersion, test: Test, decision: Decision) -> str:
    """How a decision differs from what is expected; "" if it does not."""
    expect = test.expect
    by = sorted(local_name(version.name, rule) for rule in decision.rules)
    wanted, given = expect.decision, decision.verdict
    fits = wanted == given and (not expect.tier or expect.tier == decision.tier)
    if fits and (expect.by is None or sorted(expect.by) == by):
        return ""
    tier = f" (tier {expect.tier})" if expect.tier else ""
    expected = f"{wanted}{tier}" + (f" by {', '.join(expect.by)}" if expect.by is not None else "")
    got = f"{given}{f' (tier {decision.tier})' if decision.tier else ''} by {', '.join(by)}"
    return f"expects {expected}, but gets {got}" + (f": {decision.message}" if decision.message else "")


def local_name(policy: str, rule: str) -> str:
    """A rule as its policy calls it."""
    return rule.removeprefix(f"{policy}/")


# --- actions as people write them ---------------------------------------------------------------


def scene_of(values: Mapping[str, Any], version: PolicyVersion, stage: str = "call") -> Scene:
    """The action that some values by dotted name describe; what they leave out is made up.

    Raises:
        ValueError: a value is not what it must be.
    """
    tool = values.get("tool", "")
    first = tool.partition(".")[0]
    kind = values.get("kind") or (first if first in _BUILT_IN else "tool" if tool else "agent")
    acts = any(name.startswith("agent.") for name in values)
    applies = version.applies_to
    action = Action(
        kind=kind,
        target=tool or values.get("target", ""),
        capability=values.get("capability", ""),
        groups=tuple(values.get("tool.groups", ())),
        side_effect=_side_effect(values, kind, tool),
        risk=values.get("tool.risk", 0),
        external=values.get("tool.external", False),
        args=values.get("args", {} if stage == "call" else None),
        agent=values.get("agent.name", "tester" if acts else ""),
        agent_version=values.get("agent.version", "1.0.0" if acts else ""),
        roles=tuple(values.get("agent.roles", ())),
        state=values.get("agent.state", "active" if acts else ""),
        attested=values.get("agent.attested", "declared" if acts else ""),
        depth=values.get("agent.depth", 0),
        workflow=values.get("run.workflow", _first(applies.workflows, "test/test")),
        tenant=values.get("run.tenant", _first(applies.tenants, "default")),
        principal=values.get("run.principal", _first(applies.principals, "user:tester")),
        run="run", tree="run",
        destinations=_destinations(values, tool),
        labels=tuple(values.get("data.labels", ())),
        result_labels=tuple(values.get("result.labels", ())),
        cost_nano=_cost(values),
        stage="list" if stage == "list" else "call",
    )  # fmt: skip
    return Scene(action, _at(values, version))


def _first(patterns: tuple[str, ...], otherwise: str) -> str:
    """A name that the patterns fit."""
    return patterns[0].replace("*", "x") if patterns else otherwise


def _side_effect(values: Mapping[str, Any], kind: str, tool: str) -> str:
    given = values.get("tool.side_effect")
    if given is None:
        writes = kind in ("http", "openapi", "process") and tool not in _READS
        return "write" if writes else "read" if tool in _READS else "none"
    if isinstance(given, bool):
        return "write" if given else "none"
    return str(given)


def _cost(values: Mapping[str, Any]) -> int | None:
    given = values.get("cost.usd", "0")
    return None if given is None else parse_money(given)


def _destinations(values: Mapping[str, Any], tool: str) -> tuple[Destination, ...]:
    method = values.get("dest.method", tool.removeprefix("http.").upper() if tool.startswith("http.") else "")
    region = values.get("dest.region", "")
    if "dest.url" in values:
        return (destination_of(values["dest.url"], method, region),)
    if "dest.domain" in values:
        host = host_of(values["dest.domain"])
        scheme = values.get("dest.scheme", "https")
        return (Destination(host, scheme, method, values.get("dest.port", 0), region),)
    return ()


def _at(values: Mapping[str, Any], version: PolicyVersion) -> int:
    given = values.get("now")
    there = datetime.fromisoformat(given) if given is not None else NOON
    if there.tzinfo is None:
        there = there.replace(tzinfo=zone(clock_of(version)) or UTC)
    for part in ("year", "month", "day", "hour", "minute"):
        if f"now.{part}" in values:
            there = there.replace(**{part: values[f"now.{part}"]})
    return moment(there) if there.year > 1 else moment(there + timedelta(days=366))


def clock_of(version: PolicyVersion) -> str:
    """The time zone that `now` in tests is of: the policy's, or that of all of its windows."""
    if version.timezone != "UTC":
        return version.timezone
    zones = {window.timezone for window in version.windows}
    return zones.pop() if len(zones) == 1 else "UTC"
