"""OTLP over HTTP: where it goes, by the environment variables that OpenTelemetry has for that.

Source: OpenTelemetry specification, "OTLP Exporter Configuration" and "OTLP/HTTP".
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx2

from podium.telemetry.registry import Family
from podium.telemetry.span import Span, Value
from podium.telemetry.wire import metrics_request, spans_request

_RETRYABLE = frozenset({429, 502, 503, 504})
_PREFIX = "OTEL_EXPORTER_OTLP_"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans and metrics go; "" for nowhere."""

    traces: str = ""
    metrics: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    resource: dict[str, Value] = field(default_factory=dict)


def destination_of(environment: Mapping[str, str], version: str, instance: str) -> Destination | None:
    """What the environment says of the collector; None where it names none.

    Raises:
        ValueError: it asks for what is not spoken here.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    base = environment.get(f"{_PREFIX}ENDPOINT", "").rstrip("/")
    traces = environment.get(f"{_PREFIX}TRACES_ENDPOINT") or (f"{base}/v1/traces" if base else "")
    metrics = environment.get(f"{_PREFIX}METRICS_ENDPOINT") or (f"{base}/v1/metrics" if base else "")
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") == "none":
        traces = ""
    if environment.get("OTEL_METRICS_EXPORTER", "otlp") == "none":
        metrics = ""
    if not traces and not metrics:
        return None
    protocol = environment.get(f"{_PREFIX}PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        raise ValueError(f"{_PREFIX}PROTOCOL is {protocol!r}; only `http/protobuf` is spoken, port 4318")
    return Destination(
        traces, metrics, _pairs(environment.get(f"{_PREFIX}HEADERS", "")),
        int(environment.get(f"{_PREFIX}TIMEOUT", "10000")) / 1000,
        {
            **_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")),
            "service.name": environment.get("OTEL_SERVICE_NAME", "podium"),
            "service.version": version, "service.instance.id": instance,
        },
    )  # fmt: skip


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, is_pair, value = part.partition("=")
        if is_pair and name.strip():
            found[unquote(name.strip())] = unquote(value.strip())
    return found


class OtlpExporter:
    """Posts to a collector. For one thread."""

    def __init__(self, destination: Destination, version: str) -> None:
        self._to, self._version = destination, version
        self._since = time.time_ns() // 1_000_000
        self._client = httpx2.Client(timeout=destination.timeout_s, headers=destination.headers)

    def spans(self, spans: list[Span]) -> str:
        """Why they are refused for good, "" if they are not. Raises OSError where they may be taken later."""
        if not self._to.traces:
            return ""
        return self._post(self._to.traces, spans_request(spans, self._to.resource, self._version))

    def metrics(self, families: list[Family]) -> str:
        """The same of metrics."""
        if not self._to.metrics:
            return ""
        now = time.time_ns() // 1_000_000
        request = metrics_request(families, self._to.resource, self._version, self._since, now)
        return self._post(self._to.metrics, request)

    def close(self) -> None:
        self._client.close()

    def _post(self, url: str, content: bytes) -> str:
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        try:
            answer = self._client.post(url, content=gzip.compress(content, 1), headers=headers)
        except httpx2.HTTPError as error:
            raise OSError(f"{url} cannot be reached: {error or type(error).__name__}") from error
        if answer.status_code in _RETRYABLE:
            raise OSError(f"{url} answers {answer.status_code}")
        return f"{url} answers {answer.status_code}: {answer.text[:200]}" if answer.is_error else ""


def exporter_of(version: str, instance: str) -> OtlpExporter | None:
    """The exporter that the environment asks for; None for none. Raises ValueError likewise."""
    destination = destination_of(os.environ, version, instance)
    return OtlpExporter(destination, version) if destination is not None else None
