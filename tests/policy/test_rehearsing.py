"""Actions that people write down, what tests reach, what can never match, and how a decision is explained."""

from __future__ import annotations

from typing import Any

import pytest

from podium.policy.covering import never, parts, reached
from podium.policy.explaining import explain, shown
from podium.policy.rehearsing import rehearse, scene_of
from tests.policy.making import NOON, compiled, finance, policies, tool, version

EMPTY = version("{}")


def action(**values: Any) -> Any:
    return scene_of({name.replace("_", ".", 1): value for name, value in values.items()}, EMPTY).action


def test_what_is_left_out_is_made_up() -> None:
    made = scene_of(
        {"agent.roles": ["x"], "tool": "pay.out"}, version("appliesTo: {tenants: [acme, other]}")
    ).action
    assert (made.kind, made.target, made.tenant, made.state) == ("tool", "pay.out", "acme", "active")
    assert (made.agent, made.args, made.side_effect) == ("tester", {}, "none")
    alone = scene_of({"kind": "agent", "target": "writer"}, EMPTY).action
    assert (alone.agent, alone.state, alone.roles) == ("", "", ())


@pytest.mark.parametrize(
    ("tool_name", "kind", "side_effect"),
    [
        ("http.get", "http", "read"),
        ("http.head", "http", "read"),
        ("http.post", "http", "write"),
        ("process.shell", "process", "write"),
        ("openapi.listPets", "openapi", "write"),
        ("pay.out", "tool", "none"),
    ],
)
def test_kinds_by_the_tools_name(tool_name: str, kind: str, side_effect: str) -> None:
    made = action(tool=tool_name)
    assert (made.kind, made.side_effect) == (kind, side_effect)


def test_destinations_and_prices() -> None:
    made = action(tool="http.get", dest_url="https://User.example:8443/x", dest_region="eu", cost_usd="0.5")
    (place,) = made.destinations
    assert (place.host, place.port, place.method, place.region) == ("user.example", 8443, "GET", "eu")
    assert made.cost_nano == 500_000_000
    assert action(tool="a.b", cost_usd=None).cost_nano is None
    assert action(tool="a.b", tool_side_effect=True).side_effect == "write"


@pytest.mark.parametrize(
    ("spec", "values", "hours"),
    [
        ("{}", {}, 1),
        ("timezone: Europe/Paris", {}, 0),
        ("windows: [{name: w, timezone: Europe/Paris, open: [Mon]}]", {}, 0),
        ("timezone: Europe/Paris", {"now.hour": 23}, 11),
        ("timezone: Europe/Paris", {"now": "2026-03-11T13:00:00"}, 1),
        ("timezone: Europe/Paris", {"now": "2026-03-11T13:00:00+00:00"}, 2),
        ("timezone: Europe/Paris", {"now": "2026-03-10T12:00:00", "now.day": 12}, 24),
    ],
)
def test_when_it_happens(spec: str, values: dict[str, Any], hours: int) -> None:
    assert scene_of(values, version(spec)).at == NOON + hours * 3_600_000


def test_what_happened_before_in_a_test() -> None:
    spec = """
quotas: [{name: q, match: {tools: [pay.out]}, count: 2/h}]
budgets: [{name: b, scope: [run], limit: {usd: "5.00"}}]
sequences: [{name: s, match: {tools: [pay.out]}, require: {tools: [pay.check]}}]
rules: [{id: all, effect: allow}]
tests:
- {name: unchecked, with: {tool: pay.out}, expect: {decision: deny, by: [sequences/s]}}
- {name: checked, with: {tool: pay.out}, after: [{tool: pay.check}], expect: {decision: allow}}
- name: third
  with: {tool: pay.out}
  after: [{tool: pay.check}, {tool: pay.out}, {tool: pay.out}]
  expect: {decision: deny, by: [quotas/q]}
- name: long ago
  with: {tool: pay.out}
  after: [{tool: pay.check}, {tool: pay.out, now.hour: 8}, {tool: pay.out, now.hour: 8}]
  expect: {decision: allow}
- name: poor
  with: {tool: pay.check, cost.usd: "0.02"}
  spent: {b: {usd: "4.99"}}
  expect: {decision: deny, by: [budgets/b]}
- name: poor by what it did
  with: {tool: pay.check, cost.usd: "0.02"}
  after: [{tool: pay.check, cost.usd: "4.99"}]
  expect: {decision: deny, by: [budgets/b]}
"""
    assert [(one.test.name, one.failure) for one in rehearse(compiled(spec)) if one.failure] == []


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (
            "{name: t, with: {tool: a.b}, spent: {nope: {usd: '1'}}, expect: {decision: allow}}",
            "no budget is named nope",
        ),
        ("{name: t, with: {dest.domain: 'a b'}, expect: {decision: allow}}", "no name of a host"),
        ("{name: t, with: {cost.usd: five}, expect: {decision: allow}}", "no amount of money"),
        ("{name: t, with: {now.day: 32}, expect: {decision: allow}}", "day"),
    ],
)
def test_a_test_that_cannot_be_run_fails(test: str, said: str) -> None:
    (outcome,) = rehearse(compiled(f"rules: [{{id: all, effect: allow}}]\ntests: [{test}]"))
    assert outcome.failure.startswith("cannot be run")
    assert said in outcome.failure


def test_one_that_observes_is_tested_as_if_it_enforced() -> None:
    spec = "mode: observe\ntests: [{name: t, with: {tool: a.b}, expect: {decision: deny, by: [default]}}]"
    assert [one.failure for one in rehearse(compiled(spec))] == [""]


# --- coverage -------------------------------------------------------------------------------------


def test_what_tests_reach() -> None:
    policy = compiled(finance())
    hit = reached(policy.version, rehearse(policy))
    untested = [part for part in parts(policy.version) if part not in hit]
    assert {"finance-payments", "windows/payment-hours", "egress/0", "data/pii", "agents/state"} <= hit
    assert {"support-mail", "budgets/run", "rates/github-api", "data/secret"} <= set(untested)


def test_a_rule_that_held_and_did_not_prevail_is_reached() -> None:
    spec = (
        "tiers: {1: {}}\n"
        "rules: [{id: all, effect: allow}, {id: ask, effect: approve, tier: 1}, {id: no, effect: deny}]\n"
        "tests: [{name: t, with: {tool: a.b}, expect: {decision: deny}}]"
    )
    policy = compiled(spec)
    assert reached(policy.version, rehearse(policy)) == {"all", "ask", "no"}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("rules: [{id: a, effect: deny, when: 'false'}]", "never true"),
        ("rules: [{id: a, effect: deny, when: '1 / 0 == 1'}]", "always fails"),
        ("rules: [{id: a, effect: deny, match: {tools: [x.y], kinds: [agent]}}]", "no kind of effect"),
        ("rules: [{id: a, effect: deny, match: {capabilities: [x.y], tools: [a.b]}}]", "no kind of effect"),
        (
            "appliesTo: {tenants: [acme]}\nrules: [{id: a, effect: deny, match: {tenants: [other]}}]",
            "other tenants",
        ),
        (
            "appliesTo: {tools: [pay.*]}\nrules: [{id: a, effect: deny, match: {tools: [mail.send]}}]",
            "other tools",
        ),
        (
            "appliesTo: {sideEffects: [read]}\nrules: [{id: a, effect: deny, match: {sideEffects: [write]}}]",
            "side effects",
        ),
        ("appliesTo: {external: true}\nrules: [{id: a, effect: deny, match: {external: false}}]", "external"),
        ("appliesTo: {tools: [pay.*]}\nrules: [{id: a, effect: deny, match: {tools: [pay.out]}}]", ""),
        ("appliesTo: {tools: [pay.*]}\nrules: [{id: a, effect: deny, match: {tools: ['pay.o*']}}]", ""),
        ("appliesTo: {roles: [x]}\nrules: [{id: a, effect: deny, match: {roles: [y]}}]", ""),
        ("rules: [{id: a, effect: deny, when: 'args.n > 1'}]", ""),
    ],
)
def test_what_can_never_match(spec: str, found: str) -> None:
    reasons = dict(never(compiled(spec)))
    assert (found in reasons.get("a", "")) if found else reasons == {}


def test_tools_that_nobody_declares() -> None:
    spec = (
        "rules: [{id: a, effect: deny, match: {tools: [pay.uot]}}, "
        "{id: b, effect: deny, match: {tools: [http.get]}}]"
    )
    assert dict(never(compiled(spec), ["pay.out"])) == {"a": "no tool is named pay.uot"}
    assert never(compiled(spec)) == []


# --- explanations ---------------------------------------------------------------------------------


def test_an_explanation_tells_of_every_rule() -> None:
    spec = (
        "tiers: {1: {}}\nrules:\n- {id: all, effect: allow}\n- {id: big, effect: deny, when: 'args.n > 10'}\n"
        "- {id: other, effect: deny, match: {tools: [x.y]}}\n- {id: ask, effect: approve, tier: 1}"
    )
    found = explain(policies(spec, "appliesTo: {tenants: [other]}"), tool(args={"n": 1}), NOON)
    assert [(line.rule, line.says, line.tier) for line in found.lines] == [
        ("test/ask", "approve", 1),
        ("test/all", "allow", 0),
        ("test/big", "no", 0),
        ("test/other", "-", 0),
    ]
    assert found.lines[2].why == "not true: args.n > 10"
    assert found.apart == ("test1",)
    assert found.groups == ("mail",)
    assert shown(found)["decision"]["verdict"] == "approve"


def test_an_explanation_of_a_defect() -> None:
    found = explain(policies("rules: [{id: a, effect: allow, match: {roles: [x]}}]"), tool(), 10**18)
    assert found.decision.verdict in ("deny", "allow")
    text = "windows: [{name: w, open: [Mon]}]\nrules: [{id: a, effect: allow}]"
    broken = explain(policies(text), tool(), 10**18)
    assert broken.decision.rules == ("error",)
    assert (broken.lines[0].rule, broken.lines[0].says) == ("error", "deny")
