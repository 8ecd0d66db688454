"""`fork`: branches side by side, joined or competing."""

from __future__ import annotations

from collections.abc import Callable

from podium.facts.values import ERRORS
from tests.kernel.conversation import Conversation, agent, frames

Converse = Callable[..., Conversation]
HELPER = (agent("helper", concurrency=8),)

TWO = """
- both:
    fork:
      branches:
        - first: {call: agent, with: {agent: helper, input: {n: 1}}}
        - second: {call: agent, with: {agent: helper, input: {n: 2}}}
"""
RACE = TWO.replace("fork:", "fork:\n      compete: true")


def test_outputs_stand_in_the_order_of_the_branches_whoever_was_first(converse: Converse) -> None:
    talk = converse(TWO, agents=HELPER)
    talk.submit({})
    talk.expect(
        "RunStarted",
        "TaskStarted both",
        "EffectRequested both/first",
        "EffectRequested both/second",
        "> perform both/first 1",
        "> perform both/second 1",
    )
    talk.settle("both/second", "b")
    talk.expect("EffectSettled both/second")
    talk.settle("both/first", "a")
    talk.expect("EffectSettled both/first", "TaskCompleted both", "RunCompleted")
    assert talk.output == ["a", "b"]


def test_branches_that_take_no_time_are_joined_at_once(converse: Converse) -> None:
    talk = converse("""
    - both:
        fork:
          branches:
            - one: {set: {n: '${ .n + 1 }'}}
            - skipped: {if: .none, set: {n: 0}}
            - two: {do: [{inner: {set: {n: '${ .n + 2 }'}}}]}
        output: {as: '[.[].n]'}
    """)
    talk.submit({"n": 1})
    assert talk.output == [2, 1, 3]


def test_branches_get_the_forks_input_and_share_the_context(converse: Converse) -> None:
    talk = converse("""
    - both:
        input: {from: .a}
        fork:
          branches:
            - one: {set: {n: '${ . }'}, export: {as: '$context + {one: .n}'}}
            - two: {set: {n: '${ . + 1 }'}, export: {as: '$context + {two: .n}'}}
    - look: {set: '${ $context }'}
    """)
    talk.submit({"a": 1})
    assert talk.output == {"one": 1, "two": 2}


def test_then_exit_ends_the_branch(converse: Converse) -> None:
    talk = converse("""
    - both: {fork: {branches: [{one: {set: {n: 1}, then: exit}}, {two: {set: {n: 2}, then: continue}}]}}
    """)
    talk.submit({})
    assert talk.output == [{"n": 1}, {"n": 2}]


def test_the_first_of_competing_branches_wins_and_the_others_are_stopped(converse: Converse) -> None:
    talk = converse(RACE, agents=HELPER)
    talk.submit({})
    loser = talk.order("both/first")
    talk.forget()
    talk.settle("both/second", "b")
    talk.expect("EffectSettled both/second", "TaskCompleted both", "RunCompleted", "> abandon 1")
    assert talk.output == "b"
    assert [(order.effect, order.token) for order in talk.abandoned] == [(1, loser.token)]
    assert not any(talk.shard.running.values())


def test_a_competing_branch_that_takes_no_time_wins_before_others_begin(converse: Converse) -> None:
    talk = converse("""
    - race:
        fork:
          compete: true
          branches:
            - red: {set: {colors: '${ .colors + ["red"] }'}}
            - green: {set: {colors: '${ .colors + ["green"] }'}}
    """)
    talk.submit({})
    assert talk.output == {"colors": ["red"]}
    assert talk.trace() == ["race", "race/red"]


def test_losers_of_a_race_stop_waiting_whatever_for(converse: Converse) -> None:
    talk = converse("""
    - race:
        fork:
          compete: true
          branches:
            - person: {call: human, with: {title: Quick?}}
            - event: {listen: {to: {any: []}}}
            - deep: {do: [{sleep: {for: {in: '[1]'}, do: [{nap: {wait: PT1H}}]}}]}
            - timer: {wait: PT5S}
        output: {as: '{won: .}'}
    """)
    talk.submit({"n": 1})
    assert len(list(frames(talk))) == 8
    talk.wait(5_000)
    assert talk.output == {"won": {"n": 1}}
    assert not talk.shard.listeners


def test_an_error_in_a_branch_stops_the_others_and_goes_up(converse: Converse) -> None:
    talk = converse(
        """
    - attempt:
        try:
          - both:
              fork:
                branches:
                  - slow: {call: agent, with: {agent: helper}}
                  - bad:
                      do:
                        - pause: {wait: PT1S}
                        - boom: {raise: {error: {type: 'test:boom', status: 500}}}
        catch: {do: [{tell: {set: {type: '${ $error.type }', instance: '${ $error.instance }'}}}]}
    """,
        agents=HELPER,
    )
    talk.submit({})
    talk.forget()
    talk.wait(1_000)
    talk.expect(
        "TaskCompleted attempt/both/bad/pause",
        "TaskFaulted attempt/both/bad/boom",
        "TaskStarted attempt/catch/do",
        "TaskCompleted attempt/tell",
        "TaskCompleted attempt/catch/do",
        "TaskCompleted attempt",
        "RunCompleted",
        "> abandon 1",
    )
    boom = "/do/0/attempt/try/0/both/fork/branches/1/bad/do/1/boom"
    assert talk.output == {"type": "test:boom", "instance": boom}


def test_an_error_in_a_competing_branch_ends_the_race(converse: Converse) -> None:
    talk = converse(RACE, agents=HELPER)
    talk.submit({})
    talk.fail("both/second")
    assert talk.error.type == f"{ERRORS}runtime"
    assert len(talk.abandoned) == 1


def test_forks_in_forks(converse: Converse) -> None:
    talk = converse("""
    - outer:
        fork:
          branches:
            - a: {fork: {branches: [{x: {set: '${ 1 }'}}, {y: {wait: PT1S, output: {as: '2'}}}]}}
            - b: {fork: {compete: true, branches: [{x: {wait: PT2S, output: {as: '3'}}}, {y: {wait: PT3S}}]}}
    """)
    talk.submit({})
    talk.wait(3_000)
    assert talk.output == [[1, 2], 3]
