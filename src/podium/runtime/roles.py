"""Roles and scopes: what each kind of person may do through the API."""

from __future__ import annotations

from collections.abc import Iterable

SCOPES = {
    "read": "look at runs, resources, approvals, budgets and the log",
    "run": "start runs, and cancel, suspend or resume them",
    "operate": "settle what failed or is in doubt, and pause what is at work",
    "declare": "declare agents, tools, workflows and schedules",
    "policy": "declare policies",
    "approve": "decide what waits for people",
    "audit": "state, prove and export the log",
    "admin": "accounts, tokens of others, erasure",
    "work": "carry out attempts, as a worker",
}
"""Each with what it lets one do. A token has some of them, a role brings some."""

_ROLES = {
    "viewer": ("read",),
    "operator": ("read", "run", "operate", "declare"),
    "approver": ("read", "approve"),
    "policy-admin": ("read", "policy", "audit"),
    "admin": ("read", "run", "operate", "declare", "audit", "admin"),
    "worker": ("work",),
}
ROLES = tuple(_ROLES)
"""Those that the hub knows. `approver:NAME` is an approver whom policies know by the role NAME."""

TIER = "approver:"


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """What somebody with these roles may do. Who sets policy approves nothing, whatever else he is."""
    roles = set(roles)
    found = {
        scope for role in roles for scope in _ROLES.get("approver" if role.startswith(TIER) else role, ())
    }
    return frozenset(found - {"approve"} if "policy-admin" in roles else found)


def known_to_policy(roles: Iterable[str]) -> tuple[str, ...]:
    """Roles by the names that policies and tasks have for them."""
    return tuple(dict.fromkeys(role.removeprefix(TIER) for role in roles))


def is_role(role: str) -> bool:
    """Whether there is such a role."""
    return role in _ROLES or (role.startswith(TIER) and len(role) > len(TIER))
