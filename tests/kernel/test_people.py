"""What people do to runs: submit them twice, suspend, resume and cancel them, whatever they are at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.values import Accepted, Refused
from tests.kernel.conversation import Conversation, agent, workflow

Converse = Callable[..., Conversation]
AGENTS = (
    agent("helper", concurrency=1, retry={"attempts": 3, "delay_ms": 10_000, "backoff": "constant"}),
    agent("once", delivery="at-most-once"),
)
NOP = "[{a: {set: {n: 1}}}]"


# --- submitting -------------------------------------------------------------------------------------


def test_the_same_key_with_the_same_input_finds_the_run(converse: Converse) -> None:
    talk = converse(NOP)
    assert talk.submit({"n": 1}, key="k") == Accepted(talk.run_id)
    talk.forget()
    assert talk.submit({"n": 1}, key="k") == Accepted(talk.run_id, created=False)
    talk.expect()


def test_the_order_of_members_makes_no_other_input(converse: Converse) -> None:
    talk = converse(NOP)
    talk.submit({"a": 1, "b": 2}, key="k")
    assert talk.submit({"b": 2, "a": 1}, key="k") == Accepted(talk.run_id, created=False)


@pytest.mark.parametrize("other", [{"n": 2}, {"n": True}, {"n": "1"}, None, {}])
def test_the_same_key_with_another_input_is_a_conflict(converse: Converse, other: Any) -> None:
    talk = converse(NOP)
    talk.submit({"n": 1}, key="k")
    talk.forget()
    reply = talk.submit(other, key="k")
    assert isinstance(reply, Refused) and reply.code == "conflict"
    assert (reply.problems[0].rule, reply.problems[0].path) == ("key-taken", "/key")
    talk.expect()


def test_a_newer_version_of_the_workflow_does_not_change_a_run(converse: Converse) -> None:
    talk = converse("[{nap: {wait: PT1S}}, {a: {set: {n: old}}}]")
    talk.submit({}, key="k")
    talk.apply(workflow([{"a": {"set": {"n": "new"}}}]))
    assert talk.submit({}, key="k") == Accepted(talk.run_id, created=False)
    talk.wait(1_000)
    assert talk.output == {"n": "old"}
    talk.submit({}, run_id=run_id_of("test", "next"))
    assert talk.shard.runs[run_id_of("test", "next")].output == {"n": "new"}


@pytest.mark.parametrize("name", ["talk", "test/talk", "talk@1.0.0", "test/talk@1.0.0"])
def test_a_workflow_has_many_names(converse: Converse, name: str) -> None:
    talk = converse(NOP)
    talk.submit({}, workflow=name, principal="user:ann", labels={"a": "b"})
    run = talk.run
    assert (run.workflow, run.principal, run.labels) == ("test/talk@1.0.0", "user:ann", {"a": "b"})
    assert run.digest == talk.catalog.current("Workflow", name)


def test_what_nests_too_deep_to_be_kept_is_refused() -> None:
    talk = Conversation(NOP)
    deep: list[Any] = []
    for _ in range(2_000):
        deep = [deep]
    reply = talk.submit(deep)
    assert isinstance(reply, Refused) and reply.code == "usage"
    assert (reply.problems[0].rule, reply.problems[0].path) == ("too-large", "/input")


# --- suspending -------------------------------------------------------------------------------------

STATES: dict[str, tuple[str, Callable[[Conversation], Any], Callable[[Conversation], Any]]] = {
    "a wait": ("wait: PT5S", lambda talk: None, lambda talk: talk.wait(5_000)),
    "a listen": ("listen: {to: {any: []}}", lambda talk: None, lambda talk: talk.send("x")),
    "a person": ("call: human, with: {title: T}", lambda talk: None, lambda talk: talk.answer_human()),
    "an attempt": ("call: agent, with: {agent: helper}", lambda talk: None, lambda talk: talk.settle("task")),
    "a retry": (
        "call: agent, with: {agent: helper}",
        lambda talk: talk.fail("task"),
        lambda talk: (talk.wait(10_000), talk.settle("task")),
    ),
    "a doubt": (
        "call: agent, with: {agent: once}",
        lambda talk: talk.lose("task"),
        lambda talk: talk.resolve("succeeded"),
    ),
    "a try": (
        "try: [{ask: {call: agent, with: {agent: once}}}], catch: {retry: {delay: PT5S}}",
        lambda talk: talk.fail("task/ask"),
        lambda talk: (talk.wait(5_000), talk.settle("task/ask")),
    ),
    "a scope": ("do: [{nap: {wait: PT5S}}]", lambda talk: None, lambda talk: talk.wait(5_000)),
    "a fork": ("fork: {branches: [{nap: {wait: PT5S}}]}", lambda talk: None, lambda talk: talk.wait(5_000)),
}


def begun(converse: Converse, state: str) -> tuple[Conversation, Callable[[Conversation], Any]]:
    task, begin, end = STATES[state]
    talk = converse(f"[{{task: {{{task}}}}}, {{last: {{set: {{done: true}}}}}}]", agents=AGENTS)
    talk.submit({})
    begin(talk)
    assert talk.status == "running"
    talk.forget()
    return talk, end


@pytest.mark.parametrize("state", STATES)
def test_a_suspended_run_starts_nothing_and_goes_on_when_resumed(converse: Converse, state: str) -> None:
    talk, end = begun(converse, state)
    assert talk.suspend() == Accepted(talk.run_id, True, "suspended")
    talk.expect("RunSuspended")
    assert talk.suspend() == Accepted(talk.run_id, True, "suspended")
    talk.expect()
    assert talk.resume() == Accepted(talk.run_id, True, "running")
    talk.expect("RunResumed")
    assert talk.resume() == Accepted(talk.run_id, True, "running")
    talk.expect()
    end(talk)
    assert talk.output == {"done": True}


@pytest.mark.parametrize("state", ["a wait", "a try", "a retry", "a scope", "a fork"])
def test_what_was_due_meanwhile_happens_on_resuming(converse: Converse, state: str) -> None:
    talk, _end = begun(converse, state)
    talk.suspend()
    talk.wait(60_000)
    talk.expect("RunSuspended")
    talk.resume()
    for order in list(talk.open.values()):
        talk.settle(order.task)
    assert talk.output == {"done": True}


@pytest.mark.parametrize("state", ["a listen", "a person", "an attempt", "a doubt"])
def test_what_is_in_flight_settles_while_suspended(converse: Converse, state: str) -> None:
    talk, end = begun(converse, state)
    talk.suspend()
    end(talk)
    assert talk.status == "suspended"
    assert not [event for event in talk.events(e.TaskCompleted) if event.task == "/do/1/last"]
    talk.crash()
    talk.resume()
    assert talk.output == {"done": True}


def test_an_effect_in_line_keeps_waiting_in_a_suspended_run(converse: Converse) -> None:
    talk = converse("[{task: {call: agent, with: {agent: helper}}}]", agents=AGENTS)
    first = run_id_of("test", "first")
    talk.submit({}, run_id=first)
    talk.submit({})
    talk.suspend()
    talk.settle("task")
    assert not talk.open
    talk.resume()
    assert talk.order("task").run_id == talk.run_id
    talk.settle("task", 1)
    assert talk.output == 1


def test_a_retry_that_a_person_asks_for_waits_until_the_run_is_resumed(converse: Converse) -> None:
    talk, _ = begun(converse, "a doubt")
    talk.suspend()
    talk.resolve("retry")
    assert not talk.open
    talk.resume()
    talk.settle("task")
    assert talk.status == "completed"


# --- cancelling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("suspended", [False, True])
def test_a_run_can_be_cancelled_whatever_it_is_at(converse: Converse, state: str, suspended: bool) -> None:
    talk, _ = begun(converse, state)
    if suspended:
        talk.suspend()
    running = len(talk.open)
    assert talk.cancel() == Accepted(talk.run_id, True, "cancelled")
    assert (talk.status, talk.run.ended_at) == ("cancelled", talk.now)
    assert len(talk.abandoned) == running and not talk.open
    assert not any(talk.shard.running.values())
    assert not talk.shard.listeners
    talk.forget()
    talk.wait(86_400_000)
    talk.expect()


@pytest.mark.parametrize("deed", ["cancel", "suspend", "resume"])
def test_an_ended_run_is_left_alone(converse: Converse, deed: str) -> None:
    talk = converse(NOP)
    talk.submit({})
    talk.forget()
    reply = getattr(talk, deed)()
    assert isinstance(reply, Refused) and reply.code == "conflict"
    assert "has ended (completed)" in reply.problems[0].message
    talk.expect()


@pytest.mark.parametrize("kind", [i.CancelRun, i.SuspendRun, i.ResumeRun])
def test_a_run_that_is_not_there_cannot_be_told_anything(kind: Any) -> None:
    talk = Conversation(NOP)
    reply = talk.tell(kind(run_id="no"))
    assert isinstance(reply, Refused) and reply.code == "not-found"


def test_who_did_it_and_why_is_recorded(converse: Converse) -> None:
    talk = converse("[{nap: {wait: PT1H}}]")
    talk.submit({})
    for kind in (i.SuspendRun, i.ResumeRun, i.CancelRun):
        talk.tell(kind(run_id=talk.run_id, principal="user:bob", why="because"))
    told = [
        record
        for record in talk.log
        if isinstance(record.event, e.RunSuspended | e.RunResumed | e.RunCancelled)
    ]
    assert [record.event.principal for record in told] == ["user:bob"] * 3
    assert [record.body.why for record in told] == ["because"] * 3


def test_a_catalog_that_advanced_is_noted_once() -> None:
    talk = Conversation(NOP)
    for revision in (3, 3, 2, 4):
        talk.tell(i.CatalogChanged(revision=revision, digest=f"sha256:{revision}"))
    talk.expect("CatalogAdvanced", "CatalogAdvanced")
    assert talk.shard.revision == 4
