"""Lifecycle events: each change of a phase, with the data that the workflow language gives it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from podium.facts.values import ERRORS
from podium.kernel.arguments import iso
from podium.runtime.presenting import record_from, record_shown
from podium.views.lifecycle import CloudEvent, cloud_events
from tests.kernel.conversation import START, Conversation, agent, short, workflow

PREFIX = "io.serverlessworkflow."
AGENTS = (agent("helper", concurrency=1, retry={"attempts": 2, "delay_ms": 1_000}),)


def told(talk: Conversation) -> list[CloudEvent]:
    """The lifecycle of the conversation's run; the records go through what the door shows."""
    run = talk.run
    named = [node.reference for node in talk.catalog.program(run.digest).nodes if node.name]
    records = [record for record in talk.log if record.run_id == run.id]
    shown = [msgspec.json.decode(msgspec.json.encode(record_shown(record))) for record in records]
    return list(cloud_events(map(record_from, shown), named))


def lines(talk: Conversation, *, status: bool = False) -> list[str]:
    """A line for each event, without those that only tell of a status, or those alone."""
    found = []
    for event in told(talk):
        of, _, kind = event["type"].removeprefix(PREFIX).removesuffix(".v1").partition(".")
        data = event["data"]
        who = short(data["task"]) if of == "task" else "workflow"
        if kind == "status-changed":
            if status:
                found.append(f"{who} {data['status']}")
        elif not status:
            found.append(f"{who} {kind}")
    return found


def talked(do: str, **parts: Any) -> Conversation:
    talk = Conversation(do, agents=AGENTS, **parts)
    talk.submit({"n": 1})
    return talk


def test_a_run_from_beginning_to_end() -> None:
    talk = talked(
        "[{one: {set: {x: 1}}}, {ask: {call: agent, with: {agent: helper}, output: {as: '{got: .}'}}}]"
    )
    talk.settle("ask", 5)
    assert lines(talk) == [
        "workflow started", "one created", "one started", "one completed", "ask created", "ask started",
        "ask completed", "workflow completed",
    ]  # fmt: skip
    assert lines(talk, status=True) == [
        "workflow running", "one completed", "ask running", "ask completed", "workflow completed",
    ]  # fmt: skip


def test_what_an_event_says() -> None:
    talk = talked("[{one: {set: {x: 1}}}]")
    name, at = f"talk-{talk.run_id}.test", iso(START)
    started, *_, task, _, ended, changed = told(talk)
    assert started == {
        "specversion": "1.0", "id": f"{talk.run_id}/1/0", "source": "/test/talk",
        "type": f"{PREFIX}workflow.started.v1", "subject": talk.run_id, "time": at,
        "datacontenttype": "application/json",
        "data": {
            "name": name, "definition": {"name": "talk", "namespace": "test", "version": "1.0.0"},
            "startedAt": at,
        },
    }  # fmt: skip
    assert task["subject"] == f"{talk.run_id}/do/0/one"
    assert task["data"] == {
        "workflow": name, "task": "/do/0/one", "completedAt": at, "output": {"x": 1},
    }  # fmt: skip
    assert ended["data"] == {"name": name, "completedAt": at, "output": {"x": 1}}
    assert changed["data"] == {"name": name, "updatedAt": at, "status": "completed"}
    assert len({event["id"] for event in told(talk)}) == len(told(talk))


def test_scopes_loops_and_forks_but_not_their_bodies() -> None:
    talk = talked("""
    - loop: {for: {in: '[1, 2]'}, do: [{one: {set: {x: '${ $item }'}}}]}
    - both: {fork: {branches: [{a: {set: {x: 1}}}, {b: {do: [{c: {set: {x: 2}}}]}}]}}
    - skipped: {if: 'false', set: {x: 1}}
    """)
    assert lines(talk)[1:-1] == [
        "loop created", "loop started", "loop/one created", "loop/one started", "loop/one completed",
        "loop/one created", "loop/one started", "loop/one completed", "loop completed", "both created",
        "both started", "both/a created", "both/a started", "both/a completed", "both/b created",
        "both/b started", "both/b/c created", "both/b/c started", "both/b/c completed", "both/b completed",
        "both completed",
    ]  # fmt: skip
    outputs = [event["data"]["output"] for event in told(talk) if event["type"].endswith("task.completed.v1")]
    assert outputs[:3] == [{"x": 1}, {"x": 2}, {"x": 2}] and outputs[-1] == [{"x": 1}, {"x": 2}]


def test_waiting_for_time_events_and_people() -> None:
    talk = talked("""
    - nap: {wait: PT1S}
    - hear: {listen: {to: {one: {with: {type: a}, correlate: {k: {from: .data}}}}}}
    - ask: {call: human, with: {title: Well}}
    """)
    talk.wait(1_000)
    talk.send("a", "x")
    talk.answer_human()
    assert lines(talk, status=True) == [
        "workflow running", "nap waiting", "workflow waiting", "nap completed", "workflow running",
        "hear waiting", "workflow waiting", "hear completed", "workflow running", "ask waiting",
        "workflow waiting", "ask completed", "workflow running", "workflow completed",
    ]  # fmt: skip
    correlated = [event for event in told(talk) if "correlation" in event["type"]]
    assert [event["type"].split(".")[3] for event in correlated] == [
        "correlation-started", "correlation-completed",
    ]  # fmt: skip
    assert correlated[1]["data"]["correlationKeys"] == {"k": "x"}


def test_pending_until_there_is_a_slot() -> None:
    talk = talked("""
    - both:
        fork:
          branches:
            - a: {call: agent, with: {agent: helper}}
            - b: {call: agent, with: {agent: helper}}
    """)
    assert lines(talk, status=True)[-3:] == ["both running", "both/a running", "both/b pending"]
    assert lines(talk)[-1] == "both/b created"
    talk.settle("both/a", 1)
    assert lines(talk)[-1] == "both/b started"


def test_suspended_and_resumed() -> None:
    talk = talked("[{out: {do: [{nap: {wait: PT1S}}]}}]")
    talk.suspend()
    assert lines(talk)[-3:] == ["workflow suspended", "out suspended", "out/nap suspended"]
    assert lines(talk, status=True)[-3:] == ["out suspended", "out/nap suspended", "workflow suspended"]
    talk.resume()
    assert lines(talk)[-3:] == ["workflow resumed", "out resumed", "out/nap resumed"]
    assert lines(talk, status=True)[-3:] == ["out running", "out/nap waiting", "workflow waiting"]


def test_cancelled_with_all_that_went_on() -> None:
    talk = talked("[{out: {do: [{nap: {wait: PT1S}}]}}]")
    talk.cancel()
    assert lines(talk)[-3:] == ["out/nap cancelled", "out cancelled", "workflow cancelled"]


def test_an_error_that_nobody_catches() -> None:
    talk = talked("""
    - both:
        fork:
          branches:
            - a: {do: [{no: {raise: {error: {type: https://example.com/no, status: 418, title: No}}}}]}
            - b: {wait: PT1S}
    """)
    assert lines(talk)[-5:] == [
        "both/a/no faulted", "both/b cancelled", "both/a faulted", "both faulted", "workflow faulted",
    ]  # fmt: skip
    faulted = [event for event in told(talk) if event["type"].endswith("faulted.v1")]
    assert {event["data"]["error"]["status"] for event in faulted} == {418}


def test_an_error_that_is_caught_and_tried_again() -> None:
    talk = talked("""
    - attempt:
        try: [{ask: {call: agent, with: {agent: helper}}}]
        catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}, do: [{mend: {set: {x: 1}}}]}
    """)
    for _ in range(2):
        talk.fail("attempt/ask")
        talk.wait(1_000)
        talk.fail("attempt/ask")
        talk.wait(1_000)
    assert lines(talk)[1:-1] == [
        "attempt created", "attempt started", "attempt/ask created", "attempt/ask started",
        "attempt/ask retried", "attempt/ask faulted", "attempt retried", "attempt/ask created",
        "attempt/ask started", "attempt/ask retried", "attempt/ask faulted", "attempt/mend created",
        "attempt/mend started", "attempt/mend completed", "attempt completed",
    ]  # fmt: skip
    assert lines(talk, status=True).count("attempt waiting") == 1


def test_those_that_lose_a_race_are_cancelled() -> None:
    talk = talked("""
    - race: {fork: {compete: true, branches: [{a: {wait: PT1S}}, {b: {do: [{c: {wait: PT1M}}]}}]}}
    """)
    talk.wait(1_000)
    assert lines(talk)[-5:] == [
        "race/a completed", "race/b/c cancelled", "race/b cancelled", "race completed", "workflow completed",
    ]  # fmt: skip


def test_those_around_the_end_of_a_run_complete() -> None:
    talk = talked("""
    - both: {fork: {branches: [{a: {wait: PT1S}}, {b: {do: [{c: {set: {x: 1}, then: end}}]}}]}}
    """)
    assert lines(talk)[-4:] == [
        "both/b completed",
        "both/a cancelled",
        "both completed",
        "workflow completed",
    ]


def test_a_timeout() -> None:
    talk = talked("[{ask: {call: agent, with: {agent: helper}, timeout: {after: PT1S}}}]")
    talk.wait(1_000)
    assert lines(talk)[-2:] == ["ask faulted", "workflow faulted"]
    assert told(talk)[-2]["data"]["error"]["type"] == f"{ERRORS}timeout"


def test_a_workflow_that_runs_another() -> None:
    talk = Conversation(
        "[{below: {run: {workflow: {namespace: test, name: child, version: latest}}}}]",
        agents=(*AGENTS, workflow("[{ask: {call: human, with: {title: T}}}]", name="child")),
    )
    talk.submit({})
    assert lines(talk, status=True) == ["workflow running", "below running"]


def test_a_task_with_extensions_is_told_of_once() -> None:
    watch = {"watch": {"extend": "all", "after": [{"note": {"set": {"y": 1}}}]}}
    bare = {"bare": {"extend": "call", "when": "false", "before": [{"no": {"wait": "PT1H"}}]}}
    talk = talked(
        "[{one: {set: {x: 1}}}, {ask: {call: human, with: {title: Go?}}}]", use={"extensions": [watch, bare]}
    )
    assert lines(talk, status=True)[-2:] == ["ask waiting", "workflow waiting"]
    talk.answer_human()
    note = "note created", "note started", "note completed"
    said = [line.rpartition("/")[2] for line in lines(talk)]
    assert said == [
        "workflow started", "one created", "one started", *note, "one completed",
        "ask created", "ask started", *note, "ask completed", "workflow completed",
    ]  # fmt: skip


def test_bodies_that_were_erased_leave_blanks() -> None:
    talk = talked("[{one: {set: {x: 1}}}, {two: {raise: {error: {type: https://a.b/c, status: 400}}}}]")
    for record in talk.log:
        record.body = None
    assert lines(talk) == [
        "workflow started", "one created", "one started", "one completed", "workflow faulted",
    ]  # fmt: skip
    assert all({"output", "error"}.isdisjoint(event["data"]) for event in told(talk))


def test_every_task_that_begins_ends() -> None:
    talk = talked("""
    - each:
        for: {in: '[range(5)]'}
        do:
          - attempt:
              try: [{one: {raise: {error: {type: https://a.b/c, status: 400}}}}]
              catch: {do: [{two: {set: {x: 1}}}]}
    - hear: {listen: {to: {any: [], until: length == 2}}, foreach: {do: [{mark: {set: {y: 1}}}]}}
    """)
    talk.send("a", 1)
    talk.send("a", 2)
    assert talk.status == "completed"
    counts = Counter(line.rpartition(" ")[2] for line in lines(talk) if not line.startswith("workflow"))
    assert (
        counts["created"]
        == counts["started"]
        == counts["completed"] + counts["faulted"] + counts["cancelled"]
    )
    assert counts["faulted"] == 5


@pytest.mark.parametrize("record_type", ["TaskStarted", "EffectRequested", "EventReceived"])
def test_a_record_that_was_shown_is_the_record(record_type: str) -> None:
    talk = talked(
        "[{hear: {listen: {to: {one: {with: {type: a}}}}}}, {ask: {call: agent, with: {agent: helper}}}]"
    )
    talk.send("a", {"n": [1, None, "x"]})
    for record in talk.log:
        if type(record.event).__name__ == record_type and record.run_id:
            shown = msgspec.json.decode(msgspec.json.encode(record_shown(record)))
            assert record_from(shown) == record
