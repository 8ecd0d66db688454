"""Everything, or an agent, held still: nothing begins, what is under way counts, and all goes on after."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.orders import Perform, Recall
from podium.facts.values import Accepted, Refused
from podium.kernel.outcome import Outcome
from podium.kernel.suspending import suspend
from tests.kernel.conversation import Conversation, agent
from tests.kernel.leading import LEADS, Converse, lead, reported_as, statuses
from tests.kernel.test_breakers import ASK, Desk, worker
from tests.kernel.toolbox import tool

ANN = "user:ann"


def hold(talk: Conversation, target: str = "", **more: Any) -> Any:
    return talk.tell(i.SuspendWork(agent=target, principal=ANN, why="it looks wrong", **more))


def let_go(talk: Conversation, target: str = "") -> Any:
    return talk.tell(i.ResumeWork(agent=target, principal=ANN, why="it was nothing"))


@pytest.fixture
def desk(converse: Converse) -> Desk:
    return Desk(converse(ASK, agents=(worker(concurrency=2),)))


# --- everything -------------------------------------------------------------------------------------


def test_nothing_begins_until_it_is_lifted_and_then_all_goes_on_in_order(desk: Desk) -> None:
    under_way = desk.ask()
    records = len(desk.talk.log)
    assert isinstance(hold(desk.talk), Accepted)
    assert [type(one.event).__name__ for one in desk.talk.log[records:]] == ["WorkSuspended"]
    waiting = [desk.ask() for _ in range(3)]
    assert [desk.status(one) for one in waiting] == ["queued"] * 3
    reason = desk.talk.events(e.EffectRequested)[-1].reason
    assert reason == "only agent; the hub is suspended by user:ann because it looks wrong"
    desk.report(under_way, output="fine")
    assert desk.talk.shard.runs[under_way].status == "completed"
    assert not any(map(desk.is_asked, waiting))
    desk.talk.crash()
    assert not any(map(desk.is_asked, waiting))
    records = len(desk.talk.log)
    assert isinstance(let_go(desk.talk), Accepted)
    began = [type(one.event).__name__ for one in desk.talk.log[records:]]
    assert began == ["WorkResumed", "AttemptStarted", "AttemptStarted"]
    assert [desk.is_asked(one) for one in waiting] == [True, True, False]
    assert desk.talk.shard.suspended == {}


def test_the_next_attempt_waits_too(converse: Converse) -> None:
    talk = converse(ASK, agents=(agent("first", "test.work", retry={"attempts": 2, "delay_ms": 50}),))
    talk.submit()
    hold(talk)
    talk.fail("ask")
    talk.wait(60_000)
    assert (talk.open, talk.run.effects[1].status) == ({}, "backoff")
    let_go(talk)
    assert talk.order("ask").attempt == 2
    talk.fail("ask")
    assert talk.run.status == "faulted", "what fails counts while everything is suspended"


def test_time_goes_on_and_people_may_decide(converse: Converse) -> None:
    do = """
    - pause: {wait: PT1M}
    - say: {call: human, with: {title: well}}
    - ask: {call: agent, with: {capability: test.work}}
    """
    talk = converse(do, agents=(worker(),))
    hold(talk)
    talk.submit()
    talk.wait(60_000)
    assert isinstance(talk.answer_human(), Accepted)
    assert [effect.status for effect in talk.run.effects.values()] == ["queued"]
    let_go(talk)
    talk.settle("ask", 1)
    assert talk.output == 1


def test_what_is_under_way_is_stopped_if_that_is_wanted(converse: Converse) -> None:
    both = [{"both": {"fork": {"branches": [{"often": ASK[0]["ask"]}, {"once": {"call": "agent", "with": {
        "agent": "single"}}}]}}}]  # fmt: skip
    talk = converse(both, agents=(worker(), agent("single", delivery="at-most-once")))
    talk.submit()
    hold(talk, cancel=True)
    assert sorted(effect.status for effect in talk.run.effects.values()) == ["backoff", "in_doubt"]
    assert talk.open == {} and len(talk.abandoned) == 2
    let_go(talk)
    talk.go_on()
    assert talk.order("both/often").attempt == 2
    talk.resolve("failed")
    assert talk.status == "faulted"


def test_it_is_said_once_and_said_of_what_is(desk: Desk) -> None:
    hold(desk.talk)
    again = hold(desk.talk)
    assert desk.talk.shard.suspended[""].told("x") == "x is suspended by user:ann because it looks wrong"
    assert (again.created, again.detail) == (
        False, "the hub is suspended by user:ann because it looks wrong already",
    )  # fmt: skip
    assert hold(desk.talk, cancel=True).created, "it was not said yet that what is under way is to stop"
    refused = let_go(desk.talk, "first")
    assert isinstance(refused, Refused)
    assert refused.problems[0].message == "first is not suspended; suspended is: everything"
    unknown = hold(desk.talk, "nobody")
    assert isinstance(unknown, Refused) and unknown.code == "not-found"


def test_a_thousand_runs_that_wait_make_it_no_longer(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker(concurrency=1),)))
    desk.talk.checks = False
    for _ in range(1_000):
        desk.ask()
    out = Outcome()
    suspend(desk.talk.shard, i.SuspendWork(principal=ANN), desk.talk.catalog, out)
    assert (len(out.records), out.orders, len(out.touched)) == (1, [Recall()], 0)


# --- an agent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["first", "first@1.0.0"])
def test_an_agent_that_is_suspended_is_asked_nothing_new(desk: Desk, target: str) -> None:
    under_way = desk.ask()
    hold(desk.talk, target)
    waiting = desk.ask()
    reason = desk.talk.events(e.EffectRequested)[-1].reason
    assert reason == (
        "only agent; it is suspended by user:ann because it looks wrong: it waits until it is resumed"
    )
    desk.report(under_way, output=1)
    assert desk.talk.shard.runs[under_way].status == "completed"
    assert not desk.is_asked(waiting)
    let_go(desk.talk, target)
    assert desk.is_asked(waiting)


def test_others_are_asked_instead(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker("first"), worker("second"))))
    hold(desk.talk, "first")
    desk.ask()
    (requested,) = desk.talk.events(e.EffectRequested)
    assert requested.agent == "second@1.0.0"
    assert requested.reason.endswith("; not first@1.0.0: it is suspended by user:ann because it looks wrong")


def test_what_waits_for_it_goes_to_others_where_that_is_declared(converse: Converse) -> None:
    ask = [{"ask": {"call": "agent", "with": {"capability": "test.work", "reroute": True}}}]
    desk = Desk(converse(ask, agents=(worker("first", concurrency=1), worker("second", concurrency=1))))
    for _ in range(4):
        desk.ask()
    hold(desk.talk, "first")
    assert {one.reason for one in desk.talk.events(e.EffectRerouted)} == {
        "first@1.0.0 is not asked: it is suspended by user:ann because it looks wrong; only agent"
    }
    assert len(desk.talk.open) == 2, "what is under way goes on"


def test_a_new_version_is_suspended_by_the_name_and_not_by_the_old_ones(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker(),)))
    newer = agent("first", "test.work", version="1.1.0")
    hold(desk.talk, "first@1.0.0")
    old = desk.ask()
    desk.talk.apply(newer)
    assert desk.is_asked(desk.ask()) and not desk.is_asked(old)
    hold(desk.talk, "first")
    assert not desk.is_asked(desk.ask())
    let_go(desk.talk, "first")
    assert not desk.is_asked(old), "its version is suspended still"


def test_what_fails_while_its_agent_is_suspended_is_tried_again_after(desk: Desk) -> None:
    run = desk.ask()
    hold(desk.talk, "first")
    desk.fail(run, retryable=False)
    assert desk.talk.shard.runs[run].status == "running"
    assert desk.talk.shard.breakers == {}, "it says nothing of how well it works"
    let_go(desk.talk, "first")
    desk.talk.go_on()
    desk.fail(run, retryable=False)
    assert desk.talk.shard.runs[run].status == "faulted"


# --- what its attempts ask for ----------------------------------------------------------------------


def test_whatever_it_asks_for_is_refused_at_once(converse: Converse) -> None:
    talk = lead(converse)
    hold(talk, "leader")
    talk.forget()
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.expect("AskRefused lead", "> answer 1 1")
    error = talk.told("lead")[1]
    assert error.status == 403
    assert error.title == "leader@1.0.0 is suspended by user:ann because it looks wrong"
    talk.settle("lead", "done without")
    assert talk.output == "done without"


def test_what_it_waits_for_is_kept_for_the_attempt_after(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "math.add", {"n": 1})
    hold(talk, "leader")
    assert [(one.effect, one.run_id) for one in talk.abandoned] == [(1, talk.run_id)]
    talk.settle("lead/math.add", 2)
    assert statuses(talk) == [("leader", "queued")]
    let_go(talk, "leader")
    assert talk.order("lead").attempt == 2
    talk.ask("lead", 1, "math.add", {"n": 1})
    assert talk.told("lead") == {1: 2}


def test_one_that_must_not_be_made_again_is_told_why_it_waits_no_longer(converse: Converse) -> None:
    talk = lead(converse, delivery="at-most-once")
    talk.ask("lead", 1, "math.add", {"n": 1})
    hold(talk, "leader")
    assert talk.told("lead")[1].status == 403
    assert talk.abandoned == []
    talk.settle("lead/math.add", 2)
    talk.settle("lead", "done without")
    assert talk.output == "done without"


def test_what_it_asked_for_and_nobody_began_waits_with_it(converse: Converse) -> None:
    both = [{"both": {"fork": {"branches": [{"lead": LEADS}, {"other": {"call": "tool", "with": {
        "tool": "slow", "args": {}}}}]}}}]  # fmt: skip
    talk = lead(converse, tool("slow", concurrency=1), do=both)
    talk.ask("both/lead", 1, "slow", {})
    hold(talk, "leader")
    talk.settle("both/other", 1)
    assert [order for order in talk.open.values() if isinstance(order, Perform)] == []
    talk.crash()
    assert talk.open == {}
    let_go(talk, "leader")
    assert [order.capability for order in talk.open.values()] == ["slow"]
    talk.settle("both/lead/slow", 2)
    assert talk.order("both/lead").attempt == 2


def test_those_whom_it_asks_get_nothing_more_in_its_name(converse: Converse) -> None:
    helper = agent("helper", "test.help")
    talk = lead(converse, helper)
    talk.ask("lead", 1, "test.help", {}, kind="agent")
    hold(talk, "leader")
    order = talk.order("lead/test.help")
    asked = i.Asked(
        run_id=order.run_id, effect=order.effect, token=order.token, number=1, kind="tool",
        target="math.add", args={"n": 1},
    )  # fmt: skip
    talk.tell(asked)
    assert statuses(talk)[-1] == ("math.add", "queued")
    let_go(talk, "leader")
    assert talk.order("lead/test.help/math.add").attempt == 1
    talk.tell(reported_as(talk.order("lead/test.help/math.add"), 2))
    talk.settle("lead/test.help", "well")
    assert talk.order("lead").attempt == 2
