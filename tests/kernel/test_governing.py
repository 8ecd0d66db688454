"""Effects under declared policies: what is reserved, booked, held back and denied, and when again."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.events import Record
from podium.facts.identity import digest_of, run_id_of
from podium.facts.policy_version import (
    Budget,
    Earlier,
    Hours,
    Match,
    OpenHours,
    Quota,
    Rate,
    Rule,
    Sequence,
    Tier,
    Window,
)
from podium.facts.values import Accepted, Refused
from tests.kernel.conversation import Conversation, agent
from tests.policies import ANYTHING, policy

CENT = 10_000_000
AGENTS = (
    agent("cheap", cost_nano=CENT, priced=True, concurrency=100),
    agent("dear", cost_nano=5 * CENT, priced=True, retry={"attempts": 3, "delay_ms": 1_000}),
    agent("once", cost_nano=CENT, priced=True, delivery="at-most-once"),
    agent("unpriced"),
)


def call(name: str) -> dict[str, Any]:
    return {"call": "agent", "with": {"agent": name}}


def governed(do: Any, *policies: Declared, **parts: Any) -> Conversation:
    return Conversation(do, agents=(*AGENTS, *policies), trusting=False, **parts)


def money(talk: Conversation) -> tuple[int, int]:
    """What is spent and held of money, in cents."""
    ledger = talk.shard.ledger
    of_money = [counter for counter in {*ledger.spent, *ledger.held} if counter[:2] == "bn"]
    spent = sum(ledger.spent.get(counter, 0) for counter in of_money)
    held = sum(ledger.held.get(counter, 0) for counter in of_money)
    return spent // CENT, held // CENT


def cap(cents: int, **parts: Any) -> Declared:
    budget = Budget("money", parts.pop("scope", ("tenant",)), {"nano": cents * CENT}, **parts)
    return policy(budgets=(budget,))


def test_what_nothing_allows_is_denied_and_that_is_recorded() -> None:
    talk = governed([{"a": call("cheap")}], policy(rules=(Rule("none", "allow", Match(kinds=("tool",))),)))
    talk.submit({})
    talk.expect("RunStarted", "EffectRequested a", "EffectSettled a", "RunFaulted a")
    (requested,) = talk.events(e.EffectRequested)
    assert (requested.verdict, requested.rules, requested.started) == ("deny", ("default",), False)
    assert requested.policy == talk.catalog.policies.digest
    assert talk.error.status == 403
    assert "default" in talk.error.detail


def test_a_hold_lives_as_long_as_its_attempt_and_the_true_cost_is_booked() -> None:
    talk = governed([{"a": call("dear")}], cap(100))
    talk.submit({})
    assert money(talk) == (0, 5)
    talk.settle("a", {}, cost_nano=2 * CENT)
    assert money(talk) == (2, 0)
    assert talk.run.cost_nano == 2 * CENT


def test_a_cost_that_nobody_says_is_the_worst() -> None:
    talk = governed([{"a": call("dear")}], cap(100))
    talk.submit({})
    talk.settle("a", {})
    assert money(talk) == (5, 0)
    assert talk.run.cost_nano == 5 * CENT


def test_what_was_never_started_costs_nothing() -> None:
    talk = governed([{"a": call("dear")}], cap(100))
    talk.submit({})
    talk.report("a", status="unstarted")
    assert money(talk) == (0, 0)


def test_each_attempt_is_decided_and_booked_by_itself() -> None:
    talk = governed([{"a": call("dear")}], cap(12))
    talk.submit({})
    talk.fail("a", cost_nano=4 * CENT)
    assert money(talk) == (4, 0)
    talk.wait(1_000)
    assert money(talk) == (4, 5)
    talk.fail("a", cost_nano=5 * CENT)
    talk.wait(5_000)
    assert talk.error.type == "https://podium.dev/errors/budget"
    assert talk.error.status == 402
    assert money(talk) == (9, 0)


def test_a_ceiling_that_is_spent_denies_and_one_that_is_held_waits() -> None:
    both = [{"both": {"fork": {"branches": [{"a": call("dear")}, {"b": call("dear")}]}}}]
    talk = governed(both, cap(9))
    talk.submit({})
    waiting = talk.run.effects[2]
    assert (waiting.status, waiting.rules) == ("deferred", ("house/budgets/money",))
    talk.settle("both/a", {}, cost_nano=4 * CENT)
    assert talk.order("both/b")
    assert money(talk) == (4, 5)
    talk.settle("both/b", {}, cost_nano=5 * CENT)
    assert talk.status == "completed"
    talk.submit({}, run_id=run_id_of("test", "more"))
    assert talk.shard.runs[run_id_of("test", "more")].error.status == 402


def test_what_waits_for_a_release_is_told_of_it_after_a_crash() -> None:
    both = [{"both": {"fork": {"branches": [{"a": call("once")}, {"b": call("once")}]}}}]
    talk = governed(both, cap(1))
    talk.submit({})
    assert talk.run.effects[2].status == "deferred"
    talk.crash()
    assert talk.run.effects[1].status == "in_doubt"
    assert talk.run.effects[2].status == "deferred"
    assert money(talk) == (0, 1)
    talk.resolve("failed")
    assert money(talk) == (0, 1) if talk.status == "running" else (0, 0)


def test_an_attempt_in_doubt_keeps_its_hold_until_somebody_says() -> None:
    for verdict, expected in (("succeeded", (1, 0)), ("failed", (0, 0)), ("retry", (0, 1))):
        talk = governed([{"a": call("once")}], cap(10))
        talk.submit({})
        talk.lose("a")
        assert money(talk) == (0, 1)
        assert talk.shard.held[talk.run_id][1].doubtful
        talk.resolve(verdict, {})
        assert money(talk) == expected


def test_a_cancelled_attempt_is_held_until_it_says_what_it_took() -> None:
    talk = governed([{"a": call("dear")}], cap(10))
    talk.submit({})
    order = talk.order("a")
    talk.cancel()
    assert money(talk) == (0, 5)
    told = i.Reported(
        run_id=order.run_id, effect=order.effect, token=order.token, status="failed", cost_nano=CENT
    )
    talk.tell(told)
    assert money(talk) == (1, 0)


def test_a_cancelled_attempt_that_says_nothing_counts_in_full_with_the_next_hub() -> None:
    talk = governed([{"a": call("dear")}], cap(10))
    talk.submit({})
    talk.cancel()
    talk.crash()
    assert money(talk) == (5, 0)


def test_an_agent_without_a_price_meets_no_budget_of_money() -> None:
    talk = governed([{"a": call("unpriced")}], cap(10))
    talk.submit({})
    assert talk.status == "faulted"
    assert "nobody knows what unpriced costs" in talk.error.title


def test_thresholds_are_told_once() -> None:
    talk = governed([{"a": call("dear")}, {"b": call("dear")}], cap(10, warn_at=(50, 90)))
    talk.submit({})
    talk.settle("a", {})
    talk.settle("b", {})
    warned = talk.events(e.BudgetWarned)
    assert [one.warnings for one in warned] == [
        ("house/budgets/money: 50% of 0.10",), ("house/budgets/money: 90% of 0.10",)
    ]  # fmt: skip


def test_an_exhausted_budget_may_be_passed_by_peoples_leave() -> None:
    declared = policy(
        budgets=(Budget("money", ("run",), {"nano": 6 * CENT}, on_exhausted="approve:1"),),
        tiers={"1": Tier(("operator",))},
    )
    talk = governed([{"a": call("dear")}, {"b": call("dear")}], declared)
    talk.submit({}, principal="user:bob")
    talk.settle("a", {})
    effect = talk.run.effects[2]
    assert effect.status == "approval"
    decide(talk, 2)
    talk.settle("b", {})
    assert talk.status == "completed"


def decide(talk: Conversation, number: int, verdict: Any = "approve", **fields: Any) -> Any:
    approval = talk.run.effects[number].approval
    told = {"principal": "user:ann", "roles": ("operator",), "action": approval and approval.action, **fields}
    return talk.tell(i.DecideApproval(run_id=talk.run_id, effect=number, verdict=verdict, **told))


TIERED = {
    "1": Tier(("operator",), timeout_ms=60_000, on_timeout="2"),
    "2": Tier(("lead",), quorum=2, not_requester=True, timeout_ms=120_000, second_person=True),
}


def tiered(**parts: Any) -> Declared:
    ask = Rule("ask", "approve", tier=parts.pop("tier", 1), message="it is dear")
    return policy(rules=(ANYTHING, ask), tiers=TIERED, **parts)


def test_silence_leads_to_the_next_tier_and_then_denies() -> None:
    talk = governed([{"a": call("cheap")}], tiered())
    talk.submit({}, principal="user:bob")
    talk.wait(60_000)
    (escalated,) = talk.events(e.ApprovalEscalated)
    assert (escalated.terms.tier, escalated.terms.roles) == ("2", ("lead",))
    assert refusal(decide(talk, 1)) == "missing-role"
    talk.wait(120_000)
    assert talk.events(e.ApprovalExpired)
    assert talk.error.status == 403
    assert "silence" in talk.error.title


def refusal(reply: Any) -> str:
    assert isinstance(reply, Refused), reply
    return reply.problems[0].rule


def test_a_quorum_is_of_distinct_people_who_did_not_ask_for_it() -> None:
    talk = governed([{"a": call("cheap")}], tiered(tier=2))
    talk.submit({}, principal="user:bob")
    lead = {"roles": ("lead",)}
    assert refusal(decide(talk, 1, principal="user:bob", **lead)) == "own-request"
    assert isinstance(decide(talk, 1, principal="user:ann", **lead), Accepted)
    assert refusal(decide(talk, 1, principal="user:ann", **lead)) == "already-decided"
    assert not talk.open
    talk.crash()
    assert isinstance(decide(talk, 1, principal="user:cid", **lead), Accepted)
    assert talk.order("a")


def test_one_who_is_against_it_is_enough() -> None:
    talk = governed([{"a": call("cheap")}], tiered(tier=2))
    talk.submit({}, principal="user:bob")
    decide(talk, 1, principal="user:ann", roles=("lead",))
    decide(talk, 1, "deny", principal="user:cid", roles=("lead",))
    assert talk.error.status == 403


def test_what_people_granted_is_decided_again_when_it_starts() -> None:
    talk = governed([{"a": call("cheap")}], tiered())
    talk.submit({}, principal="user:bob")
    talk.apply(policy(rules=(ANYTHING, Rule("stop", "deny", message="not today"))))
    decide(talk, 1)
    (again,) = talk.events(e.EffectDecided)
    assert (again.verdict, again.rules) == ("deny", ("house/stop",))
    assert "not today" in talk.error.title


def test_stricter_terms_ask_again() -> None:
    talk = governed([{"a": call("cheap")}], tiered())
    talk.submit({}, principal="user:bob")
    talk.apply(tiered(tier=2))
    decide(talk, 1)
    assert talk.run.effects[1].status == "approval"
    assert talk.run.effects[1].approval.terms.tier == "2"
    for who in ("user:ann", "user:cid"):
        decide(talk, 1, principal=who, roles=("lead",))
    assert talk.order("a")


def test_a_closed_window_holds_until_it_opens() -> None:
    # The clock starts on a Sunday, 15:06:40 UTC.
    opened = OpenHours("work", open=(Hours((0,), 8 * 60, 18 * 60),), closed="hold")
    talk = governed([{"a": call("cheap")}], policy(windows=(opened,)))
    talk.submit({})
    effect = talk.run.effects[1]
    assert effect.status == "deferred"
    pause = effect.retry_at - talk.now
    talk.wait(pause - 1)
    assert not talk.open
    talk.crash()
    talk.wait(1)
    assert talk.order("a")


def test_a_rate_lets_them_through_one_after_the_other() -> None:
    branches = [{f"b{n}": call("cheap")} for n in range(4)]
    limited = policy(rates=(Rate("slow", ("tenant",), count=60, per_ms=60_000, burst=1),))
    talk = governed([{"all": {"fork": {"branches": branches}}}], limited)
    talk.submit({})
    assert len(talk.open) == 1
    for expected in (2, 3, 4):
        talk.wait(1_000)
        assert len(talk.open) == expected


def test_a_quota_counts_what_is_in_flight() -> None:
    quota = Quota("calls", ("tenant",), 1, Window("day"))
    both = [{"both": {"fork": {"branches": [{"a": call("cheap")}, {"b": call("cheap")}]}}}]
    talk = governed(both, policy(quotas=(quota,)))
    talk.submit({})
    assert talk.status == "faulted"
    assert "house/quotas/calls" in talk.error.detail


def test_a_sequence_remembers_what_was_done_in_the_run() -> None:
    before = Sequence(
        "first", Match(capabilities=("test.dear",)), require=Earlier(capabilities=("test.cheap",))
    )
    declared = policy(sequences=(before,))
    talk = governed([{"a": call("cheap")}, {"b": call("dear")}], declared)
    talk.submit({})
    talk.settle("a", {})
    talk.crash()
    assert talk.order("b") if talk.open else talk.run.effects
    alone = governed([{"b": call("dear")}], declared)
    alone.submit({})
    assert alone.error.status == 403


def test_a_policy_that_only_observes_holds_nothing_up() -> None:
    talk = governed([{"a": call("cheap")}], policy(mode="observe", rules=(Rule("no", "deny"),)))
    talk.submit({})
    (requested,) = talk.events(e.EffectRequested)
    assert requested.started
    assert requested.observed == ("house: deny by house/no",)


def test_a_policy_that_is_deleted_holds_no_more() -> None:
    talk = governed([{"a": call("cheap")}], policy(rules=(Rule("no", "deny"),)))
    talk.submit({})
    assert talk.status == "faulted"
    made = talk.catalog.declare(i.Delete(kind="Policy", name="house", principal="user:ann"), dict)
    assert not isinstance(made, Refused)
    for event, body in made.changes:
        talk.catalog.fold(Record(talk.catalog.seq + 1, "", talk.now, event, body))
    talk.submit({}, run_id=run_id_of("test", "again"))
    assert talk.shard.runs[run_id_of("test", "again")].status == "running"


def test_data_has_labels_that_follow_it_through_runs() -> None:
    tool = {
        "name": "crm.read", "version": "1.0.0", "side_effect": "read", "result_labels": ["pii"],
        "runtime": {"type": "function", "callable": "t:read", "isolation": "none"}, "priced": True,
    }  # fmt: skip
    declared = Declared("Tool", "crm.read", "1.0.0", digest_of(tool), tool)
    talk = Conversation(
        [
            {"read": {"run": {"workflow": {"namespace": "test", "name": "inner", "version": "latest"}}}},
            {"b": call("cheap")},
        ],
        agents=(*AGENTS, declared, policy()), trusting=False,
    )  # fmt: skip
    talk.declare(inner=[{"get": {"call": "tool", "with": {"tool": "crm.read"}}}])
    talk.submit({}, labels={"data": "internal"})
    assert talk.run.data_labels == ("internal",)
    talk.settle("get", {"name": "Ada"})
    assert talk.run.data_labels == ("internal", "pii")


@pytest.mark.parametrize("verdict", ["approve", "defer"])
def test_a_run_below_waits_for_the_verdict(verdict: str) -> None:
    below = Rule("below", "approve", Match(kinds=("workflow",)), tier=1)
    talk = governed(
        [{"a": {"run": {"workflow": {"namespace": "test", "name": "inner", "version": "latest"}}}}],
        policy(
            rules=(ANYTHING, below) if verdict == "approve" else (ANYTHING,),
            rates=(Rate("slow", ("tenant",), count=1, per_ms=1_000),) if verdict == "defer" else (),
            tiers={"1": Tier(("operator",))},
        ),
    )  # fmt: skip
    talk.declare(inner=[{"b": {"set": {"x": 1}}}])
    talk.submit({}, principal="user:bob", run_id=run_id_of("test", "first"))
    talk.run_id = run_id_of("test", "first")
    if verdict == "approve":
        assert talk.run.effects[1].status == "approval"
        decide(talk, 1)
    assert talk.status == "completed"
    if verdict == "defer":
        talk.run_id = run_id_of("test", "second")
        talk.submit({}, run_id=talk.run_id)
        assert talk.run.effects[1].status == "deferred"
        talk.wait(1_000)
        assert talk.status == "completed"


def test_what_nothing_allows_says_how_to_allow_it() -> None:
    talk = governed([{"a": call("cheap")}], policy(rules=(Rule("none", "allow", Match(kinds=("tool",))),)))
    talk.submit({})
    assert talk.error.title.endswith("no rule of house does")
    by, rule, command = talk.error.detail.splitlines()
    assert by == "by default"
    assert "{id: …, effect: allow, match: {kinds: [agent], targets: [cheap], workflows: [test/talk]}}" in rule
    assert "podium policy explain --value kind=agent --value target=cheap" in command


def test_a_price_that_nobody_knows_is_no_exhausted_budget() -> None:
    talk = governed([{"a": call("unpriced")}], cap(10))
    talk.submit({})
    assert talk.error.status == 403
    assert talk.error.title == "policy denies it: nobody knows what unpriced costs"
    assert "cost: {perCall: " in talk.error.detail


def glass(talk: Conversation, number: int, **fields: Any) -> Any:
    (denial,) = [one for one in talk.run.denials if one.effect == number]
    told = {
        "principal": "user:eve", "roles": ("break-glass",), "why": "she waits", "action": denial.action,
        "expires_at": talk.now + 60_000, **fields,
    }  # fmt: skip
    return talk.tell(i.OverrideDecision(run_id=talk.run_id, effect=number, **told))


def again(talk: Conversation, name: str, given: Any = None) -> str:
    run_id = run_id_of("test", name)
    talk.submit(given or {}, run_id=run_id, principal="user:bob")
    return talk.shard.runs[run_id].status


def test_what_was_denied_may_be_let_through_once_when_it_is_asked_for_again() -> None:
    talk = governed([{"a": call("cheap")}], policy(rules=(Rule("no", "deny"),)))
    talk.submit({}, principal="user:bob")
    assert talk.status == "faulted"
    assert isinstance(glass(talk, 1), Accepted)
    assert again(talk, "other", {"other": 1}) == "faulted"
    talk.crash()
    assert again(talk, "second") == "running"
    assert again(talk, "third") == "faulted"
    (started,) = [one for one in talk.events(e.EffectRequested) if one.started]
    assert started.override > 0


def test_an_override_expires() -> None:
    talk = governed([{"a": call("cheap")}], policy(rules=(Rule("no", "deny"),)))
    talk.submit({}, principal="user:bob")
    glass(talk, 1)
    talk.wait(60_000)
    assert again(talk, "second") == "faulted"


def test_an_override_takes_a_second_person_where_the_tier_says_so() -> None:
    talk = governed([{"a": call("cheap")}], tiered(tier=2))
    talk.submit({}, principal="user:bob")
    told = {
        "run_id": talk.run_id, "action": talk.run.effects[1].action, "roles": ("break-glass",), "why": "now",
        "expires_at": talk.now + 60_000,
    }  # fmt: skip
    talk.tell(i.OverrideDecision(principal="user:eve", **told))
    assert not talk.open
    assert refusal(talk.tell(i.OverrideDecision(principal="user:eve", **told))) == "already-decided"
    talk.crash()
    talk.tell(i.OverrideDecision(principal="user:cid", **told))
    assert talk.order("a")


def test_what_is_let_through_is_booked_like_anything_else() -> None:
    declared = policy(
        rules=(ANYTHING, Rule("no", "deny")), budgets=(Budget("money", ("tenant",), {"nano": 9 * CENT}),)
    )
    talk = governed([{"a": call("dear")}], declared)
    talk.submit({}, principal="user:bob")
    glass(talk, 1)
    again(talk, "second")
    assert money(talk) == (0, 5)


def test_labels_are_taken_from_data_by_a_steward_alone_with_a_reason() -> None:
    talk = governed([{"a": call("cheap")}], policy())
    talk.submit({}, labels={"data": "pii, secret"})
    whole = {
        "run_id": talk.run_id, "labels": ("pii",), "principal": "user:ann", "roles": ("data-steward",),
        "why": "the names were taken out",
    }  # fmt: skip
    for spoiled, rule in (
        ({"roles": ("operator",)}, "missing-role"), ({"principal": "agent:x"}, "not-a-person"),
        ({"why": ""}, "missing-reason"), ({"labels": ("other",)}, "unknown-label"),
        ({"labels": ()}, "unknown-label"),
    ):  # fmt: skip
        assert refusal(talk.tell(i.Declassify(**{**whole, **spoiled}))) == rule
    assert talk.run.data_labels == ("pii", "secret")
    assert isinstance(talk.tell(i.Declassify(**whole)), Accepted)
    assert talk.run.data_labels == ("secret",)
