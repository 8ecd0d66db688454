"""Values: what the expressions of rules may read of an action, each made only where one reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from podium.facts.policy import Action, Destination
from podium.facts.values import JSON
from podium.policy.matching import TOOLS, groups_of, shape_of
from podium.policy.zones import local

if TYPE_CHECKING:
    from podium.policy.cel import Needs

CHANGES = frozenset({"write", "irreversible"})
"""Side effects that change the world."""

SHOWN_MAX = 256
"""A longer text is not told as a value that was read: the record has what it was taken from."""

Read = Callable[[Action, Destination], JSON]

READ: dict[str, Read] = {
    "action.kind": lambda action, _: action.kind,
    "action.target": lambda action, _: action.target,
    "action.capability": lambda action, _: action.capability,
    "agent.name": lambda action, _: action.agent,
    "agent.version": lambda action, _: action.agent_version,
    "agent.roles": lambda action, _: list(action.roles),
    "agent.state": lambda action, _: action.state,
    "agent.attested": lambda action, _: action.attested,
    "agent.depth": lambda action, _: action.depth,
    "tool.name": lambda action, _: action.target if action.kind in TOOLS else "",
    "tool.groups": lambda action, _: sorted(groups_of(shape_of(action, ""))),
    "tool.side_effect": lambda action, _: action.side_effect in CHANGES,
    "tool.effect": lambda action, _: action.side_effect,
    "tool.risk": lambda action, _: action.risk,
    "tool.external": lambda action, _: action.external,
    "dest.domain": lambda _, destination: destination.host,
    "dest.scheme": lambda _, destination: destination.scheme,
    "dest.method": lambda _, destination: destination.method,
    "dest.port": lambda _, destination: destination.port,
    "dest.region": lambda _, destination: destination.region,
    "data.labels": lambda action, _: list(action.labels),
    "run.workflow": lambda action, _: action.workflow,
    "run.tenant": lambda action, _: action.tenant,
    "run.principal": lambda action, _: action.principal,
}
"""By name; arguments, costs and the time are seen to apart."""

NOW: dict[str, Callable[[datetime], int]] = {
    "now.year": lambda there: there.year,
    "now.month": lambda there: there.month,
    "now.day": lambda there: there.day,
    "now.hour": lambda there: there.hour,
    "now.minute": lambda there: there.minute,
    "now.weekday": lambda there: there.isoweekday(),
}


class Reader:
    """What some expressions read, ready to be made for one action after the other."""

    __slots__ = ("_members", "_named", "_reads_arguments", "_reads_cost", "_times", "_where")

    def __init__(self, needs: Needs, where: tzinfo) -> None:
        self._named = [(name, READ[name]) for name in sorted(needs.names) if name in READ]
        self._times = [(name, NOW[name]) for name in sorted(needs.names) if name in NOW]
        self._reads_arguments = "args" in needs.names
        self._members = sorted(needs.members) if needs.members is not None else None
        self._reads_cost = "cost.nano" in needs.names
        self._where = where

    def values(self, action: Action, destination: Destination, now: int) -> dict[str, JSON]:
        """The values by name, as expressions take them."""
        values = {name: read(action, destination) for name, read in self._named}
        if self._reads_arguments and (action.args is not None or action.stage == "call"):
            values["args"] = self._arguments(action.args)
        if self._reads_cost and action.cost_nano is not None:
            values["cost.nano"] = action.cost_nano
        if self._times:
            there = local(now, self._where)
            values.update((name, read(there)) for name, read in self._times)
        return values

    def _arguments(self, given: JSON) -> JSON:
        """The arguments; only those that are read, as each costs time."""
        if given is None:
            return {}
        if self._members is None or not isinstance(given, dict):
            return _checked(given)
        found = {name: given[name] for name in self._members if name in given}
        for value in found.values():
            if isinstance(value, dict | list | str):
                _checked(value)
        return found


def _checked(value: JSON) -> JSON:
    from podium.policy.cel import checked

    return checked(value)


def told(values: Mapping[str, JSON]) -> dict[str, JSON]:
    """The values as a record keeps them: those of the arguments one by one, and nothing long."""
    shown: dict[str, JSON] = {}
    for name, value in values.items():
        if name == "args" and isinstance(value, dict):
            for member, inner in value.items():
                shown[f"args.{member}"] = _short(inner)
        else:
            shown[name] = _short(value)
    return shown


def _short(value: JSON) -> JSON:
    if isinstance(value, str):
        return value if len(value) <= SHOWN_MAX else value[:SHOWN_MAX] + "…"
    if isinstance(value, dict):
        return f"an object with {len(value)} members"
    if isinstance(value, list) and (len(value) > 16 or not all(isinstance(one, str) for one in value)):
        return f"a list of {len(value)}"
    return value
