"""`listen`: which events a task takes, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS, Accepted, Refused
from podium.kernel.state import EVENTS_BUFFERED_MAX
from tests.kernel.conversation import Conversation

Converse = Callable[..., Conversation]

ONE = "[{hear: {listen: {to: {one: {with: {type: order.paid, data: '${ .amount > 10 }'}}}}}}]"


def test_one_event_that_passes_the_filter_is_taken(converse: Converse) -> None:
    talk = converse(ONE)
    talk.submit({})
    talk.expect("RunStarted", "TaskStarted hear")
    assert talk.send("order.paid", {"amount": 50}) == Accepted(talk.run_id, True, "received")
    assert talk.output == [{"amount": 50}]
    assert talk.events(e.EventReceived)[0].principal == "user:ann"


def test_events_that_do_not_pass_are_kept_for_others(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {one: {with: {type: order.paid, data: '${ .amount > 10 }'}}}}}
    - then: {listen: {to: {one: {with: {type: order.paid}}}}}
    """)
    talk.submit({})
    talk.send("order.paid", {"amount": 5})
    talk.send("other", 1)
    assert len(talk.run.buffer) == 2
    talk.send("order.paid", {"amount": 50})
    assert talk.output == [{"amount": 5}]


def test_an_event_that_came_early_is_taken_when_somebody_listens(converse: Converse) -> None:
    talk = converse("[{nap: {wait: PT1S}}, {hear: {listen: {to: {any: []}}}}]")
    talk.submit({})
    talk.send("early", 1)
    talk.send("also", 2)
    talk.forget()
    talk.wait(1_000)
    talk.expect(
        "TaskCompleted nap", "TaskStarted hear", "EventConsumed", "TaskCompleted hear", "RunCompleted"
    )
    assert talk.output == [1]


def test_a_wait_that_begins_with_events_in_the_buffer_waits(converse: Converse) -> None:
    talk = converse("[{first: {wait: PT1S}}, {second: {wait: PT1S}}, {ask: {call: human, with: {title: T}}}]")
    talk.submit({})
    talk.send("early", 1)
    talk.wait(2_000)
    assert talk.status == "running"
    talk.answer_human()
    assert talk.status == "completed"


def test_any_takes_the_first_that_passes_one_of_its_filters(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to:
            any:
              - with: {type: vitals.temperature, data: '${ .temperature > 38 }'}
              - with: {type: vitals.pulse, data: '${ .bpm < 60 or .bpm > 100 }'}
    """)
    talk.submit({})
    talk.send("vitals.pulse", {"bpm": 80})
    talk.send("vitals.temperature", {"temperature": 37})
    assert talk.status == "running"
    talk.send("vitals.pulse", {"bpm": 120})
    assert talk.output == [{"bpm": 120}]


def test_all_takes_one_for_each_filter_in_the_order_of_arrival(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {all: [{with: {type: a}}, {with: {type: b}}, {with: {type: a}}]}}}
    """)
    talk.submit({})
    for kind, data in (("b", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)):
        talk.send(kind, data)
    assert talk.output == [1, 3, 5]


@pytest.mark.parametrize(
    ("read", "attributes", "expected"),
    [
        ("data", {"data": {"n": 1}}, {"n": 1}),
        ("raw", {"data": {"n": 1}}, {"n": 1}),
        ("raw", {"data_base64": "AAE="}, "AAE="),
    ],
)
def test_what_of_an_event_is_read(
    converse: Converse, read: str, attributes: dict[str, object], expected: object
) -> None:
    talk = converse([{"hear": {"listen": {"to": {"any": []}, "read": read}}}])
    talk.submit({})
    event = {"specversion": "1.0", "type": "a", "source": "test", "id": "1", **attributes}
    talk.tell(i.SendEvent(run_id=talk.run_id, event=event))
    assert talk.output == [expected]


def test_the_whole_envelope_can_be_read(converse: Converse) -> None:
    talk = converse(
        "[{hear: {listen: {to: {any: []}, read: envelope}, output: {as: '.[0] | {type, data}'}}}]"
    )
    talk.submit({})
    talk.send("a", 1)
    assert talk.output == {"type": "a", "data": 1}


@pytest.mark.parametrize(
    ("attribute", "given", "passes"),
    [
        ("subject: x", {"subject": "x"}, True),
        ("subject: x", {"subject": "y"}, False),
        ("subject: x", {}, False),
        ("order: 1", {"order": 1}, True),
        ("order: 1", {"order": 1.0}, True),
        ("order: 1", {"order": True}, False),
        ("order: true", {"order": True}, True),
        ("order: true", {"order": 1}, False),
        ("order: {a: [1, 2]}", {"order": {"a": [1, 2]}}, True),
        ("order: {a: [1, 2]}", {"order": {"a": [True, 2]}}, False),
        ("order: '${ . == $input.order }'", {"order": 7}, True),
        ("order: '${ $input.order }'", {"order": 7}, True),
        ("order: '${ $input.order }'", {"order": 8}, False),
        ("data: {n: 1}", {"data": {"n": 1}}, True),
        ("data: {n: 1}", {"data": {"n": 1, "m": 2}}, False),
    ],
)
def test_attributes_must_be_equal_or_make_their_expression_true(
    converse: Converse, attribute: str, given: dict[str, object], passes: bool
) -> None:
    talk = converse(f"[{{hear: {{listen: {{to: {{one: {{with: {{{attribute}}}}}}}}}}}}}]")
    talk.submit({"order": 7})
    talk.tell(i.SendEvent(run_id=talk.run_id, event={"type": "a", "source": "s", "id": "1", **given}))
    assert talk.status == ("completed" if passes else "running")


def test_an_event_that_was_had_before_is_not_taken_again(converse: Converse) -> None:
    talk = converse("[{a: {listen: {to: {any: []}}}}, {b: {listen: {to: {any: []}}}}]")
    talk.submit({})
    assert talk.send("x", 1, id="7") == Accepted(talk.run_id, True, "received")
    assert talk.send("x", 1, id="7") == Accepted(talk.run_id, False, "had been received before")
    assert talk.send("x", 2, id="7", source="elsewhere") == Accepted(talk.run_id, True, "received")
    assert talk.output == [2]


def test_events_without_an_id_are_never_repeats(converse: Converse) -> None:
    talk = converse("[{a: {listen: {to: {any: []}}}}, {b: {listen: {to: {any: []}}}}]")
    talk.submit({})
    for n in (1, 2):
        talk.tell(i.SendEvent(run_id=talk.run_id, event={"type": "x", "data": n}))
    assert talk.output == [2]


def test_two_tasks_that_listen_get_one_event_each(converse: Converse) -> None:
    talk = converse("""
    - both: {fork: {branches: [{a: {listen: {to: {any: []}}}}, {b: {listen: {to: {any: []}}}}]}}
    """)
    talk.submit({})
    talk.send("x", 1)
    assert talk.shard.listeners == {talk.run_id: 1}
    talk.send("x", 2)
    assert talk.output == [[1], [2]]


def test_a_filter_that_fails_faults_the_task_and_can_be_caught(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try: [{hear: {listen: {to: {one: {with: {data: '${ .n.m }'}}}}}}]
        catch: {do: [{tell: {set: {type: '${ $error.type }', at: '${ $error.instance }'}}}]}
    """)
    talk.submit({})
    talk.send("x", {"n": 1})
    assert talk.output == {"type": f"{ERRORS}expression", "at": "/do/0/attempt/try/0/hear"}


def test_a_full_buffer_refuses_more() -> None:
    talk = Conversation("[{nap: {wait: PT1H}}]")
    talk.submit({})
    talk.checks = False
    for _ in range(EVENTS_BUFFERED_MAX):
        talk.send("x", 1)
    talk.checks = True
    reply = talk.send("x", 1)
    assert isinstance(reply, Refused) and reply.code == "refused"
    assert reply.problems[0].rule == "buffer-full"


# --- to all -----------------------------------------------------------------------------------------

OTHER = "7f2f2f0c-1111-4a67-9a53-0a1a52d0d6b1"


def test_an_event_for_all_reaches_those_who_want_it_now(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {one: {with: {type: news, data: '${ .for == $input.me }'}}}}}
    - more: {listen: {to: {one: {with: {type: more}}}}}
    """)
    talk.submit({"me": "a"})
    talk.submit({"me": "b"}, run_id=OTHER)
    talk.send("news", {"for": "a"}, run_id="")
    talk.send("news", {"for": "nobody"}, run_id="")
    assert [len(run.buffer) for run in talk.shard.runs.values()] == [0, 0]
    tasks = [[frame.task for frame in run.frames.values()][-1] for run in talk.shard.runs.values()]
    assert tasks == ["/do/1/more", "/do/0/hear"]


def test_the_reply_tells_how_many_an_event_for_all_reached() -> None:
    talk = Conversation("[{hear: {listen: {to: {one: {with: {type: news}}}}}}]")
    talk.submit({})
    talk.submit({}, run_id=OTHER)
    assert talk.send("olds", run_id="") == Accepted("", False, "reached 0 runs")
    assert talk.send("news", run_id="") == Accepted("", True, "reached 2 runs")
    assert [run.status for run in talk.shard.runs.values()] == ["completed", "completed"]


def test_nobody_listening_is_no_error() -> None:
    talk = Conversation("[{nap: {wait: PT1H}}]")
    talk.submit({})
    assert talk.send("news", run_id="") == Accepted("", False, "reached 0 runs")
    assert not talk.run.buffer


def test_an_event_for_all_is_dropped_once_jq_says_that_nobody_wants_it() -> None:
    talk = Conversation("[{hear: {listen: {to: {one: {with: {data: '${ [.n] | map(. > 1) | first }'}}}}}}]")
    talk.submit({})
    talk.holds = True
    talk.send("x", {"n": 1}, run_id="")
    assert [kept.fleeting for kept in talk.run.buffer] == [True]
    talk.answer_question()
    assert not talk.run.buffer
    talk.send("x", {"n": 2}, run_id="")
    talk.answer_question()
    assert talk.output == [{"n": 2}]


def test_an_event_for_all_is_not_kept_for_a_task_that_listens_later() -> None:
    talk = Conversation("""
    - hear: {listen: {to: {one: {with: {data: '${ [.n] | map(. > 1) | first }'}}}}}
    - later: {listen: {to: {any: []}}}
    """)
    talk.submit({})
    talk.holds = True
    talk.send("x", {"n": 2}, run_id="")
    talk.send("x", {"n": 3}, run_id="")
    talk.answer_question()
    assert talk.status == "running"
    assert not talk.run.buffer
    talk.holds = False
    talk.send("x", {"n": 4})
    assert talk.output == [{"n": 4}]


def test_an_event_for_an_ended_or_unknown_run_is_refused() -> None:
    talk = Conversation("[{a: {set: {n: 1}}}]")
    talk.submit({})
    ended, unknown = talk.send("x"), talk.send("x", run_id=OTHER)
    assert isinstance(ended, Refused) and ended.code == "conflict"
    assert isinstance(unknown, Refused) and unknown.code == "not-found"
