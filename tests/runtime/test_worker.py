"""The embedded worker on its real threads, with real agents."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts.catalog import AgentVersion, Capability
from podium.facts.inputs import Reported
from podium.facts.orders import Abandon, Perform
from podium.runtime.worker import EmbeddedWorker


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Bench:
    """A worker, the agents it may call, and the reports it gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: dict[str, AgentVersion] = {}
        self.reports: queue.Queue[Reported] = queue.Queue()
        self.worker = EmbeddedWorker(self._take, self.agents.get, folder / ".podium", now_ms)
        self._token = 0

    def _take(self, reports: list[Reported]) -> None:
        for report in reports:
            self.reports.put(report)

    def function(self, name: str, source: str = "", **runtime: Any) -> str:
        """Declare the function agent `agents:name`; gives its digest."""
        if source:
            (self.folder / "agents.py").write_text(source)
        binding = {"type": "function", "callable": f"agents:{name}", "isolation": "none", **runtime}
        return self.declare(
            AgentVersion(name, "1.0.0", (Capability(name),), binding, folder=str(self.folder))
        )

    def declare(self, agent: AgentVersion) -> str:
        digest = f"sha256:{len(self.agents):064x}"
        self.agents[digest] = agent
        return digest

    def order(self, digest: str, input: Any = None, **changes: Any) -> Perform:
        self._token += 1
        agent = self.agents.get(digest)
        fields: dict[str, Any] = {
            "run_id": "r1",
            "task": "/do/0/x",
            "effect": self._token,
            "attempt": 1,
            "token": self._token,
            "epoch": 1,
            "kind": "agent",
            "agent": f"{agent.name}@1.0.0" if agent else "gone@1.0.0",
            "digest": digest,
            "capability": "c",
            "input": input,
            "delivery": "at-least-once",
            "deadline_at": now_ms() + 30_000,
            "heartbeat_ms": 0,
            "key": f"k{self._token}",
        }
        return Perform(**{**fields, **changes})

    def call(self, digest: str, input: Any = None, **changes: Any) -> Reported:
        self.worker.perform([self.order(digest, input, **changes)])
        return self.report()

    def report(self) -> Reported:
        return self.reports.get(timeout=20)

    def until(self, holds: Callable[[], bool]) -> None:
        limit = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < limit
            time.sleep(0.005)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.worker.close(0)


def test_an_async_function_gives_its_output(bench: Bench) -> None:
    digest = bench.function("double", "async def double(x):\n    return {'n': x['n'] * 2}\n")
    report = bench.call(digest, {"n": 21})
    assert (report.status, report.output, report.effect, report.token) == ("succeeded", {"n": 42}, 1, 1)
    assert report.provenance["worker"] == "embedded"


def test_an_unknown_digest_is_unstarted(bench: Bench) -> None:
    report = bench.call("sha256:none")
    assert report.status == "unstarted"
    assert report.error is not None
    assert report.error.type.endswith("/configuration")


def test_an_abandoned_attempt_stops_unreported(bench: Bench) -> None:
    digest = bench.function("wait", "import asyncio\nasync def wait(x):\n    await asyncio.Event().wait()\n")
    order = bench.order(digest)
    bench.worker.perform([order])
    bench.until(lambda: len(bench.worker.snapshot()) == 1)
    bench.worker.abandon([Abandon(order.run_id, order.effect, order.token)])
    assert bench.worker.drain(10_000)
    assert bench.reports.empty()


def test_a_passed_deadline_is_a_timeout(bench: Bench) -> None:
    digest = bench.function("wait", "import asyncio\nasync def wait(x):\n    await asyncio.Event().wait()\n")
    report = bench.call(digest, deadline_at=now_ms() + 60)
    assert report.status == "failed"
    assert report.error is not None
    assert report.error.type.endswith("/timeout")
