"""What a plan says about policies."""

from __future__ import annotations

import msgspec

from podium.facts.catalog import Declared
from podium.kernel.policies import visible
from podium.planning.declarations import Declarations
from podium.planning.plan import Plan, plan
from podium.resources.manifest import digest_of
from tests.planning.world import agent, declared
from tests.policy.making import version

ALLOW = "rules: [{id: all, effect: allow}]"


def policy(spec: str, name: str = "p") -> Declared:
    content = msgspec.to_builtins(version(spec, name))
    return Declared("Policy", name, content["version"], digest_of(content), content)


def remarks(found: Plan) -> list[tuple[str, str, str]]:
    return [(one.weight, one.rule, one.path) for one in found.remarks]


def test_the_first_policy_that_enforces_and_the_last() -> None:
    one = policy(ALLOW)
    first = plan(Declarations(), [one])
    assert remarks(first) == [("warns", "first-policy", "")]
    assert [change.action for change in first.changes] == ["add"]
    before = declared(one)
    assert remarks(plan(before, [policy(ALLOW, "q")])) == []
    entry = before.newest("Policy")["p"]
    assert remarks(plan(before, [], [entry])) == [("warns", "last-policy", "")]
    assert remarks(plan(before, [policy("mode: observe\n" + ALLOW)])) == [("warns", "last-policy", "")]


def test_one_that_observes_changes_nothing() -> None:
    assert remarks(plan(Declarations(), [policy("mode: observe\n" + ALLOW)])) == []


def test_a_policy_that_is_unsound_breaks() -> None:
    spec = ALLOW + "\ntests: [{name: t, with: {tool: a.b}, expect: {decision: deny}}]"
    found = plan(Declarations(), [policy(spec)])
    assert ("breaks", "policy-test", "/spec/tests/0") in remarks(found)


def test_what_can_never_match() -> None:
    spec = (
        "tiers: {1: {quorum: 1}}\n"
        "rules: [{id: all, effect: allow}, {id: no, effect: deny, match: {tools: [pay.uot]}},"
        " {id: ask, effect: approve, tier: 1}]"
    )
    tool = Declared("Tool", "pay.out", "1.0.0", "sha256:1", {
        "name": "pay.out", "version": "1.0.0", "side_effect": "write",
        "runtime": {"type": "function", "callable": "tools:out"},
    })  # fmt: skip
    assert remarks(plan(declared(agent("a", x=(None, None))), [tool, policy(spec)])) == [
        ("warns", "never-matches", "/spec"),
        ("warns", "first-policy", ""),
    ]
    assert remarks(plan(Declarations(), [policy(spec)])) == [
        ("warns", "first-policy", ""),
    ]


def test_a_change_shows_what_is_said_otherwise() -> None:
    before = declared(policy(ALLOW))
    [change] = plan(before, [policy(ALLOW.replace("id: all", "id: every"))]).changes
    assert change.action == "change"
    assert {one.path for one in change.differences} == {"/rules/0/id", "/version"}


def test_the_built_in_policy_is_seen_where_it_holds() -> None:
    enforcing, observing = version(ALLOW), version("mode: observe\n" + ALLOW)
    assert [one.name for _, one in visible([])] == ["development"]
    assert [one.name for _, one in visible([("x", observing)])] == ["test", "development"]
    assert [one.name for _, one in visible([("x", enforcing), ("y", observing)])] == ["test", "test"]
