"""Live streams: replay or one resync, bounded viewers, and an end in time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from podium.facts.events import Record, RunStarted
from podium.facts.orders import Perform
from podium.facts.saying import Said
from podium.sdk.http import sse
from podium.server.problems import Trouble
from podium.server.sayings import ATTEMPTS_MAX, CHARS_MAX, LINES_MAX, Sayings
from podium.server.streams import QUEUE_FRAMES_MAX, RECORDS_MAX, Streams, Viewer
from tests.server.hubs import Hub

RUN = "00000000-0000-4000-8000-000000000001"


def records(first: int, count: int) -> list[Record]:
    return [Record(seq, RUN, 1, RunStarted(workflow="a/b@1")) for seq in range(first, first + count)]


def test_a_viewer_sees_what_is_committed_and_comes_back_to_where_he_was(hub: Hub) -> None:
    with hub.http() as http:
        with http.stream("GET", "/v1/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            heard = lines_of(stream)
            run_id = http.post("/v1/runs", json={"workflow": "test/echo"}).json()["run_id"]
            seen: list[dict[str, Any]] = []
            while not any(one["type"] == "RunCompleted" and one["run_id"] == run_id for one in seen):
                kind, data = next(heard)
                assert kind == "changes"
                seen += data["records"]
        position = data["position"]
        assert [one["seq"] for one in seen if one["run_id"] == run_id] == sorted(
            one["seq"] for one in seen if one["run_id"] == run_id
        )
        missed = http.post("/v1/runs", json={"workflow": "test/echo"}).json()["run_id"]
        with http.stream("GET", "/v1/events", headers={"last-event-id": position}) as stream:
            _, data = next(lines_of(stream))
            assert missed in {one["run_id"] for one in data["records"]}
        for lost in ("1.1", "x", "99999.99999"):
            with http.stream("GET", "/v1/events", headers={"last-event-id": lost}) as stream:
                kind, data = next(lines_of(stream))
                assert kind == "resync" and data["position"]


def lines_of(stream: httpx2.Response) -> Iterator[tuple[str, Any]]:
    return sse(stream.iter_lines())


def test_what_comes_together_is_encoded_once_for_all() -> None:
    async def look() -> None:
        streams = Streams(lambda: (0, 0), 10, 10)
        viewers = [Viewer("a", lambda: True) for _ in range(3)]
        flows = [streams.changes(viewer, "") for viewer in viewers]
        for flow in flows:
            await anext(flow), await anext(flow)
        streams.feed(1, records(1, 2))
        streams.feed(1, records(3, RECORDS_MAX))
        streams.publish("progress", {"n": 1}, key="a")
        streams.publish("progress", {"n": 2}, key="a")
        streams._flush()
        got = [await anext(flow) for flow in flows]
        assert got[0] == got[1] == got[2]
        assert b'"skipped":2' in got[0] and got[0].count(b"event: progress") == 1 and b'{"n":2}' in got[0]

    asyncio.run(look())


def test_a_viewer_who_does_not_read_loses_his_place_and_nobody_else_does() -> None:
    async def look() -> None:
        streams = Streams(lambda: (0, 0), 10, 10)
        slow = streams.changes(Viewer("slow", lambda: True), "")
        await anext(slow), await anext(slow)
        for number in range(QUEUE_FRAMES_MAX + 2):
            streams.feed(1, records(1 + number, 1))
            streams._flush()
        got = await anext(slow)
        assert got.startswith(b"id: 0.42\nevent: resync") and len(got) < 200
        streams.feed(1, records(100, 1))
        streams._flush()
        assert b"event: changes" in await anext(slow)

    asyncio.run(look())


def test_streams_are_bounded() -> None:
    async def look() -> None:
        streams = Streams(lambda: (0, 0), 3, 2)
        flows = []
        for owner in ("a", "a", "b"):
            streams.admit(owner)
            flows.append(streams.changes(Viewer(owner, lambda: True), ""))
            await anext(flows[-1])
        for owner in ("a", "c"):
            with pytest.raises(Trouble) as refused:
                streams.admit(owner)
            assert refused.value.status == 429
        await flows[0].aclose()
        streams.admit("c")
        streams.close()

    asyncio.run(look())


def test_a_hub_with_open_streams_ends_in_time(tmp_path: Path) -> None:
    state = tmp_path / ".podium"
    environment = {**os.environ, "PODIUM_STATE": str(state), "NO_COLOR": "1"}
    up = subprocess.Popen(
        [sys.executable, "-m", "podium.cli", "up", "--dev", "--listen", "127.0.0.1:0"], cwd=tmp_path,
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert up.stderr is not None
        url = next(line.split()[-1] for line in up.stderr if line.startswith("API"))
        link = next(line for line in up.stderr if "/sign-in?link=" in line).partition("link=")[2].strip()
        with httpx2.Client(base_url=url, timeout=30) as http:
            assert http.post("/sign-in", data={"link": link}).status_code == 303
            with http.stream("GET", "/v1/events") as one, http.stream("GET", "/v1/events") as other:
                assert next(one.iter_raw()) and next(other.iter_raw())
                up.send_signal(signal.SIGTERM)
                at = time.monotonic()
                assert up.wait(30) == 0
                # A bound that was promised, not a measurement.
                assert time.monotonic() - at < 5
    finally:
        up.kill()
        up.communicate()


def test_a_hub_without_a_policy_is_not_served_to_others(tmp_path: Path) -> None:
    environment = {**os.environ, "PODIUM_STATE": str(tmp_path / ".podium"), "NO_COLOR": "1"}

    def up(*given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "podium.cli", "up", *given]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    refused = up("--listen", "127.0.0.1:0")
    assert refused.returncode == 6 and "no policy is in force" in refused.stderr
    assert up("--dev", "--listen", "0.0.0.0:0").returncode == 6
    assert up("--dev", "--listen", "nowhere").returncode == 2
    assert up("--dev", "--certificate", "none.pem").returncode == 2
    assert json.loads(json.dumps(refused.stdout)) == ""


# --- what attempts say ----------------------------------------------------------------------------


def said(text: str, *, run_id: str = RUN, effect: int = 1, **more: Any) -> Said:
    order = Perform(
        run_id, "/do/0/x", effect, 1, 7, 1, "agent", "a@1.0.0", "", "", None, "at-least-once", 0, 0, ""
    )  # fmt: skip
    return Said(order, lines=(text,) if text else (), **more)


def test_what_attempts_say_is_bounded_and_says_what_was_cut() -> None:
    sayings = Sayings()
    for number in range(LINES_MAX + 5):
        sayings.add(said(f"line {number}"))
    sayings.add(said("", progress={"pages": 3}, tail="and th"))
    sayings.add(said("", tail="and then"))
    sayings.add(said("other", run_id="r2"))
    [told] = sayings.take(RUN)
    assert (told.shown["cut"], told.shown["lines"][0], len(told.shown["lines"])) == (5, "line 5", LINES_MAX)
    assert (told.shown["progress"], told.shown["tail"]) == ({"pages": 3}, "and then")
    assert [one.shown["lines"] for one in sayings.take()] == [["other"]]
    assert not sayings
    for number in range(100):
        sayings.add(said("x" * 4_000, effect=number))
    kept = sayings.take()
    assert sum(len(line) for one in kept for line in one.shown["lines"]) <= CHARS_MAX
    assert sum(one.shown["cut"] + len(one.shown["lines"]) for one in kept) == 100
    for number in range(ATTEMPTS_MAX + 10):
        sayings.add(said("x", effect=number))
    assert len(sayings.take()) == ATTEMPTS_MAX
