"""Circuit breakers: when one opens, what waits, how it is tried again, and who is asked meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.values import Accepted, Refused, standard_error
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]
ASK = [{"ask": {"call": "agent", "with": {"capability": "test.work"}}}]
BROKEN = standard_error("runtime", "", "out of order")


def worker(name: str = "first", *, concurrency: int = 256, **breaker: Any) -> Declared:
    terms = {"failures": 2, "open_ms": 10_000, **breaker}
    return agent(name, "test.work", breaker=terms, labels={"name": name}, concurrency=concurrency)


class Desk:
    """Runs that ask an agent, one after the other."""

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self.count = 0

    def ask(self) -> str:
        """Begin a run; gives its id."""
        self.count += 1
        run_id = f"00000000-0000-4000-8000-{self.count:012}"
        self.talk.submit(self.count, run_id=run_id)
        return run_id

    def report(self, run_id: str, **fields: Any) -> None:
        order = self.talk.open.pop((run_id, 1))
        self.talk.tell(reported(order, **fields))

    def fail(self, run_id: str = "", **fields: Any) -> str:
        run_id = run_id or self.ask()
        self.report(run_id, status="failed", error=BROKEN, **fields)
        return run_id

    def is_asked(self, run_id: str) -> bool:
        return (run_id, 1) in self.talk.open

    def status(self, run_id: str) -> str:
        return self.talk.shard.runs[run_id].effects[1].status


@pytest.fixture
def desk(converse: Converse) -> Desk:
    return Desk(converse(ASK, agents=(worker(),)))


def test_so_many_failures_open_it_and_what_comes_then_waits(desk: Desk) -> None:
    desk.fail()
    assert desk.talk.events(e.BreakerOpened) == []
    broken = desk.fail()
    (opened,) = desk.talk.events(e.BreakerOpened)
    assert (opened.agent, opened.run, opened.effect) == ("first@1.0.0", broken, 1)
    assert opened.until == desk.talk.now + 10_000
    assert opened.reason == "2 attempts failed within 60 s"
    waiting = desk.ask()
    assert (desk.is_asked(waiting), desk.status(waiting)) == (False, "queued")
    reason = desk.talk.events(e.EffectRequested)[-1].reason
    assert reason == "only agent; its breaker is open: it waits until it is tried again"


def test_it_is_tried_again_by_one_and_closes_for_all_as_that_succeeds(desk: Desk) -> None:
    desk.fail()
    desk.fail()
    waiting = [desk.ask() for _ in range(3)]
    desk.talk.wait(9_999)
    assert not any(map(desk.is_asked, waiting))
    desk.talk.wait(1)
    assert [desk.is_asked(one) for one in waiting] == [True, False, False]
    assert len(desk.talk.events(e.BreakerHalfOpened)) == 1
    desk.report(waiting[0], output="fine")
    assert len(desk.talk.events(e.BreakerClosed)) == 1
    assert [desk.is_asked(one) for one in waiting] == [False, True, True]
    assert desk.talk.shard.breakers == {}


def test_a_trial_that_fails_opens_it_again(desk: Desk) -> None:
    desk.fail()
    desk.fail()
    trial, other = desk.ask(), desk.ask()
    desk.talk.wait(10_000)
    desk.fail(trial)
    opened = desk.talk.events(e.BreakerOpened)
    assert [one.reason for one in opened][1:] == ["it was tried again, and failed"]
    assert not desk.is_asked(other)
    desk.talk.wait(10_000)
    assert desk.is_asked(other)


def test_several_trials_run_at_once_and_all_must_succeed(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker(probes=2),)))
    desk.fail()
    desk.fail()
    waiting = [desk.ask() for _ in range(4)]
    desk.talk.wait(10_000)
    assert [desk.is_asked(one) for one in waiting] == [True, True, False, False]
    desk.report(waiting[0], output=1)
    assert desk.talk.events(e.BreakerClosed) == []
    assert desk.is_asked(waiting[2])
    desk.report(waiting[1], output=1)
    assert len(desk.talk.events(e.BreakerClosed)) == 1
    assert desk.is_asked(waiting[3])


def test_failures_that_are_long_ago_do_not_count(desk: Desk) -> None:
    desk.fail()
    desk.talk.wait(60_000)
    desk.fail()
    assert desk.talk.events(e.BreakerOpened) == []
    desk.talk.wait(59_999)
    desk.fail()
    assert len(desk.talk.events(e.BreakerOpened)) == 1


def test_successes_between_failures_count_where_it_is_so_many_of_so_many(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker(failures=2, out_of=3),)))
    for _ in range(2):
        desk.fail()
        desk.report(desk.ask(), output=1)
        desk.report(desk.ask(), output=1)
    assert desk.talk.events(e.BreakerOpened) == []
    desk.fail()
    desk.report(desk.ask(), output=1)
    desk.fail()
    (opened,) = desk.talk.events(e.BreakerOpened)
    assert opened.reason == "2 of its last 3 attempts failed within 60 s"


def test_what_is_the_fault_of_the_request_or_of_the_hub_does_not_count(desk: Desk) -> None:
    for _ in range(3):
        desk.fail(retryable=False)
    for _ in range(3):
        desk.ask()
        desk.talk.crash()
    assert desk.talk.shard.breakers == {}


def test_outputs_that_break_the_contract_count(converse: Converse) -> None:
    made = agent("first", "test.work", breaker={"failures": 2}, output={"type": "string"})
    desk = Desk(converse(ASK, agents=(made,)))
    desk.report(desk.ask(), output=1)
    desk.report(desk.ask(), output=1)
    assert len(desk.talk.events(e.BreakerOpened)) == 1


def test_lost_calls_that_may_have_happened_count(converse: Converse) -> None:
    made = agent("first", "test.work", breaker={"failures": 2}, delivery="at-most-once")
    desk = Desk(converse(ASK, agents=(made,)))
    for _ in range(2):
        desk.report(desk.ask(), status="lost", error=BROKEN)
    assert len(desk.talk.events(e.EffectInDoubt)) == 2
    assert len(desk.talk.events(e.BreakerOpened)) == 1


def test_stragglers_from_before_say_nothing_about_now(desk: Desk) -> None:
    early, late = desk.ask(), desk.ask()
    desk.fail()
    desk.fail()
    desk.report(early, output=1)
    desk.talk.wait(10_000)
    (breaker,) = desk.talk.shard.breakers.values()
    assert breaker.status == "half_open"
    desk.fail(late)
    assert (breaker.status, breaker.succeeded) == ("half_open", 0)


def test_others_are_asked_meanwhile(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(worker("first"), worker("second"))))
    for _ in range(2):
        desk.fail()
    assert desk.talk.events(e.BreakerOpened)[0].agent == "first@1.0.0"
    assert desk.talk.open[desk.ask(), 1].agent == "second@1.0.0"
    reason = desk.talk.events(e.EffectRequested)[-1].reason
    assert reason == "2 of 2 fit; least busy; not first@1.0.0: its breaker is open"


def test_a_new_version_begins_with_a_closed_one(desk: Desk) -> None:
    desk.fail()
    desk.fail()
    waiting = desk.ask()
    desk.talk.apply(agent("first", "test.work", version="1.1.0", breaker={"failures": 2}))
    assert desk.is_asked(desk.ask())
    assert not desk.is_asked(waiting)


def test_attempts_whose_pause_is_over_wait_too(converse: Converse) -> None:
    made = agent(
        "first", "test.work", breaker={"failures": 2, "open_ms": 10_000}, retry={"attempts": 5, "delay_ms": 1}
    )
    desk = Desk(converse(ASK, agents=(made,)))
    run_id = desk.fail()
    desk.talk.wait(1)
    desk.fail(run_id)
    desk.talk.wait(9_999)
    assert not desk.is_asked(run_id)
    desk.talk.wait(1)
    desk.report(run_id, output="fine")
    assert desk.talk.shard.runs[run_id].output == "fine"


def test_it_stays_open_through_crashes_and_is_tried_again_in_time(desk: Desk) -> None:
    desk.fail()
    desk.fail()
    waiting = desk.ask()
    desk.talk.crash()
    assert not desk.is_asked(waiting)
    desk.talk.wait(10_000)
    assert desk.is_asked(waiting)
    desk.talk.crash()
    assert desk.is_asked(waiting)
    desk.report(waiting, output=1)
    assert len(desk.talk.events(e.BreakerClosed)) == 1


def test_an_operator_resets_it_and_says_why(desk: Desk) -> None:
    desk.fail()
    desk.fail()
    waiting = desk.ask()
    told = i.ResetBreaker(agent="first", principal="user:ann", why="")
    refused = desk.talk.tell(told)
    assert isinstance(refused, Refused) and refused.problems[0].rule == "missing-reason"
    told = i.ResetBreaker(agent="first@1.0.0", principal="user:ann", why="the disk was full")
    assert desk.talk.tell(told) == Accepted(detail="the breaker of first@1.0.0 is closed")
    assert desk.is_asked(waiting)
    (event,) = desk.talk.events(e.BreakerReset)
    assert (event.principal, desk.talk.bodies(e.BreakerReset)[0].why) == ("user:ann", "the disk was full")
    refused = desk.talk.tell(told)
    assert isinstance(refused, Refused) and refused.problems[0].rule == "not-open"


def test_agents_without_one_leave_no_trace(converse: Converse) -> None:
    desk = Desk(converse(ASK, agents=(agent("first", "test.work"),)))
    for _ in range(10):
        desk.fail()
    assert desk.is_asked(desk.ask())
    assert desk.talk.shard.breakers == {}
    assert all(one.counted is None for one in desk.talk.events(e.EffectSettled))


def test_what_a_hub_that_stops_ends_itself_does_not_count(converse: Converse) -> None:
    made = agent("first", "test.work", breaker={"failures": 1}, delivery="at-most-once")
    desk = Desk(converse(ASK, agents=(made,)))
    run_id = desk.ask()
    desk.talk.catalog.draining = True
    desk.report(run_id, status="lost", error=BROKEN)
    assert desk.talk.shard.breakers == {}
