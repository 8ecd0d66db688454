"""Everything, or an agent, held still over HTTP: what begins no more, what is refused, and what goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.runtime.serving import agent
from tests.server.test_workers import join, pull, said
from tests.server.yard import Yard


@pytest.fixture
def worker(yard: Yard) -> Iterator[httpx2.Client]:
    with yard.client(yard.token("w", "worker")) as client:
        yield client


@pytest.fixture
def people(yard: Yard) -> Iterator[httpx2.Client]:
    with yard.client(yard.token("ann", "operator")) as client:
        yield client


def act(http: httpx2.Client, what: str, **body: Any) -> Any:
    return said(http.post(f"/v1/{what}", json=body))


def why(yard: Yard, run: str) -> list[str]:
    return [one.get("message", "") for one in yard.call("run", run_id=run)["waiting_for"]]


def submit(yard: Yard, flow: str = "ask-far") -> str:
    return str(yard.call("submit", workflow=flow, input={})["run_id"])


def complete(http: httpx2.Client, worker: str, one: Any, output: Any = 1) -> Any:
    body = {"attempts": [{"token": one["token"], "output": output}]}
    return said(http.post(f"/v1/workers/{worker}/complete", json=body))["words"]


def test_while_everything_is_suspended_nothing_begins_and_what_is_under_way_counts(
    yard: Yard, worker: httpx2.Client, people: httpx2.Client
) -> None:
    yard.flow("far")
    me = join(worker, "far@1.0.0")
    before = submit(yard)
    [one] = pull(worker, me, started=True)["attempts"]
    assert act(people, "suspend", why="the payments look wrong")["created"]
    again = act(people, "suspend")
    assert not again["created"] and "user:ann because the payments look wrong already" in again["detail"]
    after = submit(yard)
    assert pull(worker, me, wait_ms=0)["attempts"] == []
    assert why(yard, after) == ["the hub is suspended by user:ann because the payments look wrong"]
    assert complete(worker, me, one) == ["accepted"]
    assert yard.call("wait", run_id=before)["status"] == "completed"
    [seen] = said(people.get("/v1/suspensions"))["items"]
    assert (seen["agent"], seen["principal"], seen["why"]) == ("", "user:ann", "the payments look wrong")
    assert said(people.get("/v1/status"))["suspended"] == [seen]
    first, second = said(people.get("/v1/stuck"))["items"]
    assert (first["run_id"], first["command"]) == ("", "podium resume --all --why …")
    assert (second["run_id"], second["who"]) == (after, "an operator")
    yard.close()
    yard.open()
    assert why(yard, after) == ["the hub is suspended by user:ann because the payments look wrong"]
    with yard.client(yard.token("bob", "operator")) as bob:
        assert act(bob, "resume", why="they are right")["created"]
        assert bob.post("/v1/resume", json={}).status_code == 409
    me = join(worker, "far@1.0.0")
    [two] = pull(worker, me, started=True)["attempts"]
    assert (two["run_id"], complete(worker, me, two)) == (after, ["accepted"])
    assert yard.call("wait", run_id=after)["status"] == "completed"


def test_the_next_call_of_an_agent_that_is_suspended_is_refused(
    yard: Yard, worker: httpx2.Client, people: httpx2.Client, tmp_path: Path
) -> None:
    yard.flow("far")
    yard.apply(agent(tmp_path, "echo"))
    me = join(worker, "far@1.0.0")
    run = submit(yard)
    [one] = pull(worker, me, started=True)["attempts"]
    asked = {"token": one["token"], "number": 1, "call": "echo", "args": {"x": 1}}
    assert said(worker.post("/v1/attempts/call", json=asked))["output"] == {"x": 1}
    act(people, "suspend", agent="far", why="its key leaked")
    for number in (2, 3):
        answer = said(worker.post("/v1/attempts/call", json={**asked, "number": number}))
        assert answer["error"]["title"] == "far@1.0.0 is suspended by user:ann because its key leaked"
        assert answer["error"]["status"] == 403
    failed = {"attempts": [{"token": one["token"], "error": {"title": "no", "retryable": False}}]}
    assert said(worker.post(f"/v1/workers/{me}/fail", json=failed))["words"] == ["accepted"]
    assert pull(worker, me, wait_ms=0)["attempts"] == []
    assert yard.call("run", run_id=run)["status"] == "running"
    act(people, "resume", agent="far")
    [two] = pull(worker, me, started=True)["attempts"]
    assert (two["run_id"], complete(worker, me, two)) == (run, ["accepted"])
    assert yard.call("wait", run_id=run)["status"] == "completed"


def test_a_call_that_waits_ends_as_its_agent_is_suspended(
    yard: Yard, worker: httpx2.Client, people: httpx2.Client
) -> None:
    yard.flow("far", "slow")
    me = join(worker, "far@1.0.0", "slow@1.0.0")
    run = submit(yard)
    [one] = pull(worker, me, started=True)["attempts"]
    asked = {"token": one["token"], "number": 1, "call": "slow", "args": {"x": 1}, "wait_ms": 60_000}
    answers: list[httpx2.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(worker.post("/v1/attempts/call", json=asked)))
    waiting.start()
    [below] = pull(worker, me, started=True)["attempts"]
    act(people, "suspend", agent="far@1.0.0")
    waiting.join(20)
    assert answers[0].status_code == 401 and "attempt-over" in answers[0].text
    assert pull(worker, me, wait_ms=5_000)["stop"] == [one["token"]]
    assert complete(worker, me, below, 7) == ["accepted"]
    act(people, "resume", agent="far@1.0.0")
    [two] = pull(worker, me, started=True)["attempts"]
    answer = said(worker.post("/v1/attempts/call", json={**asked, "token": two["token"]}))
    assert answer["output"] == 7, "what was asked for is asked for once"
    assert complete(worker, me, two) == ["accepted"]
    assert yard.call("wait", run_id=run)["status"] == "completed"


def test_what_no_worker_began_is_taken_back_and_what_is_under_way_is_stopped_if_asked(
    yard: Yard, worker: httpx2.Client, people: httpx2.Client
) -> None:
    yard.flow("far")
    me = join(worker, "far@1.0.0")
    runs = [submit(yard) for _ in range(3)]
    [begun] = pull(worker, me, most=1, started=True)["attempts"]
    [given] = pull(worker, me, most=1)["attempts"]
    act(people, "suspend", agent="far")
    starting = {"attempts": [given["token"]]}
    assert said(worker.post(f"/v1/workers/{me}/start", json=starting))["words"] == ["stale"]
    act(people, "suspend", agent="far", cancel=True)
    stops: list[str] = []
    while begun["token"] not in stops:
        stops += pull(worker, me)["stop"]
    complete(worker, me, begun)
    kinds = [one["type"] for one in yard.call("events", run_id=begun["run_id"])]
    assert (kinds.count("AttemptFailed"), kinds.count("EffectSettled")) == (1, 0), "it comes too late"
    act(people, "resume", agent="far")
    left = set(runs)
    while left:
        for one in pull(worker, me, started=True)["attempts"]:
            assert complete(worker, me, one) == ["accepted"]
            left.discard(one["run_id"])
    assert {yard.call("wait", run_id=run)["status"] for run in runs} == {"completed"}


def test_who_may(yard: Yard, people: httpx2.Client, worker: httpx2.Client) -> None:
    assert worker.post("/v1/suspend", json={}).status_code == 403
    unknown = people.post("/v1/suspend", json={"agent": "nobody"})
    assert unknown.status_code == 404 and "podium get agents" in unknown.text
    with yard.client(yard.token("eve", "viewer")) as viewer:
        assert viewer.post("/v1/suspend", json={}).status_code == 403
        assert said(viewer.get("/v1/suspensions")) == {"items": []}
