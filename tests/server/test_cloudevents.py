"""CloudEvents in, as the senders of others put them: structured, batched and binary."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.server.hubs import Hub


def event_of(number: int, data: Any) -> CloudEvent:
    return CloudEvent({"id": f"e{number}", "source": "/till/ä b", "type": "go", "subject": "x y"}, data)


def started(http: Any) -> str:
    run_id = http.post("/v1/runs", json={"workflow": "test/listen"}).json()["run_id"]
    return str(run_id)


@pytest.mark.parametrize("mode", [to_structured_event, to_binary_event])
def test_a_sender_reaches_a_run(hub: Hub, mode: Any) -> None:
    with hub.http() as http:
        run_id = started(http)
        message = mode(event_of(1, {"n": 1}))
        sent = http.post("/v1/events", content=message.body, headers=dict(message.headers))
        assert sent.status_code == 202, sent.text
        assert sent.json()["received"] == 1
        run = http.get(f"/v1/runs/{run_id}/wait").json()
        assert run["output"] == [{"n": 1}]


def test_a_batch_and_one_run_alone(hub: Hub) -> None:
    with hub.http() as http:
        first, second = started(http), started(http)
        event = {"specversion": "1.0", "id": "b1", "source": "/b", "type": "go", "data": [1]}
        head = {"content-type": "application/cloudevents-batch+json"}
        batch = json.dumps([{**event, "id": "b0", "type": "other"}, event])
        assert http.post(f"/v1/events?run_id={first}", content=batch, headers=head).json()["received"] == 2
        assert http.get(f"/v1/runs/{first}/wait").json()["output"] == [[1]]
        assert http.get(f"/v1/runs/{second}").json()["status"] == "running"


def test_a_client_sends_events_too(hub: Hub) -> None:
    with hub.client() as podium:
        run_id = podium.submit("test/listen").run_id
        assert podium.send({"type": "go", "data": "x"}, run_id)
        assert podium.wait(run_id).output == ["x"]


STRUCTURED = {"content-type": "application/cloudevents+json"}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a"}
WHOLE = {"specversion": "1.0", "id": "1", "source": "a", "type": "b"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (STRUCTURED, b"{", 400),
        (STRUCTURED, b"[]", 422),
        (STRUCTURED, json.dumps({**WHOLE, "id": ""}).encode(), 422),
        (STRUCTURED, json.dumps({**WHOLE, "specversion": "0.3"}).encode(), 422),
        (STRUCTURED, json.dumps({**WHOLE, "Bad-Name": 1}).encode(), 422),
        (STRUCTURED, json.dumps({**WHOLE, "extension": {}}).encode(), 422),
        ({"content-type": "application/cloudevents-batch+json"}, b"{}", 422),
        ({"content-type": "application/cloudevents+xml"}, b"<a/>", 415),
        ({"content-type": "application/json"}, b"{}", 415),
        (BINARY, b"", 422),
        ({**BINARY, "ce-type": "t", "content-type": "text/plain"}, b"\xff", 422),
    ],
)
def test_what_is_no_event_is_refused_with_its_place(
    hub: Hub, headers: dict[str, str], body: bytes, status: int
) -> None:
    with hub.http() as http:
        found = http.post("/v1/events", content=body, headers=headers)
        assert found.status_code == status
        assert found.json()["problems"][0]["message"]
