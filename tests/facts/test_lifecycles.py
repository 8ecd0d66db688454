"""Lifecycles: the tables hold every transition that the kernel makes, and no other."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from podium.facts import inputs as i
from podium.facts.lifecycles import BREAKER, EFFECT, RUN, RUN_ENDED, TASK
from podium.facts.values import standard_error
from tests.facts.governed_stories import stories
from tests.facts.transitions import Transition, Transitions
from tests.kernel.conversation import Conversation, agent, reported, workflow
from tests.kernel.toolbox import tool

AGENTS = (
    agent("one", concurrency=1, retry={"attempts": 2, "delay_ms": 1_000, "backoff": "constant"}),
    agent("once", delivery="at-most-once"),
    agent("leader", retry={"attempts": 9}, park_ms=1_000, on_divergence="ask"),
    tool("look"),
    tool("seek"),
    tool("pay", side_effect="write"),
    workflow([{"a": {"set": {"x": 1}}}], name="child"),
    agent("left", "test.side", breaker={"failures": 1, "open_ms": 1_000}, concurrency=1),
    agent("right", "test.side", concurrency=1),
    agent("lost", "test.lost", delivery="at-most-once", probe="test.lost"),
)
RETRY = {"delay": "PT10S", "limit": {"attempt": {"count": 1}}}
ENDED = {"run": RUN_ENDED, "effect": {"settled", "undone"}, "task": {"completed", "faulted", "cancelled"}}
TABLES = {"run": RUN, "effect": EFFECT, "task": TASK}


def call(name: str) -> dict[str, Any]:
    return {"call": "agent", "with": {"agent": name}}


def side(**arguments: Any) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": "test.side", **arguments}}


def _letters(talk: Conversation) -> None:
    for verdict in ("retry", "drop"):
        talk.fail("a")
        talk.tell(i.SettleDeadLetter(run_id=talk.run_id, verdict=verdict))  # type: ignore[arg-type]


def _breakers(talk: Conversation) -> None:
    """Three ask for the same; as the breaker of one opens, those who wait for him go elsewhere."""
    _end(talk, "left", "failed")
    while talk.open:
        _end(talk, "right", "succeeded")
    for reset in (False, True, True):
        talk.wait(1_000)
        if reset:
            talk.tell(i.ResetBreaker(agent="left", why="mended"))
        talk.wait(1_000)
        _end(talk, "left", "failed")
    talk.tell(i.ResetBreaker(agent="left", why="mended"))
    talk.wait(1_000)
    _end(talk, "left", "failed")
    talk.wait(2_000)
    _end(talk, "left", "succeeded")


def _end(talk: Conversation, name: str, status: str) -> None:
    order = next(one for one in talk.open.values() if one.agent.startswith(name))
    del talk.open[order.run_id, order.effect]
    talk.tell(reported(order, status=status, error=standard_error("runtime", "", "no")))


NO_DURATION = {"wait": "${ .none }"}


def careful(*tasks: Any, **catch: Any) -> dict[str, Any]:
    return {"try": list(tasks), "catch": catch}


def _suspended(talk: Conversation) -> None:
    talk.suspend()
    talk.resume()
    talk.suspend()
    talk.cancel()


def _queued(talk: Conversation) -> None:
    talk.settle("all/a")
    talk.fail("all/b")
    talk.wait(1_000)
    talk.fail("all/b")


def _doubt(talk: Conversation) -> None:
    for name, verdict in (("a", "retry"), ("a", "succeeded"), ("b", "failed")):
        talk.lose(name)
        talk.resolve(verdict, {"x": 1})


def _leading(talk: Conversation) -> None:
    for number, name in enumerate(("look", "seek"), 1):
        talk.ask("a", number, name)
    talk.fail("a")
    talk.go_on()
    for number, name in enumerate(("look", "seek"), 1):
        talk.ask("a", number, name)
    talk.wait(1_000)
    for name in ("look", "seek"):
        talk.settle(f"a/{name}")
    for task in ("a", "b"):
        talk.ask(task, 3, "pay")
        talk.settle(f"{task}/pay")
        talk.fail(task)
        talk.go_on()
        if task == "a":
            talk.ask(task, 1, "look", "else")
        talk.settle(task)
        talk.answer_human("continue")
    for task in ("all/c", "all/d"):
        talk.ask(task, 1, "look")
    talk.settle("all/c")
    talk.lose("all/d")
    talk.resolve("succeeded")


def _fail_all(talk: Conversation) -> None:
    while talk.open:
        order = next(iter(talk.open.values()))
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, status="failed", error=standard_error("runtime", "", "no")))


STORIES: dict[str, tuple[list[dict[str, Any]], Callable[[Conversation], Any]]] = {
    "nothing but a set": ([{"a": {"set": {"x": 1}}}], lambda talk: None),
    "suspended and cancelled": ([{"a": {"wait": "PT1S"}}], _suspended),
    "cancelled": ([{"a": {"wait": "PT1S"}}], lambda talk: talk.cancel()),
    "a wait": ([{"a": {"wait": "PT1S"}}], lambda talk: talk.wait(1_000)),
    "a person": (
        [{"a": {"call": "human", "with": {"title": "T"}}}],
        lambda talk: talk.answer_human("approve"),
    ),
    "one slot for two": (
        [{"all": {"fork": {"branches": [{"a": call("one")}, {"b": call("one")}]}}}],
        _queued,
    ),
    "a doubt": ([{"a": call("once")}, {"b": call("once")}], _doubt),
    "an error on entering": ([{"a": {"raise": {"error": {"type": "x", "status": 400}}}}], lambda talk: None),
    "caught on entering": (
        [{"a": careful({"b": {"raise": {"error": {"type": "x", "status": 400}}}})}],
        lambda talk: None,
    ),
    "tried again": (
        [{"a": careful({"b": call("once")}, retry=RETRY)}],
        lambda talk: (talk.fail("a/b"), talk.wait(10_000), talk.settle("a/b")),
    ),
    "tried again and faulted": (
        [{"a": careful({"b": call("once")}, retry=RETRY)}],
        lambda talk: (talk.fail("a/b"), talk.wait(10_000), talk.fail("a/b")),
    ),
    "out of time between two tries": (
        [{"a": {**careful({"b": call("once")}, retry=RETRY), "timeout": {"after": "PT5S"}}}],
        lambda talk: (talk.fail("a/b"), talk.wait(5_000)),
    ),
    "the same, caught": (
        [{"z": careful({"a": {**careful({"b": call("once")}, retry=RETRY), "timeout": {"after": "PT5S"}}})}],
        lambda talk: (talk.fail("z/a/b"), talk.wait(5_000)),
    ),
    "cancelled between two tries": (
        [{"a": careful({"b": call("once")}, retry=RETRY)}],
        lambda talk: (talk.fail("a/b"), talk.cancel()),
    ),
    "another run": (
        [{"a": {"run": {"workflow": {"namespace": "test", "name": "child", "version": "latest"}}}}],
        lambda talk: None,
    ),
    "items that fail": (
        [
            {
                "a": {
                    "call": "map",
                    "with": {"in": "${ [1, 2] }", "function": call("once"), "onError": "collect"},
                }
            },
            {
                "c": {
                    "call": "map",
                    "with": {
                        "in": "${ [1] }",
                        "function": {"raise": {"error": {"type": "x", "status": 400}}},
                        "onError": "collect",
                    },
                }
            },
        ],
        _fail_all,
    ),
    "what is undone": (
        [
            {"a": {"call": "agent", "with": {"agent": "once", "compensate": {"function": call("once")}}}},
            {"b": {"call": "agent", "with": {"agent": "once", "compensate": {"function": NO_DURATION}}}},
            {"c": {"call": "compensate"}},
        ],
        lambda talk: (
            talk.settle("a"),
            talk.settle("b"),
            talk.answer_human("done"),
            talk.fail("a/with/compensate/function"),
            talk.answer_human("retry"),
            talk.settle("a/with/compensate/function"),
        ),
    ),
    "a probe": (
        [{"a": {"call": "agent", "with": {"agent": "lost"}}}],
        lambda talk: (talk.lose("a"), talk.settle("a/test.lost", {"status": "unknown"}), talk.cancel()),
    ),
    "a dead letter": ([{"a": side(onFailure="deadLetter", select={"prefer": {}})}], _letters),
    "agents that fail": (
        [
            {"all": {"fork": {"branches": [{name: side(reroute=True)} for name in "abc"]}}},
            {"d": careful({"e": call("left")}, retry={"limit": {"attempt": {"count": 9}}})},
        ],
        _breakers,
    ),
    "agents that ask": (
        [
            {"a": call("leader")},
            {"b": call("leader")},
            {"all": {"fork": {"branches": [{"c": call("leader")}, {"d": call("once")}]}}},
        ],
        _leading,
    ),
    "a lost race": (
        [{"a": {"fork": {"compete": True, "branches": [{"b": {"wait": "PT1S"}}, {"c": {"wait": "PT2S"}}]}}}],
        lambda talk: talk.wait(1_000),
    ),
}


def _told() -> Iterator[Conversation]:
    for tasks, tell in STORIES.values():
        talk = Conversation(tasks, agents=AGENTS)
        talk.submit({})
        tell(talk)
        yield talk


@pytest.fixture(scope="module")
def seen() -> dict[str, set[Transition]]:
    """What all stories together show."""
    found: dict[str, set[Transition]] = {name: set() for name in (*TABLES, "breaker")}
    for talk in (*_told(), *stories()):
        transitions = Transitions(talk.log)
        found["run"] |= transitions.runs
        found["effect"] |= transitions.effects
        found["task"] |= transitions.tasks
        found["breaker"] |= transitions.breakers
    return found


def rows(table: Mapping[tuple[str, str], str]) -> set[Transition]:
    return {(state, event, following) for (state, event), following in table.items()}


@pytest.mark.parametrize("name", TABLES)
def test_every_transition_is_in_its_table_and_every_row_is_made(
    name: str, seen: dict[str, set[Transition]]
) -> None:
    assert seen[name] == rows(TABLES[name])


def test_every_transition_of_a_breaker_is_in_its_table_and_every_row_is_made(
    seen: dict[str, set[Transition]],
) -> None:
    assert seen["breaker"] == rows(BREAKER)


@pytest.mark.parametrize("name", TABLES)
def test_every_state_is_reached_and_leads_to_an_end(name: str) -> None:
    table = TABLES[name]
    states = {state for (state, _), following in table.items()} | set(table.values())
    ends = states - {state for state, _ in table}
    assert ends | (ENDED[name] & states) == ENDED[name]
    assert _closure({""}, {(state, following) for (state, _), following in table.items()}) == states
    assert _closure(ends, {(following, state) for (state, _), following in table.items()}) == states


def _closure(start: set[str], steps: set[tuple[str, str]]) -> set[str]:
    """All that can be reached from `start`."""
    reached = set(start)
    while more := {to for of, to in steps if of in reached} - reached:
        reached |= more
    return reached


def test_the_page_is_made_from_the_tables_and_explains_every_state() -> None:
    path = Path(__file__).parents[2] / "docs" / "lifecycles.py"
    spec = importlib.util.spec_from_file_location("docs_lifecycles", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text() == script.page(), "run: python docs/lifecycles.py"
    assert {name.lower(): states for name, states in script.states().items()} == {
        name: set(table.values()) for name, table in {**TABLES, "breaker": BREAKER}.items()
    }
