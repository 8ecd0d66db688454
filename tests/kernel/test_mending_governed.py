"""Re-routes, dead letters and probes under policies: what is held and booked, and what is denied."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.policy_version import Match, Rule
from tests.kernel.conversation import Conversation, agent
from tests.kernel.test_governing import CENT, cap, money
from tests.policies import ANYTHING, policy

AGENTS = (
    agent("a", "work", cost_nano=CENT, priced=True, breaker={"failures": 5}),
    agent("b", "work", cost_nano=3 * CENT, priced=True),
)
PAYER = agent(
    "payer", cost_nano=CENT, priced=True, delivery="at-most-once", probe="pay.status",
    capabilities=[{"name": "pay"}, {"name": "pay.status"}],
)  # fmt: skip


def ask(**arguments: Any) -> list[dict[str, Any]]:
    return [{"ask": {"call": "agent", "with": {"capability": "work", **arguments}}}]


def test_another_agent_is_decided_and_held_for_anew() -> None:
    talk = Conversation(ask(reroute=True), agents=(*AGENTS, cap(100)), trusting=False)
    talk.submit({})
    assert money(talk) == (0, 1)
    talk.fail("ask", cost_nano=CENT)
    assert talk.order("ask").agent == "b@1.0.0"
    assert money(talk) == (1, 3)
    talk.settle("ask", {}, cost_nano=2 * CENT)
    assert money(talk) == (3, 0)


def test_another_agent_that_the_budget_does_not_bear_is_not_asked() -> None:
    talk = Conversation(ask(reroute=True), agents=(*AGENTS, cap(2)), trusting=False)
    talk.submit({})
    talk.fail("ask", cost_nano=CENT)
    assert talk.open == {}
    assert talk.error.status == 402
    assert money(talk) == (1, 0)


def test_a_dead_letter_holds_nothing_until_it_is_tried_again() -> None:
    talk = Conversation(ask(onFailure="deadLetter"), agents=(*AGENTS[:1], cap(100)), trusting=False)
    talk.submit({})
    talk.fail("ask", cost_nano=CENT)
    assert money(talk) == (1, 0)
    talk.tell(i.SettleDeadLetter(run_id=talk.run_id, verdict="retry", principal="user:ann", why="mended"))
    assert money(talk) == (1, 1)
    talk.settle("ask", {}, cost_nano=CENT)
    assert (money(talk), talk.status) == ((2, 0), "completed")


def test_a_probe_is_paid_for_and_what_is_in_doubt_stays_held_meanwhile() -> None:
    pay = [{"pay": {"call": "agent", "with": {"capability": "pay"}}}]
    talk = Conversation(pay, agents=(PAYER, cap(100)), trusting=False)
    talk.submit({})
    talk.lose("pay")
    assert money(talk) == (0, 2)
    talk.settle("pay/pay.status", {"status": "done", "output": {}}, cost_nano=0)
    assert talk.status == "completed"
    assert money(talk) == (1, 0)


def test_a_probe_that_policy_denies_leaves_it_to_an_operator() -> None:
    deny = Rule("no-probes", "deny", Match(capabilities=("pay.status",)))
    pay = [{"pay": {"call": "agent", "with": {"capability": "pay"}}}]
    talk = Conversation(pay, agents=(PAYER, policy(rules=(ANYTHING, deny))), trusting=False)
    talk.submit({})
    talk.lose("pay")
    assert talk.open == {}
    denied = [event for event in talk.events(e.EffectRequested) if event.verdict == "deny"]
    assert [event.capability for event in denied] == ["pay.status"]
    assert talk.run.effects[1].status == "in_doubt"
    talk.resolve("failed")
    assert talk.status == "faulted"
