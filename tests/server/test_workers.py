"""The protocol of workers over HTTP, as a worker in any language would speak it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.command import until
from tests.runtime.serving import agent, call, workflow
from tests.server.yard import Yard, hosted


@pytest.fixture
def http(yard: Yard) -> Iterator[httpx2.Client]:
    with yard.client(yard.token("w", "worker")) as client:
        yield client


def said(answer: httpx2.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def join(http: httpx2.Client, *agents: Any, **more: Any) -> str:
    body = {"agents": [one if isinstance(one, dict) else {"agent": one} for one in agents], **more}
    return str(said(http.post("/v1/workers", json=body), 201)["id"])


def pull(http: httpx2.Client, worker: str, **more: Any) -> Any:
    return said(http.post(f"/v1/workers/{worker}/pull", json={"most": 10, "wait_ms": 5_000, **more}))


def test_a_worker_joins_takes_attempts_and_completes_them(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0", name="node", region="eu", concurrency=8)
    runs = [yard.call("submit", workflow="ask-far", input={"n": n})["run_id"] for n in range(3)]
    got: list[Any] = []
    while len(got) < 3:
        got += pull(http, worker)["attempts"]
    tokens = [one["token"] for one in got]
    assert {one["run_id"] for one in got} == set(runs)
    assert got[0]["capability"] == "far" and 0 < got[0]["deadline_ms"] <= 60_000
    assert (
        said(http.post(f"/v1/workers/{worker}/start", json={"attempts": tokens}))["words"] == ["accepted"] * 3
    )
    going = {"attempts": [{"token": tokens[0], "progress": {"done": 1}, "lines": ["half way"]}]}
    assert said(http.post("/v1/attempts/progress", json=going)) == {"words": ["accepted"]}
    [shown] = [one for one in yard.call("activity") if one["lines"]]
    assert (shown["progress"], list(shown["lines"])) == ({"done": 1}, ["half way"])
    ended = [{"token": one["token"], "output": one["input"]["n"] * 2, "cost_nano": 5} for one in got]
    answer = said(http.post(f"/v1/workers/{worker}/complete", json={"attempts": ended}))
    assert answer["words"] == ["accepted"] * 3
    assert [yard.call("wait", run_id=one)["output"] for one in runs] == [0, 2, 4]
    again = said(http.post(f"/v1/workers/{worker}/complete", json={"attempts": ended[:1]}))
    assert again["words"] == ["repeated"]
    [listed] = yard.call("workers")
    assert (listed["status"], listed["succeeded"], listed["region"]) == ("live", 3, "eu")


def test_a_pull_waits_until_there_is_something(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    late = threading.Timer(0.2, lambda: yard.call("submit", workflow="ask-far", input=1))
    late.start()
    [one] = pull(http, worker, started=True)["attempts"]
    late.join()
    asked = {"attempts": [{"token": one["token"], "output": 1}], "pull": {"most": 1, "wait_ms": 0}}
    answer = said(http.post(f"/v1/workers/{worker}/complete", json=asked))
    assert answer == {"words": ["accepted"], "pulled": {"attempts": [], "stop": [], "draining": False}}


def test_failures_reach_the_run_as_its_error(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    run = yard.call("submit", workflow="ask-far")["run_id"]
    [one] = pull(http, worker, started=True)["attempts"]
    error = {"title": "no such ticket", "kind": "validation", "retryable": False}
    failed = {"attempts": [{"token": one["token"], "error": error}]}
    assert said(http.post(f"/v1/workers/{worker}/fail", json=failed)) == {"words": ["accepted"]}
    ended = yard.call("wait", run_id=run)
    assert (ended["status"], ended["error"]["title"]) == ("faulted", "no such ticket")


def test_attempts_have_tools_called_in_their_own_name(
    yard: Yard, http: httpx2.Client, tmp_path: Path
) -> None:
    yard.flow("far")
    yard.apply(agent(tmp_path, "echo"))
    worker = join(http, "far@1.0.0")
    run = yard.call("submit", workflow="ask-far")["run_id"]
    [one] = pull(http, worker, started=True)["attempts"]
    asked = {"token": one["token"], "number": 1, "call": "echo", "args": {"x": 1}}
    bare = httpx2.Client(base_url=yard.url, timeout=30, headers={"authorization": f"Bearer {one['token']}"})
    answer = said(bare.post("/v1/attempts/call", json=asked))
    assert (answer["done"], answer["output"], answer["error"]) == (True, {"x": 1}, None)
    assert said(bare.post("/v1/attempts/call", json=asked))["output"] == {"x": 1}, "asked for once"
    other = {**asked, "number": 2, "call": "", "tool": "nothing.such"}
    assert said(bare.post("/v1/attempts/call", json=other))["error"]["status"] == 400
    done = {"attempts": [{"token": one["token"], "output": 1}]}
    said(http.post(f"/v1/workers/{worker}/complete", json=done))
    yard.call("wait", run_id=run)
    over = said(bare.post("/v1/attempts/call", json=asked), 401)
    assert over["problems"][0]["rule"] == "attempt-over"
    kinds = [one["type"] for one in yard.call("events", run_id=run)]
    assert kinds.count("EffectRequested") == 2
    bare.close()


def test_the_token_of_an_attempt_speaks_of_that_alone(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    for _ in range(2):
        yard.call("submit", workflow="ask-far")
    got: list[str] = []
    while len(got) < 2:
        got += [one["token"] for one in pull(http, worker, started=True)["attempts"]]
    one, other = got
    bearer = {"authorization": f"Bearer {one}"}
    with httpx2.Client(base_url=yard.url, timeout=30, headers=bearer) as bare:
        going = {"attempts": [{"token": one, "lines": ["x"]}]}
        assert said(bare.post("/v1/attempts/progress", json=going)) == {"words": ["accepted"]}
        both = {"attempts": [{"token": one}, {"token": other}]}
        said(bare.post("/v1/attempts/progress", json=both), 403)
        said(bare.post("/v1/attempts/call", json={"token": other, "number": 1, "call": "far"}), 403)
        assert bare.get("/v1/workers").status_code == 401
        ended = {"attempts": [{"token": one, "output": 1}]}
        said(bare.post(f"/v1/workers/{worker}/complete", json=ended), 401)
        said(http.post(f"/v1/workers/{worker}/complete", json=ended))
        said(bare.post("/v1/attempts/progress", json=going), 401)


def test_what_does_not_fit_is_refused_with_the_difference(yard: Yard, http: httpx2.Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    yard.apply(hosted("far", capabilities=[{"name": "far", "output": schema}]))
    wrong = {"agent": "far@1.0.0", "capabilities": [{"name": "far", "output": {"type": "object"}}]}
    refused = said(http.post("/v1/workers", json={"agents": [wrong]}), 409)
    places = {(one["rule"], one["path"]) for one in refused["problems"]}
    assert places == {("contract", "/agents/0/capabilities/0/output")}
    new = {"agent": "new@1.0.0", "capabilities": [{"name": "new"}]}
    assert said(http.post("/v1/workers", json={"agents": [new]}), 403)["problems"][0]["rule"] == "undeclared"
    with yard.client(yard.token("lead", "worker", "operator")) as lead:
        assert join(lead, new)
    assert yard.call("describe", kind="agent", name="new")["runtime"] == {"type": "worker"}


def test_only_workers_work_and_each_for_itself(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    with yard.client(yard.token("v", "viewer")) as viewer, yard.client(yard.token("x", "worker")) as other:
        said(viewer.post("/v1/workers", json={"agents": [{"agent": "far@1.0.0"}]}), 403)
        assert [one["id"] for one in said(viewer.get("/v1/workers"))["items"]] == [worker]
        said(other.post(f"/v1/workers/{worker}/pull", json={}), 410)
        said(other.get("/v1/workers"), 403)
    said(httpx2.post(f"{yard.url}/v1/workers", json={"agents": []}), 401)
    unknown = {"attempts": [{"token": "attempt_x", "output": 1}]}
    assert said(http.post(f"/v1/workers/{worker}/complete", json=unknown))["words"] == ["unknown"]


def test_draining_and_leaving(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    yard.call("submit", workflow="ask-far")
    [one] = pull(http, worker, started=True)["attempts"]
    assert said(http.post(f"/v1/workers/{worker}/drain"))["draining"] is True
    yard.call("submit", workflow="ask-far")
    assert pull(http, worker) == {"attempts": [], "stop": [], "draining": True}
    done = {"attempts": [{"token": one["token"], "output": 1}]}
    said(http.post(f"/v1/workers/{worker}/complete", json=done))
    assert http.delete(f"/v1/workers/{worker}").status_code == 204
    said(http.post(f"/v1/workers/{worker}/heartbeat"), 410)


def test_an_operator_drains_any_worker_and_is_noted(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    with (
        yard.client(yard.token("o", "operator")) as operator,
        yard.client(yard.token("x", "worker")) as other,
    ):
        said(other.post(f"/v1/workers/{worker}/drain"), 410)
        assert said(operator.post(f"/v1/workers/{worker}/drain?why=patches"))["draining"] is True
        [row] = said(operator.get("/v1/workers"))["items"]
        assert row["status"] == "draining"
        said(operator.post("/v1/workers/nobody/drain"), 410)
        acts = "/v1/acts?principal=user:o"
        noted = until(lambda: operator.get(acts).json()["items"])
    assert ("drain", "patches") in [(act["act"], act["why"]) for act in noted]
    assert pull(http, worker) == {"attempts": [], "stop": [], "draining": True}


def test_a_pull_that_nobody_waits_for_keeps_nothing(yard: Yard, http: httpx2.Client) -> None:
    yard.flow("far")
    worker = join(http, "far@1.0.0")
    with pytest.raises(httpx2.ReadTimeout):
        http.post(f"/v1/workers/{worker}/pull", json={"wait_ms": 5_000}, timeout=0.3)
    yard.call("submit", workflow="ask-far")
    assert len(pull(http, worker, started=True)["attempts"]) == 1


def test_whoever_submits_is_told_to_wait_where_too_much_waits(yard: Yard) -> None:
    yard.flow("far")
    yard.serving.hub.system.catalog.queue_max = 2
    with yard.client(yard.token("o", "operator")) as operator:
        asked = {"workflow": "ask-far", "input": 1}
        for _ in range(2):
            said(operator.post("/v1/runs", json=asked), 201)
        turned_away = operator.post("/v1/runs", json=asked)
        [problem] = said(turned_away, 429)["problems"]
        assert (problem["rule"], turned_away.headers["retry-after"]) == ("overloaded", "5")


def test_who_is_urgent_goes_first_and_the_run_says_so(yard: Yard, http: httpx2.Client) -> None:
    yard.apply(hosted("far", concurrency=1), workflow("w", {"a": call("far")}))
    worker, runs = join(http, "far@1.0.0", concurrency=1), {}
    with yard.client(yard.token("o", "operator")) as operator:
        for name, asked in {
            "first": {}, "acme": {"labels": {"tenant": "acme"}}, "acme too": {"labels": {"tenant": "acme"}},
            "globex": {"labels": {"tenant": "globex"}}, "urgent": {"priority": "high"},
        }.items():  # fmt: skip
            runs[said(operator.post("/v1/runs", json={"workflow": "w", **asked}), 201)["run_id"]] = name
        said(operator.post("/v1/runs", json={"workflow": "w", "priority": "soon"}), 422)
        shown = {runs[one["id"]]: one for one in said(operator.get("/v1/runs"))["items"]}
        assert {one["priority"] for name, one in shown.items() if name != "urgent"} == {"normal"}
        assert (shown["urgent"]["priority"], shown["globex"]["tenant"]) == ("high", "globex")
        again = said(operator.post(f"/v1/runs/{shown['urgent']['id']}/again", json={}), 201)["run_id"]
        runs[again] = "urgent again"
        assert said(operator.get(f"/v1/runs/{again}"))["priority"] == "high"
    handed = []
    while got := pull(http, worker, started=True)["attempts"]:
        handed.append(runs[got[0]["run_id"]])
        done = {"attempts": [{"token": got[0]["token"], "output": 1}]}
        said(http.post(f"/v1/workers/{worker}/complete", json=done))
        yard.call("wait", run_id=got[0]["run_id"])
    assert handed == ["first", "urgent", "urgent again", "acme", "globex", "acme too"]


def test_what_no_worker_was_let_begin_is_not_in_doubt(yard: Yard, http: httpx2.Client) -> None:
    yard.apply(hosted("once", delivery="at-most-once"), workflow("w", {"a": call("once")}))
    worker = join(http, "once@1.0.0")
    run = yard.call("submit", workflow="w")["run_id"]
    [one] = pull(http, worker, started=True)["attempts"]
    assert not one["started"]
    yard.close()
    yard.open()
    asked = {"agents": [{"agent": "once@1.0.0"}], "previous": worker, "holding": [one["token"]]}
    back = said(http.post("/v1/workers", json=asked), 201)
    assert back["holding"] == {one["token"]: "stale"}
    begun = said(http.post(f"/v1/workers/{back['id']}/start", json={"attempts": [one["token"]]}))
    assert begun == {"words": ["stale"]}, "it must not begin what another will make"
    [again] = pull(http, back["id"])["attempts"]
    assert (again["attempt"], again["key"]) == (2, one["key"])
    said(http.post(f"/v1/workers/{back['id']}/start", json={"attempts": [again["token"]]}))
    kinds = [one["type"] for one in yard.call("events", run_id=run)]
    assert kinds.count("AttemptBegun") == 1, "it is durable when `start` answers"
    done = {"attempts": [{"token": again["token"], "output": "once"}]}
    said(http.post(f"/v1/workers/{back['id']}/complete", json=done))
    assert yard.call("wait", run_id=run)["output"] == "once"


def test_a_worker_outlives_its_hub(yard: Yard, http: httpx2.Client) -> None:
    yard.apply(hosted("once", delivery="at-most-once"), workflow("w", {"a": call("once")}))
    worker = join(http, "once@1.0.0")
    run = yard.call("submit", workflow="w")["run_id"]
    [one] = pull(http, worker, started=True)["attempts"]
    said(http.post(f"/v1/workers/{worker}/start", json={"attempts": [one["token"]]}))
    yard.close()
    yard.open()
    said(http.post(f"/v1/workers/{worker}/heartbeat"), 410)
    asked = {"agents": [{"agent": "once@1.0.0"}], "previous": worker, "holding": [one["token"]]}
    back = said(http.post("/v1/workers", json=asked), 201)
    assert back["holding"] == {one["token"]: "accepted"}
    done = {"attempts": [{"token": one["token"], "output": "kept"}]}
    said(http.post(f"/v1/workers/{back['id']}/complete", json=done))
    assert yard.call("wait", run_id=run)["output"] == "kept"
