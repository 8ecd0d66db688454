"""Matching: which actions a policy, a rule or a limit is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from podium.facts.policy import Action
from podium.facts.policy_version import Match

TOOLS = frozenset({"tool", "http", "openapi", "process"})
"""Kinds of effects that count as calls of tools."""

EGRESS = "egress"
"""The group of everything that reaches outside."""


class Shape(NamedTuple):
    """All of an action that can be matched: what is alike for many actions, so that it is found out once."""

    kind: str
    target: str
    capability: str
    groups: tuple[str, ...]
    side_effect: str
    risk: int
    external: bool
    agent: str
    roles: tuple[str, ...]
    state: str
    attested: str
    depth: int
    workflow: str
    tenant: str
    principal: str
    stage: str
    host: str
    reaches_out: bool


def shape_of(action: Action, host: str) -> Shape:
    """The shape of an action.

    Args:
        host: that it reaches; "" where nothing is matched by hosts, as there are so many.
    """
    return Shape(
        action.kind, action.target, action.capability, action.groups, action.side_effect, action.risk,
        action.external, action.agent, action.roles, action.state, action.attested, action.depth,
        action.workflow, action.tenant, action.principal, action.stage, host, bool(action.destinations),
    )  # fmt: skip


def groups_of(shape: Shape) -> frozenset[str]:
    """The groups of a tool: those it declares, the beginnings of its name, and `egress` if it reaches out."""
    if shape.kind not in TOOLS:
        return frozenset()
    groups = set(shape.groups)
    name = shape.target
    while "." in name:
        name = name.rpartition(".")[0]
        groups.add(name)
    if shape.reaches_out or shape.kind in ("http", "openapi"):
        groups.add(EGRESS)
    return frozenset(groups)


def matches(match: Match, shape: Shape, groups: frozenset[str]) -> bool:
    """Whether an action of this shape, in these groups, is meant."""
    is_tool = shape.kind in TOOLS
    return (
        (not match.kinds or shape.kind in match.kinds)
        and (not match.tools or (is_tool and named(shape.target, match.tools)))
        and (not match.tool_groups or not groups.isdisjoint(match.tool_groups))
        and (
            not match.capabilities or (bool(shape.capability) and named(shape.capability, match.capabilities))
        )
        and (not match.targets or (not is_tool and named(shape.target, match.targets)))
        and (not match.roles or any(named(role, match.roles) for role in shape.roles))
        and (not match.agents or (bool(shape.agent) and named(shape.agent, match.agents)))
        and (not match.workflows or named(shape.workflow, match.workflows))
        and (not match.tenants or named(shape.tenant, match.tenants))
        and (not match.principals or named(shape.principal, match.principals))
        and (not match.side_effects or shape.side_effect in match.side_effects)
        and (not match.hosts or is_below(shape.host, match.hosts))
        and shape.risk >= match.risk_min
        and (match.external is None or shape.external == match.external)
    )


def named(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is one of these; a pattern that ends in `*` stands for all that begin so."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def is_below(host: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of these domains; `*.name` stands for all below a name, not for itself."""
    return any(
        host.endswith(domain[1:]) and len(host) > len(domain) - 1
        if domain.startswith("*.")
        else host == domain
        for domain in domains
    )


def breadth(match: Match) -> int:
    """How narrow the scope of a policy is: 0 for everything, 1 for tenants, 2 for parts of them."""
    if match == Match():
        return 0
    return 1 if match == Match(tenants=match.tenants) else 2
