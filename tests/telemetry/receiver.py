"""A collector: an HTTP server that reads what it is sent with OpenTelemetry's own messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.command import until


class Collector:
    """What was received.

    Attributes:
        answers: statuses to answer with before everything is well.
        headers: those of the last request.
    """

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.metrics: list[Any] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.url = ""

    def take(self, path: str, content: bytes) -> None:
        if path == "/v1/traces":
            self.traces.append(ExportTraceServiceRequest.FromString(content))
        else:
            assert path == "/v1/metrics", path
            self.metrics.append(ExportMetricsServiceRequest.FromString(content))

    def spans(self) -> list[Any]:
        return [
            span
            for request in list(self.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> Any:
        """The one span of this name, as soon as it is there."""
        until(lambda: any(span.name == name for span in self.spans()))
        (found,) = [span for span in self.spans() if span.name == name]
        return found


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span, as plain values."""
    return {one.key: _value(one.value) for one in span.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector at work."""
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                content = gzip.decompress(content)
            assert self.headers["content-type"] == "application/x-protobuf"
            status = made.answers.pop(0) if made.answers else 200
            if status == 200:
                made.headers = {name.lower(): value for name, value in self.headers.items()}
                made.take(self.path, content)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """A test says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
