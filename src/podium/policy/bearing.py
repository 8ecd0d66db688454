"""Bearing: what of one policy bears on actions of one shape, found out once and then asked often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podium.facts.policy import Action, Destination
from podium.facts.values import JSON
from podium.policy.compiling import Compiled, CompiledRule
from podium.policy.findings import ALLOW, DENY, Finding, Tally, Unevaluable, consequence_of
from podium.policy.ledger import Ledger
from podium.policy.limiting import BudgetLimit, Own, QuotaLimit, RateLimit
from podium.policy.matching import Shape, groups_of, matches
from podium.policy.reaching import Allowlist, weigh_data
from podium.policy.remembering import SequenceCheck
from podium.policy.values import Reader

ATTESTED = {"attested": ("attested", "measured"), "measured": ("measured",)}
"""By what is required: the levels that will do."""


class Bearing:
    """One policy, for actions of one shape.

    Attributes:
        policy: the policy.
        fixed: what it finds whatever the values are.
        allows: rules that allow it whatever the values are.
        is_fixed: whether that is all.
    """

    __slots__ = (
        "_allowlist", "_conditional", "_data", "_limits", "_reader", "_sequences", "_windows", "allows",
        "fixed", "is_fixed", "policy",
    )  # fmt: skip

    def __init__(self, policy: Compiled, shape: Shape) -> None:
        version, name = policy.version, policy.version.name
        groups = groups_of(shape)
        rules = [rule for rule in policy.rules if matches(rule.rule.match, shape, groups)]
        self.policy = policy
        self.fixed = [*_of_agent(policy, shape), *(_finding(r) for r in rules if not _is_open(r))]
        self.allows = [rule.name for rule in rules if rule.rank == ALLOW and rule.condition is None]
        self._conditional = _Conditional([rule for rule in rules if _is_open(rule)], policy)
        called = shape.stage == "call"
        egress = [entry for entry in version.egress if called and matches(entry.match, shape, groups)]
        self._allowlist = Allowlist(name, egress) if egress else None
        self._data = version.data if called else ()
        self._windows = [
            (calendar, hours, consequence_of(hours.closed))
            for calendar, hours in zip(policy.calendars, version.windows, strict=True)
            if called and matches(hours.match, shape, groups)
        ]
        checks = [SequenceCheck(name, one, shape, groups) for one in version.sequences] if called else []
        self._sequences = [check for check in checks if check.bears]
        self._limits = [*_limits(version, shape, groups)] if called else []
        self.is_fixed = not (
            self._conditional.rules
            or egress
            or self._data
            or self._windows
            or self._sequences
            or self._limits
        )

    def weigh(
        self, action: Action, destination: Destination, ledger: Ledger, marks: Mapping[str, int], now: int,
        own: Own, tally: Tally,
    ) -> None:  # fmt: skip
        """Put what it finds, and what follows, into the tally."""
        policy = self.policy
        tally.findings += self.fixed
        if self.allows:
            tally.allows.setdefault(policy.breadth, []).extend(self.allows)
        if self.is_fixed:
            return
        if self._conditional.rules:
            self._conditional.weigh(action, destination, now, tally)
        if self._allowlist is not None:
            self._allowlist.weigh(action, destination, tally)
        if self._data and action.labels:
            weigh_data(policy.version.name, self._data, action, destination, tally)
        self._weigh_windows(now, tally)
        try:
            for sequence in self._sequences:
                sequence.weigh(action, marks, now, tally)
            for limit in self._limits:
                limit.weigh(action, destination, ledger, now, own, tally)
        except Unevaluable as error:
            tally.findings.append(_failed(policy, "limits", str(error)))

    def pauses(self, action: Action, destination: Destination, now: int) -> list[str]:
        """Counters of rates that stand still where the target asks for a pause."""
        rates = (limit for limit in self._limits if isinstance(limit, RateLimit))
        found = (rate.pauses(action, destination, now) for rate in rates)
        return [counter for counter in found if counter]

    def _weigh_windows(self, now: int, tally: Tally) -> None:
        for calendar, hours, closed in self._windows:
            if not calendar.is_open(now):
                name = f"{self.policy.version.name}/windows/{hours.name}"
                until = calendar.opens_at(now) if hours.closed == "hold" else 0
                if hours.closed == "hold" and not until:
                    tally.findings.append(Finding(DENY, name, f"{name} never opens again"))
                else:
                    told = hours.message or f"{name} is closed now"
                    tally.findings.append(closed.finding(name, told, until))


class _Conditional:
    """Rules whose conditions depend on values, or whose messages do."""

    __slots__ = ("_fused", "_policy", "_reader", "_sentenced", "_with_conditions", "rules")

    def __init__(self, rules: list[CompiledRule], policy: Compiled) -> None:
        self.rules, self._policy = rules, policy
        self._with_conditions = [rule for rule in rules if rule.condition is not None]
        self._sentenced = [rule for rule in rules if rule.condition is None]
        if not rules:
            return
        from podium.policy.cel import NOTHING, Fused

        needs = NOTHING
        for rule in rules:
            for expression in (rule.condition, rule.sentence):
                if expression is not None:
                    needs |= expression.needs
        self._reader = Reader(needs, policy.where)
        self._fused = Fused([rule.condition for rule in rules if rule.condition is not None])

    def weigh(self, action: Action, destination: Destination, now: int, tally: Tally) -> None:
        is_listed = action.stage == "list"
        try:
            values = self._reader.values(action, destination, now)
        except Unevaluable as error:
            if not is_listed:
                names = ", ".join(rule.rule.id for rule in self.rules)
                tally.findings.append(_failed(self._policy, names, str(error)))
            return
        try:
            bits = self._fused.holding(values)
            known = self._with_conditions if bits else ()
            holding = [rule for number, rule in enumerate(known) if bits >> number & 1]
        except Unevaluable:
            holding = [*self._one_by_one(values, is_listed, tally)]
        self._reader.told(values, tally.reads)
        for rule in holding:
            self._take(rule, values, tally)
        for rule in self._sentenced:
            self._take(rule, values, tally)

    def _one_by_one(
        self, values: Mapping[str, JSON], is_listed: bool, tally: Tally
    ) -> Iterator[CompiledRule]:
        """Rules that hold, where some cannot be evaluated: they say so, each by its name."""
        for rule in self._with_conditions:
            assert rule.condition is not None
            try:
                if rule.condition.condition(values):
                    yield rule
            except Unevaluable as error:
                # What a list would ask for is not known yet; that is no reason to hide it.
                if not is_listed:
                    tally.findings.append(_failed(self._policy, rule.rule.id, str(error)))

    def _take(self, rule: CompiledRule, values: Mapping[str, JSON], tally: Tally) -> None:
        if rule.rank == ALLOW:
            tally.allows.setdefault(self._policy.breadth, []).append(rule.name)
        else:
            tally.findings.append(_finding(rule, values))


def _is_open(rule: CompiledRule) -> bool:
    """Whether what a rule says depends on values."""
    return rule.condition is not None or (rule.sentence is not None and rule.rank != ALLOW)


def _finding(rule: CompiledRule, values: Mapping[str, JSON] | None = None) -> Finding:
    message = rule.rule.message
    if rule.sentence is not None and values is not None:
        try:
            message = rule.sentence.text_of(values)
        except Unevaluable as error:
            message = f"{rule.name} holds; its message cannot be made: {error}"
    return Finding(rule.rank, rule.name, message or f"by the rule {rule.name}", rule.rule.tier)


def _failed(policy: Compiled, what: str, why: str) -> Finding:
    """What follows from something that cannot be evaluated."""
    name = policy.version.name
    return policy.on_error.finding(f"{name}/error/{what}", f"{name}: {what} cannot be evaluated: {why}")


def _of_agent(policy: Compiled, shape: Shape) -> Iterator[Finding]:
    """What the policy has against the agent that acts."""
    agents, name = policy.version.agents, policy.version.name
    if not (shape.agent or shape.roles or shape.state):
        return
    if agents.states and shape.state not in agents.states:
        yield Finding(
            DENY, f"{name}/agents/state", f"agents that are {shape.state or 'of no state'} do not act"
        )
    least = agents.attested_from_risk
    if least is not None and shape.risk >= least and shape.attested not in ATTESTED[agents.attested_level]:
        told = f"a tool of risk {shape.risk} takes an agent that is {agents.attested_level}"
        yield Finding(DENY, f"{name}/agents/attested", told)
    if agents.depth_max is not None and shape.depth > agents.depth_max:
        told = f"{shape.depth} agents asked each other; {agents.depth_max} may"
        yield Finding(DENY, f"{name}/agents/depth", told)


def _limits(
    version: object, shape: Shape, groups: frozenset[str]
) -> Iterator[BudgetLimit | RateLimit | QuotaLimit]:
    from podium.facts.policy_version import PolicyVersion

    assert isinstance(version, PolicyVersion)
    for budget in version.budgets:
        if matches(budget.match, shape, groups):
            limit = BudgetLimit(version.name, budget, version.reservation, shape)
            if limit.bears:
                yield limit
    for rate in version.rates:
        if matches(rate.match, shape, groups):
            yield RateLimit(version.name, rate)
    for quota in version.quotas:
        if matches(quota.match, shape, groups):
            yield QuotaLimit(version.name, quota)
