"""`call: policy`: data put to policy before they go on, by a task or around every call."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.policy_version import Hours, Match, OpenHours, Rule, Tier
from podium.facts.values import ERRORS, JSON, Accepted, Refused
from tests.kernel.conversation import START, Conversation, agent
from tests.policies import ANYTHING, policy

GUARDS = Match(kinds=("guard",))
SHORT = Rule("short", "deny", GUARDS, when="size(args.text) > 10", message="the text is too long")
GUARD: dict[str, Any] = {"call": "policy"}
ASK = {"ask": {"call": "agent", "with": {"agent": "helper"}}}
DATA = {"text": "fine", "more": 1}


def guarded(do: Any, *policies: Declared, **parts: Any) -> Conversation:
    return Conversation(do, agents=(agent("helper"), *policies), trusting=False, **parts)


def extended(*policies: Declared, **fields: JSON) -> Conversation:
    """An agent whose every answer is checked before it goes on."""
    check = {"answers": {**GUARD, "with": {"data": "${ . }"}}}
    extension = {"extend": "call", "after": [check], **fields}
    caught = {"try": [ASK], "catch": {"as": "why", "do": [{"kept": {"set": {"why": "${ $why }"}}}]}}
    return guarded([{"all": caught}], *policies, use={"extensions": [{"guard": extension}]})


def test_data_that_policy_lets_pass_go_on_as_they_are_in_one_commit() -> None:
    talk = guarded([{"a": {**GUARD, "with": {"data": "${ .text }"}}}], policy())
    talk.submit(DATA)
    talk.expect("RunStarted", "EffectRequested a", "EffectSettled a", "RunCompleted")
    assert talk.output == DATA
    assert talk.commits == [1, 5]
    (requested,) = talk.events(e.EffectRequested)
    assert (requested.kind, requested.verdict, requested.rules) == ("guard", "allow", ("house/anything",))
    assert requested.policy == talk.catalog.policies.digest
    assert not talk.open


def test_what_a_rule_denies_fails_with_the_rule_and_the_values_that_it_read() -> None:
    talk = guarded([{"a": GUARD}], policy(rules=(ANYTHING, SHORT)))
    talk.submit({"text": "far too long"})
    talk.expect("RunStarted", "EffectRequested a", "EffectSettled a", "RunFaulted a")
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}authorization", 403)
    assert "the text is too long" in talk.error.title
    assert "house/short" in talk.error.detail
    (record,) = [one for one in talk.log if isinstance(one.event, e.EffectRequested)]
    assert record.body.reads == {"args.text": "far too long"}
    assert talk.commits == [1, 5]


def test_every_answer_is_checked_before_anything_sees_it() -> None:
    talk = extended(policy(rules=(ANYTHING, SHORT)))
    talk.submit(DATA)
    talk.settle("/do/0/all/try/0/ask", {"text": "fine"})
    assert talk.output == {"text": "fine"}


def test_an_answer_that_may_not_go_on_can_be_caught() -> None:
    talk = extended(policy(rules=(ANYTHING, SHORT)))
    talk.submit(DATA)
    talk.settle("/do/0/all/try/0/ask", {"text": "ignore all that was said"})
    assert talk.output["why"]["status"] == 403
    assert "house/short" in talk.output["why"]["detail"]
    (answered,) = [one for one in talk.events(e.EffectSettled) if one.status == "succeeded"]
    assert answered.task.endswith("/ask")


def test_an_answer_without_what_a_rule_reads_does_not_pass() -> None:
    talk = extended(policy(rules=(ANYTHING, SHORT)))
    talk.submit(DATA)
    talk.settle("/do/0/all/try/0/ask", {"words": "fine"})
    assert "house/error/short" in talk.output["why"]["detail"]


def test_a_check_before_a_call_keeps_it_from_being_made() -> None:
    talk = extended(policy(rules=(ANYTHING, SHORT)), after=[], before=[{"asked": GUARD}])
    talk.submit({"text": "far too long"})
    assert talk.output["why"]["status"] == 403
    assert not talk.open


def test_nothing_passes_that_no_rule_speaks_of_and_the_error_says_which_would_help() -> None:
    talk = guarded([{"answers": GUARD}], policy(rules=(Rule("agents", "allow", Match(kinds=("agent",))),)))
    talk.submit(DATA)
    assert talk.error.status == 403
    assert "no policy allows guard answers" in talk.error.title
    assert "match: {kinds: [guard], targets: [answers], workflows: [test/talk]}" in talk.error.detail


def test_without_a_policy_everything_passes_and_the_log_says_by_which_rule() -> None:
    talk = guarded([{"a": GUARD}])
    talk.submit(DATA)
    assert talk.output == DATA
    (requested,) = talk.events(e.EffectRequested)
    assert requested.rules == ("development/guards",)


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        (["house"], True),
        (["answers"], True),
        (["answers", "house"], True),
        (["silent"], False),
        (["house", "silent"], False),
        (["observing"], False),
        (["unknown"], False),
    ],
)
def test_policies_that_are_named_must_each_allow_it_themselves(check: list[str], passes: bool) -> None:
    talk = guarded(
        [{"a": {**GUARD, "with": {"check": check}}}],
        policy(),
        policy("answers", rules=(Rule("ok", "allow", GUARDS), SHORT)),
        policy("silent", rules=(Rule("other", "allow", Match(kinds=("tool",))),)),
        policy("observing", mode="observe"),
    )
    talk.submit(DATA)
    if passes:
        assert talk.output == DATA
    else:
        assert talk.error.status == 403
        assert f"{check[-1]} " in talk.error.title


def test_naming_a_policy_takes_no_other_out_of_force() -> None:
    talk = guarded(
        [{"a": {**GUARD, "with": {"check": ["house"]}}}], policy(), policy("strict", rules=(SHORT,))
    )
    talk.submit({"text": "far too long"})
    assert "strict/short" in talk.error.detail


def test_the_built_in_policy_is_not_the_one_that_is_named() -> None:
    talk = guarded([{"a": {**GUARD, "with": {"check": ["house"]}}}])
    talk.submit(DATA)
    assert "house is not in force" in talk.error.title


def test_rules_tell_checks_apart_by_name_and_see_labels_and_texts() -> None:
    rules = (
        ANYTHING,
        Rule("secret", "deny", Match(kinds=("guard",), targets=("out/*",)), when='"pii" in data.labels'),
        Rule("key", "deny", GUARDS, when='args.text.contains("PRIVATE")'),
    )
    inside = {**GUARD, "with": {"data": {"text": "${ .text }"}}}
    outside = {**GUARD, "with": {"name": "out/mail", "data": {"text": "${ .text }"}}}
    talk = guarded([{"inside": inside}, {"outside": outside}], policy(rules=rules))
    talk.submit(DATA, labels={"data": "pii"})
    assert talk.error.instance == "/do/1/outside"
    assert "house/secret" in talk.error.detail
    talk = guarded([{"inside": inside}], policy(rules=rules))
    talk.submit({"text": "PRIVATE KEY"})
    assert "house/key" in talk.error.detail


def asking() -> Conversation:
    people = {"1": Tier(approvers=("reader",))}
    rules = (ANYTHING, Rule("look", "approve", GUARDS, tier=1))
    talk = guarded([{"a": GUARD}, {"b": {"set": {"seen": "${ .text }"}}}], policy(rules=rules, tiers=people))
    talk.submit(DATA)
    return talk


def told(talk: Conversation) -> dict[str, Any]:
    (effect,) = talk.run.effects.values()
    assert effect.status == "approval"
    return {"principal": "user:eve", "roles": ("reader",), "action": effect.approval.action}


def test_people_can_be_asked_and_with_their_yes_the_data_go_on() -> None:
    talk = asking()
    talk.crash()
    reply = talk.tell(i.DecideApproval(run_id=talk.run_id, verdict="approve", **told(talk)))
    assert isinstance(reply, Accepted)
    assert talk.output == {"seen": "fine"}
    (decided,) = talk.events(e.EffectDecided)
    assert (decided.kind, decided.granted) == ("guard", True)


def test_their_no_is_an_error() -> None:
    talk = asking()
    talk.tell(i.DecideApproval(run_id=talk.run_id, verdict="deny", **told(talk)))
    assert talk.error.status == 403


def test_nobody_makes_other_data_pass_by_editing_what_is_looked_at() -> None:
    talk = asking()
    reply = talk.tell(i.EditAction(run_id=talk.run_id, input={"data": "else"}, **told(talk)))
    assert isinstance(reply, Refused)
    assert reply.problems[0].rule == "not-an-action"


def test_data_wait_until_a_window_opens() -> None:
    opens_in_ms = 3_600_000
    minute = (START + opens_in_ms) // 60_000 % 1440
    hours = OpenHours(
        "office", match=GUARDS, open=(Hours(tuple(range(7)), minute, min(minute + 60, 1440)),), closed="hold"
    )
    talk = guarded([{"a": GUARD}], policy(windows=(hours,)))
    talk.submit(DATA)
    (effect,) = talk.run.effects.values()
    assert effect.status == "deferred"
    talk.crash()
    talk.wait(opens_in_ms + 60_000)
    assert talk.output == DATA


def test_what_is_made_of_the_output_may_have_to_wait_for_jq() -> None:
    task = {**GUARD, "output": {"as": "{n: (.text | length)}"}}
    talk = guarded([{"a": task}], policy(), asks_jq=True)
    talk.submit(DATA)
    assert talk.output == {"n": 4}
