"""Where an agent fails for good: others of its capability, dead letters, and what operators do with those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.values import Accepted, Refused, Reply
from tests.kernel.conversation import Conversation, agent
from tests.kernel.toolbox import tool

Converse = Callable[..., Conversation]


KEEPING = {
    "dsl": "1.0.3", "namespace": "test", "name": "talk", "version": "1.0.0",
    "metadata": {"onFailure": "deadLetter"},
}  # fmt: skip


def calls(**arguments: Any) -> list[Any]:
    return [{"ask": {"call": "agent", "with": {"capability": "test.work", **arguments}}}]


def workers(*names: str, **spec: Any) -> tuple[Declared, ...]:
    return tuple(agent(name, "test.work", **spec) for name in names)


def letter(talk: Conversation, verdict: Any, **fields: Any) -> Reply | None:
    return talk.tell(
        i.SettleDeadLetter(run_id=talk.run_id, verdict=verdict, principal="user:ann", why="mended", **fields)
    )


# --- another agent ----------------------------------------------------------------------------------


def test_what_failed_for_good_goes_to_another_agent_by_the_same_key(converse: Converse) -> None:
    talk = converse(calls(reroute=True), agents=workers("a", "b", retry={"attempts": 2}))
    talk.submit({"n": 1})
    key = talk.order("ask").key
    talk.fail("ask")
    talk.wait(0)
    talk.forget()
    talk.fail("ask")
    talk.expect("AttemptFailed ask", "EffectRerouted ask", "AttemptStarted ask", "> perform ask 3")
    order = talk.order("ask")
    assert (order.agent, order.key, order.input) == ("b@1.0.0", key, {"n": 1})
    (event,) = talk.events(e.EffectRerouted)
    assert (event.before, event.agent) == ("a@1.0.0", "b@1.0.0")
    assert event.reason == "a@1.0.0 failed for good; only agent"
    assert event.candidates == ("a@1.0.0: was asked already", "b@1.0.0: could do it")
    talk.settle("ask", "fine")
    assert talk.output == "fine"


def test_nobody_else_is_asked_unless_that_is_declared(converse: Converse) -> None:
    talk = converse(calls(), agents=workers("a", "b"))
    talk.submit()
    talk.fail("ask")
    assert talk.error.title == "the test says runtime"


def test_each_is_asked_once_and_no_more_than_declared(converse: Converse) -> None:
    talk = converse(calls(reroute={"max": 2}), agents=workers("a", "b", "c", "d"))
    talk.submit()
    asked = []
    while talk.open:
        asked.append(talk.order("ask").agent)
        talk.fail("ask")
    assert asked == ["a@1.0.0", "b@1.0.0", "c@1.0.0"]
    assert talk.status == "faulted"


def test_labels_and_contracts_say_who_can_take_over(converse: Converse) -> None:
    agents = (
        *workers("a", labels={"zone": "eu"}),
        *workers("b", labels={"zone": "us"}),
        *workers("c", labels={"zone": "eu"}, input={"type": "string"}),
        *workers("d", labels={"zone": "eu"}, version="2.0.0"),
    )
    talk = converse(calls(reroute=True, select={"require": {"zone": "eu"}}), agents=agents)
    talk.submit(5)
    while talk.order("ask").agent != "a@1.0.0":
        raise AssertionError(talk.order("ask").agent)
    talk.fail("ask")
    (event,) = talk.events(e.EffectRerouted)
    assert event.agent == "d@2.0.0"
    assert event.candidates == (
        "a@1.0.0: was asked already",
        "b@1.0.0: does not carry zone=eu",
        "c@1.0.0: its contract does not take the input",
        "d@2.0.0: could do it",
    )


def test_what_may_have_been_done_goes_to_nobody_else(converse: Converse) -> None:
    talk = converse(calls(reroute=True), agents=workers("a", "b", delivery="at-most-once"))
    talk.submit()
    talk.fail("ask")
    assert talk.status == "faulted"
    assert talk.events(e.EffectRerouted) == []


def test_what_was_certainly_not_done_does_at_most_once_or_not(converse: Converse) -> None:
    talk = converse(calls(reroute=True), agents=workers("a", "b", delivery="at-most-once"))
    talk.submit()
    talk.report("ask", status="unstarted")
    assert talk.order("ask").agent == "b@1.0.0"


def test_what_waits_for_an_open_breaker_goes_on_elsewhere(converse: Converse) -> None:
    breaker = {"failures": 1, "open_ms": 10_000}
    talk = converse(calls(reroute=True), agents=workers("a", breaker=breaker, concurrency=1))
    talk.submit()
    first = talk.order("ask")
    other = "00000000-0000-4000-8000-000000000001"
    talk.submit(run_id=other)
    talk.apply(*workers("b"))
    del talk.open[first.run_id, first.effect]
    talk.tell(i.Reported(run_id=first.run_id, effect=1, token=first.token, status="failed", retryable=True))
    assert {order.agent for order in talk.open.values()} == {"b@1.0.0"}
    reasons = [event.reason for event in talk.events(e.EffectRerouted)]
    assert reasons == [
        "a@1.0.0 failed for good; only agent",
        "a@1.0.0 is not asked: its breaker is open; only agent",
    ]


def test_the_new_agent_has_its_own_retries_and_contract(converse: Converse) -> None:
    agents = (*workers("a"), *workers("b", retry={"attempts": 2}, output={"type": "string"}))
    talk = converse(calls(reroute=True), agents=agents)
    talk.submit()
    talk.fail("ask")
    talk.settle("ask", 5)
    talk.wait(0)
    talk.settle("ask", "five")
    assert talk.output == "five"


def test_a_crash_changes_nothing_about_who_is_asked(converse: Converse) -> None:
    talk = converse(calls(reroute=True), agents=workers("a", "b", "c"))
    talk.submit()
    talk.fail("ask")
    talk.crash()
    assert talk.order("ask").agent == "b@1.0.0"
    talk.fail("ask")
    assert talk.order("ask").agent == "c@1.0.0"


# --- dead letters -----------------------------------------------------------------------------------


def test_a_failure_for_good_is_kept_and_tried_again_in_its_place(converse: Converse) -> None:
    do = [*calls(onFailure="deadLetter"), {"then": {"set": {"got": "${ . }"}}}]
    talk = converse(do, agents=workers("a"))
    talk.submit("q")
    key = talk.order("ask").key
    talk.forget()
    talk.fail("ask")
    talk.expect("AttemptFailed ask", "EffectDeadLettered ask")
    assert talk.status == "running"
    talk.crash()
    talk.wait(3_600_000)
    reply = letter(talk, "retry")
    assert reply == Accepted(talk.run_id, detail="/do/0/ask: tried again by a@1.0.0")
    order = talk.order("ask")
    assert (order.attempt, order.key, order.input) == (2, key, "q")
    talk.settle("ask", 7)
    assert talk.output == {"got": 7}
    (event,) = talk.events(e.EffectRedriven)
    assert (event.principal, talk.bodies(e.EffectRedriven)[0].why) == ("user:ann", "mended")


def test_a_new_version_is_asked_when_it_is_tried_again(converse: Converse) -> None:
    talk = converse(calls(onFailure="deadLetter"), agents=workers("a"))
    talk.submit("q")
    talk.fail("ask")
    talk.apply(*workers("a", version="1.0.1"))
    letter(talk, "retry")
    assert talk.order("ask").agent == "a@1.0.1"


def test_nobody_left_to_try_it_again_is_said(converse: Converse) -> None:
    talk = converse(calls(onFailure="deadLetter"), agents=workers("a"))
    talk.submit("q")
    talk.fail("ask")
    talk.apply(*workers("a", version="1.0.1", input={"type": "number"}))
    reply = letter(talk, "retry")
    assert isinstance(reply, Refused)
    assert reply.problems[0].message == "the contract of a@1.0.1 does not take the input"
    assert talk.run.effects[1].status == "dead"


def test_dropping_it_lets_the_task_fault_as_it_would_have(converse: Converse) -> None:
    body = {"try": calls(onFailure="deadLetter"), "catch": {"do": [{"note": {"set": {"caught": True}}}]}}
    talk = converse([{"attempt": body}], agents=workers("a"))
    talk.submit("q")
    talk.fail("attempt/ask")
    assert talk.run.effects[1].status == "dead"
    reply = letter(talk, "drop")
    assert reply == Accepted(talk.run_id, detail="/do/0/attempt/try/0/ask: dropped")
    assert talk.output == {"caught": True}
    settled = talk.events(e.EffectSettled)[-1]
    assert (settled.status, settled.principal) == ("failed", "user:ann")


def test_its_tasks_time_stands_still_while_it_waits_for_somebody(converse: Converse) -> None:
    do = calls(onFailure="deadLetter")
    do[0]["ask"]["timeout"] = {"after": "PT10S"}
    talk = converse(do, agents=workers("a"))
    talk.submit("q")
    talk.wait(5_000)
    talk.fail("ask")
    talk.wait(3_600_000)
    assert talk.status == "running"
    letter(talk, "retry")
    talk.wait(9_999)
    assert talk.open
    talk.wait(1)
    assert talk.error.status == 408


def test_a_workflow_keeps_all_that_nothing_catches(converse: Converse) -> None:
    guarded = {
        "try": calls(),
        "catch": {"errors": {"with": {"status": 408}}, "do": [{"note": {"set": {"late": True}}}]},
    }
    talk = converse([{"guarded": guarded}], agents=workers("a"), document=KEEPING)
    talk.submit("q")
    talk.fail("guarded/ask", "timeout")
    assert talk.output == {"late": True}
    again = "00000000-0000-4000-8000-000000000001"
    talk.submit("q", run_id=again)
    order = talk.open.pop((again, 1))
    talk.tell(i.Reported(run_id=again, effect=1, token=order.token, status="failed"))
    assert talk.shard.runs[again].effects[1].status == "dead"


def test_tools_and_requests_are_kept_likewise(converse: Converse) -> None:
    fetch = {"call": "http", "with": {"method": "get", "endpoint": "http://example.com"}}
    use = {"call": "tool", "with": {"tool": "t", "onFailure": "deadLetter"}}
    talk = converse([{"fetch": fetch}, {"use": use}], agents=(tool("t"),), document=KEEPING)
    talk.submit("q")
    talk.fail("fetch", "communication")
    letter(talk, "retry")
    talk.settle("fetch", 1)
    talk.fail("use")
    talk.apply(tool("t", "1.0.1"))
    letter(talk, "retry")
    assert talk.order("use").agent == "t@1.0.1"
    talk.settle("use", 2)
    assert talk.output == 2


def test_what_undoes_something_is_no_dead_letter_a_person_is_asked_anyhow(converse: Converse) -> None:
    undo = {"undo": {"call": "agent", "with": {"agent": "a", "onFailure": "deadLetter"}}}
    ask = {"call": "agent", "with": {"agent": "a", "compensate": {"function": "undo"}}}
    talk = converse(
        [{"ask": ask}, {"back": {"call": "compensate", "with": {"scope": "workflow"}}}],
        agents=workers("a"), use={"functions": undo},
    )  # fmt: skip
    talk.submit("q")
    talk.settle("ask", 1)
    (order,) = talk.open.values()
    talk.fail(order.task)
    assert [effect.status for effect in talk.run.effects.values()] == ["waiting"]


def test_only_what_is_kept_can_be_tried_again(converse: Converse) -> None:
    talk = converse(calls(onFailure="deadLetter"), agents=workers("a"))
    talk.submit("q")
    reply = letter(talk, "retry")
    assert isinstance(reply, Refused) and reply.problems[0].rule == "no-dead-letter"
