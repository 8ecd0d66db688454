"""Whether the hub lives, whether it takes work, and what it measures, over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from podium.cli.top import seen
from podium.kernel.catalog import Catalog
from podium.sdk.client import Client
from podium.sdk.manifests import load
from tests.cli.command import until
from tests.server.hubs import Hub, served

SCHEDULE = """\
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: yearly}
spec: {version: "1.0.0", workflow: test/echo, cron: 0 0 1 1 *}
"""


def scraped(http: httpx2.Client) -> dict[str, dict[tuple[str, ...], float]]:
    answer = http.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(
        "text/plain; version=0.0.4"
    )
    return {
        sample.name: {
            tuple(one.labels.values()): one.value for one in family.samples if one.name == sample.name
        }
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_hub_that_serves_lives_and_is_ready(hub: Hub) -> None:
    with hub.http("") as http:
        assert http.get("/healthz").json() == {"status": "serving"}
        answer = http.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        assert {one["name"] for one in answer.json()["checks"]} == {"hub", "draining", "views"}


def test_a_hub_that_is_being_stopped_lives_and_is_not_ready(hub: Hub) -> None:
    catalog: Catalog = hub.serving.hub.system.catalog
    with hub.http("") as http:
        catalog.draining = True
        try:
            answer = http.get("/readyz")
            assert http.get("/healthz").status_code == 200
        finally:
            catalog.draining = False
        assert answer.status_code == 503
        held = {one["name"]: one["message"] for one in answer.json()["checks"] if not one["holds"]}
        assert held == {"draining": "it is being stopped"}
        assert http.get("/readyz").status_code == 200


def test_tables_that_cannot_be_kept_up_make_it_unready(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.serving.hub.views, "trouble", "the disk is broken")
    with hub.http("") as http:
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert {"name": "views", "holds": False, "message": "the disk is broken"} in answer.json()["checks"]
        assert http.get("/healthz").status_code == 200


def test_metrics_take_a_token_and_count(hub: Hub) -> None:
    with hub.http("") as nobody, hub.http("vera") as http:
        assert nobody.get("/metrics").status_code == 401
        before = scraped(http).get("podium_runs_ended_total", {}).get(("test/echo", "completed"), 0.0)
        hub.client().run("test/echo", {"word": "x"}, timeout_ms=60_000)

        def counted() -> bool:
            return scraped(http)["podium_runs_ended_total"].get(("test/echo", "completed")) == before + 1

        until(counted)
        found = scraped(http)
        assert found["podium_hub_serving"][()] == 1
        assert found["podium_log_position"]["1",] > 0
        assert found["process_resident_memory_bytes"][()] > 10_000_000
        assert ("running",) in found["podium_effects_open"]


def test_schedules_are_seen_to_over_http(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        (tmp_path / "schedule.yaml").write_text(SCHEDULE)
        hub.client().apply(load([tmp_path / "schedule.yaml"]).resources)
        with hub.http("oskar") as http, hub.http("vera") as viewer:
            path = "/v1/schedules/yearly"
            assert viewer.post(path, json={"action": "trigger"}).status_code == 403
            first = http.post(path, json={"action": "trigger", "key": "k"}).json()
            again = http.post(path, json={"action": "trigger", "key": "k"}).json()
            assert first["created"] and not again["created"] and first["run_id"] == again["run_id"]
            assert http.post(path, json={"action": "pause", "why": "no need"}).json()["detail"] == "paused"
            (row,) = viewer.get("/v1/schedules").json()["items"]
            assert (row["status"], row["why"], row["paused_by"]) == ("paused", "no need", "user:oskar")
            assert http.post("/v1/schedules/none", json={"action": "pause"}).status_code == 404


def test_a_run_joins_the_trace_of_whoever_asks(hub: Hub) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with hub.http() as http:
        answer = http.post("/v1/runs", json={"workflow": "test/echo"}, headers={"traceparent": trace})
        records = hub.client().events(answer.json()["run_id"])
        assert records[0]["trace"] == trace


def test_one_screen_and_what_is_stuck_are_the_same_over_http(hub: Hub) -> None:
    run_id = hub.client().submit("test/ask").run_id
    with hub.client("vera") as client:
        (row,) = client.stuck(run_id)
        assert row == Client(hub.serving.door).stuck(run_id)[0]
        now = seen(client)
        assert now["hub"]["status"] == "serving"
        assert run_id in {one["run_id"] for one in now["stuck"]}
        assert run_id in {one["id"] for one in now["runs"]}
