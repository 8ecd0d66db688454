"""Which task comes next: sequences, scopes, `then`, `if` and `switch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from tests.kernel.conversation import Conversation

Converse = Callable[..., Conversation]

COLORS = """
- red: {set: {colors: '${ .colors + ["red"] }'}}
- green: {set: {colors: '${ .colors + ["green"] }'}}
"""


def test_tasks_run_in_order_and_each_gets_the_output_of_the_one_before(converse: Converse) -> None:
    talk = converse(COLORS)
    talk.submit({})
    talk.expect("RunStarted", "TaskCompleted red", "TaskCompleted green", "RunCompleted")
    assert talk.output == {"colors": ["red", "green"]}
    assert talk.ended == [talk.run_id]


def test_a_nested_scope_is_a_task_of_its_own(converse: Converse) -> None:
    talk = converse("""
    - outer:
        do:
          - inner: {do: [{one: {set: {n: '${ .n + 1 }'}}}, {two: {set: {n: '${ .n * 10 }'}}}]}
          - three: {set: {n: '${ .n + 5 }'}}
    - last: {set: {n: '${ .n * 2 }'}}
    """)
    talk.submit({"n": 1})
    talk.expect(
        "RunStarted",
        "TaskStarted outer",
        "TaskStarted outer/inner",
        "TaskCompleted outer/inner/one",
        "TaskCompleted outer/inner/two",
        "TaskCompleted outer/inner",
        "TaskCompleted outer/three",
        "TaskCompleted outer",
        "TaskCompleted last",
        "RunCompleted",
    )
    assert talk.output == {"n": 50}


def test_the_deepest_document_runs(converse: Converse) -> None:
    tasks: list[Any] = [{"core": {"set": {"n": "${ .n + 1 }"}}}]
    for _ in range(12):
        loop = {"for": {"in": "[1]"}, "do": tasks}
        scope = {"do": [{"try": {"try": [{"loop": loop}], "catch": {}}}]}
        tasks = [{"race": {"fork": {"compete": True, "branches": [{"scope": scope}]}}}]
    talk = converse(tasks)
    talk.submit({"n": 1})
    assert talk.output == {"n": 2}
    assert max(record.event.frame for record in talk.log[2:-1]) > 70


def test_then_leads_to_a_task_by_name(converse: Converse) -> None:
    talk = converse("""
    - red: {set: {colors: '${ .colors + ["red"] }'}, then: green}
    - blue: {set: {colors: '${ .colors + ["blue"] }'}, then: end}
    - green: {set: {colors: '${ .colors + ["green"] }'}, then: blue}
    """)
    talk.submit({})
    assert talk.output == {"colors": ["red", "green", "blue"]}
    assert talk.trace() == ["red", "green", "blue"]


def test_then_leads_back_until_a_condition_holds(converse: Converse) -> None:
    talk = converse("""
    - count: {set: {n: '${ .n + 1 }'}}
    - again: {switch: [{enough: {when: .n >= 4, then: end}}], then: count}
    - never: {set: {n: -1}}
    """)
    talk.submit({"n": 0})
    assert talk.output == {"n": 4}


def test_exit_ends_the_scope_and_end_the_run(converse: Converse) -> None:
    talk = converse("""
    - inner: {do: [{a: {set: {a: 1}, then: exit}}, {skipped: {set: {a: 2}}}]}
    - middle: {do: [{b: {do: [{c: {set: {c: '${ .a }'}, then: end}}]}}]}
    - after: {set: {a: 3}}
    """)
    talk.submit({})
    assert talk.output == {"c": 1}
    assert talk.trace() == ["inner", "inner/a", "middle", "middle/b", "middle/b/c"]


def test_exit_in_the_outermost_scope_ends_the_run(converse: Converse) -> None:
    talk = converse("[{a: {set: {a: 1}, then: exit}}, {b: {set: {a: 2}}}]")
    talk.submit({})
    assert talk.output == {"a": 1}


def test_end_inside_a_loop_in_a_fork_ends_the_run_and_stops_the_rest(converse: Converse) -> None:
    talk = converse("""
    - both:
        fork:
          branches:
            - slow: {wait: PT1H}
            - quick: {for: {in: '[1, 2, 3]'}, do: [{stop: {set: {done: '${ $item }'}, then: end}}]}
    - after: {set: {done: no}}
    """)
    talk.submit({})
    assert talk.output == {"done": 1}
    talk.expect(
        "RunStarted",
        "TaskStarted both",
        "TaskStarted both/slow",
        "TaskStarted both/quick",
        "TaskStarted both/quick/do",
        "TaskCompleted both/quick/stop",
        "RunCompleted",
    )


@pytest.mark.parametrize(
    ("condition", "runs"),
    [("true", True), ("false", False), (".none", False), ("0", True), ('""', True), (".n == 1", True)],
)
def test_a_condition_holds_unless_it_gives_false_or_null(
    converse: Converse, condition: str, runs: bool
) -> None:
    talk = converse([{"maybe": {"if": f"${{ {condition} }}", "set": {"n": 2}}}])
    talk.submit({"n": 1})
    assert talk.output == {"n": 2 if runs else 1}
    (ended,) = talk.events(e.TaskCompleted)
    assert ended.skipped is not runs


def test_a_skipped_task_passes_its_raw_input_on_to_the_one_after_it(converse: Converse) -> None:
    talk = converse("""
    - skipped:
        if: ${ false }
        input: {from: .a, schema: {document: {type: string}}}
        set: {never: true}
        output: {as: .never, schema: {document: {type: string}}}
        export: {as: .}
        then: end
    - last: {set: {raw: '${ . }', context: '${ $context }'}}
    """)
    talk.submit({"a": 1})
    assert talk.output == {"raw": {"a": 1}, "context": {}}
    assert talk.trace() == ["skipped", "last"]


SWITCH = """
- choose:
    switch:
      - small: {when: .n < 10, then: little}
      - even: {when: .n % 2 == 0, then: even}
      - rest: {then: end}
- little: {set: {is: little}, then: end}
- even: {set: {is: even}}
"""


@pytest.mark.parametrize(("n", "output"), [(4, {"is": "little"}), (44, {"is": "even"}), (45, {"n": 45})])
def test_the_first_case_that_matches_wins(converse: Converse, n: int, output: object) -> None:
    talk = converse(SWITCH)
    talk.submit({"n": n})
    assert talk.output == output


def test_the_case_without_a_condition_comes_last_wherever_it_stands(converse: Converse) -> None:
    talk = converse("""
    - choose: {switch: [{rest: {then: end}}, {red: {when: '.c == "red"', then: red}}]}
    - red: {set: {c: found}}
    """)
    talk.submit({"c": "red"})
    assert talk.output == {"c": "found"}


def test_no_case_goes_where_the_switch_itself_leads(converse: Converse) -> None:
    do = "[{choose: {switch: [{red: {when: .red, then: end}}]}}, {next: {set: {n: 1}}}]"
    talk = converse(do)
    talk.submit({})
    assert talk.output == {"n": 1}


def test_a_switch_passes_its_input_on_transformed(converse: Converse) -> None:
    talk = converse("""
    - choose:
        input: {from: .a}
        switch: [{one: {when: '. == 1', then: next}}]
        output: {as: '{got: .}'}
        then: end
    - next: {set: '${ . }'}
    """)
    talk.submit({"a": 1})
    assert talk.output == {"got": 1}


def test_a_case_may_end_the_scope(converse: Converse) -> None:
    talk = converse("""
    - scope: {do: [{choose: {switch: [{one: {then: exit}}]}}, {no: {set: {n: 0}}}]}
    - after: {set: {n: '${ .n + 1 }'}}
    """)
    talk.submit({"n": 1})
    assert talk.output == {"n": 2}


def test_a_workflow_may_give_no_object_at_all(converse: Converse) -> None:
    talk = converse("[{a: {set: '${ .n }'}}]")
    talk.submit({"n": [1, None, 2.5]})
    assert talk.output == [1, None, 2.5]
