"""Schedules from the command line, and under hubs that are killed around what is due."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

from tests.cli.command import Command, until

SCHEDULES = """\
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: often, labels: {team: desk}}
spec:
  version: "1.0.0"
  workflow: test/due
  input: {due: '${ .due }'}
  every: PT1S
  missed: all
  missedMax: 1000
---
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: yearly}
spec:
  version: "1.0.0"
  workflow: test/due
  cron: 0 0 1 1 *
  timeZone: Europe/Paris
---
document: {dsl: '1.0.3', namespace: test, name: due, version: '1.0.0'}
do:
  - keep: {set: {due: '${ .due // "" }'}}
"""

KILLS = 4


def begun(podium: Command) -> list[dict[str, Any]]:
    rows = podium.json("get", "runs", "--workflow", "test/due", "--limit", "1000")
    return [row for row in rows if row["principal"] == "schedule:often"]


def serve(podium: Command) -> int:
    former = podium.hub()
    podium.start("up")
    return int(until(lambda: podium.hub() not in (0, former) and podium.hub()))


def test_hubs_that_are_killed_lose_and_repeat_nothing_that_is_due(podium: Command) -> None:
    (podium.team / "schedules.yaml").write_text(SCHEDULES)
    pid = serve(podium)
    assert podium("apply", "team").returncode == 0
    for number in range(KILLS):
        before = len(begun(podium))
        until(lambda before=before: len(begun(podium)) > before)
        os.kill(pid, signal.SIGKILL)
        pid = serve(podium)
        if number == 0:
            assert podium("schedule", "pause", "yearly", "--why", "no need").returncode == 0
    until(lambda: len(begun(podium)) > KILLS + 1)
    assert podium("schedule", "pause", "often").returncode == 0
    (often, yearly) = podium.json("get", "schedules")
    assert {often["name"], yearly["name"]} == {"often", "yearly"}
    often, yearly = (often, yearly) if often["name"] == "often" else (yearly, often)
    assert (yearly["status"], yearly["why"]) == ("paused", "no need")
    runs = begun(podium)
    assert len(runs) == often["fired"]
    dues = Counter(podium.json("describe", "run", row["id"])["output"]["due"] for row in runs)
    assert set(dues.values()) == {1}, dues
    assert often["passed"] == 0
    first, last = min(dues), max(dues)
    assert seconds(last) - seconds(first) + 1 == len(dues), "a due time between has no run"
    assert podium("audit", "verify").returncode == 0


def seconds(text: str) -> int:
    hours, minutes, rest = text[11:].rstrip("Z").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(float(rest))


def test_triggering_from_the_command_line(podium: Command) -> None:
    (podium.team / "schedules.yaml").write_text(SCHEDULES.replace("every: PT1S", "every: P1D"))
    serve(podium)
    assert podium("apply", "team").returncode == 0
    first = podium("schedule", "trigger", "often", "--key", "monday")
    again = podium("schedule", "trigger", "often", "--key", "monday")
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout and "triggered before" in again.stderr
    run = podium.json("describe", "run", first.stdout.strip())
    assert run["labels"] == {"team": "desk", "podium.dev/schedule": "often"}
    assert run["principal"].startswith("user:")
    assert podium("schedule", "trigger", "nobody").returncode == 4
    listed = podium("get", "schedules").stdout
    assert "every 1 d" in listed and "0 0 1 1 * (Europe/Paris)" in listed
    shown = podium.json("describe", "schedule", "yearly")
    assert shown["zone"] == "Europe/Paris"
    assert podium("delete", "schedule", "yearly").returncode == 0
    assert [row["name"] for row in podium.json("get", "schedules")] == ["often"]
