"""Agents that workers host: attempts begin where live workers take them, and outlive the hub."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import Accepted, Refused
from podium.kernel.settling import RETURN_MS
from tests.kernel.conversation import Conversation, agent

ONE = "[{ask: {call: agent, with: {capability: c}}}]"


def hosted(name: str = "far", **more: Any) -> Any:
    return agent(name, "c", runtime={"type": "worker"}, **more)


def staff(talk: Conversation, *capacity: int) -> None:
    """Live workers take so many attempts at once of each agent that workers host, in the order of names."""
    catalog = talk.catalog
    names = sorted(catalog.fleet, key=lambda digest: catalog.agents[digest].name)
    taken = dict(zip(names, capacity, strict=False))
    catalog.staff(taken)
    talk.tell(i.FleetChanged(capacity=taken))


def branches(count: int) -> list[Any]:
    asks = [{f"b{n}": {"call": "agent", "with": {"capability": "c"}}} for n in range(count)]
    return [{"all": {"fork": {"branches": asks}}}]


def test_nothing_begins_without_a_worker_and_as_much_as_live_ones_take() -> None:
    talk = Conversation(branches(4), agents=(hosted(concurrency=100),))
    talk.submit({})
    assert talk.open == {}
    assert {effect.status for effect in talk.run.effects.values()} == {"queued"}
    requested = talk.events(e.EffectRequested)[0]
    assert requested.reason == "only agent; no live worker hosts it: it waits for one"
    staff(talk, 2)
    assert len(talk.open) == 2
    staff(talk, 0)
    talk.settle("all/b0")
    assert len(talk.open) == 1
    staff(talk, 3)
    assert len(talk.open) == 3


def test_the_agents_own_limit_holds_for_all_workers_together() -> None:
    talk = Conversation(branches(4), agents=(hosted(concurrency=2),))
    staff(talk, 10)
    talk.submit({})
    assert len(talk.open) == 2


def test_an_agent_with_live_workers_is_preferred_then_the_cheaper_one() -> None:
    agents = (hosted("a", cost_nano=5), hosted("b", cost_nano=3), hosted("c", cost_nano=3))
    talk = Conversation(ONE, agents=agents)
    staff(talk, 0, 4, 4)
    talk.submit({})
    requested = talk.events(e.EffectRequested)[0]
    assert (requested.agent, requested.reason) == ("b@1.0.0", "3 of 3 fit; least busy")
    assert requested.candidates == ("a@1.0.0", "b@1.0.0", "c@1.0.0")


def test_what_was_handed_back_is_made_again_even_if_it_must_not_be_twice() -> None:
    talk = Conversation(ONE, agents=(hosted(delivery="at-most-once"),))
    staff(talk, 1)
    talk.submit({})
    talk.report("ask", status="returned")
    talk.go_on()
    assert talk.order("ask").attempt == 2
    [failed] = talk.events(e.AttemptFailed)
    assert (failed.status, talk.run.effects[1].failures) == ("returned", 0)


def test_what_workers_have_is_not_lost_with_the_hub() -> None:
    talk = Conversation(ONE, agents=(hosted(delivery="at-most-once"),))
    staff(talk, 1)
    talk.submit({})
    token = talk.order("ask").token
    talk.tell(i.Begun(run_id=talk.run_id, effect=1, token=token, worker="w"))
    talk.crash()
    assert (talk.order("ask").token, talk.order("ask").again) == (token, True)
    talk.settle("ask", 7)
    assert talk.output == 7
    assert [type(record.event).__name__ for record in talk.log].count("AttemptStarted") == 0


def test_what_no_worker_was_let_begin_is_handed_out_anew_by_the_next_hub() -> None:
    talk = Conversation(ONE, agents=(hosted(delivery="at-most-once"),))
    staff(talk, 1)
    talk.submit({})
    token = talk.order("ask").token
    assert talk.events(e.EffectRequested)[0].confirms
    talk.crash()
    talk.go_on()
    again = talk.order("ask")
    assert (again.attempt, again.again) == (2, False) and again.token != token
    talk.tell(i.Begun(run_id=talk.run_id, effect=1, token=token, worker="late"))
    assert not talk.events(e.AttemptBegun), "its word is stale"
    for _ in range(2):
        talk.tell(i.Begun(run_id=talk.run_id, effect=1, token=again.token, worker="w"))
    assert [(one.attempt, one.worker) for one in talk.events(e.AttemptBegun)] == [(2, "w")]
    talk.crash()
    assert (talk.order("ask").token, talk.order("ask").again) == (again.token, True)


def test_workers_may_say_what_became_of_it_though_its_time_was_over_while_no_hub_was_there() -> None:
    talk = Conversation(ONE, agents=(hosted(deadline_ms=60_000),))
    staff(talk, 1)
    talk.submit({})
    talk.now += 600_000
    talk.crash()
    assert talk.order("ask").again
    talk.wait(RETURN_MS - 1)
    assert talk.run.effects[1].status == "running"
    if_nobody_comes = [*talk.log]
    talk.settle("ask", "in time")
    assert talk.output == "in time"
    assert not any(isinstance(one.event, e.AttemptFailed) for one in if_nobody_comes)


def test_and_if_none_says_anything_it_has_failed() -> None:
    talk = Conversation(ONE, agents=(hosted(deadline_ms=60_000),))
    staff(talk, 1)
    talk.submit({})
    talk.now += 600_000
    talk.crash()
    talk.wait(RETURN_MS)
    assert talk.error.title == "no word from the performer past the deadline"


def test_what_may_be_repeated_or_is_made_here_does_not_say_when_it_begins() -> None:
    for one in (hosted(), agent("near", "c", delivery="at-most-once")):
        talk = Conversation(ONE, agents=(one,))
        staff(talk, *(1 for _ in talk.catalog.fleet))
        talk.submit({})
        assert talk.open and not talk.events(e.EffectRequested)[0].confirms
        talk.tell(i.Begun(run_id=talk.run_id, effect=1, token=talk.order("ask").token, worker="w"))
        assert not talk.events(e.AttemptBegun)


def test_where_too_much_waits_already_no_more_is_taken() -> None:
    talk = Conversation(branches(3), agents=(hosted(),))
    talk.catalog.queue_max = 3
    assert isinstance(talk.submit({}), Accepted)
    refused = talk.submit({}, run_id="0" * 8 + "-0000-4000-8000-" + "0" * 12)
    assert isinstance(refused, Refused)
    assert (refused.problems[0].rule, refused.problems[0].path) == (
        "overloaded",
        "/do/0/all/fork/branches/0/b0",
    )
    staff(talk, 1)
    assert isinstance(talk.submit({}, run_id="0" * 8 + "-0000-4000-8000-" + "0" * 12), Accepted)
