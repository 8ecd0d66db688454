"""The story: from the records of real runs to lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.runtime.presenting import record_shown
from podium.views.story import Line, tell
from tests.kernel.conversation import Conversation
from tests.kernel.conversation import agent as conversing
from tests.kernel.toolbox import tool
from tests.runtime.serving import House, agent, call, human, workflow

FLAKY = """
import itertools
turn = itertools.count()


async def flaky(input):
    if next(turn) == 0:
        raise ValueError("not yet")
    return {"long": "x" * 500}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def told(house: House, run_id: str) -> list[Line]:
    records = house.call("events", run_id=run_id)
    return tell(records, records[-1]["at"] + 61_000)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_what_was_asked_routed_tried_and_answered(house: House, tmp_path: Path) -> None:
    retry = {"attempts": 2, "delay_ms": 5}
    flaky = agent(tmp_path, "flaky", retry=retry, cost_nano=2_000_000)
    with (tmp_path / "agents.py").open("a") as agents:
        agents.write(FLAKY)
    house.apply(
        flaky,
        workflow(
            "try",
            {"work": {**call("flaky"), "if": "${ true }"}},
            {"skip": {"set": {"a": 1}, "if": "${ false }"}},
        ),
    )
    run_id = house.call("execute", workflow="try", input={"n": 1}, principal="user:ada", key="k")["id"]
    lines = told(house, run_id)
    said = texts(lines)
    assert said[0] == f"run {run_id} of test/try@1.0.0 was started by user:ada"
    assert said[1:6] == [
        "under the key k",
        'input {"n": 1}',
        "/do/0/work asks for flaky",
        "routed to flaky@1.0.0: only agent",
        "policy: allow by development/agents",
    ]
    assert "0.002 held for it" in said
    (failed,) = (text for text in said if "attempt 1 failed" in text)
    assert failed.startswith("/do/0/work: attempt 1 failed; tried again in ")
    assert any("not yet" in text for text in said)
    assert "/do/0/work: attempt 2 started" in said
    (answer,) = (text for text in said if text.startswith("output {"))
    assert "characters)" in answer and len(answer) < 250
    assert "/do/1/skip was skipped: its condition does not hold" in said
    assert said[-1].startswith("the run completed after ") or said[-2].startswith("the run completed after ")
    assert {line.kind for line in lines} == {
        "run", "asked", "routed", "policy", "cost", "attempt", "error", "answer", "task",
    }  # fmt: skip
    # Lines that add to the one before stand below it, without a time of their own.
    assert all((line.at == 0) == (line.depth > 0) for line in lines)
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)


def test_people(house: House) -> None:
    house.apply(workflow("ask", {"ask": human("Go?")}))
    run_id = house.submit("ask")
    house.until(run_id, "human")
    waiting = told(house, run_id)[-1]
    assert (waiting.kind, waiting.text) == ("waiting", "/do/0/ask waits for a person, since 1 min 1 s")
    house.call("suspend", run_id=run_id, principal="user:ada", why="lunch")
    house.call("resume", run_id=run_id, principal="user:ada")
    house.call("answer", run_id=run_id, principal="user:bob", decision="deny", why="too dear", data={"a": 1})
    said = texts(told(house, run_id))
    assert said[2:5] == [
        "/do/0/ask asks a person: Go?",
        "decisions: approve, deny",
        "policy: allow by development/people",
    ]
    assert said[5:][:-1] == [
        "user:ada suspended the run",
        "because: lunch",
        "user:ada resumed the run",
        "user:bob (in-process) answered /do/0/ask: deny",
        'data {"a": 1}',
        "because: too dear",
    ]
    assert said[-1].endswith(": 0 calls")


def test_errors_events_and_time(house: House) -> None:
    error = {
        "type": "https://example.com/errors/no",
        "status": 400,
        "title": "No",
        "detail": "Because.\nReally.",
    }
    house.apply(
        workflow(
            "mixed",
            {"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}},
            {
                "guard": {
                    "try": [{"bad": {"raise": {"error": error}}}],
                    "catch": {"do": [{"mend": {"set": {"a": 1}}}]},
                }
            },
            {"pause": {"wait": {"milliseconds": 1}}},
            {"each": {"for": {"in": "${ [1, 2] }"}, "do": [{"one": {"set": {"b": "${ $item }"}}}]}},
            {"worse": {"raise": {"error": error}}},
        )
    )
    run_id = house.submit("mixed")
    house.until(run_id, "event")
    assert told(house, run_id)[-1].text == "/do/0/hear listens for events, since 1 min 1 s"
    event = {"specversion": "1.0", "id": "1", "source": "here", "type": "go", "data": [1]}
    house.call("send", run_id=run_id, event=event)
    house.call("wait", run_id=run_id)
    said = texts(told(house, run_id))
    for text in (
        "/do/0/hear listens for events",
        "an event go from here arrived",
        "data [1]",
        "/do/1/guard/try/0/bad failed; that was caught",
        "no: No",
        "  Because.",
        "  Really.",
        '/do/1/guard/catch/do/0/mend gave {"a": 1}',
        "/do/2/pause waits for 1 ms",
        "/do/3/each goes over 2 items",
        '/do/3/each/do/0/one gave {"b": 2}',
    ):
        assert text in said
    assert any(text.startswith("the run faulted after ") for text in said)
    assert not any("waits for time to pass" in text for text in said)


def test_a_run_whose_bodies_were_erased(house: House) -> None:
    house.apply(
        workflow(
            "ask",
            {"ask": human("Go?")},
            {"bad": {"raise": {"error": {"type": "https://a.b/c", "status": 400}}}},
        )
    )
    run_id = house.submit("ask")
    house.until(run_id, "human")
    house.call("answer", run_id=run_id, principal="user:bob")
    house.call("wait", run_id=run_id)
    records: list[dict[str, Any]] = house.call("events", run_id=run_id)
    said = texts(tell([{**record, "body": None} for record in records], 0))
    assert "why was erased" in said
    assert any(text.startswith("the run faulted") for text in said)


def test_what_attempts_ask_for_is_told_below_who_asks() -> None:
    talk = Conversation(
        "[{lead: {call: agent, with: {agent: leader}}}]",
        agents=(
            conversing("leader", retry={"attempts": 2}, park_ms=1_000), tool("pay", side_effect="write"),
        ),
    )  # fmt: skip
    talk.submit({})
    talk.ask("lead", 1, "nothing")
    talk.ask("lead", 2, "pay", {"to": "ann"})
    talk.wait(1_000)
    talk.settle("lead/pay", "p-1")
    talk.ask("lead", 1, "pay", {"to": "ann"})
    talk.fail("lead")
    talk.go_on()
    talk.settle("lead", "done")
    records = [record_shown(record) for record in talk.log if record.run_id]
    said = "\n".join(texts(tell(records, talk.now)))
    for line in (
        "/do/0/lead asks for tool nothing and cannot have it",
        "no tool is named nothing: apply it",
        "/do/0/lead/pay calls the tool pay@1.0.0",
        "leader@1.0.0 asks for it",
        "/do/0/lead: attempt 1 is parked until what it asked for is there",
        "/do/0/lead: attempt 2 asks for what effect 2 gives",
        "/do/0/lead: attempt 3 did not ask for what was done as effect 2",
        "it goes on all the same",
    ):
        assert line in said
