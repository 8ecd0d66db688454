"""Schedules of a hub: an event begins one run, however often and however late it comes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.bootstrap import serve
from podium.kernel import schedules
from podium.sdk.client import Client
from podium.sdk.manifests import load

DECLARED = """\
document: {dsl: '1.0.3', namespace: test, name: job, version: '1.0.0'}
do:
  - say: {set: {n: '${ .[0].n }'}}
---
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: orders}
spec: {version: 1.0.0, workflow: test/job, on: {any: [{with: {type: order}}]}}
"""


def test_an_event_that_comes_again_begins_nothing_however_many_came_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "SEEN_MAX", 2)
    (tmp_path / "declared.yaml").write_text(DECLARED)

    def send(client: Client, source: str, name: str, n: int = 0) -> bool:
        told = client.send({"type": "order", "source": source, "id": name, "data": {"n": n}})
        return told.endswith("and 1 schedule")

    for stay in range(2):
        serving = serve(tmp_path / ".podium")
        try:
            client = Client(serving.door)
            if not stay:
                client.apply(load([tmp_path / "declared.yaml"]).resources)
                assert all(send(client, "/shop", str(n), n) for n in range(5))
                # Nor are those taken for one that look alike when they are written one behind the other.
                assert send(client, "/shop a", "b") and send(client, "/shop", "a b")
                before = client.get("runs")
            assert not any(send(client, "/shop", str(n), 100 + n) for n in range(5))
            assert [one["id"] for one in client.get("runs")] == [one["id"] for one in before]
            assert {one["status"] for one in client.get("runs")} == {"completed"}
        finally:
            serving.stop(0)
