"""`call: agent`: who is asked, what is promised, and what becomes of attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.values import ERRORS
from podium.kernel.rerouting import LOSSES_MAX
from podium.kernel.state import GRACE_MS
from tests.kernel.conversation import START, Conversation, agent

Converse = Callable[..., Conversation]

ASK = "[{ask: {call: agent, with: {agent: helper}}}]"
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}


def retrying(**retry: Any) -> tuple[Any, ...]:
    return (agent("helper", output=TEXT, retry={"attempts": 3, "delay_ms": 1_000, **retry}),)


# --- what is asked ----------------------------------------------------------------------------------


def test_a_call_costs_two_records(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper"),))
    talk.submit({"n": 1})
    talk.expect("RunStarted", "EffectRequested ask", "> perform ask 1")
    talk.settle("ask", {"m": 2})
    talk.expect("EffectSettled ask", "RunCompleted")
    assert talk.output == {"m": 2}


def test_the_order_says_all_that_the_performer_needs(converse: Converse) -> None:
    helper = agent("helper", "test.help", deadline_ms=30_000, heartbeat_ms=5_000, version="2.1.0")
    talk = converse(
        "[{ask: {call: agent, with: {agent: helper, input: {a: '${ .n + 1 }'}}}}]", agents=(helper,)
    )
    talk.submit({"n": 1})
    order = talk.order("ask")
    requested = next(record for record in talk.log if isinstance(record.event, e.EffectRequested))
    assert (order.run_id, order.task, order.effect, order.attempt) == (talk.run_id, "/do/0/ask", 1, 1)
    assert (order.token, order.epoch, order.kind) == (requested.seq, 1, "agent")
    assert (order.agent, order.digest, order.capability) == ("helper@2.1.0", helper.digest, "test.help")
    assert (order.input, order.delivery) == ({"a": 2}, "at-least-once")
    assert (order.deadline_at, order.heartbeat_ms) == (START + 30_000, 5_000)
    assert order.key == f"{talk.run_id}/1"
    assert order.trace == f"00-{talk.run_id.replace('-', '')}-{order.token:016x}-01"


def test_the_sooner_of_two_deadlines_counts(converse: Converse) -> None:
    talk = converse(
        "[{ask: {call: agent, with: {agent: helper}, timeout: {after: PT5S}}}]",
        agents=(agent("helper", deadline_ms=30_000),),
    )
    talk.submit({})
    assert talk.order("ask").deadline_at == START + 5_000


def test_an_idempotency_key_stays_through_all_attempts(converse: Converse) -> None:
    talk = converse(
        "[{ask: {call: agent, with: {agent: helper, idempotencyKey: 'order-${ .id }'}}}]", agents=retrying()
    )
    talk.submit({"id": 7})
    assert talk.order("ask").key == "order-7"
    talk.fail("ask")
    talk.wait(1_000)
    assert (talk.order("ask").key, talk.order("ask").attempt) == ("order-7", 2)


@pytest.mark.parametrize(("given", "key"), [(7, "7"), ({"b": 1, "a": 2}, '{"a":2,"b":1}')])
def test_a_key_that_is_no_text_becomes_one(converse: Converse, given: Any, key: str) -> None:
    do = "[{ask: {call: agent, with: {agent: helper, idempotencyKey: '${ .id }'}}}]"
    talk = converse(do, agents=(agent("helper"),))
    talk.submit({"id": given})
    assert talk.order("ask").key == key


@pytest.mark.parametrize("given", [None, ""])
def test_no_key_where_one_was_asked_for_is_an_error(converse: Converse, given: Any) -> None:
    do = "[{ask: {call: agent, with: {agent: helper, idempotencyKey: '${ .id }'}}}]"
    talk = converse(do, agents=(agent("helper"),))
    talk.submit({"id": given})
    assert talk.error.type == f"{ERRORS}expression" and "no key" in talk.error.title


def test_the_record_says_who_was_chosen_why_and_by_which_rule(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper", cost_nano=2_000_000),))
    talk.submit({})
    (requested,) = talk.events(e.EffectRequested)
    assert (requested.agent, requested.reason) == ("helper@1.0.0", "named by the task")
    assert (requested.verdict, requested.rules) == ("allow", ("development",))
    assert requested.hold_nano == 2_000_000


def test_what_it_cost_is_booked(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying())
    talk.submit({})
    talk.fail("ask", cost_nano=3)
    talk.wait(1_000)
    talk.settle("ask", {"text": ""}, cost_nano=4, provenance={"worker": "w"})
    assert talk.run.cost_nano == 7
    assert talk.bodies(e.EffectSettled)[0].provenance == {"worker": "w"}


# --- contracts --------------------------------------------------------------------------------------


def test_an_input_that_breaks_the_contract_is_never_sent(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper", input=TEXT),))
    talk.submit({"text": 1})
    talk.expect("RunStarted", "RunFaulted ask")
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}validation", 400)
    assert "test.helper" in talk.error.title and "/text" in talk.error.detail


def test_an_output_that_breaks_the_contract_is_tried_again_and_then_an_error(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying(attempts=2))
    talk.submit({})
    talk.settle("ask", {"text": 1})
    (failed,) = talk.events(e.AttemptFailed)
    assert (failed.status, failed.retry_at) == ("failed", START + 1_000)
    assert talk.bodies(e.AttemptFailed)[0].output == {"text": 1}
    talk.wait(1_000)
    talk.settle("ask", {})
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}validation", 400)
    assert "helper@1.0.0 broke its contract" in talk.error.title
    assert talk.bodies(e.EffectSettled)[0].output == {}


# --- retries of the contract ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ({"backoff": "constant"}, [1_000, 1_000]),
        ({"backoff": "linear", "attempts": 4}, [1_000, 2_000, 3_000]),
        ({"backoff": "exponential", "attempts": 5}, [1_000, 2_000, 4_000, 8_000]),
        ({"backoff": "exponential", "attempts": 5, "delay_max_ms": 3_000}, [1_000, 2_000, 3_000, 3_000]),
    ],
)
def test_attempts_follow_the_contract(converse: Converse, retry: Any, expected: list[int]) -> None:
    talk = converse(ASK, agents=retrying(**retry))
    talk.submit({})
    pauses = []
    for _ in expected:
        talk.fail("ask")
        assert talk.status == "running"
        pauses.append(talk.events(e.AttemptFailed)[-1].retry_at - talk.now)
        talk.wait(pauses[-1])
    assert pauses == expected
    talk.fail("ask", "communication")
    assert talk.error.type == f"{ERRORS}communication"
    assert talk.error.instance == "/do/0/ask"
    assert [event.attempt for event in talk.events(e.AttemptStarted)] == list(range(2, len(expected) + 2))


def test_pauses_that_double_for_ever_stay_numbers(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying(attempts=10_000, delay_ms=86_400_000))
    talk.submit({})
    for _ in range(100):
        talk.fail("ask")
        talk.wait(talk.events(e.AttemptFailed)[-1].retry_at - talk.now)
    assert talk.order("ask").attempt == 101


def test_jitter_is_added_within_its_bound(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying(attempts=20, delay_ms=0, backoff="constant", jitter_ms=500))
    talk.submit({})
    pauses = []
    for _ in range(19):
        talk.fail("ask")
        pauses.append(talk.events(e.AttemptFailed)[-1].retry_at - talk.now)
        talk.wait(500)
    assert all(0 <= pause <= 500 for pause in pauses) and len(set(pauses)) > 10


def test_what_cannot_do_better_is_not_tried_again(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying())
    talk.submit({})
    talk.fail("ask", retryable=False)
    assert talk.status == "faulted"


# --- lost and late ----------------------------------------------------------------------------------


def test_a_lost_attempt_is_made_again_at_once(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper"),))
    talk.submit({})
    first = talk.order("ask").token
    talk.lose("ask")
    talk.go_on()
    assert talk.order("ask").attempt == 2 and talk.order("ask").token > first
    talk.settle("ask", "fine")
    assert talk.output == "fine"


def test_what_loses_its_performer_again_and_again_fails_in_the_end(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper"),))
    talk.submit({})
    for _ in range(LOSSES_MAX):
        talk.lose("ask")
        talk.go_on()
    assert talk.error.type == f"{ERRORS}runtime" and "lost" in talk.error.title


def test_losses_do_not_use_up_the_contracts_attempts(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying(attempts=2))
    talk.submit({})
    for _ in range(3):
        talk.lose("ask")
        talk.go_on()
    talk.fail("ask")
    talk.wait(1_000)
    talk.settle("ask", {"text": "fine"})
    assert talk.output == {"text": "fine"}


def test_a_reply_to_an_older_attempt_is_recorded_and_not_applied(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying())
    talk.submit({})
    old = talk.order("ask")
    talk.fail("ask")
    talk.wait(1_000)
    talk.forget()
    late = i.Reported(
        run_id=old.run_id, effect=1, token=old.token, status="succeeded", output={"text": "late"}
    )
    talk.tell(late)
    talk.expect("StaleReply ask")
    assert talk.bodies(e.StaleReply)[0].output == {"text": "late"}
    talk.settle("ask", {"text": "now"})
    assert talk.output == {"text": "now"}


def test_a_reply_that_comes_twice_counts_once(converse: Converse) -> None:
    talk = converse(
        "[{ask: {call: agent, with: {agent: helper}}}, {nap: {wait: PT1S}}]", agents=(agent("helper"),)
    )
    talk.submit({})
    order = talk.order("ask")
    told = i.Reported(run_id=order.run_id, effect=1, token=order.token, status="succeeded", output=1)
    talk.tell(told)
    talk.forget()
    talk.tell(told)
    talk.expect("StaleReply")


@pytest.mark.parametrize("status", ["succeeded", "failed", "lost"])
def test_a_reply_after_the_end_of_the_run_is_recorded(converse: Converse, status: Any) -> None:
    talk = converse(ASK, agents=(agent("helper"),))
    talk.submit({})
    order = talk.order("ask")
    talk.cancel()
    talk.expect("RunStarted", "EffectRequested ask", "RunCancelled", "> perform ask 1", "> abandon 1")
    talk.tell(i.Reported(run_id=order.run_id, effect=1, token=order.token, status=status, output=1))
    talk.expect("StaleReply")
    assert (talk.status, talk.ended) == ("cancelled", [talk.run_id])


def test_replies_for_nobody_are_dropped() -> None:
    talk = Conversation(ASK, agents=(agent("helper"),))
    talk.tell(i.Reported(run_id=run_id_of("test", "no"), effect=1, token=1, status="succeeded"))
    talk.expect()


def test_a_performer_that_says_nothing_is_given_up_after_its_deadline(converse: Converse) -> None:
    talk = converse(ASK, agents=retrying(attempts=2, backoff="constant"))
    talk.submit({})
    talk.wait(60_000 + GRACE_MS - 1)
    assert not talk.events(e.AttemptFailed)
    talk.wait(1)
    (failed,) = talk.events(e.AttemptFailed)
    assert (failed.status, failed.retry_at) == ("failed", talk.now + 1_000)
    talk.wait(1_000 + 60_000 + GRACE_MS)
    assert talk.error.type == f"{ERRORS}timeout"


# --- slots ------------------------------------------------------------------------------------------

FOUR = """
- all:
    fork:
      branches:
        - a: {call: agent, with: {agent: helper}}
        - b: {call: agent, with: {agent: helper}}
        - c: {call: agent, with: {agent: helper}}
        - d: {call: agent, with: {agent: helper}}
"""


def test_no_more_attempts_run_at_once_than_the_agent_may_and_the_first_in_line_is_next(
    converse: Converse,
) -> None:
    talk = converse(FOUR, agents=(agent("helper", concurrency=2),))
    talk.submit({})
    assert [order.task[-1] for order in talk.open.values()] == ["a", "b"]
    assert [event.started for event in talk.events(e.EffectRequested)] == [True, True, False, False]
    talk.forget()
    talk.settle("all/b", "B")
    talk.expect("EffectSettled all/b", "AttemptStarted all/c", "> perform all/c 1")
    talk.settle("all/a", "A")
    talk.settle("all/d", "D")
    talk.settle("all/c", "C")
    assert talk.output == ["A", "B", "C", "D"]
    assert not any(talk.shard.running.values())


def test_slots_are_the_agents_whichever_run_has_them(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("helper", concurrency=1),))
    talk.submit({})
    others = [run_id_of("test", str(number)) for number in range(2)]
    for run_id in others:
        talk.submit({}, run_id=run_id)
    assert [run_id for run_id, _ in talk.open] == [talk.run_id]
    talk.cancel()
    assert [run_id for run_id, _ in talk.open] == [others[0]]
    talk.tell(i.CancelRun(run_id=others[1]))
    talk.settle("ask", 1)
    assert [run.status for run in talk.shard.runs.values()] == ["cancelled", "completed", "cancelled"]
    assert not talk.open


def test_a_retry_waits_in_line_like_the_others(converse: Converse) -> None:
    talk = converse(FOUR, agents=(agent("helper", concurrency=1, retry={"attempts": 2}),))
    talk.submit({})
    talk.fail("all/a")
    assert next(iter(talk.open.values())).task.endswith("b")
    talk.go_on()
    for name in "bcd":
        talk.settle(f"all/{name}", name)
    assert talk.order("all/a").attempt == 2
    talk.settle("all/a", "a")
    assert talk.output == ["a", "b", "c", "d"]


def test_an_effect_in_line_is_dropped_with_its_task(converse: Converse) -> None:
    talk = converse(
        FOUR.replace("fork:", "timeout: {after: PT5S}\n    fork:"), agents=(agent("helper", concurrency=1),)
    )
    talk.submit({})
    talk.wait(5_000)
    assert talk.status == "faulted"
    assert len(talk.abandoned) == 1
    talk.submit({}, run_id=run_id_of("test", "next"))
    assert [run_id for run_id, _ in talk.open] == [run_id_of("test", "next")]


# --- at most once -----------------------------------------------------------------------------------

ONCE = (agent("helper", delivery="at-most-once", output=TEXT, retry={"attempts": 5}),)


def in_doubt(converse: Converse) -> Conversation:
    talk = converse(ASK, agents=ONCE)
    talk.submit({})
    talk.forget()
    talk.lose("ask")
    talk.expect("EffectInDoubt ask")
    assert talk.run.effects[1].status == "in_doubt"
    assert not any(talk.shard.running.values())
    return talk


def test_a_lost_attempt_that_must_not_be_made_twice_waits_for_a_person(converse: Converse) -> None:
    talk = in_doubt(converse)
    talk.wait(86_400_000)
    talk.crash()
    assert talk.run.effects[1].status == "in_doubt" and not talk.open


def test_it_was_done(converse: Converse) -> None:
    talk = in_doubt(converse)
    talk.resolve("succeeded", {"text": "done"})
    talk.expect("EffectResolved ask", "EffectSettled ask", "RunCompleted")
    assert talk.output == {"text": "done"}
    assert talk.events(e.EffectSettled)[0].principal == "user:ann"


def test_it_failed(converse: Converse) -> None:
    talk = in_doubt(converse)
    talk.resolve("failed")
    talk.expect("EffectResolved ask", "EffectSettled ask", "RunFaulted ask")
    assert "user:ann resolved it as failed" in talk.error.title


def test_it_was_not_done_so_do_it(converse: Converse) -> None:
    talk = in_doubt(converse)
    talk.resolve("retry")
    talk.expect("EffectResolved ask", "AttemptStarted ask", "> perform ask 2")
    talk.settle("ask", {"text": "now"})
    assert talk.output == {"text": "now"}


def test_a_verdict_needs_an_effect_in_doubt_and_an_output_that_keeps_the_contract(converse: Converse) -> None:
    talk = in_doubt(converse)
    broken = talk.resolve("succeeded", {"text": 1})
    assert broken.code == "usage" and broken.problems[0].path == "/output/text"  # type: ignore[union-attr]
    other = talk.resolve("retry", effect=7)
    assert other.code == "conflict" and "1 (/do/0/ask)" in other.problems[0].message  # type: ignore[union-attr]
    talk.resolve("failed")
    assert talk.resolve("failed").code == "conflict"  # type: ignore[union-attr]


def test_one_of_two_in_doubt_must_be_named(converse: Converse) -> None:
    talk = converse(FOUR, agents=ONCE)
    talk.submit({})
    talk.lose("all/a")
    talk.lose("all/b")
    assert talk.resolve("failed").code == "usage"  # type: ignore[union-attr]
    talk.resolve("succeeded", {"text": "b"}, effect=2)
    assert [effect.status for effect in talk.run.effects.values()] == ["in_doubt", "running", "running"]


def test_a_known_failure_of_what_is_done_at_most_once_is_final(converse: Converse) -> None:
    talk = converse(ASK, agents=ONCE)
    talk.submit({})
    talk.fail("ask")
    assert talk.status == "faulted"


def test_what_certainly_never_began_may_begin(converse: Converse) -> None:
    talk = converse(ASK, agents=ONCE)
    talk.submit({})
    talk.report("ask", status="unstarted")
    talk.go_on()
    assert talk.order("ask").attempt == 2


def test_what_is_done_at_most_once_and_says_nothing_is_in_doubt(converse: Converse) -> None:
    talk = converse(ASK, agents=ONCE)
    talk.submit({})
    talk.wait(60_000 + GRACE_MS)
    assert talk.run.effects[1].status == "in_doubt"


def test_a_late_reply_does_not_clear_a_doubt(converse: Converse) -> None:
    talk = converse(ASK, agents=ONCE)
    talk.submit({})
    order = talk.order("ask")
    talk.lose("ask")
    talk.tell(
        i.Reported(run_id=order.run_id, effect=1, token=order.token, status="succeeded", output={"text": ""})
    )
    assert talk.run.effects[1].status == "in_doubt"
    assert talk.events(e.StaleReply)[0].task == "/do/0/ask"
