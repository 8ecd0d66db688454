"""Large and endless runs: no step goes on for ever, nothing grows without bound, and costs grow in line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS
from podium.kernel.bounds import DEPTH_MAX, TEXT_MAX, VALUES_MAX, excess
from podium.kernel.state import idle
from podium.kernel.tasks import TURNS_MAX
from podium.workflow.expressions import compile_expression
from tests.kernel.conversation import Conversation, agent

ROOT = Path(__file__).resolve().parents[2]


def quiet(do: Any, **parts: Any) -> Conversation:
    talk = Conversation(do, **parts)
    talk.checks = False
    return talk


# --- one step is never endless ----------------------------------------------------------------------


def test_a_task_that_leads_back_to_itself_lets_others_go_on() -> None:
    talk = quiet("[{again: {set: {n: '${ .n + 1 }'}, then: again}}]")
    talk.submit({"n": 0})
    assert len(talk.log) < TURNS_MAX + 10
    talk.submit({"n": 0}, run_id="6b1f1f9c-5f0e-4a67-9a53-0a1a52d0d6b1")
    before = len(talk.log)
    talk.tell(i.Tick())
    assert {record.run_id for record in talk.log[before:]} == set(talk.shard.runs)
    assert not any(idle(run) for run in talk.shard.runs.values() if run.id not in talk.shard.pending)
    talk.cancel()
    assert talk.status == "cancelled"


def test_what_one_step_left_undone_is_done_after_a_crash() -> None:
    talk = Conversation("[{loop: {for: {in: .}, do: [{a: {set: '${ $item }'}}]}}]")
    talk.submit(list(range(1_000)))
    assert talk.status == "running"
    talk.crash()
    talk.go_on()
    assert talk.output == 999


def test_a_long_loop_is_done_in_many_steps() -> None:
    talk = quiet("[{loop: {for: {in: .}, do: [{a: {set: '${ $item }'}}]}}]")
    talk.submit(list(range(5_000)))
    steps = 0
    while talk.status == "running":
        steps += 1
        talk.tell(i.Tick())
    assert steps > 5 and talk.output == 4_999


def test_a_suspended_run_stops_between_two_steps() -> None:
    talk = quiet("[{loop: {for: {in: .}, do: [{a: {set: '${ $item }'}}]}}]")
    talk.submit(list(range(1_000)))
    talk.suspend()
    before = len(talk.log)
    talk.tell(i.Tick())
    assert len(talk.log) == before
    talk.resume()
    talk.go_on()
    assert talk.output == 999


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "too_much"),
    [
        (None, ""),
        ([1, {"a": [True]}], ""),
        ("x" * TEXT_MAX, ""),
        ("x" * (TEXT_MAX + 1), "characters"),
        (["x" * (TEXT_MAX // 2)] * 3, "characters"),
        ({"x" * (TEXT_MAX + 1): 1}, "characters"),
        ([0] * VALUES_MAX, ""),
        ([0] * (VALUES_MAX + 1), "values"),
    ],
)
def test_what_is_too_much(value: Any, too_much: str) -> None:
    assert too_much in excess(value) and bool(too_much) == bool(excess(value))


def test_what_is_too_deep() -> None:
    value: Any = 1
    for _ in range(DEPTH_MAX - 1):
        value = [value]
    assert not excess(value)
    assert "levels" in excess([{"a": value}])
    msgspec.json.encode(value)


@pytest.mark.parametrize(
    ("task", "input", "too_much"),
    [
        ({"set": {"a": "${ . }"}}, 1, "levels"),
        ({"set": {"a": "${ . }", "b": "${ . }"}}, 1, "values"),
        ({"set": "${ . + . }"}, "text", "characters"),
        ({"set": {"a": 1}, "output": {"as": "[., $input, $input]"}}, 1, "values"),
        ({"set": {"a": 1}, "export": {"as": "[$context, $context]"}}, 1, "values"),
    ],
)
@pytest.mark.parametrize("asks_jq", [False, True], ids=["native", "jq"])
def test_data_that_grows_with_each_turn_ends_the_run_and_not_the_hub(
    task: Any, input: Any, too_much: str, asks_jq: bool
) -> None:
    if asks_jq and too_much != "levels":
        pytest.skip("jq has limits of its own, in its own process")
    talk = quiet([{"loop": {"for": {"in": "[range(1000)]"}, "do": [{"grow": task}]}}], asks_jq=asks_jq)
    talk.submit(input)
    talk.go_on()
    assert (talk.error.type, talk.error.status) == (f"{ERRORS}expression", 400)
    assert too_much in talk.error.detail or "depth" in talk.error.detail


def test_branches_that_multiply_what_they_get_end_the_run_and_not_the_hub() -> None:
    branches = [{f"b{number}": {"if": "false", "set": {"n": 1}}} for number in range(10)]
    talk = quiet(
        [{"loop": {"for": {"in": "[range(20)]"}, "do": [{"all": {"fork": {"branches": branches}}}]}}]
    )
    talk.submit({})
    assert talk.error.title == "the branches gave too much"
    assert len(talk.events(e.TaskCompleted)) < 100


# --- costs ------------------------------------------------------------------------------------------


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called, of Python's and of C's."""
    counted: Counter[str] = Counter()

    def count(frame: Any, event: str, arg: Any) -> None:
        counted[event] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted["call"] + counted["c_call"]


def loop(size: int) -> None:
    talk = quiet("[{loop: {for: {in: .}, do: [{a: {set: {n: '${ $item }'}}}]}}]")
    talk.submit(list(range(size)))
    talk.go_on()
    assert talk.status == "completed"


def fork(size: int) -> None:
    ask = {"do": [{"ask": {"call": "agent", "with": {"agent": "helper"}}}]}
    branches = [{f"b{number}": ask} for number in range(size)]
    talk = quiet(
        [{"all": {"fork": {"branches": branches}}}], agents=(agent("helper", concurrency=size // 4),)
    )
    talk.submit({})
    talk.go_on()
    while talk.open:
        order = next(iter(talk.open.values()))
        del talk.open[order.run_id, order.effect]
        talk.tell(i.Reported(run_id=order.run_id, effect=order.effect, token=order.token, status="succeeded"))
    assert talk.status == "completed"


def teardown(size: int) -> None:
    deep = {"do": [{"x": {"do": [{"y": {"wait": "PT1H"}}]}}]}
    branches = [{f"b{number}": deep} for number in range(size)]
    talk = quiet([{"all": {"fork": {"branches": branches}, "timeout": {"after": "PT1S"}}}])
    talk.submit({})
    talk.wait(1_000)
    assert talk.status == "faulted"


@pytest.mark.parametrize("work", [loop, fork, teardown])
def test_twice_as_much_costs_twice_as_much(work: Callable[[int], None]) -> None:
    work(8)
    small, large = calls(lambda: work(200)), calls(lambda: work(800))
    assert large < 4.6 * small, (small, large)


# --- the same everywhere ----------------------------------------------------------------------------

STORY = """
from hashlib import sha256
from podium.facts import stored
from tests.kernel.conversation import Conversation
from tests.kernel.test_recovery import AGENTS, EVERYTHING, play
talk = Conversation(EVERYTHING, agents=AGENTS, asks_jq=True)
play(talk)
print(sha256(b"".join(b"".join(stored.encode(record.event, record.body)) for record in talk.log)).hexdigest())
"""


def test_the_log_does_not_depend_on_the_order_of_hashes() -> None:
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        told = subprocess.run(
            [sys.executable, "-c", STORY],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(told.stdout.strip())
    assert len(digests) == 1 and digests != {""}


@pytest.mark.parametrize(
    "stage",
    [". + .", "[., .]", "{a: ., b: .}", '"\\(.)\\(.)"', "(. as $x | [$x, $x])", "([., .])?", "[., .][0:2]"],
)
def test_one_expression_cannot_multiply_its_data_without_bound_in_the_hub(stage: str) -> None:
    expression = compile_expression(" | ".join([stage] * 40))
    assert expression.native is None
