"""Policing: what there is to know about policies before they are applied or deleted."""

from __future__ import annotations

from collections.abc import Iterator

from podium.facts.policy_version import PolicyVersion
from podium.planning.arguments import undeclared
from podium.planning.declarations import Declarations
from podium.planning.reviewing import Remark
from podium.policy.compiling import compile_policy
from podium.policy.covering import never
from podium.policy.rehearsing import unsound


def review_policy(version: PolicyVersion, resource: str, declared: Declarations) -> Iterator[Remark]:
    """What is wrong with one policy, or worth a look."""
    problems = unsound(version)
    yield from (Remark("breaks", one.rule, resource, one.path, one.message) for one in problems)
    compiled, _ = compile_policy(version)
    if compiled is None:
        return
    tools = [entry.name for entry in declared.newest("Tool").values()]
    for part, reason in never(compiled, tools):
        yield Remark("warns", "never-matches", resource, "/spec", f"{part} can never match: {reason}")
    newest = [declared.tools[entry.digest] for entry in declared.newest("Tool").values()]
    for place, message in undeclared(compiled, newest):
        yield Remark("warns", "undeclared-argument", resource, place, message)


def review_change(before: Declarations, after: Declarations) -> Iterator[Remark]:
    """What changes with the first policy that enforces, and with the last."""
    had, has = before.enforcing(), after.enforcing()
    if has and not had:
        message = (
            "from now on whatever no policy allows is denied, calls of agents by workflows included; "
            "the built-in policy `development` no longer holds"
        )
        yield Remark("warns", "first-policy", f"Policy/{has[0]}", "", message)
    if had and not has:
        message = "no policy enforces any more: the built-in policy `development` holds again"
        yield Remark("warns", "last-policy", f"Policy/{had[0]}", "", message)
