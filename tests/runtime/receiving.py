"""A hub, and somebody whom it sends things to over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from podium.bootstrap import Serving, serve
from podium.sdk.client import Client
from podium.sdk.manifests import load


class Receiver:
    """Who takes what is posted.

    Attributes:
        answers: the next statuses that he answers.
        always: the status after these.
        got: what was posted: the status that he answered, headers, body.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self.always = 200
        self.got: list[tuple[int, dict[str, str], bytes]] = []


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = made.answers.pop(0) if made.answers else made.always
            made.got.append((status, dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
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
    """Apply what these texts declare."""
    path = folder / "declared.yaml"
    path.write_text("\n---\n".join(texts))
    loaded = load([path])
    assert not loaded.problems, loaded.problems
    client.apply(loaded.resources)
