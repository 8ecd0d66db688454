"""What prevails, and that nothing is let through that nobody allows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podium.facts.policy import Action, Destination
from podium.facts.policy_version import Tier
from podium.policy.deciding import PolicySet
from podium.policy.ledger import Ledger
from podium.policy.rehearsing import rehearse, unsound
from tests.policy.making import NOON, asked, compiled, finance, policies, tool, version

TIERS = "tiers: {1: {approvers: {roles: [operator]}}, 2: {approvers: {roles: [lead]}, quorum: 2}}"


def rules(*effects: str) -> str:
    """A policy with a rule of each of these effects, `approve:2`, that is about everything."""
    lines = []
    for number, effect in enumerate(effects):
        name, _, tier = effect.partition(":")
        lines.append(f"  - {{id: r{number}, effect: {name}{f', tier: {tier}' if tier else ''}}}")
    return TIERS + "\nrules:\n" + "\n".join(lines)


def test_the_tests_of_the_example_pass() -> None:
    outcomes = rehearse(compiled(finance()))
    assert [(one.test.name, one.failure) for one in outcomes if one.failure] == []
    assert len(outcomes) == 10


@pytest.mark.parametrize(
    ("effects", "verdict", "tier", "by"),
    [
        (["allow"], "allow", 0, ["r0"]),
        (["allow", "allow"], "allow", 0, ["r0", "r1"]),
        (["allow", "deny"], "deny", 0, ["r1"]),
        (["approve:1", "deny", "allow", "deny"], "deny", 0, ["r1", "r3"]),
        (["approve:1", "allow"], "approve", 1, ["r0"]),
        (["approve:1", "approve:2", "allow"], "approve", 2, ["r1"]),
        (["approve:2", "approve:1", "approve:2", "allow"], "approve", 2, ["r0", "r2"]),
        (["approve:1"], "deny", 0, ["default"]),
        (["deny"], "deny", 0, ["r0"]),
        ([], "deny", 0, ["default"]),
    ],
)
def test_what_prevails(effects: list[str], verdict: str, tier: int, by: list[str]) -> None:
    decision = asked(policies(rules(*effects) if effects else TIERS), tool())
    assert (decision.verdict, decision.tier) == (verdict, tier)
    assert [rule.removeprefix("test/") for rule in decision.rules] == by


def test_defer_is_between_approve_and_allow() -> None:
    rate = "rateLimits: [{name: one, concurrency: 1}]\n"
    ledger = Ledger()
    flying = asked(policies(rate + rules("allow")), tool())
    ledger.hold(flying.holds)
    assert asked(policies(rate + rules("allow")), tool(), ledger).verdict == "defer"
    assert asked(policies(rate + rules("allow", "approve:1")), tool(), ledger).verdict == "approve"
    assert asked(policies(rate + rules("approve:1")), tool(), ledger).rules == ("default",)


def test_nobody_is_asked_what_nothing_allows() -> None:
    decision = asked(PolicySet(()), tool())
    assert (decision.verdict, decision.rules) == ("deny", ("default",))
    assert "mail.send" in decision.message
    assert "clerk" in decision.message


# --- several policies -----------------------------------------------------------------------------


def test_a_narrower_policy_only_narrows() -> None:
    wide = "rules: [{id: reads, effect: allow, match: {tools: [repo.read]}}]"
    narrow = "appliesTo: {roles: [support]}\nrules: [{id: all, effect: allow}]"
    both = policies(wide, narrow)
    assert asked(both, tool("repo.read")).verdict == "allow"
    assert asked(both, tool("repo.write")).rules == ("default",)
    assert asked(policies(narrow), tool("repo.write")).verdict == "allow"


def test_policies_of_one_breadth_add_up() -> None:
    mail = "rules: [{id: mail, effect: allow, match: {tools: [mail.*]}}]"
    pay = "rules: [{id: pay, effect: allow, match: {tools: [pay.*]}}]"
    both = policies(mail, pay)
    assert asked(both, tool("mail.send")).rules == ("test/mail",)
    assert asked(both, tool("pay.out")).rules == ("test1/pay",)


def test_a_policy_that_only_restricts_denies_nothing_else() -> None:
    wide = "rules: [{id: all, effect: allow}]"
    bounds = "appliesTo: {roles: [support]}\nrules: [{id: no-pay, effect: deny, match: {tools: [pay.*]}}]"
    both = policies(wide, bounds)
    assert asked(both, tool("mail.send")).verdict == "allow"
    assert asked(both, tool("pay.out")).rules == ("test1/no-pay",)


def test_a_restriction_alone_allows_nothing() -> None:
    assert (
        asked(policies("rules: [{id: no-pay, effect: deny, match: {tools: [pay.*]}}]"), tool()).verdict
        == "deny"
    )


def test_one_that_is_about_others_says_nothing() -> None:
    other = policies("appliesTo: {tenants: [other]}\nrules: [{id: all, effect: allow}]")
    assert asked(other, tool()).rules == ("default",)


def test_the_terms_of_two_policies_are_both_kept() -> None:
    one = (
        "tiers: {1: {approvers: {roles: [a, b]}, quorum: 2, timeout: 4h}}\n"
        "rules: [{id: ask, effect: approve, tier: 1}, {id: all, effect: allow}]"
    )
    other = (
        "tiers: {1: {approvers: {roles: [b, c]}, timeout: 1h, notRequester: true}}\n"
        "rules: [{id: ask, effect: approve, tier: 1}]"
    )
    terms = asked(policies(one, other), tool()).terms
    assert terms is not None
    assert (terms.roles, terms.quorum, terms.others, terms.deadline_at) == (("b",), 2, True, NOON + 3_600_000)


def test_where_nobody_could_approve_for_both_it_is_denied() -> None:
    one = (
        "tiers: {1: {approvers: {roles: [a]}}}\n"
        "rules: [{id: ask, effect: approve, tier: 1}, {id: all, effect: allow}]"
    )
    other = "tiers: {1: {approvers: {roles: [b]}}}\nrules: [{id: ask, effect: approve, tier: 1}]"
    decision = asked(policies(one, other), tool())
    assert decision.verdict == "deny"
    assert "no approver in common" in decision.message


def test_what_would_take_proving_again_who_one_is_is_denied_and_not_applied() -> None:
    strong = msgspec.structs.replace(version(rules("allow", "approve:1")), tiers={
        "1": Tier(approvers=("operator",), step_up="webauthn"),
    })  # fmt: skip
    decision = asked(policies(strong), tool())
    assert decision.verdict == "deny" and decision.terms is None
    assert "stepUp" in decision.message
    assert [(one.rule, one.path) for one in unsound(strong)] == [("not-enforced", "/spec/tiers/1/stepUp")]


def test_one_that_observes_is_never_in_the_way_and_says_what_it_would_have_said() -> None:
    observing = "mode: observe\nrules: [{id: never, effect: deny}]"
    decision = asked(policies("rules: [{id: all, effect: allow}]", observing), tool())
    assert (decision.verdict, decision.rules) == ("allow", ("test/all",))
    assert decision.observed == ("test1: deny by test1/never",)


def test_one_that_observes_does_not_allow_either() -> None:
    observing = "mode: observe\nrules: [{id: all, effect: allow}]"
    decision = asked(policies("rules: [{id: never, effect: deny}]", observing), tool())
    assert decision.verdict == "deny"
    assert decision.observed == ("test1: allow by test1/all",)
    assert asked(policies(observing), tool()).rules == ("default",)


def test_what_observers_limit_is_counted_and_passed() -> None:
    observing = "mode: observe\nquotas: [{name: one, count: 1/h}]\nrules: [{id: all, effect: allow}]"
    both = policies("rules: [{id: all, effect: allow}]", observing)
    ledger = Ledger()
    first = asked(both, tool(), ledger)
    ledger.count(first.counts, NOON)
    second = asked(both, tool(), ledger)
    assert second.verdict == "allow"
    assert second.observed == ("test1: deny by test1/quotas/one",)


# --- errors ---------------------------------------------------------------------------------------

CONDITIONAL = "rules: [{id: all, effect: allow}, {id: big, effect: deny, when: 'args.amount > 10'}]"


@pytest.mark.parametrize(
    "args",
    [
        {"amount": "5"}, {"amount": None}, {"amount": []}, {"amount": {}}, {"amount": True}, {}, None,
        {"amount": 2**70}, {"amount": "\ud800"}, [], "text", 5, {"other": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_denied(args: Any) -> None:
    decision = asked(policies(CONDITIONAL), tool(args=args))
    assert decision.verdict == "deny"
    assert decision.rules == ("test/error/big",)


def test_an_error_that_asks_people_asks_them() -> None:
    text = "onError: approve:2\n" + TIERS + "\n" + CONDITIONAL
    decision = asked(policies(text), tool(args={"amount": "5"}))
    assert (decision.verdict, decision.tier) == ("approve", 2)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_arguments_that_nest_too_deep_are_denied_and_hurt_nobody(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    decision = asked(policies(CONDITIONAL), tool(args={"amount": value}))
    assert decision.verdict == "deny"
    assert "nest too deep" in decision.message


def test_arguments_that_nobody_reads_may_be_anything() -> None:
    value: Any = 1
    for _ in range(1000):
        value = [value]
    assert asked(policies(CONDITIONAL), tool(args={"amount": 1, "other": value})).verdict == "allow"


def test_a_bomb_is_stopped() -> None:
    bomb = "args.l.all(a, args.l.all(b, args.l.all(c, a + b + c >= 0)))"
    text = f"rules: [{{id: all, effect: allow}}, {{id: bomb, effect: deny, when: '{bomb}'}}]"
    decision = asked(policies(text), tool(args={"l": list(range(200))}))
    assert decision.verdict == "deny"
    assert decision.rules == ("test/error/bomb",)


def test_a_defect_denies() -> None:
    where = policies("rules: [{id: all, effect: allow, match: {roles: [support]}}]")
    decision = asked(where, tool(roles=None))
    assert (decision.verdict, decision.rules) == ("deny", ("error",))
    assert asked(where, tool(roles=5)).verdict == "deny"


@pytest.mark.parametrize("now", [-(10**18), 10**18, 2**63])
def test_a_clock_that_jumps_denies(now: int) -> None:
    text = "windows: [{name: day, open: ['08:00-18:00']}]\nrules: [{id: all, effect: allow}]"
    assert asked(policies(text), tool(), now=now).verdict == "deny"


def test_a_text_that_is_long_is_looked_at_and_not_told() -> None:
    text = "rules: [{id: all, effect: allow}, {id: x, effect: deny, when: 'args.body.contains(\"secret\")'}]"
    fine = asked(policies(text), tool(args={"body": "x" * 5000}))
    assert fine.verdict == "allow"
    assert len(fine.reads["args.body"]) < 300
    assert asked(policies(text), tool(args={"body": "x" * 5000 + "secret"})).rules == ("test/x",)
    assert asked(policies(text), tool(args={"body": "x" * 2_000_000})).verdict == "deny"


# --- who, what and where --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "action", "fits"),
    [
        ("tools: [mail.send]", tool("mail.send"), True),
        ("tools: [mail.*]", tool("mail.send"), True),
        ("tools: ['mail*']", tool("mailer.send"), True),
        ("tools: [mail.send]", tool("mail.sends"), False),
        ("tools: [mail.send]", Action("agent", "mail.send"), False),
        ("toolGroups: [mail]", tool("mail.send"), True),
        ("toolGroups: [mail]", tool("mailer.send"), False),
        ("toolGroups: [a.b]", tool("a.b.c"), True),
        ("toolGroups: [money]", tool("mail.send", groups=("money",)), True),
        ("toolGroups: [egress]", tool("mail.send"), False),
        ("toolGroups: [egress]", tool("mail.send", destinations=(Destination("x.y"),)), True),
        ("toolGroups: [egress]", Action("http", "http.get"), True),
        ("kinds: [agent]", Action("agent", "a", "c"), True),
        ("capabilities: [ticket.*]", Action("agent", "a", "ticket.classify"), True),
        ("capabilities: ['*']", tool(), False),
        ("targets: [writer]", Action("agent", "writer"), True),
        ("targets: [mail.send]", tool("mail.send"), False),
        ("roles: [support]", tool(roles=("x", "support")), True),
        ("roles: ['*']", tool(roles=()), False),
        ("agents: [clerk]", tool(), True),
        ("agents: ['*']", Action("tool", "a.b"), False),
        ("workflows: [support/*]", tool(), True),
        ("tenants: [other]", tool(), False),
        ("principals: ['user:ada']", tool(principal="user:ada"), True),
        ("sideEffects: [write]", tool(side_effect="write"), True),
        ("minRisk: 3", tool(risk=2), False),
        ("minRisk: 3", tool(risk=3), True),
        ("external: true", tool(), False),
        ("external: false", tool(), True),
        ("hosts: ['*.corp.example']", tool(destinations=(Destination("a.corp.example"),)), True),
        ("hosts: ['*.corp.example']", tool(destinations=(Destination("corp.example"),)), False),
        ("hosts: [CORP.example.]", tool(destinations=(Destination("corp.example"),)), True),
        ("tools: [mail.send], roles: [boss]", tool("mail.send"), False),
    ],
)
def test_what_is_meant(match: str, action: Action, fits: bool) -> None:
    decision = asked(policies(f"rules: [{{id: r, effect: allow, match: {{{match}}}}}]"), action)
    assert decision.verdict == ("allow" if fits else "deny")


@pytest.mark.parametrize(
    ("spec", "action", "by"),
    [
        ("states: [active]", tool(state="retired"), "agents/state"),
        ("states: [active]", tool(state=""), "agents/state"),
        ("states: [active]", tool(), ""),
        ("states: [active]", Action("tool", "a.b"), ""),
        ("requireAttested: {minToolRisk: 3}", tool(risk=3, attested="declared"), "agents/attested"),
        ("requireAttested: {minToolRisk: 3}", tool(risk=3, attested="measured"), ""),
        ("requireAttested: {minToolRisk: 3}", tool(risk=2), ""),
        ("requireAttested: {minToolRisk: 0, level: measured}", tool(attested="attested"), "agents/attested"),
        ("maxDelegationDepth: 2", tool(depth=3), "agents/depth"),
        ("maxDelegationDepth: 2", tool(depth=2), ""),
    ],
)
def test_which_agents_may_act(spec: str, action: Action, by: str) -> None:
    decision = asked(policies(f"agents: {{{spec}}}\nrules: [{{id: all, effect: allow}}]"), action)
    assert decision.rules == ((f"test/{by}",) if by else ("test/all",))


def test_every_destination_must_be_let_through() -> None:
    text = "egress: [{domains: [a.example, b.example]}]\nrules: [{id: all, effect: allow}]"
    good, bad = Destination("a.example"), Destination("c.example")
    where = policies(text)
    assert asked(where, tool(destinations=(good, Destination("b.example")))).verdict == "allow"
    assert asked(where, tool(destinations=(good, bad))).rules == ("test/egress/0",)
    assert asked(where, tool(destinations=(bad, good))).rules == ("test/egress/0",)


def test_conditions_look_at_every_destination() -> None:
    text = "rules: [{id: ours, effect: allow, when: 'dest.domain == \"a.example\"'}]"
    both = (Destination("a.example"), Destination("c.example"))
    assert asked(policies(text), tool(destinations=both[:1])).verdict == "allow"
    assert asked(policies(text), tool(destinations=both)).rules == ("default",)


def test_what_is_listed_depends_on_no_arguments() -> None:
    text = (
        "rules: [{id: all, effect: allow}, {id: big, effect: deny, when: 'args.amount > 10'},"
        " {id: retired, effect: deny, when: 'agent.state == \"retired\"'}]\n"
        "windows: [{name: never, open: ['Sun 00:00-00:01']}]"
    )
    listed = tool(args=None, stage="list")
    assert asked(policies(text), listed).verdict == "allow"
    assert asked(policies(text), msgspec.structs.replace(listed, state="retired")).rules == ("test/retired",)


# --- what is told ---------------------------------------------------------------------------------


def test_what_was_read_is_told() -> None:
    text = (
        "rules: [{id: all, effect: allow},"
        " {id: x, effect: deny, when: 'args.amount > 10 && data.labels.size() > 3 && now.hour > 25'}]"
    )
    decision = asked(policies(text), tool(args={"amount": 5, "secret": "not read"}, labels=("pii",)))
    assert decision.reads == {"args.amount": 5, "data.labels": ["pii"], "now.hour": 11}
    assert decision.marks == ("label:pii",)


def test_messages_are_made_or_given() -> None:
    text = (
        "tiers: {1: {}}\nrules:\n- {id: all, effect: allow}\n"
        "- {id: a, effect: deny, when: 'args.n == 1', message: no ones}\n"
        "- {id: b, effect: deny, when: 'args.n == 2', messageExpr: '\"not \" + string(args.n)'}\n"
        "- {id: c, effect: approve, tier: 1, messageExpr: '\"really \" + args.missing'}\n"
    )
    where = policies(text)
    assert asked(where, tool(args={"n": 1})).message == "no ones"
    assert asked(where, tool(args={"n": 2})).message == "not 2"
    third = asked(where, tool(args={"n": 3}))
    assert third.verdict == "approve"
    assert "cannot be made" in third.message


def test_the_digest_is_that_of_all_policies() -> None:
    one, other = "rules: [{id: a, effect: allow}]", "rules: [{id: b, effect: allow}]"
    assert policies(one).digest != policies(other).digest
    assert policies(one, other).digest == policies(one, other).digest
    assert asked(policies(one), tool()).policy == policies(one).digest


def test_asking_changes_nothing() -> None:
    where = policies(finance())
    ledger = Ledger()
    before = msgspec.json.encode(ledger)
    asked(where, tool("payments.transfer", roles=("finance",), args={"amount_cents": 5}, cost_nano=5), ledger)
    assert msgspec.json.encode(ledger) == before
