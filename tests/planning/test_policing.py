"""What a plan says about policies."""

from __future__ import annotations

import msgspec
import pytest

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


REFUND = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer"},
        "order": {"type": "object", "properties": {"id": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (
            "rules: [{id: r, effect: deny, match: {tools: [pay.*]}, when: args.amont > 5}]",
            "/spec/rules/0/when",
        ),
        (
            "rules: [{id: r, effect: deny, match: {tools: [pay.out]}, when: has(args.amont)}]",
            "/spec/rules/0/when",
        ),
        (
            "rules: [{id: r, effect: deny, match: {tools: [pay.out]}, messageExpr: string(args.amont)}]",
            "/spec/rules/0/messageExpr",
        ),
        (
            "quotas: [{name: q, match: {tools: [pay.*]}, sum: args.order.x, limit: 1, window: {per: day}}]",
            "/spec/quotas/0/sum",
        ),
        (
            "sequences: [{name: s, match: {tools: [pay.out]}, require: {tools: [a.b], same: [args.ordre]}}]",
            "/spec/sequences/0",
        ),
        ("rules: [{id: r, effect: deny, match: {tools: [pay.*]}, when: args.amount > 5}]", ""),
        ("rules: [{id: r, effect: deny, match: {tools: [pay.out]}, when: args.order.ident == 'a'}]", ""),
        ("rules: [{id: r, effect: deny, match: {tools: [pay.out]}, when: size(args) > 5}]", ""),
        ("rules: [{id: r, effect: deny, match: {tools: ['*']}, when: args.url == 'a'}]", ""),
        ("rules: [{id: r, effect: deny, when: args.amont > 5}]", ""),
    ],
)
def test_an_argument_that_no_tool_declares_is_told(part: str, place: str) -> None:
    tool = Declared("Tool", "pay.out", "1.0.0", "sha256:1", {
        "name": "pay.out", "version": "1.0.0", "side_effect": "write", "args": REFUND,
        "runtime": {"type": "function", "callable": "tools:out"},
    })  # fmt: skip
    told = [
        one for one in remarks(plan(Declarations(), [tool, policy(part)])) if one[1] == "undeclared-argument"
    ]
    assert told == ([("warns", "undeclared-argument", place)] if place else [])


def test_a_tool_that_takes_anything_may_have_the_argument() -> None:
    spec = {
        "name": "pay.in", "version": "1.0.0", "side_effect": "write",
        "runtime": {"type": "function", "callable": "tools:out"},
    }  # fmt: skip
    part = "rules: [{id: r, effect: deny, match: {tools: [pay.*]}, when: args.amont > 5}]"
    for schema in (None, {"type": "object"}, {"anyOf": [REFUND]}, True):
        args = {} if schema is None else {"args": schema}
        tool = Declared("Tool", "pay.in", "1.0.0", "sha256:2", {**spec, **args})
        found = remarks(plan(Declarations(), [tool, policy(part)]))
        assert not [one for one in found if one[1] == "undeclared-argument"]
