"""The policies in force: those declared, compiled once, when the catalog changes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from podium.facts.approvals import Terms
from podium.facts.policy_version import PolicyVersion, Rule
from podium.facts.values import Problem
from podium.policy.compiling import Compiled, compile_policy
from podium.policy.deciding import PolicySet
from podium.policy.development import development
from podium.policy.tiers import terms_of


def in_force(declared: Iterable[tuple[str, PolicyVersion]]) -> PolicySet | None:
    """All that are declared, by digest; None where there are none, so that the built-in one holds.

    As long as those that are declared only observe, the built-in one holds beside them.
    """
    compiled = [_compiled(digest, version) for digest, version in declared]
    if not compiled:
        return None
    if all(one.version.mode == "observe" for one in compiled):
        compiled.append(development())
    return PolicySet(compiled)


@cache
def built_in() -> PolicySet:
    """What holds where none is declared."""
    return PolicySet([development()])


def visible(declared: Iterable[tuple[str, PolicyVersion]]) -> list[tuple[str, PolicyVersion]]:
    """All that hold, by digest: those that are declared, and the built-in one where none of them enforces."""
    found = list(declared)
    if all(version.mode == "observe" for _, version in found):
        own = development()
        found.append((own.digest, own.version))
    return found


def _compiled(digest: str, version: PolicyVersion) -> Compiled:
    """A policy that decides. One that no longer compiles denies whatever it is about."""
    compiled, problems = compile_policy(version, digest)
    return compiled if compiled is not None else _closed(digest, version, problems)


def _closed(digest: str, version: PolicyVersion, problems: list[Problem]) -> Compiled:
    message = f"the policy cannot be used: {problems[0].message if problems else 'it does not compile'}"
    rule = Rule("unusable", "deny", message=message)
    closed = PolicyVersion(version.name, version.version, mode=version.mode, rules=(rule,))
    compiled, found = compile_policy(closed, digest)
    assert compiled is not None, found
    return compiled


def tier_of(policies: PolicySet | None, tier: str, now: int) -> Terms | None:
    """On what terms the people of a tier are asked from now on; None if no policy has such a tier."""
    enforced = (policies or built_in()).enforced
    known = [one.version.tiers[tier] for one in enforced if tier in one.version.tiers]
    return terms_of(int(tier), known, now) if known and tier.isdecimal() else None
