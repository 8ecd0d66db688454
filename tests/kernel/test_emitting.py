"""`emit`: what an event says, whom it reaches, and that it reaches them once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS
from podium.kernel.arguments import iso
from podium.kernel.catalog import HTTP_CONCURRENCY
from tests.kernel.conversation import START, Conversation

Converse = Callable[..., Conversation]

OTHER = "7f2f2f0c-1111-4a67-9a53-0a1a52d0d6b1"
TELL = "[{tell: {emit: {event: {with: {type: order.placed, data: {order: '${ .order }'}}}}}}]"


def test_an_event_is_the_output_with_what_was_left_out_filled_in(converse: Converse) -> None:
    talk = converse(TELL)
    talk.submit({"order": 7})
    assert talk.output == {
        "specversion": "1.0", "id": f"{talk.run_id}/1", "source": "/test/talk", "time": iso(START),
        "type": "order.placed", "data": {"order": 7},
    }  # fmt: skip


def test_what_is_recorded() -> None:
    talk = Conversation(TELL)
    talk.holds = True
    talk.submit({"order": 7})
    talk.expect("RunStarted", "EffectRequested tell", "> perform tell 1")
    talk.emit()
    talk.expect("EffectSettled tell", "RunCompleted")
    [requested] = talk.events(e.EffectRequested)
    assert (requested.kind, requested.reason, requested.digest) == ("emit", "order.placed", "emit")


def test_what_is_given_comes_before_what_is_filled_in(converse: Converse) -> None:
    talk = converse("""
    - tell:
        emit:
          event:
            with:
              id: '${ .id }'
              source: https://example.com/shop
              type: '${ "order.\\(.kind)" }'
              time: '2030-01-31T12:00:00Z'
              subject: '${ .none }'
              tenant: '${ .tenant }'
              data: '${ .none }'
    """)
    talk.submit({"id": 5, "kind": "paid", "tenant": True})
    assert talk.output == {
        "specversion": "1.0", "id": "5", "source": "https://example.com/shop", "type": "order.paid",
        "time": "2030-01-31T12:00:00Z", "tenant": True, "data": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "input"),
    [
        ("type: '${ .x }'", {}),
        ("type: '${ .x }'", {"x": ""}),
        ("type: '${ .x }'", {"x": True}),
        ("{type: a, id: '${ .x }'}", {"x": []}),
        ("{type: a, order: '${ .x }'}", {"x": {"n": 1}}),
        ("{type: a, order: '${ .x }'}", {"x": 1.5}),
    ],
)
def test_attributes_that_no_event_may_have_fault_the_task(
    converse: Converse, attributes: str, input: dict[str, object]
) -> None:
    attributes = attributes if attributes.startswith("{") else f"{{{attributes}}}"
    talk = converse(f"[{{tell: {{emit: {{event: {{with: {attributes}}}}}}}}}]")
    talk.submit(input)
    assert talk.error.type == f"{ERRORS}expression"
    assert talk.error.instance == "/do/0/tell"


def test_the_task_goes_on_as_any_other(converse: Converse) -> None:
    talk = converse("""
    - tell:
        if: .yes
        emit: {event: {with: {type: a, data: 1}}}
        output: {as: .data}
        export: {as: '{told: .}'}
        then: last
    - never: {set: {x: 1}}
    - last: {set: '${ [., $context.told] }'}
    """)
    talk.submit({"yes": True})
    assert talk.output == [1, 1]


# --- whom it reaches --------------------------------------------------------------------------------


def test_it_reaches_every_run_that_listens(converse: Converse) -> None:
    talk = converse("[{hear: {listen: {to: {one: {with: {type: order.placed}}}, read: envelope}}}]")
    talk.declare(teller=TELL)
    talk.submit({})
    talk.submit({}, run_id=OTHER)
    teller = "00000000-0000-4000-8000-000000000001"
    talk.submit({"order": 1}, run_id=teller, workflow="teller")
    assert [run.status for run in talk.shard.runs.values()] == ["completed"] * 3
    event = talk.shard.runs[teller].output
    assert talk.output == [event] == talk.shard.runs[OTHER].output
    assert {record.principal for record in talk.events(e.EventReceived)} == {f"run:{teller}"}


def test_the_run_itself_may_listen(converse: Converse) -> None:
    talk = converse("""
    - both:
        fork:
          branches:
            - hear: {listen: {to: {one: {with: {type: a}}}}}
            - tell: {emit: {event: {with: {type: a, data: 5}}}}
        output: {as: '[.[0], .[1].data]'}
    """)
    talk.submit({})
    assert talk.output == [[5], 5]


def test_in_a_race_with_itself_the_task_that_emits_wins(converse: Converse) -> None:
    talk = converse("""
    - both:
        fork:
          compete: true
          branches:
            - hear: {listen: {to: {one: {with: {type: a}}}}}
            - tell: {emit: {event: {with: {type: a, data: 5}}}, output: {as: '"told"'}}
    """)
    talk.submit({})
    assert talk.output == "told"


def test_nobody_may_listen(converse: Converse) -> None:
    talk = converse(TELL)
    talk.submit({"order": 1})
    assert talk.status == "completed" and not talk.events(e.EventReceived)


def test_two_runs_may_answer_each_other(converse: Converse) -> None:
    talk = converse("""
        - both:
            fork:
              branches:
                - hear: {listen: {to: {one: {with: {type: pong}}}}}
                - tell: {emit: {event: {with: {type: ping, data: 1}}}}
            output: {as: '.[0][0]'}
        """)
    talk.declare(
        echo="""
        - hear: {listen: {to: {one: {with: {type: ping}}}}}
        - tell: {emit: {event: {with: {type: pong, data: '${ .[0] + 1 }'}}}}
        """
    )
    talk.submit({}, run_id=OTHER, workflow="echo")
    talk.submit({})
    assert talk.output == 2


# --- once -------------------------------------------------------------------------------------------


def test_what_a_crash_lost_is_emitted_again_and_the_same(converse: Converse) -> None:
    talk = converse(TELL)
    talk.holds = True
    talk.submit({"order": 1})
    while talk.questions:
        talk.answer_question()
    [first] = talk.emits
    talk.now += 5_000
    talk.crash()
    [second] = talk.emits
    assert second.input == first.input and second.token != first.token
    talk.emit()
    assert talk.output == first.input


def test_an_attempt_that_no_longer_counts_reaches_nobody() -> None:
    talk = Conversation(TELL)
    talk.holds = True
    talk.submit({"order": 1})
    [first] = talk.emits
    talk.crash()
    talk.forget()
    stale = i.Emitted(run_id=talk.run_id, effect=first.effect, token=first.token, event=first.input)
    talk.tell(stale)
    talk.expect()
    talk.cancel()
    talk.forget()
    talk.emit()
    talk.expect()


def test_it_is_received_and_done_together() -> None:
    talk = Conversation("[{hear: {listen: {to: {one: {with: {type: order.placed}}}}}}]")
    talk.declare(teller=TELL)
    talk.submit({})
    talk.holds = True
    talk.submit({"order": 1}, run_id=OTHER, workflow="teller")
    talk.forget()
    talk.emit()
    talk.expect("EffectSettled tell", "EventReceived", "TaskCompleted hear", "RunCompleted", "RunCompleted")


def test_what_the_run_had_before_it_does_not_have_again(converse: Converse) -> None:
    talk = converse("""
    - both:
        fork:
          branches:
            - hear: {listen: {to: {any: [], until: length == 2}}}
            - tell:
                do:
                  - one: {emit: {event: {with: {type: a, id: same, data: 1}}}}
                  - two: {emit: {event: {with: {type: a, id: same, data: 2}}}}
                  - three: {emit: {event: {with: {type: a, data: 3}}}}
        output: {as: '.[0]'}
    """)
    talk.submit({})
    assert talk.output == [1, 3]


def test_a_run_that_is_suspended_ends_the_emission_and_starts_nothing(converse: Converse) -> None:
    talk = converse("[{tell: {emit: {event: {with: {type: a}}}}}, {last: {set: {x: 1}}}]")
    talk.holds = True
    talk.submit({})
    while talk.questions:
        talk.answer_question()
    talk.suspend()
    talk.emit()
    assert talk.status == "suspended" and not talk.run.effects
    talk.holds = False
    talk.resume()
    assert talk.output == {"x": 1}


def test_many_at_once_take_turns() -> None:
    branches = [{f"b{n}": {"emit": {"event": {"with": {"type": "a"}}}}} for n in range(HTTP_CONCURRENCY + 5)]
    talk = Conversation([{"all": {"fork": {"branches": branches}}}])
    talk.checks = False
    talk.holds = True
    talk.submit({})
    assert len(talk.emits) == HTTP_CONCURRENCY
    talk.holds = False
    talk.go_on()
    assert talk.status == "completed"


def test_a_full_run_is_told_of() -> None:
    talk = Conversation(
        "[{hear: {listen: {to: {any: [], until: '${ false }'}}, foreach: {do: [{nap: {wait: P1D}}]}}}]"
    )
    talk.submit({})
    talk.checks = False
    for _ in range(1_001):
        talk.send("a", 1)
    reply = talk.send("a", 1, run_id="")
    assert reply is not None
    assert getattr(reply, "detail", "").startswith("reached 0 runs; 1 more hold 1000 events")
