"""Lifecycle events reach subscribers, each at least once, whatever dies meanwhile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from podium.bootstrap import Serving, serve
from podium.sdk.client import Client
from podium.sdk.manifests import load
from tests.cli.command import until

WORKFLOW = """\
document: {dsl: '1.0.3', namespace: shop, name: NAME, version: '1.0.0'}
do:
  - first: {set: {n: '${ .n }'}}
"""
COMPLETED = "io.serverlessworkflow.workflow.completed.v1"


def subscription(sink: str, **spec: Any) -> str:
    given = {
        "version": "1.0.0", "sink": sink, "types": [COMPLETED],
        "retry": {"attempts": 5, "delay": "PT0.05S"}, **spec,
    }  # fmt: skip
    return json.dumps(
        {"apiVersion": "podium.dev/v1", "kind": "Subscription", "metadata": {"name": "crm"}, "spec": given}
    )


class Received:
    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self.always = 200
        self.got: list[tuple[int, dict[str, str], bytes]] = []

    @property
    def events(self) -> list[Any]:
        """What was taken, as the library of CloudEvents reads it."""
        return [
            from_http_event(HTTPMessage(headers, body)) for status, headers, body in self.got if status < 300
        ]

    @property
    def taken(self) -> list[tuple[str, Any]]:
        return [(event.get_id(), event.get_data()) for event in self.events]


@contextmanager
def receiver() -> Iterator[Received]:
    made = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = made.answers.pop(0) if made.answers else made.always
            made.got.append((status, dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """A test says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/in"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def hub(folder: Path) -> Iterator[tuple[Serving, Client]]:
    serving = serve(folder / ".podium")
    try:
        yield serving, Client(serving.door)
    finally:
        serving.stop(0)


def declare(client: Client, folder: Path, *texts: str) -> None:
    path = folder / "declared.yaml"
    path.write_text("\n---\n".join(texts))
    loaded = load([path])
    assert not loaded.problems, loaded.problems
    client.apply(loaded.resources)


def workflow(name: str = "sell") -> str:
    return WORKFLOW.replace("NAME", name)


def test_events_come_once_and_in_the_binding_after_errors_and_a_restart(tmp_path: Path) -> None:
    with receiver() as received:
        received.answers += [500, 500]
        with hub(tmp_path) as (_, client):
            declare(client, tmp_path, workflow(), subscription(received.url))
            first = client.run("shop/sell", {"n": 1}).id
            until(lambda: len(received.events) == 1)
            assert [status for status, *_ in received.got] == [500, 500, 200]
            assert len({head["idempotency-key"] for _, head, _ in received.got}) == 1
        received.always = 503
        with hub(tmp_path) as (_, client):
            second = client.run("shop/sell", {"n": 2}).id
            until(lambda: received.got[-1][0] == 503)
        received.always = 200
        (tmp_path / ".podium" / "subscriptions.json").unlink()
        with hub(tmp_path) as (_, client):
            until(lambda: len(received.events) == 2)
            third = client.run("shop/sell", {"n": 3}).id
            until(lambda: len(received.events) == 3)
            told = received.taken
            assert [name.partition("/")[0] for name, _ in told] == [first, second, third]
            assert [json.loads(data)["output"] if isinstance(data, str | bytes) else data["output"] for _, data in told] == [{"n": 1}, {"n": 2}, {"n": 3}]
            assert {event.get_type() for event in received.events} == {COMPLETED}
            (shown,) = client.get("subscriptions")
            print(shown)
            until(lambda: client.get("subscriptions")[0]["unfinished"] == 0)
            print(client.get("subscriptions"))
            print([ (r["workflow"], r["principal"], r["status"]) for r in client.get("runs")])
