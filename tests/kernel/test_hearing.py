"""`listen` to many events: until when, what is done for each, and which belong together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS
from podium.kernel import listening
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]

OTHER = "7f2f2f0c-1111-4a67-9a53-0a1a52d0d6b1"


# --- until a condition ------------------------------------------------------------------------------


def test_a_condition_over_what_was_taken_ends_it(converse: Converse) -> None:
    talk = converse("[{hear: {listen: {to: {any: [], until: '( . | length ) > 2'}}}}]")
    talk.submit({})
    talk.send("a", 1)
    talk.forget()
    talk.send("b", 2)
    talk.expect(*_received(talk))
    assert talk.status == "running"
    talk.send("c", 3)
    assert talk.output == [1, 2, 3]


def _received(talk: Conversation) -> list[str]:
    """What is recorded of an event: with questions to jq it waits in the buffer until they are answered."""
    return ["EventReceived", "EventConsumed"] if talk.answered else ["EventReceived"]


def test_only_what_passes_counts(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to: {any: [{with: {type: a, data: '${ .n > 1 }'}}, {with: {type: b}}], until: 'map(.n) | add > 5'}
          read: data
    """)
    talk.submit({})
    for kind, n in (("a", 1), ("c", 9), ("a", 2), ("a", 0), ("b", 1), ("b", 3)):
        talk.send(kind, {"n": n})
    assert talk.output == [{"n": 2}, {"n": 1}, {"n": 3}]


def test_the_condition_sees_what_the_task_sees(converse: Converse) -> None:
    talk = converse("""
    - limit: {set: '${ . }', export: {as: '{limit}'}}
    - hear:
        listen: {to: {any: [], until: 'length == $context.limit and $input.limit == $context.limit'}}
    """)
    talk.submit({"limit": 2})
    talk.send("a", 1)
    talk.send("a", 2)
    assert talk.output == [1, 2]


def test_events_that_came_early_count_in_the_order_in_which_they_came(converse: Converse) -> None:
    talk = converse("[{nap: {wait: PT1S}}, {hear: {listen: {to: {any: [], until: length == 2}}}}]")
    talk.submit({})
    for n in (1, 2, 3):
        talk.send("a", n)
    talk.wait(1_000)
    assert talk.output == [1, 2]


def test_envelopes_are_given_where_they_are_read(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {any: [], until: 'last.type == "end"'}, read: envelope}, output: {as: 'map(.type)'}}
    """)
    talk.submit({})
    for kind in ("a", "b", "end"):
        talk.send(kind)
    assert talk.output == ["a", "b", "end"]


def test_a_condition_that_fails_faults_the_task(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try: [{hear: {listen: {to: {any: [], until: '.[0].x.y > 1'}}}}]
        catch: {do: [{tell: {set: {type: '${ $error.type }', at: '${ $error.instance }'}}}]}
    """)
    talk.submit({})
    talk.send("a", {"x": 1})
    assert talk.output["type"] == f"{ERRORS}expression"


def test_a_task_cannot_take_events_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LISTENED_MAX", 3)
    talk = Conversation("[{hear: {listen: {to: {any: [], until: length > 5}}}}]")
    talk.submit({})
    for n in range(4):
        talk.send("a", n)
    assert talk.error.title == "the events that were listened to are too much"
    assert talk.error.detail == "together more than 3 events"


def test_what_it_gives_cannot_grow_too_large() -> None:
    talk = Conversation("[{hear: {listen: {to: {any: [], until: length > 50}}}}]")
    talk.submit({})
    talk.checks = False
    for _ in range(8):
        talk.send("a", "x" * 5_000_000)
    assert talk.error.title == "the events that were listened to are too much"


# --- until events -----------------------------------------------------------------------------------


def test_an_event_ends_it_and_is_not_given(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {any: [{with: {type: item}}], until: {one: {with: {type: stop}}}}}}
    """)
    talk.submit({})
    for n, kind in enumerate(("item", "other", "item", "stop")):
        talk.send(kind, n)
    assert talk.output == [0, 2]


def test_what_ends_it_comes_first(converse: Converse) -> None:
    talk = converse(
        "[{hear: {listen: {to: {any: [], until: {any: [{with: {type: b}}, {with: {type: c}}]}}}}}]"
    )
    talk.submit({})
    for n, kind in enumerate(("a", "c")):
        talk.send(kind, n)
    assert talk.output == [0]


def test_all_of_the_events_that_end_it_must_come(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {any: [], until: {all: [{with: {type: paid}}, {with: {type: sent}}]}}}}
    """)
    talk.submit({})
    for n, kind in enumerate(("sent", "sent", "item", "paid")):
        talk.send(kind, n)
    # The second of a kind that is there already is an event as any other.
    assert talk.output == [1, 2]


def test_nothing_at_all_may_have_come(converse: Converse) -> None:
    talk = converse("[{hear: {listen: {to: {any: [], until: {one: {with: {type: stop}}}}}}}]")
    talk.submit({})
    talk.send("stop")
    assert talk.output == []


# --- without end ------------------------------------------------------------------------------------

FOR_EVER = """
- guarded:
    try:
      - hear:
          listen: {to: {any: [], until: '${ false }'}}
          foreach: {do: [{keep: {set: '${ $item }', export: {as: '$context + {last: .}'}}}]}
          timeout: {after: PT1H}
    catch: {errors: {with: {status: 408}}}
- tell: {set: '${ $context }'}
"""


def test_without_end_it_listens_until_its_time_is_over(converse: Converse) -> None:
    talk = converse(FOR_EVER)
    talk.submit({})
    for n in range(20):
        talk.send("a", n)
    [hearing] = [frame for frame in talk.run.frames.values() if frame.kind == "listen"]
    assert hearing.items is None and hearing.cursor == 20
    talk.wait(3_600_000)
    assert talk.output == {"last": 19}


# --- each event -------------------------------------------------------------------------------------


def test_something_is_done_for_each_event_and_is_what_it_gives(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen: {to: {any: [], until: {one: {with: {type: stop}}}}}
        foreach:
          item: order
          at: number
          do: [{add: {set: {of: '${ $order.id }', at: '${ $number }', here: '${ . }'}}}]
          output: {as: '{of, at, same: (.here == $order)}'}
          export: {as: '($context // {}) + {last: $output.of}'}
    - tell: {set: {all: '${ . }', last: '${ $context.last }'}}
    """)
    talk.submit({})
    for identity in ("x", "y"):
        talk.send("order", {"id": identity})
    talk.send("stop")
    assert talk.output == {
        "all": [{"of": "x", "at": 0, "same": True}, {"of": "y", "at": 1, "same": True}],
        "last": "y",
    }


def test_without_tasks_each_event_is_only_made_into_what_is_given(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {any: [], until: '. == [1, 4]'}}, foreach: {output: {as: '$item * $item'}}}
    """)
    talk.submit({})
    talk.send("a", 1)
    talk.send("a", 2)
    assert talk.output == [1, 4]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("{one: {with: {type: a}}}", [2]),
        ("{any: [{with: {type: b}}, {with: {type: a}}]}", [2]),
        ("{all: [{with: {type: b}}, {with: {type: a}}]}", [2, 4]),
    ],
)
def test_each_of_a_fixed_number_of_events(converse: Converse, to: str, expected: list[int]) -> None:
    talk = converse(
        f"[{{hear: {{listen: {{to: {to}}}, foreach: {{do: [{{twice: {{set: '${{ $item * 2 }}'}}}}]}}}}}}]"
    )
    talk.submit({})
    talk.send("c", 5)
    talk.send("a", 1)
    talk.send("a", 7)
    talk.send("b", 2)
    assert talk.output == expected


SLOW = """
- hear:
    listen: {to: {any: [{with: {type: work}}], until: {one: {with: {type: stop}}}}}
    foreach: {do: [{work: {call: agent, with: {agent: helper, input: '${ $item }'}}}]}
"""


def test_the_next_event_waits_until_the_one_before_is_done(converse: Converse) -> None:
    talk = converse(SLOW, agents=(agent("helper"),))
    talk.submit({})
    for n in (1, 2):
        talk.send("work", n)
    talk.send("stop")
    talk.send("work", 3)
    assert [kept.fleeting for kept in talk.run.buffer] == [False] * 3
    assert len(talk.open) == 1
    talk.settle("hear/foreach/work", "one")
    assert talk.order("hear/foreach/work").input == 2
    talk.settle("hear/foreach/work", "two")
    # What came after the end is nobody's.
    assert talk.output == ["one", "two"]


def test_events_for_all_wait_too(converse: Converse) -> None:
    talk = converse(SLOW, agents=(agent("helper"),))
    talk.submit({})
    for n in (1, 2):
        talk.send("work", n, run_id="")
    talk.send("other", 3, run_id="")
    talk.settle("hear/foreach/work", "one")
    talk.send("stop", run_id="")
    talk.settle("hear/foreach/work", "two")
    assert talk.output == ["one", "two"]


def test_a_condition_is_looked_at_when_an_iteration_is_over(converse: Converse) -> None:
    talk = converse(
        """
    - hear:
        listen: {to: {any: [], until: '$context.done == 2'}}
        foreach:
          do: [{work: {call: agent, with: {agent: helper, input: '${ $item }'}}}]
          export: {as: '{done: (($context.done // 0) + 1)}'}
    """,
        agents=(agent("helper"),),
    )
    talk.submit({})
    for n in (1, 2, 3):
        talk.send("work", n)
    talk.settle("hear/foreach/work", "one")
    assert talk.status == "running"
    talk.settle("hear/foreach/work", "two")
    assert talk.output == ["one", "two"]


def test_an_error_in_an_iteration_ends_the_task(converse: Converse) -> None:
    talk = converse(
        """
    - attempt:
        try:
          - hear:
              listen: {to: {any: [], until: '${ false }'}}
              foreach: {do: [{work: {call: agent, with: {agent: helper}}}]}
        catch: {do: [{tell: {set: {at: '${ $error.instance }'}}}]}
    """,
        agents=(agent("helper", retry={"attempts": 1}),),
    )
    talk.submit({})
    talk.send("work", 1)
    talk.fail("attempt/hear/foreach/work")
    assert talk.output == {"at": "/do/0/attempt/try/0/hear/foreach/do/0/work"}
    assert not talk.shard.listeners


def test_an_iteration_may_end_the_run_or_itself(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen: {to: {any: [], until: '${ false }'}}
        foreach:
          do:
            - look:
                switch: [{last: {when: '$item == "end"', then: end}}, {one: {when: $item == 1, then: exit}}]
            - mark: {set: '${ "seen \\($item)" }', export: {as: '$context + {last: .}'}}
    - never: {set: {x: 1}}
    """)
    talk.submit({})
    for item in (1, 2, "end"):
        talk.send("a", item)
    assert talk.output == "end"
    assert talk.trace().count("hear/foreach/mark") == 1


def test_two_tasks_that_listen_share_the_events(converse: Converse) -> None:
    talk = converse(
        """
    - both:
        fork:
          branches:
            - slow:
                listen: {to: {any: [], until: '${ false }'}}
                foreach: {do: [{work: {call: agent, with: {agent: helper, input: '${ $item }'}}}]}
            - quick: {listen: {to: {any: [], until: length == 2}}}
    """,
        agents=(agent("helper"),),
    )
    talk.submit({})
    for n in (1, 2, 3):
        talk.send("a", n)
    assert talk.order("both/slow/foreach/work").input == 1
    assert [frame.kind for frame in talk.run.frames.values()].count("listen") == 1
    assert not talk.run.buffer


def test_an_event_in_hand_survives_a_crash(converse: Converse) -> None:
    talk = converse(SLOW, agents=(agent("helper"),))
    talk.submit({})
    for n in (1, 2):
        talk.send("work", n)
    talk.crash()
    talk.go_on()
    talk.settle("hear/foreach/work", "one")
    talk.crash()
    talk.go_on()
    assert talk.order("hear/foreach/work").input == 2
    talk.settle("hear/foreach/work", "two")
    talk.send("stop")
    assert talk.output == ["one", "two"]


# --- events that belong together --------------------------------------------------------------------


def test_the_first_event_sets_what_the_others_must_have(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to:
            all:
              - with: {type: temperature}
                correlate: {room: {from: .roomid}}
              - with: {type: humidity}
                correlate: {room: {from: .data.room}}
    """)
    talk.submit({})
    talk.send("temperature", 1)
    talk.send("temperature", 20, roomid="kitchen")
    talk.send("humidity", {"room": "cellar"})
    assert talk.status == "running"
    talk.send("humidity", {"room": "kitchen", "percent": 40})
    assert talk.output == [20, {"room": "kitchen", "percent": 40}]
    assert [body.keys for body in talk.bodies(e.EventReceived) if body.keys] == (
        [] if talk.answered else [{"room": "kitchen"}]
    )


def test_what_is_expected_may_be_a_text_or_an_expression(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to:
            one:
              with: {type: paid}
              correlate:
                order: {from: .data.order, expect: '${ .order }'}
                shop: {from: .data.shop, expect: '7'}
    """)
    talk.submit({"order": 5})
    for order, shop in ((5, 8), (4, 7), ("5", 7), (5, 7)):
        talk.send("paid", {"order": order, "shop": shop})
    assert talk.output == [{"order": 5, "shop": 7}]


def test_what_is_expected_holds_for_every_filter_of_the_task(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to:
            all:
              - {with: {type: a}, correlate: {k: {from: .data, expect: '${ "x" }'}}}
              - {with: {type: b}, correlate: {k: {from: .data}}}
    """)
    talk.submit({})
    talk.send("a", "y")
    talk.send("b", "z")
    talk.send("b", "x")
    # The second filter set the key, and the first one expects what it must.
    talk.send("a", "x")
    assert talk.status == "running"


def test_the_keys_of_many_events(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to:
            any: [{with: {type: item}, correlate: {order: {from: .data.order}}}]
            until: {one: {with: {type: done}, correlate: {order: {from: .data.order}}}}
          read: data
        output: {as: 'map(.n)'}
    """)
    talk.submit({})
    for n, (kind, order) in enumerate((("item", 1), ("item", 2), ("done", 2), ("item", 1), ("done", 1))):
        talk.send(kind, {"n": n, "order": order})
    assert talk.output == [0, 3]


def test_runs_with_keys_of_their_own_take_what_is_theirs(converse: Converse) -> None:
    talk = converse("""
    - hear:
        listen:
          to: {one: {with: {type: paid}, correlate: {order: {from: .data.order, expect: '${ .order }'}}}}
    """)
    talk.submit({"order": "a"})
    talk.submit({"order": "b"}, run_id=OTHER)
    talk.send("paid", {"order": "b"}, run_id="")
    assert [run.status for run in talk.shard.runs.values()] == ["running", "completed"]


def test_a_key_that_cannot_be_found_faults_the_task(converse: Converse) -> None:
    talk = converse("""
    - hear: {listen: {to: {one: {with: {type: a}, correlate: {k: {from: '.data.x.y'}}}}}}
    """)
    talk.submit({})
    talk.send("a", {"x": 1})
    assert talk.error.type == f"{ERRORS}expression"
