"""`catch.retry`: when the body of a try runs again, and when it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.kernel.catching import PAUSE_MAX_MS, UNLIMITED_PAUSE_MS, jitter
from tests.kernel.conversation import Conversation, agent

Converse = Callable[..., Conversation]
HELPER = (agent("helper"),)


def retrying(retry: Any, **catch: Any) -> list[Any]:
    ask = {"ask": {"call": "agent", "with": {"agent": "helper"}}}
    return [{"attempt": {"try": [ask], "catch": {"retry": retry, **catch}}}]


def pauses(talk: Conversation, times: int) -> list[int]:
    """Fail so often, and give the pauses before each next try, in ms."""
    seen = []
    for _ in range(times):
        talk.fail("attempt/ask")
        at = talk.events(e.TaskFaulted)[-1].retry_at
        seen.append(at - talk.now)
        talk.wait(at - talk.now)
    return seen


def test_a_caught_error_lets_the_body_run_again_after_a_pause(converse: Converse) -> None:
    talk = converse(retrying({"delay": "PT5S"}), agents=HELPER)
    talk.submit({"n": 1})
    talk.forget()
    talk.fail("attempt/ask")
    talk.expect("EffectSettled attempt/ask", "TaskFaulted attempt/ask")
    talk.wait(4_999)
    talk.expect()
    talk.wait(1)
    talk.expect(
        "TaskResumed attempt",
        "TaskStarted attempt/try",
        "EffectRequested attempt/ask",
        "> perform attempt/ask 1",
    )
    order = talk.order("attempt/ask")
    assert (order.effect, order.input) == (2, {"n": 1})
    talk.settle("attempt/ask", "fine")
    assert talk.output == "fine"


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ({"delay": "PT2S"}, [2000, 2000, 2000]),
        ({"delay": "PT2S", "backoff": {"constant": {}}}, [2000, 2000]),
        ({"delay": "PT2S", "backoff": {"linear": {}}}, [2000, 4000, 6000]),
        ({"delay": "PT2S", "backoff": {"linear": {"increment": "PT3S"}}}, [2000, 5000, 8000]),
        ({"delay": "PT2S", "backoff": {"exponential": {}}}, [2000, 4000, 8000]),
        ({"delay": "PT2S", "backoff": {"exponential": {"multiplier": 3}}}, [2000, 6000, 18000]),
        ({"delay": "PT2S", "backoff": {"exponential": {"maxDelay": "PT5S"}}}, [2000, 4000, 5000, 5000]),
        ({"delay": "${ .status | {milliseconds: .} }", "backoff": {"linear": {}}}, [500, 1000]),
        ({"delay": '${ "PT" + ($error.status | tostring) + "S" }'}, [500_000]),
        ({"limit": {"attempt": {"count": 3}}}, [0, 0, 0]),
        ({}, [UNLIMITED_PAUSE_MS, UNLIMITED_PAUSE_MS]),
    ],
)
def test_how_pauses_grow(converse: Converse, retry: dict[str, Any], expected: list[int]) -> None:
    talk = converse(retrying(retry), agents=HELPER)
    talk.submit({})
    assert pauses(talk, len(expected)) == expected


def test_jitter_adds_between_its_bounds_and_depends_on_run_task_and_try_alone(converse: Converse) -> None:
    retry = {"delay": "PT1S", "jitter": {"from": {"milliseconds": 100}, "to": {"milliseconds": 300}}}
    first, again = (converse(retrying(retry), agents=HELPER) for _ in range(2))
    first.submit({})
    again.submit({})
    drawn = pauses(first, 12)
    assert pauses(again, 12) == drawn
    assert all(1_100 <= pause <= 1_300 for pause in drawn) and len(set(drawn)) > 6


def test_jitter_reaches_both_ends_of_its_range() -> None:
    assert {jitter("run", "/do/0/a", number, 3) for number in range(100)} == {0, 1, 2, 3}
    assert jitter("run", "/do/0/a", 1, 0) == 0


def test_pauses_that_double_for_ever_stay_within_the_calendar() -> None:
    talk = Conversation(
        retrying({"delay": "P30D", "backoff": {"exponential": {"multiplier": 100}}}), agents=HELPER
    )
    talk.submit({})
    assert pauses(talk, 200)[-1] == PAUSE_MAX_MS


@pytest.mark.parametrize("count", [0, 1, 3])
def test_after_so_many_retries_the_error_goes_on(converse: Converse, count: int) -> None:
    talk = converse(retrying({"limit": {"attempt": {"count": count}}}), agents=HELPER)
    talk.submit({})
    pauses(talk, count)
    talk.fail("attempt/ask", "communication")
    assert talk.error.instance == "/do/0/attempt/try/0/ask"
    assert len(talk.events(e.EffectRequested)) == count + 1


def test_after_the_last_retry_the_tasks_of_the_catch_run(converse: Converse) -> None:
    tell = [{"tell": {"set": {"status": "${ $error.status }", "data": "${ . }"}}}]
    talk = converse(retrying({"limit": {"attempt": {"count": 1}}}, do=tell), agents=HELPER)
    talk.submit({"n": 1})
    pauses(talk, 1)
    talk.fail("attempt/ask", "communication")
    assert talk.output == {"status": 500, "data": {"n": 1}}


def test_after_the_last_retry_then_of_the_catch_leads_on(converse: Converse) -> None:
    do = [*retrying({"limit": {"attempt": {"count": 0}}}, then="end"), {"after": {"set": {"n": 1}}}]
    talk = converse(do, agents=HELPER)
    talk.submit("raw")
    talk.fail("attempt/ask")
    assert talk.output == "raw"


def test_a_limit_of_time_counts_from_the_first_try(converse: Converse) -> None:
    talk = converse(retrying({"delay": "PT4S", "limit": {"duration": "PT10S"}}), agents=HELPER)
    talk.submit({})
    talk.wait(1_000)
    assert pauses(talk, 2) == [4_000, 4_000]
    talk.fail("attempt/ask")
    assert talk.status == "faulted"


@pytest.mark.parametrize(
    ("retry", "again"),
    [
        ({"when": ".status == 500"}, True),
        ({"when": "$error.status == 503"}, False),
        ({"exceptWhen": ".status == 500"}, False),
        ({"exceptWhen": ".status == 503"}, True),
    ],
)
def test_a_retry_has_conditions_of_its_own(converse: Converse, retry: Any, again: bool) -> None:
    talk = converse(retrying(retry), agents=HELPER)
    talk.submit({})
    talk.fail("attempt/ask")
    assert talk.status == ("running" if again else "faulted")


def test_a_delay_that_is_no_duration_faults_with_what_is_wrong(converse: Converse) -> None:
    talk = converse(retrying({"delay": "${ .title }"}), agents=HELPER)
    talk.submit({})
    talk.fail("attempt/ask")
    assert talk.error.title == "not a duration" and "ISO 8601" in talk.error.detail


def test_retries_may_be_defined_once_and_used_by_name(converse: Converse) -> None:
    use = {"retries": {"patient": {"delay": "PT1M", "limit": {"attempt": {"count": 1}}}}}
    talk = converse(retrying("patient"), agents=HELPER, use=use)
    talk.submit({})
    assert pauses(talk, 1) == [60_000]


def test_each_try_starts_from_the_input_and_keeps_what_was_exported(converse: Converse) -> None:
    talk = converse("""
    - attempt:
        input: {from: '{n: .n}'}
        try:
          - count: {set: {n: '${ .n + 1 }'}, export: {as: '{tries: ($context.tries + 1)}'}}
          - boom: {if: $context.tries < 3, raise: {error: {type: 'test:boom', status: 500}}}
        catch: {retry: {limit: {attempt: {count: 5}}}}
    - look: {set: {n: '${ .n }', tries: '${ $context.tries }'}}
    """)
    talk.submit({"n": 1})
    talk.go_on()
    assert talk.output == {"n": 2, "tries": 3}


def test_retries_without_pause_let_others_in_between() -> None:
    talk = Conversation("""
    - attempt:
        try: [{boom: {raise: {error: {type: 'test:boom', status: 500}}}}]
        catch: {retry: {limit: {duration: PT1S}}}
    """)
    talk.submit({})
    assert len(talk.events(e.TaskFaulted)) == 1
    for times in range(2, 5):
        talk.now += 1
        talk.tell(i.Tick())
        assert len(talk.events(e.TaskFaulted)) == times
    talk.cancel()
    assert talk.status == "cancelled"


def test_retries_inside_retries_begin_anew(converse: Converse) -> None:
    talk = converse(
        """
    - outer:
        try:
          - inner:
              try: [{ask: {call: agent, with: {agent: helper}}}]
              catch: {retry: {limit: {attempt: {count: 1}}}}
        catch: {retry: {limit: {attempt: {count: 1}}}}
    """,
        agents=HELPER,
    )
    talk.submit({})
    for _ in range(3):
        talk.fail("outer/inner/ask")
        talk.go_on()
    talk.fail("outer/inner/ask")
    assert talk.status == "faulted"
    assert len(talk.events(e.EffectRequested)) == 4


def test_the_timeout_of_a_try_ends_its_pauses_too(converse: Converse) -> None:
    do = retrying({"delay": "PT1M"})
    do[0]["attempt"]["timeout"] = {"after": "PT30S"}
    talk = converse(do, agents=HELPER)
    talk.submit({})
    talk.fail("attempt/ask")
    talk.wait(30_000)
    assert (talk.error.status, talk.error.instance) == (408, "/do/0/attempt")
