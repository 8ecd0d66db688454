"""Runs over HTTP: started once, listed in pages, read after a write, told live, stepped into."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from podium.sdk.client import ConflictError, InvalidError, NotFoundError, UnreachableError, connect
from tests.server.hubs import Hub, served


def test_a_run_is_started_and_looked_at(hub: Hub) -> None:
    with hub.http() as http:
        begun = http.post("/v1/runs", json={"workflow": "test/echo", "input": {"word": "hi"}})
        assert begun.status_code == 201
        run_id = begun.json()["run_id"]
        assert begun.headers["location"] == f"/v1/runs/{run_id}"
        run = http.get(f"/v1/runs/{run_id}/wait").json()
        assert (run["status"], run["output"], run["principal"]) == ("completed", {"said": "hi"}, "user:adam")
        assert http.get(f"/v1/runs/{run_id}/output").json()["output"] == {"said": "hi"}
        assert http.get(f"/v1/runs/{run_id}/describe").json()["input"] == {"word": "hi"}
        assert http.get(f"/v1/runs/{run_id[:8]}").json()["id"] == run_id
        told = [line["text"] for line in http.get(f"/v1/runs/{run_id}/story").json()["items"]]
        assert any("echo" in line for line in told)
        types = [one["type"] for one in http.get(f"/v1/runs/{run_id}/events").json()["items"]]
        assert types[0] == "RunStarted" and types[-1] == "RunCompleted"


def test_a_key_stands_for_one_run(hub: Hub) -> None:
    with hub.http() as http:
        key = {"idempotency-key": "order-1"}
        body = {"workflow": "test/echo", "input": {"word": "once"}}
        first = http.post("/v1/runs", json=body, headers=key)
        again = http.post("/v1/runs", json=body, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["run_id"] == again.json()["run_id"]
        other = http.post("/v1/runs", json={**body, "input": {"word": "twice"}}, headers=key)
        assert other.status_code == 409
        assert other.headers["content-type"] == "application/problem+json"
        assert other.json()["code"] == "conflict"
        both = http.post("/v1/runs", json={**body, "key": "order-2"}, headers=key)
        assert both.status_code == 422


def test_pages_hold_every_run_once(hub: Hub) -> None:
    with hub.http() as http:
        made = [
            http.post("/v1/runs", json={"workflow": "test/echo", "labels": {"batch": "pages"}}).json()[
                "run_id"
            ]
            for _ in range(11)
        ]
        seen: list[str] = []
        url = "/v1/runs?label=batch%3Dpages&limit=4"
        while url:
            page = http.get(url).json()
            seen += [run["id"] for run in page["items"]]
            url = page["next"]
        assert seen == made[::-1]


@pytest.mark.parametrize(
    "query", ["status=completed", "workflow=echo", "workflow=test/echo@1.0.0", "nested=true"]
)
def test_lists_are_filtered(hub: Hub, query: str) -> None:
    with hub.http() as http:
        run_id = http.post("/v1/runs", json={"workflow": "test/echo"}).json()["run_id"]
        http.get(f"/v1/runs/{run_id}/wait")
        assert run_id in [run["id"] for run in http.get(f"/v1/runs?{query}").json()["items"]]
        assert http.get("/v1/runs?workflow=nobody").json()["items"] == []


def test_what_was_written_can_be_read_after_its_position(hub: Hub) -> None:
    with hub.http() as http:
        run_id = http.post("/v1/runs", json={"workflow": "test/ask"}).json()["run_id"]
        page = http.get("/v1/runs?status=waiting").json()
        assert run_id in [run["id"] for run in page["items"]]
        assert http.get(f"/v1/runs?after={page['position']}").status_code == 200
        late = http.get(f"/v1/runs?after={page['position'] + 1_000_000}")
        assert late.status_code == 409


def test_a_run_is_run_again_with_its_own_input_or_another(hub: Hub) -> None:
    with hub.http() as http:
        first = http.post("/v1/runs", json={"workflow": "test/echo", "input": {"word": "a"}}).json()["run_id"]
        same = http.post(f"/v1/runs/{first}/again", json={}).json()["run_id"]
        other = http.post(f"/v1/runs/{first}/again", json={"input": {"word": "b"}, "current": True}).json()[
            "run_id"
        ]
        outputs = [http.get(f"/v1/runs/{run}/wait").json()["output"]["said"] for run in (first, same, other)]
        assert outputs == ["a", "a", "b"]


def test_a_sealed_run_is_not_run_again_unsealed(hub: Hub) -> None:
    with hub.http() as http:
        body = {"workflow": "test/echo", "input": {"word": "secret"}, "subject": "ada"}
        first = http.post("/v1/runs", json=body).json()["run_id"]
        http.get(f"/v1/runs/{first}/wait")
        assert http.post(f"/v1/runs/{first}/again", json={}).status_code == 409
        again = http.post(f"/v1/runs/{first}/again", json={"subject": "ada"}).json()["run_id"]
        assert http.get(f"/v1/runs/{again}/wait").json()["sealed"]


def test_a_run_is_suspended_resumed_answered_and_cancelled(hub: Hub) -> None:
    with hub.http() as http:
        run_id = http.post("/v1/runs", json={"workflow": "test/ask"}).json()["run_id"]
        at = f"/v1/runs/{run_id}"
        assert http.get(f"{at}/output").status_code == 409
        assert http.post(f"{at}/suspend", json={"why": "wait"}).status_code == 200
        assert http.get(at).json()["status"] == "suspended"
        assert http.post(f"{at}/resume", json={}).status_code == 200
        (waits,) = http.get(f"/v1/approvals?run_id={run_id}").json()["items"]
        assert http.get(f"/v1/approvals/{run_id}/{waits['effect']}").json()["id"] == waits["id"]
        assert http.post(f"{at}/answer", json={"decision": "deny", "why": "no"}).status_code == 200
        assert http.get(f"{at}/wait").json()["status"] == "completed"
        assert http.post(f"{at}/cancel", json={}).status_code == 409
        records = http.get(f"{at}/events").json()["items"]
        answered = next(one for one in records if one["type"] == "EffectSettled")
        assert (answered["principal"], answered["via"][:10]) == ("user:adam", "http token")


def test_a_stream_of_a_run_ends_with_it(hub: Hub) -> None:
    with hub.client() as podium:
        begun = podium.submit("test/ask")
        heard: list[str] = []
        first = threading.Event()

        def listen() -> None:
            for record in podium.follow(begun.run_id):
                heard.append(record["type"])
                first.set()

        listening = threading.Thread(target=listen)
        listening.start()
        assert first.wait(20)
        podium.answer(begun.run_id)
        listening.join(20)
        assert heard == [record["type"] for record in podium.events(begun.run_id)]


def test_the_client_raises_what_it_raises_locally(hub: Hub) -> None:
    with hub.client() as podium:
        with pytest.raises(NotFoundError, match="no workflow is named nothing"):
            podium.submit("nothing")
        with pytest.raises(NotFoundError, match="there is no run"):
            podium.get_run("ffffffff")
        podium.submit("test/echo", {"word": 1}, key="same")
        with pytest.raises(ConflictError):
            podium.submit("test/echo", {"word": 2}, key="same")
        with pytest.raises(InvalidError):
            podium.get("runs", limit=100_000)
    with pytest.raises(InvalidError):
        connect("ftp://example.org")
    with connect("http://127.0.0.1:9") as nobody, pytest.raises(UnreachableError, match="does not answer"):
        nobody.status()


def test_the_client_runs_and_waits(hub: Hub) -> None:
    with hub.client() as podium:
        run = podium.run("test/echo", {"word": "x"}, labels={"a": "b"})
        assert (run.output, run.created, run.labels) == ({"said": "x"}, True, {"a": "b"})
        waiting = podium.run("test/ask", timeout_ms=0)
        assert not waiting.ended
        assert podium.run_soon("test/echo", trace=True).result(20).trace == ["/do/0/say"]
        assert podium.describe("run", waiting.id)["input"] is None
        assert podium.describe("workflow", "test/echo")["kind"] == "Workflow"
        assert podium.history("echo")[0]["current"]
        assert podium.revision("test/echo", kind="workflow")["content"]["document"]["name"] == "echo"
        assert podium.unfinished("test/ask")[0]["workflow"] == "test/ask@1.0.0"
        assert {row["name"] for row in podium.get("workflows")} >= {"test/echo", "test/ask"}


def test_events_of_the_server_survive_it(tmp_path: Path) -> None:
    with served(tmp_path) as hub, hub.client() as podium:
        run_id = podium.run("test/echo").id
        lines = json.dumps(podium.events(run_id))
    with served(tmp_path) as hub, hub.client() as podium:
        assert json.dumps(podium.events(run_id)) == lines
