"""What records add to metrics and spans, also where a hub comes late to what goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from podium.facts.events import Record
from podium.runtime.writer import read_records
from podium.telemetry.metrics import Metrics
from podium.telemetry.span import Span
from podium.telemetry.spans import Spans
from podium.testing.virtual import Fails, InTurn, Podium, Takes, virtual

WORK = """\
document: {dsl: '1.0.3', namespace: test, name: work, version: '1.0.0'}
do:
  - work: {call: agent, with: {capability: work}}
  - wait: {wait: PT1H}
  - again:
      try: [{work: {call: agent, with: {capability: work}}}]
      catch: {errors: {with: {status: 500}}, retry: {delay: PT1M, limit: {attempt: {count: 1}}}}
---
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: daily}
spec: {version: "1.0.0", workflow: test/work, cron: 0 12 * * *}
"""


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    (tmp_path / "work.yaml").write_text(WORK)
    done = Takes(timedelta(seconds=2), {}, cost_nano=500_000_000)
    with virtual(tmp_path, agents={"work": InTurn(done, Fails("no"), done)}) as podium:
        podium.start("test/work", {})
        podium.advance(hours=5)
        return of(podium)


def of(podium: Podium) -> list[Record]:
    return list(read_records(podium._hub.store, 1, 0))


def history(records: list[Record]) -> Any:
    def before(shard: int, record: Record) -> Iterator[Record]:
        return (one for one in records if one.run_id == record.run_id and one.seq <= record.seq)

    return before


def counted(metrics: Metrics) -> dict[str, dict[tuple[str, ...], Any]]:
    return {family.name: dict(family.series) for family in metrics.registry.families() if family.series}


def test_what_a_run_adds(records: list[Record]) -> None:
    metrics = Metrics(history(records))
    metrics.take(1, records)
    found = counted(metrics)
    assert found["podium_runs_started_total"] == {("test/work",): 2.0}
    assert found["podium_runs_ended_total"] == {("test/work", "completed"): 2.0}
    assert found["podium_effects_settled_total"]["agent", "scripted-work", "succeeded"] == 4.0
    assert found["podium_effects_settled_total"]["agent", "scripted-work", "failed"] == 1.0
    assert found["podium_cost_total"] == {("agent", "scripted-work"): 2.0}
    assert found["podium_schedules_fired_total"] == {("daily", "due"): 1.0}
    durations = found["gen_ai_workflow_duration_seconds"]["test/work", "completed"]
    assert sum(durations[:-1]) == 2 and durations[-1] == 2 * 3600 + 8 + 60


@pytest.mark.parametrize("start", range(0, 40, 3))
def test_coming_late_tells_the_same_of_what_comes(records: list[Record], start: int) -> None:
    whole, late = Metrics(history(records)), Metrics(history(records))
    whole.take(1, records[:start])
    before = counted(whole)
    whole.take(1, records[start:])
    late.take(1, records[start:])
    after, found = counted(whole), counted(late)
    for name, series in after.items():
        for labels, value in series.items():
            if isinstance(value, float):
                former = before.get(name, {}).get(labels, 0.0)
                assert found.get(name, {}).get(labels, 0.0) == pytest.approx(value - former), (name, labels)

    all_spans, late_spans = Spans(history(records)), Spans(history(records))
    all_spans.take(1, records[:start])
    assert spans(all_spans, records[start:]) == spans(late_spans, records[start:])


def spans(folding: Spans, records: list[Record]) -> list[Span]:
    return folding.take(1, records)


def test_every_span_ends_once_and_has_its_parent(records: list[Record]) -> None:
    found = Spans(history(records)).take(1, records)
    ids = [span.id for span in found]
    assert len(set(ids)) == len(ids)
    roots = [span for span in found if not span.parent]
    assert [span.name for span in roots] == ["invoke_workflow test/work"] * 2
    assert all(span.parent in ids for span in found if span not in roots)
    assert all(span.end >= span.start > 0 for span in found)
    for span in found:
        if span.parent:
            above = next(one for one in found if one.id == span.parent)
            assert above.trace == span.trace and above.start <= span.start and span.end <= above.end
