"""Results that the last attempt did not ask for again, and attempts that promised to repeat what they did."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS, Error
from tests.kernel.conversation import Conversation, agent
from tests.kernel.leading import LEADS, Converse, again, lead, reported_as, statuses
from tests.kernel.toolbox import tool

# --- what nobody asks for again ---------------------------------------------------------------------


def left_over(converse: Converse, **spec: Any) -> Conversation:
    """A leader that paid in its first attempt, and does not ask for that in its second, which succeeds."""
    talk = lead(converse, **spec)
    talk.ask("lead", 1, "pay", {"to": "ann"})
    talk.settle("lead/pay", "p-1")
    talk.ask("lead", 2, "math.add", {"n": 1})
    talk.settle("lead/math.add", 1)
    again(talk)
    talk.settle("lead", "another way")
    return talk


def test_what_is_left_over_is_recorded_and_that_is_all(converse: Converse) -> None:
    talk = left_over(converse)
    talk.expect("ResultsUnclaimed lead", "EffectSettled lead", "RunCompleted")
    (event,) = talk.events(e.ResultsUnclaimed)
    assert (event.calls, event.then) == ((2,), "continue")
    assert talk.output == "another way"


def test_nothing_is_left_over_where_all_was_asked_for_again(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.settle("lead/pay", "p-1")
    again(talk)
    talk.ask("lead", 1, "pay", {})
    talk.settle("lead", "done")
    assert not talk.events(e.ResultsUnclaimed)


def test_what_is_left_over_may_be_a_failure(converse: Converse) -> None:
    talk = left_over(converse, on_divergence="fail")
    assert talk.error.title == "attempt 2 of leader@1.0.0 did not ask for what an earlier one had done"
    assert "tool pay" in talk.error.detail


def test_what_is_left_over_may_be_undone_first(converse: Converse) -> None:
    talk = left_over(converse, on_divergence="compensate")
    assert statuses(talk)[0] == ("leader", "diverged")
    order = next(iter(talk.open.values()))
    assert (order.capability, order.input) == ("pay.back", {"id": "p-1"})
    talk.crash()
    (order,) = talk.open.values()
    del talk.open[order.run_id, order.effect]
    talk.tell(reported_as(order, "back"))
    assert [event.effect for event in talk.events(e.EffectUndone)] == [2]
    assert talk.output == "another way"


def test_an_undo_of_what_is_left_over_that_fails_is_a_persons_matter(converse: Converse) -> None:
    talk = left_over(converse, on_divergence="compensate")
    (order,) = talk.open.values()
    del talk.open[order.run_id, order.effect]
    talk.tell(
        i.Reported(
            run_id=order.run_id, effect=order.effect, token=order.token, status="failed",
            error=Error(f"{ERRORS}runtime", 500, "no"),
        )
    )  # fmt: skip
    talk.answer_human("done")
    assert talk.output == "another way"


@pytest.mark.parametrize("decision", ["continue", "compensate", "fail"])
def test_a_person_may_say_what_becomes_of_it(converse: Converse, decision: str) -> None:
    talk = left_over(converse, on_divergence="ask")
    asked = next(effect for effect in talk.run.effects.values() if effect.kind == "human")
    assert "tool pay" in asked.input["description"]
    talk.crash()
    talk.answer_human(decision)
    if decision == "compensate":
        (order,) = talk.open.values()
        del talk.open[order.run_id, order.effect]
        talk.tell(reported_as(order, "back"))
    assert talk.status == ("faulted" if decision == "fail" else "completed")


def test_what_cannot_be_undone_is_a_persons_matter(converse: Converse) -> None:
    talk = lead(converse, tool("shout", side_effect="irreversible"), on_divergence="compensate")
    talk.ask("lead", 1, "shout", {})
    talk.settle("lead/shout", "heard")
    again(talk)
    talk.settle("lead", "another way")
    assert [effect.kind for effect in talk.run.effects.values()] == ["agent", "human"]


def test_what_can_be_undone_only_in_part_is_a_persons_matter(converse: Converse) -> None:
    talk = lead(converse, tool("shout", side_effect="irreversible"), on_divergence="compensate")
    for number, name in enumerate(("pay", "shout"), 1):
        talk.ask("lead", number, name, {})
        talk.settle(f"lead/{name}", "done")
    again(talk)
    talk.settle("lead", "another way")
    assert [effect.kind for effect in talk.run.effects.values()] == ["agent", "human"]


def test_what_a_run_undoes_is_also_what_its_agents_did(converse: Converse) -> None:
    undo = {"undo": {"call": "compensate"}}
    boom = {"boom": {"raise": {"error": {"type": "test:boom", "status": 500}}}}
    do = [{"saga": {"try": [{"lead": LEADS}, boom], "catch": {"do": [undo]}}}]
    talk = lead(converse, agent("helper", "help"), do=do)
    talk.ask("saga/lead", 1, "pay", {})
    talk.settle("saga/lead/pay", "p-1")
    talk.ask("saga/lead", 2, "help", 1, kind="agent")
    talk.ask("saga/lead/help", 1, "pay", {})
    talk.settle("saga/lead/help/pay", "p-2")
    talk.settle("saga/lead/help", "helped")
    talk.settle("saga/lead", "done")
    undone = []
    while talk.open:
        (order,) = talk.open.values()
        undone.append(order.input["id"])
        del talk.open[order.run_id, order.effect]
        talk.tell(reported_as(order, "back"))
    assert undone == ["p-2", "p-1"]
    assert talk.status == "completed"


def test_what_a_helper_did_in_vain_is_undone_with_it(converse: Converse) -> None:
    talk = lead(converse, agent("helper", "help"), on_divergence="compensate")
    talk.ask("lead", 1, "help", 1, kind="agent")
    talk.ask("lead/help", 1, "pay", {})
    talk.settle("lead/help/pay", "p-1")
    talk.settle("lead/help", "helped")
    again(talk)
    talk.settle("lead", "alone")
    (order,) = talk.open.values()
    assert (order.capability, order.input) == ("pay.back", {"id": "p-1"})


@pytest.mark.parametrize("then", ["ask", "compensate"])
def test_what_is_done_about_it_ends_with_who_asked(converse: Converse, then: str) -> None:
    helper = agent("helper", "help", on_divergence=then, retry={"attempts": 2})
    talk = lead(converse, helper)
    talk.ask("lead", 1, "help", 1, kind="agent")
    talk.ask("lead/help", 1, "pay", {})
    talk.settle("lead/help/pay", "p-1")
    talk.fail("lead/help")
    talk.go_on()
    talk.settle("lead/help", "another way")
    assert statuses(talk)[:2] == [("leader", "asking"), ("helper", "diverged")]
    talk.settle("lead", "did not wait")
    assert talk.status == "completed"
    assert not any(talk.shard.running.values())


def diverged(converse: Converse, who: str, then: str, at: str = "lead", **parts: Any) -> Conversation:
    """Something is being done about what the leader left over, or a helper that it had asked."""
    helper = agent("helper", "help", on_divergence=then, retry={"attempts": 2})
    talk = lead(converse, helper, on_divergence=then, **parts)
    if who == "helper":
        talk.ask(at, 1, "help", 1, kind="agent")
        at += "/help"
    talk.ask(at, 1, "pay", {})
    talk.settle(f"{at}/pay", "p-1")
    talk.fail(at)
    talk.go_on()
    talk.settle(at, "another way")
    assert (who, "diverged") in statuses(talk)
    return talk


def assert_nothing_is_left(talk: Conversation) -> None:
    assert not talk.run.effects and not talk.run.frames and not talk.open
    assert not any(talk.shard.running.values())


@pytest.mark.parametrize("then", ["ask", "compensate"])
@pytest.mark.parametrize("who", ["leader", "helper"])
def test_what_is_done_about_it_ends_with_the_run(converse: Converse, who: str, then: str) -> None:
    talk = diverged(converse, who, then)
    talk.cancel()
    assert talk.status == "cancelled"
    assert_nothing_is_left(talk)


@pytest.mark.parametrize("then", ["ask", "compensate"])
@pytest.mark.parametrize("who", ["leader", "helper"])
@pytest.mark.parametrize("limited", ["task", "scope"])
def test_what_is_done_about_it_ends_with_the_time_for_it(
    converse: Converse, who: str, then: str, limited: str
) -> None:
    limit = {"timeout": {"after": "PT1M"}}
    task, scope = (limit, {}) if limited == "task" else ({}, limit)
    do = [{"all": {"try": [{"in": {"do": [{"lead": {**LEADS, **task}}], **scope}}], "catch": {}}}]
    talk = diverged(converse, who, then, at="all/in/lead", do=do)
    talk.wait(60_000)
    assert talk.status == "completed"
    assert_nothing_is_left(talk)


# --- the same in the same order ---------------------------------------------------------------------


def test_who_promised_to_repeat_may_not_ask_for_something_else(converse: Converse) -> None:
    talk = lead(converse, replay="strict")
    for number, to in ((1, "ann"), (2, "bob")):
        talk.ask("lead", number, "pay", {"to": to})
        talk.settle("lead/pay", to)
    again(talk)
    talk.ask("lead", 1, "pay", {"to": "bob"})
    assert talk.error.title == "leader@1.0.0 does not repeat what it did"
    assert [abandon.effect for abandon in talk.abandoned] == [1]


def test_who_repeats_goes_on(converse: Converse) -> None:
    talk = lead(converse, replay="strict")
    talk.ask("lead", 1, "pay", {"to": "ann"}, code="sha256:1")
    talk.settle("lead/pay", "p-1")
    again(talk)
    talk.ask("lead", 1, "pay", {"to": "ann"}, code="sha256:1")
    talk.ask("lead", 2, "pay", {"to": "bob"}, code="sha256:1")
    talk.settle("lead/pay", "p-2")
    assert talk.told("lead") == {1: "p-1", 2: "p-2"}


def test_other_code_is_not_the_same_again(converse: Converse) -> None:
    talk = lead(converse, replay="strict")
    talk.ask("lead", 1, "pay", {"to": "ann"}, code="sha256:1")
    talk.settle("lead/pay", "p-1")
    again(talk)
    talk.ask("lead", 1, "pay", {"to": "ann"}, code="sha256:2")
    assert talk.status == "faulted"
    assert "code" in talk.error.detail
