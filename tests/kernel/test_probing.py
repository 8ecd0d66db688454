"""Effects in doubt whose performers declare who says what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import standard_error
from podium.kernel.probing import PAUSE_MS, PROBES_MAX
from tests.kernel.conversation import Conversation
from tests.kernel.toolbox import tool

Converse = Callable[..., Conversation]
ASK = [{"pay": {"call": "agent", "with": {"capability": "pay"}}}]
GONE = standard_error("runtime", "", "the process died")


def payer(**spec: Any) -> Declared:
    capabilities = [{"name": "pay", "output": {"type": "object"}}, {"name": "pay.status"}]
    spec = {
        "name": "payer", "version": "1.0.0", "capabilities": capabilities, "delivery": "at-most-once",
        "runtime": {"type": "function", "callable": "agents:pay", "isolation": "none"}, "probe": "pay.status",
        **spec,
    }  # fmt: skip
    return Declared("Agent", "payer", "1.0.0", digest_of(spec), spec)


@pytest.fixture
def talk(converse: Converse) -> Conversation:
    """A payment that was lost; the probe is being asked."""
    talk = converse(ASK, agents=(payer(),))
    talk.submit({"amount": 5})
    talk.forget()
    talk.report("pay", status="lost", error=GONE)
    return talk


def test_the_probe_is_asked_as_an_effect_of_its_own(talk: Conversation) -> None:
    talk.expect("EffectInDoubt pay", "EffectRequested pay/pay.status", "> perform pay/pay.status 1")
    order = talk.order("pay/pay.status")
    key = f"{talk.run_id}/1"
    assert (order.capability, order.delivery) == ("pay.status", "at-least-once")
    assert order.input == {"input": {"amount": 5}, "key": key}
    assert order.key != key
    assert talk.events(e.EffectInDoubt)[0].probe == "pay.status"


def test_done_settles_it_with_what_the_probe_knows(talk: Conversation) -> None:
    talk.settle("pay/pay.status", {"status": "done", "output": {"receipt": 7}})
    assert talk.output == {"receipt": 7}
    (resolved,) = talk.events(e.EffectResolved)
    assert (resolved.verdict, resolved.principal) == ("succeeded", "probe:payer@1.0.0")


def test_not_done_lets_it_be_done_by_the_same_key(talk: Conversation) -> None:
    talk.settle("pay/pay.status", {"status": "not_done"})
    order = talk.order("pay")
    assert (order.attempt, order.key) == (2, f"{talk.run_id}/1")
    talk.settle("pay", {"receipt": 8})
    assert talk.output == {"receipt": 8}


def test_failed_ends_its_task(talk: Conversation) -> None:
    talk.settle("pay/pay.status", {"status": "failed", "why": "the card is blocked"})
    assert (talk.error.title, talk.error.detail) == (
        "probe:payer@1.0.0 resolved it as failed", "the card is blocked",
    )  # fmt: skip


def test_who_does_not_know_is_asked_again_and_then_an_operator_must_say(talk: Conversation) -> None:
    pause = PAUSE_MS
    for asked in range(1, PROBES_MAX + 1):
        assert talk.run.effects[1].probes == asked
        talk.settle("pay/pay.status", {"status": "unknown"})
        assert talk.open == {}
        if asked < PROBES_MAX:
            talk.wait(pause - 1)
            assert talk.open == {}
            talk.wait(1)
            pause *= 2
    talk.wait(24 * 3_600_000)
    assert talk.open == {}
    assert talk.run.effects[1].status == "in_doubt"
    assert talk.run.effects[1].message == "it does not know"
    talk.resolve("succeeded", {"receipt": 9})
    assert talk.output == {"receipt": 9}


def test_a_probe_that_fails_does_not_know_either(talk: Conversation) -> None:
    talk.fail("pay/pay.status")
    assert talk.bodies(e.EffectProbed)[-1].why == "the test says runtime"
    talk.wait(PAUSE_MS)
    talk.settle("pay/pay.status", "rubbish")
    talk.wait(2 * PAUSE_MS)
    talk.settle("pay/pay.status", {"status": "done", "output": {"receipt": 7}})
    assert talk.output == {"receipt": 7}


def test_what_breaks_the_contract_is_left_to_an_operator(talk: Conversation) -> None:
    talk.settle("pay/pay.status", {"status": "done", "output": 7})
    assert talk.run.effects[1].message.startswith("it says what cannot be")
    assert talk.resolve("failed") is not None
    assert talk.status == "faulted"


def test_an_operator_may_say_before_the_probe_does(talk: Conversation) -> None:
    probe = talk.order("pay/pay.status")
    talk.resolve("succeeded", {"receipt": 1})
    assert talk.output == {"receipt": 1}
    assert [one.effect for one in talk.abandoned] == [probe.effect]


def test_a_crash_asks_the_probe_again(talk: Conversation) -> None:
    talk.crash()
    assert talk.order("pay/pay.status").attempt == 2
    talk.settle("pay/pay.status", {"status": "not_done"})
    talk.crash()
    assert talk.run.effects[1].status == "in_doubt"
    talk.settle("pay/pay.status", {"status": "done", "output": {}})
    assert talk.output == {}


def test_a_run_that_is_cancelled_meanwhile_asks_nobody(talk: Conversation) -> None:
    talk.cancel()
    assert talk.open == {}
    assert talk.run.effects == {}


def test_a_suspended_run_goes_by_the_probe_when_it_is_resumed(talk: Conversation) -> None:
    talk.suspend()
    talk.settle("pay/pay.status", {"status": "done", "output": {"receipt": 7}})
    assert talk.status == "suspended"
    talk.resume()
    assert talk.output == {"receipt": 7}


def test_a_tool_names_another_and_what_that_gets(converse: Converse) -> None:
    probe = {"tool": "payments.find", "args": {"reference": "${ .key }", "of": "${ .input.amount }"}}
    tools = (tool("payments.send", delivery="at-most-once", probe=probe), tool("payments.find"))
    call = {"call": "tool", "with": {"tool": "payments.send", "idempotencyKey": "k-1"}}
    talk = converse([{"pay": call}], agents=tools)
    talk.submit({"amount": 5})
    talk.lose("pay")
    order = talk.order("pay/payments.find")
    assert order.input == {"reference": "k-1", "of": 5}
    talk.settle("pay/payments.find", {"status": "done", "output": "sent"})
    assert talk.output == "sent"


def test_a_probe_that_is_not_there_leaves_it_to_an_operator(converse: Converse) -> None:
    call = {"call": "tool", "with": {"tool": "payments.send"}}
    made = tool("payments.send", delivery="at-most-once", probe={"tool": "payments.find"})
    talk = converse([{"pay": call}], agents=(made,))
    talk.submit({"amount": 5})
    talk.lose("pay")
    assert talk.run.effects[1].message == "no tool is named payments.find"
    talk.resolve("failed")
    assert talk.status == "faulted"
