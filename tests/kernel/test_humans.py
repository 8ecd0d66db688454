"""`call: human`: requests that wait for a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.policy_version import Tier
from podium.facts.values import Accepted, Refused, Reply
from tests.kernel.conversation import START, Conversation
from tests.policies import policy

Converse = Callable[..., Conversation]
ASK = "[{review: {call: human, with: {title: 'Refund ${ .amount }?'}}}]"
FORM = """
- review:
    call: human
    with:
      title: Refund?
      decisions: [refund, deny, wait]
      form: {type: object, required: [amount], properties: {amount: {type: integer, maximum: 100}}}
"""
TWO = """
- both:
    fork:
      branches:
        - first: {call: human, with: {title: First?}}
        - second: {call: human, with: {title: Second?}}
"""


def refusal(reply: Reply | None) -> tuple[str, str, str]:
    assert isinstance(reply, Refused)
    return reply.code, reply.problems[0].rule, reply.problems[0].path


def test_the_task_waits_until_somebody_answers(converse: Converse) -> None:
    talk = converse(ASK)
    talk.submit({"amount": 7})
    talk.expect("RunStarted", "EffectRequested review")
    (effect,) = talk.run.effects.values()
    assert (effect.status, effect.input) == (
        "waiting", {"title": "Refund 7?", "decisions": ["approve", "deny"]},
    )  # fmt: skip
    talk.wait(5_000)
    talk.forget()
    reply = talk.answer_human("approve", data={"note": "ok"}, via="socket", why="fine by me")
    assert reply == Accepted(talk.run_id, True, "/do/0/review: approve")
    talk.expect("EffectSettled review", "RunCompleted")
    at = "2025-06-15T15:06:45.000Z"
    assert talk.output == {"decision": "approve", "by": "user:ann", "at": at, "data": {"note": "ok"}}
    (settled,), (body,) = talk.events(e.EffectSettled), talk.bodies(e.EffectSettled)
    assert (settled.principal, settled.via, body.why) == ("user:ann", "socket", "fine by me")
    assert talk.run.ended_at == START + 5_000


def test_only_the_decisions_of_the_request_are_taken(converse: Converse) -> None:
    talk = converse(FORM)
    talk.submit({})
    assert refusal(talk.answer_human("approve")) == ("usage", "unknown-decision", "/decision")
    assert talk.answer_human("wait", data={"amount": 1}) == Accepted(talk.run_id, True, "/do/0/review: wait")


@pytest.mark.parametrize(
    ("data", "path"),
    [(None, "/data"), ({}, "/data"), ({"amount": "x"}, "/data/amount"), ({"amount": 101}, "/data/amount")],
)
def test_an_answer_keeps_the_form(converse: Converse, data: Any, path: str) -> None:
    talk = converse(FORM)
    talk.submit({})
    assert refusal(talk.answer_human("refund", data=data)) == ("usage", "form", path)
    assert talk.status == "running"
    talk.answer_human("refund", data={"amount": 100})
    assert talk.output["data"] == {"amount": 100}


def test_to_deny_no_form_needs_to_be_filled_in(converse: Converse) -> None:
    talk = converse(FORM)
    talk.submit({})
    talk.answer_human("deny")
    assert talk.output["decision"] == "deny"


def test_one_of_several_that_wait_must_be_named(converse: Converse) -> None:
    talk = converse(TWO)
    talk.submit({})
    assert refusal(talk.answer_human()) == ("usage", "ambiguous-task", "/task")
    assert refusal(talk.answer_human(task="third")) == ("conflict", "not-waiting", "/task")
    talk.answer_human(task="second")
    talk.answer_human("deny", task="/do/0/both/fork/branches/0/first")
    assert [answer["decision"] for answer in talk.output] == ["deny", "approve"]


def test_what_was_answered_cannot_be_answered_again(converse: Converse) -> None:
    talk = converse(ASK.replace("}]", "}, {nap: {wait: PT1H}}]"))
    talk.submit({})
    talk.answer_human()
    assert refusal(talk.answer_human()) == ("conflict", "not-waiting", "/task")
    talk.wait(3_600_000)
    assert refusal(talk.answer_human()) == ("conflict", "run-ended", "/run_id")
    assert refusal(talk.answer_human(run_id="no")) == ("not-found", "unknown-run", "/run_id")


def test_a_request_that_nobody_answers_in_time_can_be_caught(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try: [{review: {call: human, with: {title: Well?}, timeout: {after: PT1H}}}]
        catch: {errors: {with: {status: 408}}, do: [{no: {set: {decision: none}}}]}
    """)
    talk.submit({})
    talk.wait(3_600_000)
    assert talk.output == {"decision": "none"}
    assert refusal(talk.answer_human()) == ("conflict", "run-ended", "/run_id")
    assert not talk.abandoned


def test_an_answer_goes_through_the_data_flow(converse: Converse) -> None:
    talk = converse("""
    - review: {call: human, with: {title: T}, output: {as: .decision}, export: {as: '{by: $task.output.by}'}}
    - look: {set: '${ [., $context.by] }'}
    """)
    talk.submit({})
    talk.answer_human()
    assert talk.output == ["approve", "user:ann"]


def test_a_request_waits_through_a_crash_of_the_hub(converse: Converse) -> None:
    talk = converse(ASK)
    talk.submit({"amount": 1})
    talk.crash()
    talk.answer_human()
    assert talk.status == "completed"


LEADS = "[{review: {call: human, with: {title: Go?, roles: [lead], quorum: 2}}}]"


def answer(
    talk: Conversation, who: str, decision: str = "approve", *, roles: tuple[str, ...] = ("lead",)
) -> Any:
    """An answer of somebody who is known, whatever name he gives."""
    return talk.answer_human(decision, principal="user:somebody", identity=who, roles=roles, via="test")


def test_who_may_answer_is_who_the_caller_is_found_to_be(converse: Converse) -> None:
    talk = converse(LEADS)
    talk.submit({}, principal="user:bob")
    for who, roles, rule in (
        ("", ("lead",), "not-a-person"), ("agent:x", ("lead",), "not-a-person"),
        ("user:ann", (), "missing-role"), ("user:ann", ("other",), "missing-role"),
    ):  # fmt: skip
        assert refusal(answer(talk, who, roles=roles)) == ("refused", rule, "/principal")
    assert not talk.events(e.ApprovalDecided)


def test_a_quorum_is_of_distinct_people(converse: Converse) -> None:
    talk = converse(LEADS)
    talk.submit({})
    answer(talk, "user:ann")
    answer(talk, "user:ann")
    assert talk.status == "running"
    talk.crash()
    assert isinstance(answer(talk, "user:cid"), Accepted)
    assert (talk.output["decision"], talk.output["by"]) == ("approve", "user:cid")
    assert [one.principal for one in talk.events(e.ApprovalDecided)] == ["user:ann", "user:ann"]


def test_one_who_denies_is_enough(converse: Converse) -> None:
    talk = converse(LEADS)
    talk.submit({})
    answer(talk, "user:ann")
    answer(talk, "user:cid", "deny")
    assert talk.output["decision"] == "deny"


def test_silence_leads_to_another_tier_and_then_to_a_no(converse: Converse) -> None:
    do = [
        {
            "ask": {
                "call": "human",
                "with": {"title": "Go?", "roles": ["lead"], "escalate": {"after": "PT1M", "tier": 2}},
            }
        }
    ]
    house = policy(tiers={"2": Tier(("boss",), timeout_ms=60_000)})
    talk = converse(do, agents=(house,), trusting=False)
    talk.submit({})
    talk.wait(60_000)
    assert refusal(answer(talk, "user:ann"))[1] == "missing-role"
    talk.crash()
    talk.wait(60_000)
    assert (talk.output["decision"], talk.output["by"]) == ("deny", "")


def test_a_tier_that_no_policy_has_is_a_fault(converse: Converse) -> None:
    talk = converse("[{ask: {call: human, with: {title: Go?, tier: 7}}}]")
    talk.submit({})
    assert (talk.error.status, "tier 7" in talk.error.title) == (400, True)
