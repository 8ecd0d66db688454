"""Arguments that policies read: whether any tool that they are read of declares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from podium.facts.catalog import ToolVersion
from podium.facts.policy_version import Match
from podium.facts.values import JSON
from podium.policy.compiling import Compiled
from podium.policy.covering import BUILT_IN_TOOLS
from podium.policy.matching import named
from podium.resources.troubles import did_you_mean

_OPEN = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas")
"""Keywords by which a schema may have members that its `properties` do not name."""


def undeclared(policy: Compiled, tools: Sequence[ToolVersion]) -> Iterator[tuple[str, str]]:
    """Where a policy reads an argument that none of the tools there declares, and what to say of it.

    A tool that says nothing of its arguments may have any.

    Args:
        tools: all that are declared.
    """
    for place, match, path in _read(policy):
        meant = _meant(match, tools)
        known = [_declares(tool.args, path) for tool in meant]
        if not known or any(names is None for names in known):
            continue
        members = sorted({name for names in known for name in names or ()})
        hint = did_you_mean(path[-1], members) or (f" Declared: {', '.join(members)}." if members else "")
        listed = ", ".join(tool.name for tool in meant[:3]) + (" and others" if len(meant) > 3 else "")
        yield place, f"`{'.'.join(('args', *path))}` is no argument that {listed} declares.{hint}"


def _read(policy: Compiled) -> Iterator[tuple[str, Match, tuple[str, ...]]]:
    """The place of each argument that is read, what it is read of, and its path."""
    for number, rule in enumerate(policy.rules):
        for field, expression in (("when", rule.condition), ("messageExpr", rule.sentence)):
            for member in sorted(expression.needs.members or ()) if expression is not None else ():
                yield f"/spec/rules/{number}/{field}", rule.rule.match, (member,)
    for number, quota in enumerate(policy.version.quotas):
        if quota.sum:
            yield f"/spec/quotas/{number}/sum", quota.match, quota.sum
    for number, sequence in enumerate(policy.version.sequences):
        earlier = sequence.require or sequence.forbid_after
        for path in earlier.same if earlier is not None else ():
            yield f"/spec/sequences/{number}", sequence.match, path


def _meant(match: Match, tools: Sequence[ToolVersion]) -> list[ToolVersion]:
    """The declared tools that are meant by name; none where others may be meant, too."""
    if not match.tools or any(_may_be_built_in(pattern) for pattern in match.tools):
        return []
    return [tool for tool in tools if named(tool.name, match.tools)]


def _may_be_built_in(pattern: str) -> bool:
    start = pattern.removesuffix("*")
    return any(start.startswith(one) or one.startswith(start) for one in BUILT_IN_TOOLS)


def _declares(schema: JSON, path: Iterable[str]) -> set[str] | None:
    """None where the path may exist by the schema; else the names that are declared where it ends."""
    for part in path:
        if not isinstance(schema, dict) or any(word in schema for word in _OPEN):
            return None
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return None
        if part not in properties:
            return set(properties)
        schema = properties[part]
    return None
