"""Actions that wait for people: who may decide, what a yes is good for, what silence does."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.policy_version import Budget, Match, Rate, Rule, Tier, Window
from podium.facts.values import Accepted, Refused, Reply
from podium.kernel.state import Effect
from tests.kernel.conversation import Conversation
from tests.policies import policy

POST = [
    {"pay": {"call": "http", "with": {"method": "post", "endpoint": "https://example.com/pay",
     "body": {"amount": "${ .amount }"}}}}
]  # fmt: skip
HOUR = Window("hour")
POST_TWICE = [{"one": POST[0]["pay"]}, {"other": POST[0]["pay"]}]
CAUGHT = [{"safe": {"try": POST, "catch": {"errors": {"with": {"status": 403}}, "as": "error"}}}]


def asked(do: Any = POST, **submitted: Any) -> Conversation:
    talk = Conversation(do, trusting=False)
    talk.submit({"amount": 5}, principal="user:bob", **submitted)
    return talk


def effect(talk: Conversation) -> Effect:
    (found,) = talk.run.effects.values()
    return found


def action(talk: Conversation) -> str:
    approval = effect(talk).approval
    assert approval is not None
    return approval.action


def decide(talk: Conversation, verdict: Any = "approve", **fields: Any) -> Reply | None:
    told = {"principal": "user:ann", "roles": ("operator",), "via": "test", **fields}
    if "action" not in told:
        told["action"] = action(talk) if effect(talk).approval else ""
    return talk.tell(i.DecideApproval(run_id=talk.run_id, verdict=verdict, **told))


def rule_of(reply: Reply | None) -> str:
    assert isinstance(reply, Refused), reply
    return reply.problems[0].rule


def test_what_changes_the_world_waits_for_a_person() -> None:
    talk = asked()
    talk.expect("RunStarted", "EffectRequested pay")
    (requested,) = talk.events(e.EffectRequested)
    assert (requested.verdict, requested.rules) == ("approve", ("development/side-effects",))
    assert requested.terms.roles == ("operator",)
    assert not talk.open


def test_a_yes_lets_it_go_ahead_once() -> None:
    talk = asked()
    talk.forget()
    assert isinstance(decide(talk), Accepted)
    talk.expect("ApprovalDecided pay", "AttemptStarted pay", "> perform pay 1")
    (started,) = talk.events(e.AttemptStarted)
    assert started.granted
    assert effect(talk).granted == ""
    talk.settle("pay", {"paid": True})
    assert talk.output == {"paid": True}


def test_a_no_is_an_error_that_a_workflow_can_catch() -> None:
    talk = asked(CAUGHT)
    decide(talk, "deny", why="too much")
    assert talk.status == "completed"
    (settled,) = talk.bodies(e.EffectSettled)
    assert (settled.error.status, settled.error.detail) == (403, "too much")
    assert "user:ann" in settled.error.title


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"principal": "agent:refunder"}, "not-a-person"),
        ({"principal": ""}, "not-a-person"),
        ({"principal": "user:"}, "not-a-person"),
        ({"principal": "run:1"}, "not-a-person"),
        ({"roles": ()}, "missing-role"),
        ({"roles": ("viewer",)}, "missing-role"),
        ({"action": ""}, "other-action"),
        ({"action": "hmac-sha256:00"}, "other-action"),
        ({"effect": 7}, "not-waiting"),
    ],
)
def test_who_may_not_decide_is_refused(fields: dict[str, Any], rule: str) -> None:
    talk = asked()
    before = len(talk.log)
    assert rule_of(decide(talk, **fields)) == rule
    assert len(talk.log) == before
    assert isinstance(decide(talk), Accepted)


def test_it_is_over_with_the_first_answer() -> None:
    talk = asked()
    digest = action(talk)
    decide(talk)
    assert rule_of(decide(talk, action=digest)) == "not-waiting"
    talk.settle("pay")
    assert rule_of(talk.tell(i.DecideApproval(run_id=talk.run_id, action=digest))) == "run-ended"


def test_a_yes_is_for_this_action_alone() -> None:
    one, other = asked(), Conversation(POST, trusting=False)
    other.submit({"amount": 6}, principal="user:bob")
    assert rule_of(decide(other, action=action(one))) == "other-action"


def test_a_crash_changes_nothing() -> None:
    talk = asked()
    talk.crash()
    assert effect(talk).status == "approval"
    decide(talk)
    talk.lose("pay")
    assert effect(talk).status == "in_doubt"


def test_another_attempt_after_a_failure_takes_another_yes() -> None:
    talk = Conversation(
        [{"pay": {"call": "http", "with": {"method": "put", "endpoint": "https://example.com/pay"}}}],
        trusting=False,
    )
    talk.submit({"amount": 5})
    decide(talk)
    talk.lose("pay")
    talk.go_on()
    assert effect(talk).status == "approval"
    assert not talk.open


def test_an_edit_is_another_action_that_is_decided_afresh() -> None:
    talk = asked()
    former = action(talk)
    given = {**effect(talk).input, "body": {"amount": 1}}
    reply = talk.tell(
        i.EditAction(
            run_id=talk.run_id, action=former, principal="user:ann", roles=("operator",), input=given,
        )
    )  # fmt: skip
    assert isinstance(reply, Accepted)
    assert effect(talk).status == "approval"
    assert action(talk) != former
    assert rule_of(decide(talk, action=former)) == "other-action"
    decide(talk, principal="user:cid")
    order = talk.order("pay")
    assert order.input["body"] == {"amount": 1}
    assert order.key == f"{talk.run_id}/1/edit/3"


@pytest.mark.parametrize("given", [None, {}, {"endpoint": "https://example.com"}])
def test_an_edit_must_be_a_whole_action(given: Any) -> None:
    talk = asked()
    told = i.EditAction(
        run_id=talk.run_id, action=action(talk), principal="user:ann", roles=("operator",), input=given,
    )  # fmt: skip
    assert rule_of(talk.tell(told)) == "bad-request"


def test_whoever_may_decide_may_let_another_decide() -> None:
    talk = asked()
    told = i.DelegateApproval(
        run_id=talk.run_id, action=action(talk), principal="user:ann", roles=("operator",), to="user:cid"
    )
    assert isinstance(talk.tell(told), Accepted)
    again = i.DelegateApproval(run_id=talk.run_id, action=action(talk), principal="user:cid", to="user:dan")
    assert rule_of(talk.tell(again)) == "missing-role"
    assert isinstance(decide(talk, principal="user:cid", roles=()), Accepted)
    assert talk.open


@pytest.mark.parametrize(
    ("limit", "wait_ms"),
    [
        ({"rates": (Rate("web", ("host",), concurrency=1),)}, 0),
        ({"rates": (Rate("web", ("host",), count=1, per_ms=60_000),)}, 60_000),
        (
            {"budgets": (Budget("calls", ("tenant",), {"calls": 1}, window=HOUR, on_exhausted="queue"),)},
            3_600_000,
        ),
    ],
)
def test_a_yes_is_no_leave_to_hurry(limit: dict[str, Any], wait_ms: int) -> None:
    rules = (Rule("any", "allow"), Rule("post", "approve", Match(tools=("http.post",)), tier=1))
    slow = policy(rules=rules, tiers={"1": Tier(("operator",))}, **limit)
    both = [{"both": {"fork": {"branches": POST_TWICE}}}]
    talk = Conversation(both, agents=(slow,), trusting=False)
    talk.submit({"amount": 5})
    for one in list(talk.run.effects.values()):
        assert one.approval is not None
        decide(talk, effect=one.id, action=one.approval.action)
    assert [one.status for one in talk.run.effects.values()] == ["running", "deferred"]
    talk.crash()
    if not wait_ms:
        talk.resolve("succeeded")
    talk.wait(wait_ms)
    (order,) = talk.open.values()
    assert (order.effect, talk.run.effects[order.effect].granted) == (2, "")


def test_a_glass_can_be_broken_with_a_reason_for_a_while() -> None:
    talk = asked()
    whole = {
        "run_id": talk.run_id, "action": action(talk), "principal": "user:eve", "roles": ("break-glass",),
        "why": "the customer waits at the desk", "expires_at": talk.now + 60_000,
    }  # fmt: skip
    for spoiled, rule in (
        ({"roles": ("operator",)}, "missing-role"), ({"why": " "}, "missing-reason"),
        ({"expires_at": talk.now}, "bad-expiry"), ({"action": "x"}, "other-action"),
        ({"principal": "agent:x"}, "not-a-person"), ({"effect": 9}, "nothing-held-back"),
    ):  # fmt: skip
        assert rule_of(talk.tell(i.OverrideDecision(**{**whole, **spoiled}))) == rule
    talk.forget()
    assert isinstance(talk.tell(i.OverrideDecision(**whole)), Accepted)
    talk.expect("DecisionOverridden pay", "AttemptStarted pay", "> perform pay 1")
    (overridden,) = (record.seq for record in talk.log if type(record.event) is e.DecisionOverridden)
    (started,) = talk.events(e.AttemptStarted)
    assert started.override == overridden
    assert not talk.shard.overrides


def test_what_was_granted_is_compared_with_what_is_done_when_it_starts() -> None:
    talk = asked()
    talk.catalog.draining = True
    decide(talk)
    assert effect(talk).status == "queued"
    # As far as anybody can tell it is another action: digests are made with another key.
    talk.catalog.digest_key = b"another"
    talk.catalog.draining = False
    talk.crash()
    assert (effect(talk).status, talk.open) == ("approval", {})
    decide(talk)
    assert talk.open
