"""What holds whatever the policies and actions are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from podium.facts.policy import Action, Amounts, Decision, Destination
from podium.facts.policy_version import Budget, Match, PolicyVersion, Rule, Tier, Window
from podium.policy.deciding import PolicySet
from podium.policy.findings import VERDICTS
from podium.policy.ledger import Ledger
from tests.policy.making import NOON, asked, compiled, tool

RANK = {verdict: rank for rank, verdict in VERDICTS.items()}

CONDITIONS = (
    "",
    "args.n > 1",
    "args.n > 2",
    "has(args.m)",
    "args.m.startsWith('a')",
    '"pii" in data.labels',
    "tool.risk > 2",
)
MATCHES = st.builds(
    Match,
    tools=st.sampled_from([(), ("a.one",), ("a.*",), ("b.two",)]),
    roles=st.sampled_from([(), (), ("x",), ("y",)]),
    risk_min=st.sampled_from([0, 0, 3]),
)
SCOPES = st.sampled_from(
    [Match(), Match(), Match(tenants=("acme",)), Match(roles=("x",)), Match(agents=("clerk",))]
)


@st.composite
def rules(draw: Any, number: int) -> Rule:
    effect = draw(st.sampled_from(["allow", "allow", "approve", "deny"]))
    tier = draw(st.integers(1, 2)) if effect == "approve" else 0
    return Rule(f"r{number}", effect, draw(MATCHES), draw(st.sampled_from(CONDITIONS)), tier)


@st.composite
def versions(draw: Any, name: str = "p") -> PolicyVersion:
    count = draw(st.integers(0, 5))
    return PolicyVersion(
        name, "1.0.0", applies_to=draw(SCOPES), rules=tuple(draw(rules(number)) for number in range(count)),
        tiers={"1": Tier(), "2": Tier()},
    )  # fmt: skip


ACTIONS = st.builds(
    tool,
    st.sampled_from(["a.one", "a.two", "b.two"]),
    args=st.fixed_dictionaries(
        {}, optional={"n": st.sampled_from([0, 2, 5, "5", None]), "m": st.sampled_from(["a", "b", 1])}
    ),
    roles=st.sampled_from([(), ("x",), ("x", "y")]),
    risk=st.sampled_from([0, 4]),
    labels=st.sampled_from([(), ("pii",)]),
)


def decided(versions: list[PolicyVersion], action: Action) -> Decision:
    return asked(PolicySet(compiled(one) for one in versions), action)


@settings(max_examples=150, deadline=None)
@given(versions("p"), versions("q"), ACTIONS, st.randoms(use_true_random=False))
def test_order_does_not_matter(one: PolicyVersion, other: PolicyVersion, action: Action, chance: Any) -> None:
    before = decided([one, other], action)
    shuffled = []
    for version in (other, one):
        listed = list(version.rules)
        chance.shuffle(listed)
        shuffled.append(msgspec.structs.replace(version, rules=tuple(listed)))
    after = decided(shuffled, action)
    assert (before.verdict, before.tier, set(before.rules)) == (after.verdict, after.tier, set(after.rules))
    assert before.reads == after.reads


@settings(max_examples=150, deadline=None)
@given(versions("p"), versions("q"), ACTIONS)
def test_a_policy_of_a_narrower_scope_only_narrows(
    one: PolicyVersion, other: PolicyVersion, action: Action
) -> None:
    wide = msgspec.structs.replace(one, applies_to=Match())
    narrow = msgspec.structs.replace(other, applies_to=Match(roles=("x",)))
    before, after = decided([wide], action), decided([wide, narrow], action)
    assert (RANK[after.verdict], after.tier) >= (RANK[before.verdict], before.tier) or after.verdict == "deny"


@settings(max_examples=150, deadline=None)
@given(versions("p"), versions("q"), ACTIONS)
def test_what_observes_changes_nothing(one: PolicyVersion, other: PolicyVersion, action: Action) -> None:
    observer = msgspec.structs.replace(other, mode="observe")
    before, after = decided([one], action), decided([one, observer], action)
    assert (before.verdict, before.rules, before.tier) == (after.verdict, after.rules, after.tier)


def holds(condition: str, action: Action) -> bool | None:
    """The oracle: whether a condition holds; None where it cannot be told."""
    args = action.args
    try:
        match condition:
            case "":
                return True
            case "args.n > 1" | "args.n > 2":
                return args["n"] > int(condition[-1])
            case "has(args.m)":
                return "m" in args
            case "args.m.startsWith('a')":
                return args["m"].startswith("a")
            case '"pii" in data.labels':
                return "pii" in action.labels
            case _:
                return action.risk > 2
    except (KeyError, TypeError, AttributeError):
        return None


def fits(match: Match, action: Action) -> bool:
    tools = not match.tools or any(
        action.target == name or (name.endswith("*") and action.target.startswith(name[:-1]))
        for name in match.tools
    )
    return (
        tools
        and (not match.roles or bool(set(match.roles) & set(action.roles)))
        and (not match.tenants or action.tenant in match.tenants)
        and (not match.agents or action.agent in match.agents)
        and action.risk >= match.risk_min
    )


@settings(max_examples=300, deadline=None)
@given(versions("p"), versions("q"), ACTIONS)
def test_the_decision_is_what_a_slow_reading_gives(
    one: PolicyVersion, other: PolicyVersion, action: Action
) -> None:
    said: list[tuple[int, int]] = []
    allowed: dict[int, bool] = {}
    for version in (one, other):
        if not fits(version.applies_to, action):
            continue
        scope = version.applies_to
        breadth = 0 if scope == Match() else 1 if scope.tenants else 2
        if any(rule.effect == "allow" for rule in version.rules):
            allowed.setdefault(breadth, False)
        for each in version.rules:
            if not fits(each.match, action):
                continue
            found = holds(each.when, action)
            if found is None:
                said.append((RANK["deny"], 0))
            elif found and each.effect == "allow":
                allowed[breadth] = True
            elif found:
                said.append((RANK[each.effect], each.tier))
    rank, tier = max(said, default=(RANK["allow"], 0))
    if not allowed or not all(allowed.values()):
        rank, tier = RANK["deny"], 0
    decision = decided([one, other], action)
    assert (decision.verdict, decision.tier) == (VERDICTS[rank], tier)


@settings(max_examples=200, deadline=None)
@given(
    versions("p"),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    st.text(max_size=8),
    st.text(max_size=8),
)
def test_nothing_strange_raises(version: PolicyVersion, args: Any, target: str, host: str) -> None:
    for given_args in (args, {"n": args}, {"m": args}):
        action = tool(target, args=given_args, destinations=(Destination(host),))
        decision = decided([version], action)
        assert decision.verdict in RANK
        assert decision.rules


# --- the ledger -----------------------------------------------------------------------------------

CEILINGS = {"run": 100, "tree": 150, "agent": 200, "tenant": 300}


class Spending(RuleBasedStateMachine):
    """Effects of several runs, begun, settled, released and forgotten in any order, under four ceilings."""

    def __init__(self) -> None:
        super().__init__()
        budgets = tuple(
            Budget(scope, (scope,), {"nano": limit}, window=Window("day") if scope == "agent" else None)  # type: ignore[arg-type]
            for scope, limit in CEILINGS.items()
        )
        version = PolicyVersion("p", "1.0.0", budgets=budgets, rules=(Rule("all", "allow"),))
        self.policies = PolicySet([compiled(version)])
        self.ledger = Ledger()
        self.flying: list[tuple[Decision, Action]] = []
        self.books: Counter[str] = Counter()
        self.closed: set[str] = set()
        self.now = NOON

    @rule(run=st.integers(0, 3), agent=st.integers(0, 2), tenant=st.integers(0, 1), cost=st.integers(0, 80))
    def begin(self, run: int, agent: int, tenant: int, cost: int) -> None:
        name = f"run-{run}"
        if name in self.closed:
            return
        action = tool(
            run=name, tree=f"tree-{run % 2}", agent=f"agent-{agent}", tenant=f"t-{tenant}", cost_nano=cost
        )
        decision = asked(self.policies, action, self.ledger, self.now)
        fits_ = all(
            self.books[f"{one.counter}"] + self._held(one.counter) + cost
            <= CEILINGS[one.counter.split("/")[1]]
            for one in decision.holds
        )
        assert (decision.verdict == "allow") is fits_
        if decision.verdict == "allow":
            self.ledger.hold(decision.holds)
            self.flying.append((decision, action))

    def _held(self, counter: str) -> int:
        return sum(
            one.amount for decision, _ in self.flying for one in decision.holds if one.counter == counter
        )

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 50), part=st.integers(0, 100))
    def settle(self, which: int, part: int) -> None:
        decision, action = self.flying.pop(which % len(self.flying))
        assert action.cost_nano is not None
        true = action.cost_nano * part // 100
        assert self.ledger.settle(decision.holds, Amounts(cost_nano=true)) == ()
        for one in decision.holds:
            self.books[one.counter] += true

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 50))
    def release(self, which: int) -> None:
        decision, _ = self.flying.pop(which % len(self.flying))
        self.ledger.release(decision.holds)

    @rule()
    def store(self) -> None:
        self.ledger = msgspec.json.decode(msgspec.json.encode(self.ledger), type=Ledger)

    @rule(hours=st.integers(0, 30))
    def wait(self, hours: int) -> None:
        self.now += hours * 3_600_000
        self.ledger.count((), self.now)

    @rule(run=st.integers(0, 3))
    def end(self, run: int) -> None:
        self.ledger.close(f"run-{run}")
        self.closed.add(f"run-{run}")

    @invariant()
    def never_over_a_ceiling(self) -> None:
        for counter in {*self.ledger.spent, *self.ledger.held}:
            limit = CEILINGS[counter.split("/")[1]]
            assert self.ledger.held.get(counter, 0) >= 0
            assert self.ledger.taken(counter) <= limit
            assert self.ledger.held.get(counter, 0) == self._held(counter)
            assert self.ledger.spent.get(counter, 0) in (0, self.books[counter])


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
