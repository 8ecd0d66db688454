"""What is wrong with a policy that can be read, and at which place."""

from __future__ import annotations

import pytest

from podium.policy.compiling import compile_policy
from podium.policy.development import DEVELOPMENT, development
from podium.policy.rehearsing import unsound
from tests.policy.making import asked, finance, policies, tool, version

BAD = [
    # spec, path, rule, and what the message says
    (
        "rules: [{id: a, effect: deny, when: 'agnet.state == 1'}]",
        "/spec/rules/0/when",
        "expression",
        "column 6",
    ),
    (
        "rules: [{id: a, effect: deny, messageExpr: '1 + 1'}]",
        "/spec/rules/0/messageExpr",
        "expression",
        "a text",
    ),
    ('rules: [{id: a, effect: deny, when: "true &&\\n nope"}]', "/spec/rules/0/when", "expression", "line 2"),
    (
        "rules: [{id: a, effect: approve, tier: 3}]",
        "/spec/rules/0/tier",
        "unknown-tier",
        "no tier is named 3",
    ),
    ("onError: approve:9", "/spec/onError", "unknown-tier", "none"),
    (
        "tiers: {1: {}}\nbudgets: [{name: a, scope: [], limit: {calls: 1}, onExhausted: approve:2}]",
        "/spec/budgets/0/onExhausted",
        "unknown-tier",
        "1",
    ),
    ("reservation: {unknownPrice: approve:1}", "/spec/reservation/unknownPrice", "unknown-tier", ""),
    (
        "rateLimits: [{name: a, concurrency: 1, onLimit: approve:1}]",
        "/spec/rateLimits/0/onLimit",
        "unknown-tier",
        "",
    ),
    ("quotas: [{name: a, count: 1/h, over: approve:1}]", "/spec/quotas/0/over", "unknown-tier", ""),
    (
        "sequences: [{name: a, require: {tools: [b.c]}, else: approve:1}]",
        "/spec/sequences/0/else",
        "unknown-tier",
        "",
    ),
    ("windows: [{name: a, open: [Mon], closed: approve:1}]", "/spec/windows/0/closed", "unknown-tier", ""),
    ("tiers: {1: {onTimeout: 'ask:2', timeout: 1h}}", "/spec/tiers/1/onTimeout", "unknown-tier", ""),
    ("tiers: {1: {onTimeout: 'ask:2'}, 2: {}}", "/spec/tiers/1", "tier", "timeout"),
    ("tiers: {1: {}, 2: {onTimeout: 'ask:1', timeout: 1h}}", "/spec/tiers/2/onTimeout", "tier", "higher"),
    ("tiers: {1: {onTimeout: 'ask:1', timeout: 1h}}", "/spec/tiers/1/onTimeout", "tier", "higher"),
    ("timezone: Mars/Base", "/spec/timezone", "timezone", "Mars/Base"),
    ("windows: [{name: a, open: [Mon], timezone: Paris}]", "/spec/windows/0/timezone", "timezone", "Paris"),
    (
        "budgets: [{name: a, scope: [], limit: {calls: 1}, window: {per: day, timezone: x}}]",
        "/spec/budgets/0/window/timezone",
        "timezone",
        "x",
    ),
    (
        "quotas: [{name: a, limit: 1, window: {per: day, timezone: x}}]",
        "/spec/quotas/0/window/timezone",
        "timezone",
        "x",
    ),
    ("rules: [{id: a, effect: deny}, {id: a, effect: allow}]", "/spec/rules/1/id", "repeated-name", "`a`"),
    ("quotas: [{name: a, count: 1/h}, {name: a, count: 2/h}]", "/spec/quotas/1/name", "repeated-name", "`a`"),
    ("egress: [{domains: [a.example, 1.2.3.4.5]}]", "/spec/egress/0/domains/1", "host", "no address"),
    (
        "data: [{labels: [x], neverTo: {domains: ['%41.example']}}]",
        "/spec/data/0/neverTo/domains/0",
        "host",
        "",
    ),
    (
        "rules: [{id: a, effect: deny, match: {hosts: ['-a.example']}}]",
        "/spec/rules/0/match/hosts/0",
        "host",
        "",
    ),
]


@pytest.mark.parametrize(("spec", "path", "rule", "said"), BAD)
def test_what_does_not_compile(spec: str, path: str, rule: str, said: str) -> None:
    compiled, problems = compile_policy(version(spec))
    assert compiled is None
    assert [(one.path, one.rule) for one in problems] == [(path, rule)]
    assert said in problems[0].message


def test_a_test_that_fails_says_what_came_instead() -> None:
    spec = (
        "rules: [{id: all, effect: allow}]\n"
        "tests:\n- {name: fine, with: {tool: a.b}, expect: {decision: allow}}\n"
        "- {name: wrong, with: {tool: a.b}, expect: {decision: deny, by: [default]}}"
    )
    problems = unsound(version(spec))
    assert [(one.path, one.rule) for one in problems] == [("/spec/tests/1", "policy-test")]
    assert problems[0].message == "the test `wrong` expects deny by default, but gets allow by all"


def test_the_example_is_sound() -> None:
    assert unsound(finance()) == []


def test_the_built_in_policy_is_like_any_other() -> None:
    assert unsound(DEVELOPMENT) == []
    assert development().version == DEVELOPMENT


@pytest.mark.parametrize(
    ("kind", "fields", "verdict"),
    [
        ("agent", {}, "allow"),
        ("agent", {"external": True}, "approve"),
        ("tool", {"side_effect": "none"}, "allow"),
        ("tool", {"side_effect": "read"}, "allow"),
        ("tool", {"side_effect": "write"}, "approve"),
        ("tool", {"side_effect": "irreversible"}, "approve"),
        ("http", {"side_effect": "read"}, "allow"),
        ("http", {"side_effect": "write"}, "approve"),
        ("human", {}, "allow"),
        ("workflow", {}, "allow"),
        ("emit", {}, "allow"),
        ("process", {"side_effect": "write"}, "allow"),
        ("guard", {}, "allow"),
        ("model", {}, "deny"),
    ],
)
def test_what_the_built_in_policy_says(kind: str, fields: dict[str, object], verdict: str) -> None:
    from podium.facts.policy import Action

    decision = asked(policies(DEVELOPMENT), Action(kind, "x.y", **fields))  # type: ignore[arg-type]
    assert decision.verdict == verdict
    if verdict != "deny":
        assert all(rule.startswith("development/") for rule in decision.rules)


def test_roles_of_an_agent_make_no_difference_to_it() -> None:
    assert asked(policies(DEVELOPMENT), tool()).verdict == "allow"
