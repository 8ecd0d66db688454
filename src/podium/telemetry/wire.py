"""OTLP on the wire: spans and metrics as the Protocol Buffers messages that collectors read.

Source: opentelemetry-proto 1.x, `trace/v1/trace.proto`, `metrics/v1/metrics.proto`, `common/v1/common.proto`,
`resource/v1/resource.proto` and the two collector services; Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from podium.telemetry.registry import COUNTER, HISTOGRAM, Family
from podium.telemetry.span import Span, Value

SCOPE = "podium"

_CUMULATIVE = 2


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode()) if text else b""


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & 0xFFFFFFFFFFFFFFFF) if value else b""


def _fixed(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + value.to_bytes(8, "little")


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _any(value: Value) -> bytes:
    if isinstance(value, bool):
        return _varint(2 << 3) + _varint(int(value))
    if isinstance(value, int):
        return _varint(3 << 3) + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return _double(4, value)
    if isinstance(value, tuple):
        return _bytes(5, b"".join(_bytes(1, _any(one)) for one in value))
    return _bytes(1, value.encode())


def _attributes(field: int, attributes: Mapping[str, Value]) -> bytes:
    return b"".join(
        _bytes(field, _text(1, name) + _bytes(2, _any(value)))
        for name, value in attributes.items()
        if value not in ("", ())
    )


def _nano(at: int) -> int:
    return at * 1_000_000


def spans_request(spans: Iterable[Span], resource: Mapping[str, Value], version: str) -> bytes:
    """An `ExportTraceServiceRequest`."""
    told = b"".join(_bytes(2, _span(span)) for span in spans)
    return _bytes(1, _bytes(1, _attributes(1, resource)) + _bytes(2, _bytes(1, _scope(version)) + told))


def _scope(version: str) -> bytes:
    return _text(1, SCOPE) + _text(2, version)


def _span(span: Span) -> bytes:
    moments = b"".join(
        _bytes(11, _fixed(1, _nano(one.at)) + _text(2, one.name) + _attributes(3, one.attributes))
        for one in span.moments
    )
    links = b"".join(
        _bytes(13, _bytes(1, bytes.fromhex(trace)) + _bytes(2, bytes.fromhex(of))) for trace, of in span.links
    )
    status = _text(2, span.message) + _number(3, span.status)
    return (
        _bytes(1, bytes.fromhex(span.trace))
        + _bytes(2, bytes.fromhex(span.id))
        + (_bytes(4, bytes.fromhex(span.parent)) if span.parent else b"")
        + _text(5, span.name)
        + _number(6, span.kind)
        + _fixed(7, _nano(span.start))
        + _fixed(8, _nano(max(span.end, span.start)))
        + _attributes(9, span.attributes)
        + moments
        + links
        + _bytes(15, status)
    )


def metrics_request(
    families: Iterable[Family], resource: Mapping[str, Value], version: str, since: int, now: int
) -> bytes:
    """An `ExportMetricsServiceRequest`. Sums and histograms count from `since`, ms since 1970."""
    told = b"".join(_bytes(2, _metric(family, since, now)) for family in families if family.series)
    return _bytes(1, _bytes(1, _attributes(1, resource)) + _bytes(2, _bytes(1, _scope(version)) + told))


def _metric(family: Family, since: int, now: int) -> bytes:
    times = _fixed(2, _nano(since)) + _fixed(3, _nano(now))
    points = b"".join(
        _bytes(1, _histogram_point(family, labels, value, times))
        if family.kind == HISTOGRAM
        else _bytes(1, _attributes(7, labels) + times + _double(4, value))  # type: ignore[arg-type]
        for labels, value in family.labelled()
    )
    head = _text(1, family.name) + _text(2, family.about) + _text(3, family.unit)
    if family.kind == HISTOGRAM:
        return head + _bytes(9, points + _number(2, _CUMULATIVE))
    if family.kind == COUNTER:
        return head + _bytes(7, points + _number(2, _CUMULATIVE) + _number(3, 1))
    return head + _bytes(5, points)


def _histogram_point(family: Family, labels: Mapping[str, str], value: object, times: bytes) -> bytes:
    assert isinstance(value, list)
    *counts, total = value
    return (
        _attributes(9, dict(labels))
        + times
        + _fixed(4, int(sum(counts)))
        + _double(5, float(total))
        + _bytes(6, b"".join(int(count).to_bytes(8, "little") for count in counts))
        + _bytes(7, b"".join(struct.pack("<d", bound) for bound in family.bounds))
    )
