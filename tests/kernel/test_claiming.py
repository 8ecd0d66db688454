"""Mutual exclusion: so many runs of a workflow at once for one key, and what becomes of one more."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.values import Accepted, Refused, Reply
from tests.kernel.conversation import Conversation, agent, workflow

WAIT = [{"a": {"wait": "PT10S"}}]


def exclusive(do: Any = WAIT, name: str = "talk", **terms: Any) -> Any:
    made = workflow(do, name=name)
    metadata = {"concurrency": {"key": "${ .customer }", **terms}}
    made.spec["document"]["document"]["metadata"] = metadata
    return made


def talk_of(*more: Any, **terms: Any) -> Conversation:
    return Conversation(agents=(agent("once"), exclusive(**terms), *more))


def submit(talk: Conversation, name: str, customer: Any = "ada", **fields: Any) -> Reply | None:
    return talk.submit({"customer": customer}, run_id=run_id_of("test", name), **fields)


def status(talk: Conversation, name: str) -> str:
    return talk.shard.runs[run_id_of("test", name)].status


def test_one_more_waits_and_begins_in_its_order() -> None:
    talk = talk_of()
    for name in ("first", "second", "third"):
        submit(talk, name)
    submit(talk, "other", "bob")
    assert [status(talk, name) for name in ("first", "second", "third", "other")] == [
        "running", "queued", "queued", "running",
    ]  # fmt: skip
    talk.wait(10_000)
    assert [status(talk, name) for name in ("first", "second", "third")] == ["completed", "running", "queued"]
    talk.crash()
    talk.wait(10_000)
    talk.wait(10_000)
    assert status(talk, "third") == "completed"
    assert not talk.shard.claims and not talk.shard.claimed
    assert len(talk.events(e.RunAdmitted)) == 2


def test_so_many_hold_it_at_once_as_the_limit_says() -> None:
    talk = talk_of(limit=2)
    for name in ("first", "second", "third"):
        submit(talk, name)
    assert [status(talk, name) for name in ("first", "second", "third")] == ["running", "running", "queued"]
    talk.tell(i.CancelRun(run_id=run_id_of("test", "first")))
    assert status(talk, "third") == "running"


def test_one_that_waits_can_be_cancelled() -> None:
    talk = talk_of()
    for name in ("first", "second", "third"):
        submit(talk, name)
    talk.tell(i.CancelRun(run_id=run_id_of("test", "second")))
    assert status(talk, "second") == "cancelled"
    talk.wait(10_000)
    assert status(talk, "third") == "running"


def test_its_time_counts_from_when_it_begins() -> None:
    made = exclusive()
    made.spec["document"]["timeout"] = {"after": "PT15S"}
    talk = Conversation(agents=(made,))
    submit(talk, "first")
    submit(talk, "second")
    talk.wait(10_000)
    talk.wait(9_999)
    assert status(talk, "second") == "running"
    talk.wait(1)
    assert status(talk, "second") == "completed"


def test_one_more_is_refused_where_the_workflow_says_so() -> None:
    talk = talk_of(onConflict="reject")
    submit(talk, "first")
    before = len(talk.log)
    reply = submit(talk, "second")
    assert isinstance(reply, Refused) and reply.problems[0].rule == "at-work"
    assert len(talk.log) == before
    talk.wait(10_000)
    assert isinstance(submit(talk, "second"), Accepted)


def test_the_same_work_is_not_done_twice_where_the_workflow_says_so() -> None:
    talk = talk_of(onConflict="dedupe")
    submit(talk, "first")
    reply = submit(talk, "second")
    assert reply == Accepted(run_id_of("test", "first"), created=False, detail="the same work is under way")
    talk.wait(10_000)
    assert submit(talk, "second") == Accepted(run_id_of("test", "second"))


def test_the_latest_takes_the_place_of_those_before() -> None:
    talk = talk_of(onConflict="cancelPrevious")
    for name in ("first", "second", "third"):
        submit(talk, name)
    left = [status(talk, name) for name in ("first", "second", "third")]
    assert left == ["cancelled", "cancelled", "running"]
    assert talk.events(e.RunCancelled)[0].principal.startswith("run:")


def test_a_crash_before_the_former_is_cancelled_changes_nothing() -> None:
    talk = talk_of(onConflict="cancelPrevious")
    submit(talk, "first")
    talk.holds = True
    submit(talk, "second")
    assert (status(talk, "first"), status(talk, "second")) == ("running", "queued")
    talk.holds = False
    talk.crash()
    assert (status(talk, "first"), status(talk, "second")) == ("cancelled", "running")


@pytest.mark.parametrize("given", [{}, {"customer": None}])
def test_a_run_without_a_key_is_refused(given: Any) -> None:
    talk = talk_of()
    reply = talk.submit(given)
    assert isinstance(reply, Refused) and reply.problems[0].rule == "concurrency-key"


def test_values_that_are_not_the_same_are_not_taken_for_it() -> None:
    talk = talk_of()
    submit(talk, "text", "1")
    submit(talk, "number", 1)
    submit(talk, "list", [1])
    assert {status(talk, name) for name in ("text", "number", "list")} == {"running"}


def nested(name: str, waits: bool = True) -> dict[str, Any]:
    return {"run": {"workflow": {"namespace": "test", "name": name, "version": "latest"}, "await": waits}}


def test_a_run_below_waits_as_any_other() -> None:
    talk = talk_of(workflow([{"below": nested("talk")}], name="above"))
    submit(talk, "first")
    submit(talk, "above", workflow="above")
    (child,) = [run for run in talk.shard.runs.values() if run.parent]
    assert child.status == "queued"
    talk.crash()
    talk.wait(10_000)
    talk.wait(10_000)
    assert status(talk, "above") == "completed"


def test_a_run_below_that_waits_goes_with_the_one_above() -> None:
    talk = talk_of(workflow([{"below": nested("talk")}], name="above"))
    submit(talk, "first")
    submit(talk, "above", workflow="above")
    talk.tell(i.CancelRun(run_id=run_id_of("test", "above")))
    talk.wait(10_000)
    assert not talk.shard.claims


@pytest.mark.parametrize("terms", [{"onConflict": "reject"}, {"onConflict": "dedupe"}])
def test_a_run_below_that_is_refused_is_an_error_of_its_task(terms: Any) -> None:
    talk = talk_of(workflow([{"below": nested("talk")}], name="above"), **terms)
    submit(talk, "first")
    submit(talk, "above", workflow="above")
    error = talk.shard.runs[run_id_of("test", "above")].error
    assert error is not None and (error.status, error.type) == (409, "https://podium.dev/errors/concurrency")


def test_who_would_wait_for_himself_does_not() -> None:
    talk = Conversation(agents=(exclusive([{"again": nested("talk")}]),))
    submit(talk, "first")
    error = talk.shard.runs[run_id_of("test", "first")].error
    assert error is not None and error.status == 409
    assert "waits for what it would start" in error.title
    assert not talk.shard.claims


def test_the_key_is_not_told() -> None:
    talk = talk_of()
    submit(talk, "first", "ada@example.com")
    (started,) = talk.events(e.RunStarted)
    assert started.claim.startswith("test/talk ") and "ada" not in started.claim
