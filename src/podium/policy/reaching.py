"""Reaching out: what one policy lets actions reach, and where it lets data go."""

from __future__ import annotations

from collections.abc import Sequence

from podium.facts.policy import Action, Destination
from podium.facts.policy_version import Data, Egress
from podium.policy.destinations import PORTS, host_of, is_public
from podium.policy.findings import DENY, Finding, Tally
from podium.policy.matching import is_below, named


class Allowlist:
    """The egress entries of a policy that are about actions of one shape: one of them must let it through."""

    __slots__ = ("_entries", "_policy")

    def __init__(self, policy: str, entries: Sequence[Egress]) -> None:
        self._policy = policy
        self._entries = [(entry, frozenset(map(domain_of, entry.domains))) for entry in entries]

    def weigh(self, action: Action, destination: Destination, tally: Tally) -> None:
        told = []
        for entry, domains in self._entries:
            reason = _refusal(entry, domains, destination)
            if not reason:
                if tally.reach != "public":
                    tally.reach = "public" if entry.deny_private else "vetted"
                return
            told.append((entry.name, entry.message or reason))
        for name, reason in told:
            tally.findings.append(Finding(DENY, f"{self._policy}/egress/{name}", reason))
        _read(tally, destination)


def domain_of(pattern: str) -> str:
    """A domain of an allowlist in its usual form. Raises DestinationInvalid."""
    return "*." + host_of(pattern[2:]) if pattern.startswith("*.") else host_of(pattern)


def _refusal(entry: Egress, domains: frozenset[str], destination: Destination) -> str:
    """Why an entry does not let a destination through; "" if it does."""
    host, scheme = destination.host, destination.scheme
    if not host:
        return "it is not known where it leads"
    if host not in domains and not is_below(host, domains):
        return f"{host} is not listed"
    if entry.deny_private and not is_public(host):
        return f"{host} is on a private network"
    if scheme not in entry.schemes:
        return f"{scheme}: is not listed"
    if entry.methods and destination.method and destination.method not in entry.methods:
        return f"{destination.method} is not listed"
    port = destination.port or PORTS.get(scheme, 0)
    if port not in (entry.ports or (PORTS.get(scheme, 0),)):
        return f"port {port} is not listed"
    return ""


def weigh_data(
    policy: str, entries: Sequence[Data], action: Action, destination: Destination, tally: Tally
) -> None:
    """Find what data may not be given to this action."""
    for entry in entries:
        carried = [label for label in entry.labels if label in action.labels]
        if carried:
            reason = _leak(entry, action, destination)
            if reason:
                rule = f"{policy}/data/{'+'.join(entry.labels)}"
                told = entry.message or f"data labelled {', '.join(carried)} {reason}"
                tally.findings.append(Finding(DENY, rule, told))
                tally.reads["data.labels"] = list(action.labels)
                _read(tally, destination)


def _leak(entry: Data, action: Action, destination: Destination) -> str:
    """Why labelled data must not go there; "" if it may."""
    leaves = bool(destination.host) or action.external
    if entry.never_external and leaves:
        return "never leaves this machine"
    if entry.never_domains and destination.host and is_below(destination.host, entry.never_domains):
        return f"never goes to {destination.host}"
    if entry.never_tools and named(action.target, entry.never_tools):
        return f"is never given to {action.target}"
    if entry.regions and leaves and destination.region not in entry.regions:
        where = destination.region or "somewhere without a known region"
        return f"stays in {', '.join(entry.regions)}; this would take it to {where}"
    return ""


def _read(tally: Tally, destination: Destination) -> None:
    tally.reads["dest.domain"], tally.reads["dest.region"] = destination.host, destination.region
