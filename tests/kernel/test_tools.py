"""`call: tool`: what is asked of a tool, what is promised, and what undoes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS
from tests.kernel.conversation import START, Conversation, agent
from tests.kernel.toolbox import tool

Converse = Callable[..., Conversation]

AMOUNT = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}}
RECEIPT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
REFUND = "[{pay: {call: tool, with: {tool: payments.refund, args: {amount: '${ .sum }'}}}}]"
PAYMENTS = tool(
    "payments.refund", args=AMOUNT, result=RECEIPT, side_effect="write", delivery="at-most-once",
    undo={"tool": "payments.cancel", "args": {"receipt": "${ .output.id }"}},
)  # fmt: skip
CANCEL = tool("payments.cancel", args={"type": "object", "required": ["receipt"]}, side_effect="write")
UNDO = {"undo": {"call": "compensate"}}
BOOM = {"boom": {"raise": {"error": {"type": "test:boom", "status": 500}}}}


def trying(*body: Any, catch: Any = (UNDO,)) -> Any:
    return [{"saga": {"try": list(body), "catch": {"do": list(catch)}}}]


def refund(**given: Any) -> Any:
    return {"pay": {"call": "tool", "with": {"tool": "payments.refund", "args": {"amount": 5}, **given}}}


# --- what is asked ----------------------------------------------------------------------------------


def test_a_call_costs_two_records(converse: Converse) -> None:
    talk = converse(REFUND, agents=(PAYMENTS, CANCEL))
    talk.submit({"sum": 5})
    talk.expect("RunStarted", "EffectRequested pay", "> perform pay 1")
    talk.settle("pay", {"id": "r-1"})
    talk.expect("EffectSettled pay", "RunCompleted")
    assert talk.output == {"id": "r-1"}


def test_the_order_says_all_that_the_performer_needs(converse: Converse) -> None:
    declared = tool(
        "payments.refund", "2.1.0", deadline_ms=30_000, heartbeat_ms=5_000, cost_nano=7, deprecated="old"
    )
    talk = converse(REFUND, agents=(declared,))
    talk.submit({"sum": 5})
    order = talk.order("pay")
    assert (order.kind, order.agent, order.digest) == ("tool", "payments.refund@2.1.0", declared.digest)
    assert (order.capability, order.input) == ("payments.refund", {"amount": 5})
    assert (order.deadline_at, order.heartbeat_ms) == (START + 30_000, 5_000)
    (requested,) = talk.events(e.EffectRequested)
    assert (requested.hold_nano, requested.reason) == (7, "named by the task; deprecated: old")


def test_without_arguments_it_gets_the_tasks_input(converse: Converse) -> None:
    talk = converse("[{pay: {call: tool, with: {tool: payments.refund}}}]", agents=(PAYMENTS, CANCEL))
    talk.submit({"amount": 3})
    assert talk.order("pay").input == {"amount": 3}


def test_a_version_can_be_named(converse: Converse) -> None:
    older, newer = tool("payments.refund"), tool("payments.refund", "2.0.0")
    talk = converse("[{pay: {call: tool, with: {tool: payments.refund@1.0.0}}}]", agents=(older, newer))
    talk.submit({})
    assert talk.order("pay").digest == older.digest


def test_an_agent_of_the_same_name_is_no_tool(converse: Converse) -> None:
    talk = converse(REFUND, agents=(agent("payments.refund"),))
    talk.submit({"sum": 5})
    assert (talk.error.type, talk.error.title) == (
        f"{ERRORS}configuration", "no tool is named payments.refund",
    )  # fmt: skip


def test_arguments_that_break_the_schema_ask_nobody(converse: Converse) -> None:
    talk = converse(REFUND, agents=(PAYMENTS, CANCEL))
    talk.submit({"sum": "500"})
    assert talk.error.type == f"{ERRORS}validation"
    assert "/amount" in talk.error.detail
    assert not talk.events(e.EffectRequested)


def test_a_result_that_breaks_the_schema_is_a_failure(converse: Converse) -> None:
    talk = converse(REFUND, agents=(PAYMENTS, CANCEL))
    talk.submit({"sum": 5})
    talk.settle("pay", {"ids": 1})
    assert talk.error.type == f"{ERRORS}validation"
    assert "payments.refund" in talk.error.title


def test_its_own_retries_count(converse: Converse) -> None:
    talk = converse(REFUND, agents=(tool("payments.refund", retry={"attempts": 2, "delay_ms": 1_000}),))
    talk.submit({"sum": 5})
    talk.fail("pay")
    talk.wait(1_000)
    assert talk.order("pay").attempt == 2
    talk.settle("pay", "done")
    assert talk.output == "done"


def test_what_is_done_once_is_in_doubt_where_its_performer_died(converse: Converse) -> None:
    talk = converse(REFUND, agents=(PAYMENTS, CANCEL))
    talk.submit({"sum": 5})
    talk.crash()
    assert [effect.status for effect in talk.run.effects.values()] == ["in_doubt"]
    refused = talk.resolve("succeeded", {"ids": 1})
    assert refused is not None and type(refused).__name__ == "Refused"
    talk.resolve("succeeded", {"id": "r-9"})
    assert talk.output == {"id": "r-9"}


def test_no_more_attempts_at_once_than_it_bears(converse: Converse) -> None:
    both = [{"both": {"fork": {"branches": [{"one": refund()["pay"]}, {"two": refund()["pay"]}]}}}]
    talk = converse(both, agents=(tool("payments.refund", concurrency=1),))
    talk.submit()
    assert [order.task for order in talk.open.values()] == ["/do/0/both/fork/branches/0/one"]
    talk.settle("both/one")
    assert [order.task for order in talk.open.values()] == ["/do/0/both/fork/branches/1/two"]


def test_a_key_is_the_callers(converse: Converse) -> None:
    talk = converse([refund(idempotencyKey="order-${ .id }")], agents=(PAYMENTS, CANCEL))
    talk.submit({"id": 7})
    assert talk.order("pay").key == "order-7"


# --- what undoes it ---------------------------------------------------------------------------------


def test_a_tool_is_undone_by_the_tool_that_it_names(converse: Converse) -> None:
    talk = converse(trying(refund(), BOOM), agents=(PAYMENTS, CANCEL))
    talk.submit()
    key = talk.order("saga/pay").key
    talk.settle("saga/pay", {"id": "r-1"})
    assert [event.undo for event in talk.events(e.EffectSettled)] == ["tool payments.cancel"]
    order = talk.order("saga/pay/undo")
    assert (order.capability, order.input) == ("payments.cancel", {"receipt": "r-1"})
    assert order.key == f"{key}/undo"
    talk.settle("saga/pay/undo", "cancelled")
    assert talk.output == [{"task": "/do/0/saga/try/0/pay", "output": "cancelled"}]
    assert not talk.run.undos


def test_the_undo_of_the_task_counts_before_that_of_the_tool(converse: Converse) -> None:
    other = {"function": {"call": "tool", "with": {"tool": "mail.send", "args": "${ .output.id }"}}}
    talk = converse(trying(refund(compensate=other), BOOM), agents=(PAYMENTS, CANCEL, tool("mail.send")))
    talk.submit()
    talk.settle("saga/pay", {"id": "r-1"})
    (order,) = talk.open.values()
    assert (order.capability, order.input) == ("mail.send", "r-1")


def test_without_arguments_of_its_own_an_undo_is_told_all(converse: Converse) -> None:
    plain = tool("payments.refund", undo={"tool": "payments.cancel"})
    talk = converse(trying(refund(), BOOM), agents=(plain, tool("payments.cancel")))
    talk.submit()
    talk.settle("saga/pay", {"id": "r-1"})
    assert talk.order("saga/pay/undo").input == {"input": {"amount": 5}, "output": {"id": "r-1"}}


def test_an_undo_that_fails_asks_a_person_and_is_done_again_by_its_key(converse: Converse) -> None:
    talk = converse(trying(refund(), BOOM), agents=(PAYMENTS, CANCEL))
    talk.submit()
    talk.settle("saga/pay", {"id": "r-1"})
    first = talk.order("saga/pay/undo").key
    talk.fail("saga/pay/undo")
    assert [effect.kind for effect in talk.run.effects.values()] == ["human"]
    talk.crash()
    talk.answer_human("retry")
    assert talk.order("saga/pay/undo").key == first
    talk.settle("saga/pay/undo")
    assert talk.status == "completed"


def test_an_undo_whose_tool_is_gone_asks_a_person(converse: Converse) -> None:
    talk = converse(trying(refund(), BOOM), agents=(PAYMENTS, CANCEL))
    talk.submit()
    told = i.Delete(kind="Tool", name="payments.cancel", force=True, why="the test says so")
    made = talk.catalog.declare(told, dict)
    for event, body in made.changes:  # type: ignore[union-attr]
        talk.catalog.fold(e.Record(talk.catalog.seq + 1, "", talk.now, event, body))
    talk.settle("saga/pay", {"id": "r-1"})
    (effect,) = talk.run.effects.values()
    assert effect.kind == "human" and "no tool is named payments.cancel" in effect.input["title"]


def test_each_turn_of_a_loop_is_undone_for_itself(converse: Converse) -> None:
    loop = {"loop": {"for": {"in": "${ [1, 2] }"}, "do": [refund(args={"amount": "${ $item }"})]}}
    talk = converse(trying(loop, BOOM), agents=(PAYMENTS, CANCEL))
    talk.submit()
    for receipt in ("r-1", "r-2"):
        talk.settle("saga/loop/pay", {"id": receipt})
    undone = []
    while talk.open:
        (order,) = talk.open.values()
        undone.append(order.input["receipt"])
        talk.settle(order.task)
    assert undone == ["r-2", "r-1"]


@pytest.mark.parametrize("asks_jq", [False, True])
def test_what_an_undo_is_told_may_need_the_evaluator(converse: Converse, asks_jq: bool) -> None:
    declared = tool(
        "payments.refund", undo={"tool": "payments.cancel", "args": "${ .output | tostring | ascii_upcase }"}
    )
    talk = converse(trying(refund(), BOOM), agents=(declared, tool("payments.cancel")), asks_jq=asks_jq)
    talk.submit()
    talk.settle("saga/pay", "ab")
    assert talk.order("saga/pay/undo").input == "AB"


def test_nothing_undoes_an_undo(converse: Converse) -> None:
    back = tool("payments.cancel", undo={"tool": "payments.refund"})
    talk = converse(
        trying(refund(), BOOM, catch=(UNDO, {"again": {"call": "compensate"}})),
        agents=(tool("payments.refund", undo={"tool": "payments.cancel"}), back),
    )
    talk.submit()
    talk.settle("saga/pay", "ok")
    talk.settle("saga/pay/undo", "ok")
    assert talk.output == []
