"""Spans and metrics of a hub at work reach a collector, and those of its agents join them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.bootstrap import serve
from podium.sdk.client import Client
from podium.sdk.manifests import load
from tests.cli.command import until
from tests.telemetry.receiver import Collector, attributes, collector

AGENTS = """\
import json
import os
import sys
from opentelemetry import propagate, trace


async def tracing(input, context):
    span = trace.get_current_span().get_span_context()
    return {"trace": f"{span.trace_id:032x}", "span": f"{span.span_id:016x}", "told": context.trace}


def isolated(input, context):
    span = trace.get_current_span().get_span_context()
    return {"trace": f"{span.trace_id:032x}", "span": f"{span.span_id:016x}", "told": context.trace}


async def fails(input):
    raise ValueError("the secret is 42")
"""

MANIFEST = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: tracer}
spec:
  version: 1.0.0
  capabilities: [{name: trace}]
  cost: {perCall: {usd: "0.25"}}
  runtime: {function: {callable: "agents:tracing"}}
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: isolated}
spec:
  version: 1.0.0
  capabilities: [{name: isolate}]
  runtime: {function: {callable: "agents:isolated", isolation: process}}
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: shell}
spec:
  version: 1.0.0
  capabilities: [{name: shell}]
  runtime:
    process: {command: [sh, -c, 'echo "{\\"told\\": \\"$TRACEPARENT\\"}"']}
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: failing}
spec:
  version: 1.0.0
  capabilities: [{name: fail}]
  retry: {attempts: 2}
  runtime: {function: {callable: "agents:fails"}}
---
document: {dsl: '1.0.3', namespace: test, name: inner, version: '1.0.0'}
do:
  - trace: {call: agent, with: {capability: trace}}
---
document: {dsl: '1.0.3', namespace: test, name: outer, version: '1.0.0'}
do:
  - nested: {run: {workflow: {namespace: test, name: inner, version: '1.0.0'}}}
---
document: {dsl: '1.0.3', namespace: test, name: isolating, version: '1.0.0'}
do:
  - isolate: {call: agent, with: {capability: isolate}}
---
document: {dsl: '1.0.3', namespace: test, name: shelling, version: '1.0.0'}
do:
  - shell: {call: agent, with: {capability: shell}}
---
document: {dsl: '1.0.3', namespace: test, name: faulty, version: '1.0.0'}
do:
  - fail: {call: agent, with: {capability: fail}}
"""

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class House:
    def __init__(self, folder: Path, collected: Collector) -> None:
        self.collected = collected
        self.serving = serve(folder / ".podium")
        self.client = Client(self.serving.door)

    def run(self, workflow: str, **more: Any) -> Any:
        return self.client.run(workflow, {}, timeout_ms=60_000, **more)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "agents.py").write_text(AGENTS)
    (folder / "team.yaml").write_text(MANIFEST)
    with pytest.MonkeyPatch.context() as patch, collector() as collected:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=open%20sesame")
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        made = House(folder, collected)
        try:
            loaded = load([folder])
            assert not loaded.problems, loaded.problems
            made.client.apply(loaded.resources)
            yield made
        finally:
            made.serving.stop(0)


def span_of(house: House, run_id: str, name: str) -> Any:
    def there() -> list[Any]:
        return [
            span
            for span in house.collected.spans()
            if span.name == name and attributes(span)["podium.run.id"] == run_id
        ]

    until(there)
    (found,) = there()
    return found


def test_a_run_its_call_and_its_attempt_are_spans_in_one_trace(house: House) -> None:
    run = house.run("test/inner")
    root = span_of(house, run.id, "invoke_workflow test/inner")
    call = span_of(house, run.id, "invoke_agent tracer")
    attempt = span_of(house, run.id, "attempt 1")
    assert root.trace_id == call.trace_id == attempt.trace_id == bytes.fromhex(run.id.replace("-", ""))
    assert (root.parent_span_id, call.parent_span_id) == (b"", root.span_id)
    assert attempt.parent_span_id == call.span_id
    assert root.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano
    told = attributes(call)
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.agent.name"] == "tracer" and told["gen_ai.agent.version"] == "1.0.0"
    assert told["podium.policy.rules"] == ["development/agents"]
    assert (call.kind, call.status.code) == (3, 1)
    assert attributes(root)["gen_ai.workflow.name"] == "test/inner"


def test_what_the_agent_traces_itself_stands_below_its_attempt(house: House) -> None:
    run = house.run("test/inner")
    attempt = span_of(house, run.id, "attempt 1")
    assert run.output["trace"] == attempt.trace_id.hex()
    assert run.output["span"] == attempt.span_id.hex()
    assert run.output["told"] == f"00-{attempt.trace_id.hex()}-{attempt.span_id.hex()}-01"


@pytest.mark.parametrize("name", ["isolating", "shelling"])
def test_agents_in_other_processes_join_too(house: House, name: str) -> None:
    run = house.run(f"test/{name}")
    attempt = span_of(house, run.id, "attempt 1")
    assert run.output["told"] == f"00-{attempt.trace_id.hex()}-{attempt.span_id.hex()}-01"
    if name == "isolating":
        assert run.output["span"] == attempt.span_id.hex()


def test_runs_below_runs_are_in_the_trace_of_whoever_asked(house: House) -> None:
    reply = house.serving.door.call(
        "execute", {"workflow": "test/outer", "input": {}, "traceparent": f"00-{TRACE}-{CALLER}-01"}
    )["result"]
    outer = span_of(house, reply["id"], "invoke_workflow test/outer")
    (child,) = house.client.get("runs", parent=reply["id"])
    nested = span_of(house, reply["id"], "invoke_workflow test/inner")
    inner = span_of(house, child["id"], "invoke_workflow test/inner")
    attempt = span_of(house, child["id"], "attempt 1")
    assert {one.trace_id.hex() for one in (outer, nested, inner, attempt)} == {TRACE}
    assert outer.parent_span_id.hex() == CALLER
    assert (nested.parent_span_id, inner.parent_span_id) == (outer.span_id, nested.span_id)


def test_what_is_no_traceparent_is_left_out(house: House) -> None:
    reply = house.serving.door.call(
        "execute", {"workflow": "test/inner", "input": {}, "traceparent": f"00-{'0' * 32}-{CALLER}-01"}
    )["result"]
    assert span_of(house, reply["id"], "invoke_workflow test/inner").parent_span_id == b""


def test_errors_are_told_without_what_they_say(house: House) -> None:
    run = house.run("test/faulty")
    call = span_of(house, run.id, "invoke_agent failing")
    assert call.status.code == 2
    assert attributes(call)["error.type"].endswith("/runtime")
    attempts = [one for one in house.collected.spans() if one.parent_span_id == call.span_id]
    assert [one.name for one in attempts] == ["attempt 1", "attempt 2"]
    assert not any(b"secret" in request.SerializeToString() for request in house.collected.traces)


def test_a_collector_that_is_down_for_a_while_misses_nothing(house: House) -> None:
    house.collected.answers += [503, 429]
    run = house.run("test/inner")
    span_of(house, run.id, "invoke_workflow test/inner")
    assert house.collected.headers["x-key"] == "open sesame"


def test_the_last_of_it_comes_when_the_hub_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    (tmp_path / "team.yaml").write_text(MANIFEST)
    with collector() as collected:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        house = House(tmp_path, collected)
        house.client.apply(load([tmp_path]).resources)
        run = house.run("test/inner")
        house.serving.stop(0)
        names = {span.name for span in collected.spans() if attributes(span)["podium.run.id"] == run.id}
        assert names == {"invoke_workflow test/inner", "invoke_agent tracer", "attempt 1"}
        resource = {
            one.key: one.value.string_value
            for one in collected.traces[0].resource_spans[0].resource.attributes
        }
        assert resource["service.name"] == "podium"
        metrics = {
            one.name: one
            for request in collected.metrics
            for scope in request.resource_metrics[0].scope_metrics
            for one in scope.metrics
        }
        ended = metrics["podium_runs_ended_total"].sum
        assert ended.is_monotonic and ended.aggregation_temporality == 2
        assert [point.as_double for point in ended.data_points] == [1.0]
        duration = metrics["gen_ai_workflow_duration_seconds"].histogram.data_points[0]
        assert duration.count == sum(duration.bucket_counts) == 1
        assert len(duration.bucket_counts) == len(duration.explicit_bounds) + 1
