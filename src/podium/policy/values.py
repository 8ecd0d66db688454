"""Values: what the expressions of rules may read of an action, each made only where one reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from podium.facts.policy import Action, Destination
from podium.facts.values import JSON
from podium.policy.findings import Unevaluable
from podium.policy.matching import TOOLS, groups_of, shape_of
from podium.policy.zones import local

if TYPE_CHECKING:
    from podium.policy.cel import Needs

CHANGES = frozenset({"write", "irreversible"})
"""Side effects that change the world."""

SHOWN_MAX = 64
"""A longer text is not told as a value that was read: the record has what it was taken from."""

CHARACTERS_MAX = 1_000_000
"""Texts that an expression reads have no more than this in all."""
VALUES_MAX = 20_000
"""Nor are there more values in what it reads."""
DEPTH_MAX = 64
"""Nor do they nest deeper: the library that evaluates recurses into them, and would fall with the process."""

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

VARYING = frozenset({"agent.version", "data.labels"} | {name for name in READ if name.startswith("dest.")})
"""Those that are not the same for all actions of a shape."""

NOW: dict[str, Callable[[datetime], int]] = {
    "now.year": lambda there: there.year,
    "now.month": lambda there: there.month,
    "now.day": lambda there: there.day,
    "now.hour": lambda there: there.hour,
    "now.minute": lambda there: there.minute,
    "now.weekday": lambda there: there.isoweekday(),
}


class Reader:
    """What some expressions read, ready to be made for one action of a shape after the other."""

    __slots__ = (
        "_alike", "_known", "_members", "_named", "_reads_arguments", "_reads_cost", "_shown", "_times",
        "_where",
    )  # fmt: skip

    def __init__(self, needs: Needs, where: tzinfo) -> None:
        named = [name for name in sorted(needs.names) if name in READ]
        self._named = [(name, READ[name]) for name in named if name in VARYING]
        self._alike = [(name, READ[name]) for name in named if name not in VARYING]
        self._known: dict[str, JSON] | None = None
        self._shown: dict[str, JSON] | None = None
        self._times = [(name, NOW[name]) for name in sorted(needs.names) if name in NOW]
        self._reads_arguments = "args" in needs.names
        self._members = sorted(needs.members) if needs.members is not None else None
        self._reads_cost = "cost.nano" in needs.names
        self._where = where

    def values(self, action: Action, destination: Destination, now: int) -> dict[str, JSON]:
        """The values by name, as expressions take them."""
        if self._known is None:
            self._known = {name: read(action, destination) for name, read in self._alike}
        values = self._known.copy()
        for name, read in self._named:
            values[name] = read(action, destination)
        if self._reads_arguments and (action.args is not None or action.stage == "call"):
            values["args"] = self._arguments(action.args)
        if self._reads_cost and action.cost_nano is not None:
            values["cost.nano"] = action.cost_nano
        if self._times:
            there = local(now, self._where)
            values.update((name, read(there)) for name, read in self._times)
        return values

    def told(self, values: Mapping[str, JSON], into: dict[str, JSON]) -> None:
        """Put the values as a record keeps them into a table: arguments one by one, and nothing long."""
        if self._shown is None:
            self._shown = {name: _short(value) for name, value in (self._known or {}).items()}
        shown = self._shown
        into.update(shown)
        for name, value in values.items():
            if name in shown:
                continue
            if name == "args" and type(value) is dict:
                for member, inner in value.items():
                    into["args." + member] = inner if type(inner) in _SCALARS else _short(inner)
            else:
                into[name] = value if type(value) in _SCALARS else _short(value)

    def _arguments(self, given: JSON) -> JSON:
        """The arguments; only those that are read, as each costs time."""
        if given is None:
            return {}
        if self._members is None or not isinstance(given, dict):
            return checked(given)
        found = {name: given[name] for name in self._members if name in given}
        for value in found.values():
            if type(value) not in _SCALARS and (type(value) is not str or len(value) > CHARACTERS_MAX):
                checked(value)
        return found


_SCALARS = frozenset({int, bool, float, type(None)})


def checked(value: JSON) -> JSON:
    """The value, if it is small enough to be looked at. Raises Unevaluable."""
    level, depth, characters, seen = [value], 0, 0, 0
    while level:
        inner: list[JSON] = []
        for one in level:
            if isinstance(one, str):
                characters += len(one)
            elif isinstance(one, dict):
                characters += sum(map(len, one))
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        seen, depth = seen + len(level), depth + 1
        if depth > DEPTH_MAX or seen > VALUES_MAX or characters > CHARACTERS_MAX:
            raise Unevaluable("the arguments that it reads are too large or nest too deep")
        level = inner
    return value


def _short(value: JSON) -> JSON:
    if isinstance(value, str):
        return value if len(value) <= SHOWN_MAX else value[:SHOWN_MAX] + "…"
    if isinstance(value, dict):
        return f"an object with {len(value)} members"
    if (
        isinstance(value, list)
        and value
        and (len(value) > 16 or not all(isinstance(one, str) for one in value))
    ):
        return f"a list of {len(value)}"
    return value
