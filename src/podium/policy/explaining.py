"""Explaining: everything that bears on one action, and not only what prevails."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podium.facts.policy import NOWHERE, Action, Decision
from podium.facts.values import JSON
from podium.policy.compiling import CompiledRule
from podium.policy.deciding import Marks, PolicySet, decide
from podium.policy.findings import VERDICTS
from podium.policy.ledger import Ledger
from podium.policy.matching import groups_of, matches, shape_of


class Line(msgspec.Struct, frozen=True):
    """What one rule or limit says.

    Attributes:
        rule: `policy/rule`.
        says: `allow`, `approve`, `deny`, `defer`; `no` where its condition does not hold; `-` where it is
            about other actions.
        why: its message, or why it says nothing.
        tier: of an approval.
    """

    rule: str
    says: str
    why: str = ""
    tier: int = 0


class Explanation(msgspec.Struct, frozen=True):
    """A decision with all that led to it.

    Attributes:
        lines: what every rule says, and every limit that says something; what prevails comes first.
        groups: of the tool.
        apart: policies that are not about this action.
    """

    decision: Decision
    lines: tuple[Line, ...]
    groups: tuple[str, ...]
    apart: tuple[str, ...]


def explain(
    policies: PolicySet, action: Action, now: int, ledger: Ledger | None = None, marks: Marks | None = None
) -> Explanation:
    """Decide an action, and tell of everything that bears on it.

    Args:
        now: ms since 1970.
        ledger, marks: what is spent and what happened in the run; nothing if left out.
    """
    ledger, marks = ledger or Ledger(), marks or {}
    decision = decide(policies, action, ledger, marks, now)
    place = (action.destinations or (NOWHERE,))[0]
    shape = shape_of(action, place.host)
    groups = groups_of(shape)
    known = [*policies.enforced, *policies.observing]
    about = [one for one in known if matches(one.version.applies_to, shape, groups)]
    said = _said(policies, action, ledger, marks, now)
    lines = [*said.values()]
    for policy in about:
        lines += [_silent(rule, action, place.host) for rule in policy.rules if rule.name not in said]
    prevailing = set(decision.rules)
    order = {"deny": 0, "approve": 1, "defer": 2, "allow": 3, "no": 4, "-": 5}
    lines.sort(key=lambda line: (line.rule not in prevailing, order[line.says]))
    apart = tuple(one.version.name for one in known if one not in about)
    return Explanation(decision, tuple(lines), tuple(sorted(groups)), apart)


def _said(
    policies: PolicySet, action: Action, ledger: Ledger, marks: Mapping[str, int], now: int
) -> dict[str, Line]:
    """What every rule and limit says that says anything, by its name."""
    try:
        tally = policies.weigh(action, ledger, marks, now)
    except Exception as error:
        return {"error": Line("error", "deny", f"{type(error).__name__}: {error}")}
    found = {
        finding.rule: Line(finding.rule, VERDICTS[finding.rank], finding.message, finding.tier)
        for finding in tally.findings
    }
    for rules in tally.allows.values():
        found.update((rule, Line(rule, "allow")) for rule in rules)
    return found


def _silent(rule: CompiledRule, action: Action, host: str) -> Line:
    """Why a rule says nothing."""
    shape = shape_of(action, host)
    if not matches(rule.rule.match, shape, groups_of(shape)):
        return Line(rule.name, "-", "it is about other actions")
    return Line(rule.name, "no", f"not true: {rule.rule.when}")


def shown(explanation: Explanation) -> dict[str, JSON]:
    """An explanation as JSON."""
    told: dict[str, JSON] = msgspec.to_builtins(explanation)
    return told
