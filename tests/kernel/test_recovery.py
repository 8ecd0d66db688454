"""A hub that died, records whose bodies were erased, and answers that come when nobody waits any more."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts import stored
from podium.facts.events import EVENTS, Record
from podium.kernel.asked import ASKED
from podium.kernel.breakers import BREAKER_EVENTS
from podium.kernel.decide import resume
from podium.kernel.evolve import evolve
from podium.kernel.governed import GOVERNED
from podium.kernel.outcome import Outcome
from podium.kernel.recovered import RECOVERED
from podium.kernel.schedules import SCHEDULE_EVENTS
from podium.kernel.state import Shard
from podium.kernel.suspensions import SUSPENSION_EVENTS
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]
AGENTS = (
    agent("helper", retry={"attempts": 3, "delay_ms": 10_000, "backoff": "constant"}),
    agent("once", delivery="at-most-once"),
)

EVERYTHING = """
- start: {set: '${ . }', export: {as: '{n: .n}'}}
- both:
    fork:
      branches:
        - ask: {call: agent, with: {agent: helper, input: {n: '${ .n }'}}, output: {as: '{a: .}'}}
        - once: {call: agent, with: {agent: once}, export: {as: '$context + {b: .}'}}
        - person: {call: human, with: {title: 'Well, ${ .n }?'}}
        - hear:
            do:
              - nap: {wait: PT0.1S}
              - all: {listen: {to: {all: [{with: {type: a, data: '${ .n > 1 }'}}, {with: {type: b}}]}}}
        - loop: {for: {in: '[1, 2]'}, do: [{nap: {wait: PT1S}}, {add: {set: '${ {n: (.n + $item)} }'}}]}
        - attempt:
            try: [{flaky: {call: agent, with: {agent: helper}}}]
            catch:
              when: .status == 500
              retry: {delay: PT5S, limit: {attempt: {count: 1}}}
              do: [{tell: {set: {status: '${ $error.status }'}}}]
        - saga:
            try:
              - book: {call: agent, with: {agent: helper, compensate: {function: {wait: '${ .none }'}}}}
              - boom: {raise: {error: {type: 'test:boom', status: 500}}}
            catch: {do: [{undo: {call: compensate, output: {as: length}}}]}
        - items:
            call: map
            with:
              in: '${ [3, 0, 4] }'
              concurrency: 2
              onError: collect
              function:
                do:
                  - nap: {wait: '${ {seconds: $item} }'}
                  - check: {if: $item == 0, raise: {error: {type: 'test:zero', status: 400}}}
                  - give: {set: '${ {at: $index} }'}
- last: {set: {all: '${ . }', context: '${ $context }'}}
"""


def play(talk: Conversation, between: Callable[[Conversation], None] = lambda talk: None) -> None:
    """Everything that can happen to a run, with something in between."""

    def failing(task: str) -> None:
        for _ in range(3):
            if any(order.task.endswith(task) for order in talk.open.values()):
                talk.fail(f"both/attempt/{task}")
            between(talk)
            talk.wait(10_000)
            between(talk)

    def answer() -> None:
        # After a crash in a suspended run the attempt is made again only when it is resumed.
        if any(order.task.endswith("/ask") for order in talk.open.values()):
            talk.settle("both/ask", 3)

    steps: list[Callable[[], Any]] = [
        lambda: talk.submit({"n": 1}),
        lambda: talk.send("a", {"n": 1}),
        lambda: talk.send("b", 2),
        lambda: talk.wait(500),
        lambda: talk.answer_human(task="person"),
        lambda: talk.settle("both/saga/book"),
        lambda: talk.answer_human("done", task="escalation"),
        lambda: talk.lose("both/once"),
        lambda: talk.wait(1_500),
        lambda: failing("flaky"),
        lambda: failing("flaky"),
        talk.suspend,
        answer,
        talk.resume,
        answer,
        lambda: talk.send("a", {"n": 5}),
        lambda: talk.resolve("succeeded", 4),
    ]
    for step in steps:
        step()
        between(talk)
    talk.wait(5_000)
    assert talk.status == "completed", talk.run


ZERO = {
    "error": {
        "type": "test:zero",
        "status": 400,
        "instance": "/do/1/both/fork/branches/7/items/with/function/do/1/check",
    }
}
OUTPUT = {
    "all": [{"a": 3}, 4, None, [2, {"n": 5}], {"n": 4}, {"status": 500}, 1, [{"at": 0}, ZERO, {"at": 2}]],
    "context": {"n": 1, "b": 4},
}


def check(talk: Conversation) -> None:
    output = talk.output
    assert output["all"][2]["decision"] == "approve"
    output["all"][2] = None
    assert output == OUTPUT


def test_the_whole_story_in_one_go(converse: Converse) -> None:
    talk = converse(EVERYTHING, agents=AGENTS)
    play(talk)
    check(talk)


@pytest.mark.parametrize("turn", [0, 1])
def test_a_hub_that_dies_again_and_again_changes_nothing_of_the_outcome(
    converse: Converse, turn: int
) -> None:
    talk = converse(EVERYTHING, agents=AGENTS)
    times = itertools.count(turn)

    def die(talk: Conversation) -> None:
        # Not every time: an effect that loses so many attempts in a row would fail.
        if next(times) % 2:
            return
        doubtful = [effect for effect in talk.run.effects.values() if effect.task.endswith("once")]
        talk.crash()
        for effect in doubtful:
            if effect.status == "running":
                talk.resolve("retry", effect=effect.id)

    play(talk, die)
    check(talk)
    assert len(talk.events(e.EpochStarted)) > 8


def test_every_seq_of_the_log_is_a_state_to_go_on_from() -> None:
    talk = Conversation(EVERYTHING, agents=AGENTS)
    play(talk)
    for length in range(2, len(talk.log)):
        shard = Shard()
        for record in talk.log[:length]:
            evolve(shard, record)
        out = Outcome()
        resume(shard, talk.catalog, out)
        assert msgspec.json.encode(list(shard.runs.values()))


# --- answers ----------------------------------------------------------------------------------------


def test_a_question_is_asked_again_after_a_crash() -> None:
    talk = Conversation("[{a: {set: {n: '${ [.n] | map(. + 1) | first }'}}}]")
    talk.holds = True
    talk.submit({"n": 1})
    asked = talk.questions[0]
    talk.crash()
    assert talk.questions == [asked]
    talk.answer_question()
    assert talk.output == {"n": 2}


def test_a_question_is_asked_once_however_often_the_run_is_looked_at() -> None:
    talk = Conversation("[{a: {set: {n: '${ [.n] | map(. + 1) | first }'}}}]")
    talk.holds = True
    talk.submit({"n": 1})
    talk.send("x")
    talk.wait(5_000)
    assert len(talk.questions) == 1
    talk.answer_question()
    assert talk.output == {"n": 2}


@pytest.mark.parametrize("deed", ["cancel", "timeout", "suspend"])
def test_an_answer_nobody_waits_for_changes_nothing(deed: str) -> None:
    talk = Conversation("""
    - slow:
        do: [{a: {set: {n: '${ [.n] | map(. + 1) | first }'}}}]
        timeout: {after: PT5S}
    """)
    talk.holds = True
    talk.submit({"n": 1})
    if deed == "timeout":
        talk.wait(5_000)
    else:
        getattr(talk, deed)()
    talk.forget()
    talk.answer_question()
    talk.expect()
    if deed == "suspend":
        talk.resume()
        if talk.questions:
            talk.answer_question()
        assert talk.output == {"n": 2}
    else:
        assert talk.status == ("cancelled" if deed == "cancel" else "faulted")


def test_answers_to_what_nobody_asked_are_dropped() -> None:
    talk = Conversation("[{nap: {wait: PT1S}}]")
    talk.submit({})
    talk.forget()
    talk.tell(i.Evaluated(run_id=talk.run_id, program=".", argument=b"{}", value=1))
    talk.tell(i.Evaluated(run_id="no", program=".", argument=b"{}", value=1))
    talk.expect()


def test_an_evaluator_that_fails_is_an_expression_error_that_can_be_caught() -> None:
    talk = Conversation("""
    - attempt:
        try: [{a: {set: {n: '${ [.n] | map(. + 1) | first }'}}}]
        catch: {do: [{tell: {set: {detail: '${ $error.detail }'}}}]}
    """)
    talk.holds = True
    talk.submit({"n": 1})
    question = talk.questions.pop()
    talk.tell(
        i.Evaluated(
            run_id=talk.run_id, program=question.program, argument=question.argument, failure="too slow"
        )
    )
    assert talk.output == {"detail": "too slow"}


# --- erased -----------------------------------------------------------------------------------------


def test_records_without_their_bodies_still_fold_to_what_happened() -> None:
    talk = Conversation(EVERYTHING, agents=AGENTS)
    play(talk)
    shard = Shard()
    for record in talk.log:
        evolve(shard, Record(record.seq, record.run_id, record.at, record.event, None))
    run = shard.runs[talk.run_id]
    assert (run.status, run.output, run.cost_nano) == ("completed", None, talk.run.cost_nano)
    assert not any(shard.running.values())


def test_a_fault_without_its_body_is_a_fault() -> None:
    talk = Conversation("[{a: {raise: {error: {type: 'test:a', status: 500}}}}]")
    talk.submit({})
    shard = Shard()
    for record in talk.log:
        evolve(shard, Record(record.seq, record.run_id, record.at, record.event, None))
    assert (shard.runs[talk.run_id].status, shard.runs[talk.run_id].error) == ("faulted", None)


@pytest.mark.parametrize("length", range(3, 40, 3))
def test_a_run_whose_bodies_were_erased_goes_on_without_breaking_anything(length: int) -> None:
    talk = Conversation(EVERYTHING, agents=AGENTS)
    play(talk)
    shard = Shard()
    for record in talk.log[:length]:
        evolve(shard, Record(record.seq, record.run_id, record.at, record.event, None))
    shard.now += 3_600_000
    resume(shard, talk.catalog, Outcome())


def test_every_kind_of_event_of_a_run_was_played() -> None:
    talk = Conversation(EVERYTHING, agents=AGENTS)
    play(talk)
    played = {type(record.event).__name__ for record in talk.log}
    others = {"CatalogAdvanced", "ResourceApplied", "ResourceDeleted", "StaleReply", "RunFaulted"}
    others.add("RunCancelled")
    others |= {
        kind.__name__
        for kind in (
            *ASKED,
            *BREAKER_EVENTS,
            *RECOVERED,
            *GOVERNED,
            *SCHEDULE_EVENTS,
            *SUSPENSION_EVENTS,
            e.EffectProbed,
        )
    }
    others |= {"ActNoted", "RunAdmitted", "SubjectErased", "TargetPaused"}
    assert set(EVENTS) - played == others
    for record in talk.log:
        kind = type(record.event)
        envelope, body = stored.encode(record.event, record.body)
        assert (
            stored.decode(
                record.seq,
                record.run_id,
                kind.__name__,
                kind.VERSION,
                record.at,
                envelope,
                body,
                lambda _: b"",
            )
            == record
        )
