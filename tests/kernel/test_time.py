"""`wait`, timeouts, and the kernel's own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS
from tests.kernel.conversation import START, Conversation, agent

Converse = Callable[..., Conversation]
HELPER = (agent("helper", deadline_ms=60_000),)
TELL = "catch: {errors: {with: {status: 408}}, do: [{tell: {set: {late: '${ $error.instance }'}}}]}"


@pytest.mark.parametrize(
    "duration", ["PT2S", {"seconds": 2}, "${ .pause }", "${ {milliseconds: (1000 + 1000)} }"]
)
def test_a_wait_ends_when_its_time_has_come_and_not_before(converse: Converse, duration: Any) -> None:
    talk = converse([{"pause": {"wait": duration}}])
    talk.submit({"pause": "PT2S"})
    talk.expect("RunStarted", "TaskStarted pause")
    talk.wait(1_999)
    talk.expect()
    talk.wait(1)
    talk.expect("TaskCompleted pause", "RunCompleted")
    assert talk.output == {"pause": "PT2S"}


def test_a_wait_passes_its_input_on_and_transforms_it(converse: Converse) -> None:
    talk = converse("[{pause: {input: {from: .a}, wait: PT1S, output: {as: '{a: .}'}}}]")
    talk.submit({"a": 1})
    talk.wait(1_000)
    assert talk.output == {"a": 1}


@pytest.mark.parametrize("value", ["soon", "P1M", -1, None, {"seconds": -1}, "P1000000D"])
def test_what_is_no_duration_is_an_expression_error(converse: Converse, value: Any) -> None:
    talk = converse("[{pause: {wait: '${ .pause }'}}]")
    talk.submit({"pause": value})
    assert (talk.error.type, talk.error.title) == (f"{ERRORS}expression", "not a duration")


def test_a_timer_of_the_past_is_late_not_lost(converse: Converse) -> None:
    talk = converse("[{a: {wait: PT1S}}, {b: {wait: PT1S}}]")
    talk.submit({})
    talk.now += 3_600_000
    talk.tell(i.Tick())
    talk.expect("RunStarted", "TaskStarted a", "TaskCompleted a", "TaskStarted b")
    talk.wait(1_000)
    assert talk.status == "completed"


@pytest.mark.parametrize(
    "task",
    [
        "call: agent, with: {agent: helper}",
        "call: human, with: {title: Well?}",
        "listen: {to: {any: []}}",
        "wait: PT1H",
        "do: [{nap: {wait: PT1H}}]",
        "for: {in: '[1]'}, do: [{nap: {wait: PT1H}}]",
        "fork: {branches: [{nap: {wait: PT1H}}, {rest: {wait: PT2H}}]}",
        "try: [{nap: {wait: PT1H}}], catch: {do: [{no: {set: {caught: wrongly}}}]}",
    ],
)
def test_whatever_takes_longer_than_its_timeout_is_stopped(converse: Converse, task: str) -> None:
    talk = converse(
        f"[{{around: {{try: [{{slow: {{{task}, timeout: {{after: PT5S}}}}}}], {TELL}}}}}]", agents=HELPER
    )
    talk.submit({})
    talk.wait(4_999)
    assert talk.status == "running"
    talk.wait(1)
    assert talk.output == {"late": "/do/0/around/try/0/slow"}
    (fault,) = talk.bodies(e.TaskFaulted)
    assert (fault.error.type, fault.error.status) == (f"{ERRORS}timeout", 408)
    assert len(talk.abandoned) == ("agent" in task)


def test_a_timeout_that_nobody_catches_faults_the_run(converse: Converse) -> None:
    talk = converse("[{slow: {wait: PT1H, timeout: {after: PT5S}}}]")
    talk.submit({})
    talk.wait(5_000)
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}timeout", 408)
    assert talk.error.instance == "/do/0/slow"


def test_the_outer_of_two_timeouts_that_are_due_at_once_wins(converse: Converse) -> None:
    talk = converse("""
    - outer:
        do: [{inner: {wait: PT1H, timeout: {after: PT5S}}}]
        timeout: {after: PT5S}
    """)
    talk.submit({})
    talk.wait(5_000)
    assert talk.error.instance == "/do/0/outer"


def test_a_timeout_may_be_an_expression_or_a_name(converse: Converse) -> None:
    talk = converse(
        """
    - first: {wait: PT1S, timeout: {after: '${ .limit }'}}
    - second: {wait: PT1H, timeout: short}
    """,
        use={"timeouts": {"short": {"after": {"seconds": 2}}}},
    )
    talk.submit({"limit": "PT3S"})
    talk.wait(10_000)
    assert talk.error.instance == "/do/1/second"
    assert talk.run.ended_at == START + 3_000


def test_a_task_in_time_leaves_no_timeout_behind(converse: Converse) -> None:
    talk = converse(
        "[{ask: {call: agent, with: {agent: helper}, timeout: {after: PT5S}}}, {nap: {wait: PT1H}}]",
        agents=HELPER,
    )
    talk.submit({})
    assert talk.order("ask").deadline_at == START + 5_000
    talk.settle("ask")
    talk.wait(3_600_000)
    assert talk.output is None


def test_each_turn_of_a_loop_has_the_timeout_anew(converse: Converse) -> None:
    talk = converse("""
    - loop: {for: {in: '[1, 2, 3]'}, do: [{nap: {wait: PT4S, timeout: {after: PT5S}}}]}
    """)
    talk.submit({})
    talk.wait(12_000)
    assert talk.status == "completed"


def test_the_workflow_itself_has_a_timeout_that_no_try_catches(converse: Converse) -> None:
    talk = converse(f"[{{a: {{try: [{{b: {{wait: PT1H}}}}], {TELL}}}}}]", timeout={"after": "PT10S"})
    talk.submit({})
    talk.wait(9_999)
    assert talk.status == "running"
    talk.wait(1)
    assert (talk.error.status, talk.error.instance) == (408, "/")


def test_kernel_time_never_goes_back() -> None:
    talk = Conversation("[{a: {wait: PT1S}}, {b: {wait: PT1S}}]")
    talk.submit({})
    talk.wait(1_500)
    talk.now = START - 3_600_000
    talk.submit({}, run_id="6b1f1f9c-5f0e-4a67-9a53-0a1a52d0d6b1", workflow="talk")
    times = [record.at for record in talk.log]
    assert times == sorted(times)
    assert talk.log[-1].at == START + 1_500
    talk.now = START + 1_999
    talk.tell(i.Tick())
    assert talk.status == "running"
    talk.now = START + 2_000
    talk.tell(i.Tick())
    assert talk.status == "completed"
