"""Covering: which parts of a policy its tests reach, and which no action could ever reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from podium.facts.policy_version import Match, PolicyVersion
from podium.policy.compiling import Compiled
from podium.policy.findings import Unevaluable
from podium.policy.matching import TOOLS
from podium.policy.rehearsing import Outcome, local_name

BUILT_IN_TOOLS = ("http.", "openapi.", "process.")
"""How tools begin that nobody declares."""


def parts(version: PolicyVersion) -> list[str]:
    """Everything in a policy that can bear on an action, as decisions name it."""
    agents = version.agents
    return [
        *(rule.id for rule in version.rules),
        *(["agents/state"] if agents.states else []),
        *(["agents/attested"] if agents.attested_from_risk is not None else []),
        *(["agents/depth"] if agents.depth_max is not None else []),
        *(f"budgets/{one.name}" for one in version.budgets),
        *(f"rates/{one.name}" for one in version.rates),
        *(f"quotas/{one.name}" for one in version.quotas),
        *(f"sequences/{one.name}" for one in version.sequences),
        *(f"windows/{one.name}" for one in version.windows),
        *(f"egress/{one.name}" for one in version.egress),
        *(f"data/{'+'.join(one.labels)}" for one in version.data),
    ]


def reached(version: PolicyVersion, outcomes: Iterable[Outcome]) -> set[str]:
    """The parts that some test made say something, prevailing or not."""
    found: set[str] = set()
    for outcome in outcomes:
        names = [finding.rule for finding in outcome.weighed.findings]
        names += [rule for rules in outcome.weighed.allows.values() for rule in rules]
        names += outcome.decision.rules
        found.update(local_name(version.name, name) for name in names)
    return found


def never(policy: Compiled, tools: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Parts that no action can ever reach, each with the reason.

    Args:
        tools: names of all tools that are declared; empty if they are not known.
    """
    version = policy.version
    found: list[tuple[str, str]] = []
    for name, match in _matches(version):
        reason = _contradiction(match, version.applies_to) or _missing(match, tools)
        if reason:
            found.append((name, reason))
    for rule in policy.rules:
        if rule.condition is not None and not rule.condition.needs.names:
            try:
                holds = rule.condition.condition({})
            except Unevaluable as error:
                found.append((rule.rule.id, f"its condition always fails: {error}"))
                continue
            if not holds:
                found.append((rule.rule.id, "its condition is never true"))
    return found


def _matches(version: PolicyVersion) -> Iterator[tuple[str, Match]]:
    yield from ((one.id, one.match) for one in version.rules)
    yield from ((f"budgets/{one.name}", one.match) for one in version.budgets)
    yield from ((f"rates/{one.name}", one.match) for one in version.rates)
    yield from ((f"quotas/{one.name}", one.match) for one in version.quotas)
    yield from ((f"sequences/{one.name}", one.match) for one in version.sequences)
    yield from ((f"windows/{one.name}", one.match) for one in version.windows)
    yield from ((f"egress/{one.name}", one.match) for one in version.egress)


def _contradiction(match: Match, scope: Match) -> str:
    """Why nothing can be both what is matched and what the policy is about; "" if something can."""
    for field in (
        "tools",
        "tool_groups",
        "capabilities",
        "targets",
        "agents",
        "workflows",
        "tenants",
        "principals",
    ):
        ours, theirs = getattr(match, field), getattr(scope, field)
        if field != "tool_groups" and ours and theirs and not _meet(ours, theirs):
            return f"the policy is about other {field.replace('_', ' ')}"
    kinds = [set(one.kinds) for one in (match, scope) if one.kinds]
    kinds += [set(TOOLS) for one in (match, scope) if one.tools or one.tool_groups]
    kinds += [{"agent"} for one in (match, scope) if one.capabilities]
    if kinds and not set.intersection(*kinds):
        return "no kind of effect is all that it asks for"
    if match.side_effects and scope.side_effects and not set(match.side_effects) & set(scope.side_effects):
        return "the policy is about other side effects"
    if match.external is not None and scope.external is not None and match.external != scope.external:
        return "the policy is about the opposite of `external`"
    return ""


def _missing(match: Match, tools: Sequence[str]) -> str:
    if not match.tools or not tools:
        return ""
    known = (*tools, *(f"{name}*" for name in BUILT_IN_TOOLS))
    return "" if _meet(match.tools, known) else f"no tool is named {' or '.join(match.tools)}"


def _meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a name can fit one of these patterns and one of those."""
    return any(_overlap(one, other) for one, other in product(some, others))


def _overlap(one: str, other: str) -> bool:
    if one.endswith("*") and other.endswith("*"):
        shorter, longer = sorted((one[:-1], other[:-1]), key=len)
        return longer.startswith(shorter)
    if one.endswith("*"):
        return other.startswith(one[:-1])
    return one.startswith(other[:-1]) if other.endswith("*") else one == other
