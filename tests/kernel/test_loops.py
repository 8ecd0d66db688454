"""`for`: over what it goes, what each turn gets, and when it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.orders import Evaluate
from podium.facts.values import ERRORS
from podium.kernel.decide import decide
from podium.kernel.outcome import Outcome
from podium.kernel.tasks import TURNS_MAX
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]


def test_each_turn_gets_the_output_of_the_one_before(converse: Converse) -> None:
    talk = converse("""
    - loop:
        for: {each: color, in: .colors, at: place}
        do: [{mark: {set: {done: '${ .done + ["\\($place) \\($color)"] }'}}}]
    """)
    talk.submit({"colors": ["red", "green"]})
    assert talk.output == {"done": ["0 red", "1 green"]}
    talk.expect(
        "RunStarted",
        "TaskStarted loop",
        "TaskStarted loop/do",
        "TaskCompleted loop/mark",
        "TaskCompleted loop/do",
        "TaskStarted loop/do",
        "TaskCompleted loop/mark",
        "TaskCompleted loop/do",
        "TaskCompleted loop",
        "RunCompleted",
    )


def test_item_and_index_are_the_names_unless_others_are_given(converse: Converse) -> None:
    do = "[{loop: {for: {in: '[5, 6]'}, do: [{a: {set: '${ . + [{item: $item, index: $index}] }'}}]}}]"
    talk = converse(do)
    talk.submit([])
    assert talk.output == [{"item": 5, "index": 0}, {"item": 6, "index": 1}]


def test_nothing_to_go_over_passes_the_input_on(converse: Converse) -> None:
    talk = converse("[{loop: {for: {in: .list}, do: [{a: {set: {n: 1}}}]}}]")
    talk.submit({"list": []})
    assert talk.output == {"list": []}


def test_inline_lists_hold_objects_with_expressions(converse: Converse) -> None:
    talk = converse("""
    - loop:
        for: {in: [{n: 1}, {n: '${ .two }'}]}
        do: [{a: {set: {two: 2, sum: '${ .sum + $item.n }'}}}]
    """)
    talk.submit({"two": 2})
    assert talk.output == {"two": 2, "sum": 3}


@pytest.mark.parametrize("items", [None, {"a": 1}, "text", 3])
def test_what_is_no_list_is_an_expression_error(converse: Converse, items: object) -> None:
    talk = converse("[{loop: {for: {in: .items}, do: [{a: {set: {n: 1}}}]}}]")
    talk.submit({"items": items})
    assert (talk.error.type, talk.error.instance) == (f"{ERRORS}expression", "/do/0/loop")
    assert "no array" in talk.error.title


def test_while_looks_at_the_data_of_the_next_turn(converse: Converse) -> None:
    talk = converse("""
    - loop:
        input: {from: '{n: .n, limit: 3}'}
        for: {in: '[1, 2, 3, 4, 5]'}
        while: .n < $input.limit and $item != 5
        do: [{a: {set: {n: '${ .n + 1 }'}}}]
    """)
    talk.submit({"n": 1})
    assert talk.output == {"n": 3}


def test_while_may_end_it_before_the_first_turn(converse: Converse) -> None:
    talk = converse("[{loop: {for: {in: '[1]'}, while: .go, do: [{a: {set: {n: 1}}}]}}]")
    talk.submit({"go": False})
    assert talk.output == {"go": False}


def test_an_error_in_while_is_the_loops_and_can_be_caught(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        try:
          - loop: {for: {in: '[1]'}, while: '.n | error', do: [{a: {set: {n: 1}}}]}
        catch: {do: [{tell: {set: {instance: '${ $error.instance }'}}}]}
    """)
    talk.submit({"n": "bad"})
    assert talk.output == {"instance": "/do/0/attempt/try/0/loop/while"}


def test_loops_in_loops_see_both_variables(converse: Converse) -> None:
    talk = converse("""
    - outer:
        for: {each: a, in: '[1, 2]'}
        do: [{inner: {for: {each: b, in: '[$a, $a * 10]'}, do: [{add: {set: '${ . + [[$a, $b]] }'}}]}}]
    """)
    talk.submit([])
    assert talk.output == [[1, 1], [1, 10], [2, 2], [2, 20]]


def test_then_exit_ends_the_turn_and_the_loop_goes_on(converse: Converse) -> None:
    talk = converse("""
    - loop:
        for: {in: '[1, 2]'}
        do: [{add: {set: '${ . + [$item] }', then: exit}}, {never: {set: {n: 1}}}]
    """)
    talk.submit([])
    assert talk.output == [1, 2]


def test_the_loops_own_output_is_transformed(converse: Converse) -> None:
    talk = converse("""
    - loop:
        for: {in: '[1, 2]'}
        do: [{add: {set: '${ . + [$item] }'}}]
        output: {as: '{all: ., first: $task.output[0]}'}
        export: {as: .all}
    - look: {set: {out: '${ . }', context: '${ $context }'}}
    """)
    talk.submit([])
    assert talk.output == {"out": {"all": [1, 2], "first": 1}, "context": [1, 2]}


def test_a_loop_waits_for_each_agent_in_turn(converse: Converse) -> None:
    talk = converse(
        """
    - loop:
        for: {in: .}
        do: [{ask: {call: agent, with: {agent: helper, input: '${ $item }'}}}]
    """,
        agents=(agent("helper"),),
    )
    talk.submit(["a", "b"])
    for item in ("a", "b"):
        assert talk.order("loop/ask").input == item
        talk.settle("loop/ask", {"was": item})
    assert talk.output == {"was": "b"}
    assert [event.effect for event in talk.events(e.EffectRequested)] == [1, 2]


def test_what_a_loop_goes_over_is_decided_once(converse: Converse) -> None:
    talk = converse("""
    - start: {set: {list: [1, 2]}, export: {as: .}}
    - loop:
        for: {in: $context.list}
        do: [{cut: {set: {n: '${ $item }'}, export: {as: '{list: []}'}}}]
    """)
    talk.submit({})
    assert talk.output == {"n": 2}


@pytest.mark.parametrize("condition", ["", "while: $index < 100000, "])
def test_a_hundred_thousand_turns_take_no_more_memory_than_a_few(condition: str) -> None:
    talk = Conversation(f"""
    - loop: {{for: {{in: '[range(100000)]'}}, {condition}do: [{{one: {{set: {{at: '${{ $index }}'}}}}}}]}}
    """)
    talk.submit({})
    steps, records, frames = 0, 0, 0
    while not talk.run.ended:
        out = Outcome()
        decide(talk.shard, i.Tick(), talk.now, talk.catalog, out)
        # What a step decided is written and let go of before the next.
        steps, records = steps + 1, max(records, len(out.records))
        frames = max(frames, len(talk.run.frames))
        talk.questions += [query for query in out.queries if isinstance(query, Evaluate)]
        while talk.questions:
            talk.answer_question()
    assert talk.output == {"at": 99_999}
    assert frames <= 4 and records <= 2 * TURNS_MAX
    assert steps < 1_000 and len(talk.shard.timers) <= 2
