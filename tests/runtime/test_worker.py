"""The embedded worker on its real threads, with real agents."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.catalog import AgentVersion, Capability, Retry
from podium.facts.inputs import Reported
from podium.facts.orders import Abandon, Perform
from podium.runtime import lane as lanes
from podium.runtime.worker import EmbeddedWorker


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def agent(name: str, folder: Path, **runtime: Any) -> AgentVersion:
    binding = {"type": "function", "isolation": "none", **runtime}
    return AgentVersion(name, "1.0.0", (Capability(name),), binding, folder=str(folder))


class Bench:
    """A worker, the agents it may call, and the reports it gave."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.agents: dict[str, AgentVersion] = {}
        self.reports: queue.Queue[Reported] = queue.Queue()
        self.worker = EmbeddedWorker(self._take, self.agents.get, folder / ".podium", now_ms, **options)
        self._token = 0

    def _take(self, reports: list[Reported]) -> None:
        for report in reports:
            self.reports.put(report)

    def function(self, name: str, source: str = "", **runtime: Any) -> str:
        """Declare the function agent `agents:name`; gives its digest."""
        if source:
            (self.folder / "agents.py").write_text(source)
        return self.declare(agent(name, self.folder, callable=f"agents:{name}", **runtime))

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
    assert report.provenance == {}


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


# --- in-process functions


WAIT = "import asyncio\nasync def wait(x):\n    await asyncio.Event().wait()\n"


def test_input_and_output_are_shared_with_nobody(bench: Bench) -> None:
    digest = bench.function(
        "keep", "kept = []\nasync def keep(x):\n    x['a'].append(2); kept.append(x); return kept\n"
    )
    given = {"a": [1]}
    first = bench.call(digest, given).output
    bench.call(digest, given)
    assert given == {"a": [1]}
    assert first == [{"a": [1, 2]}]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise MemoryError", "MemoryError"),
        ("raise asyncio.CancelledError", "the agent cancelled itself"),
        ("f = lambda: f(); f()", "RecursionError"),
        ("asyncio.get_running_loop().stop(); raise ValueError('stopped')", "ValueError: stopped"),
        ("x = []; x.append(x); return x", "the output is not"),
        ("return 'x' * 50_000_000", "the output is larger than 16 MiB"),
        ("return float('nan')", "the output is not"),
        ("raise ValueError('half a character: \\udce9')", "ValueError: half a character: \\udce9"),
        ("raise ValueError from KeyError('\\ud800')", "ValueError"),
    ],
)
def test_nothing_a_function_raises_or_returns_ends_the_loop(bench: Bench, body: str, title: str) -> None:
    digest = bench.function("f", f"import asyncio\nasync def f(x):\n    if x: return 'well'\n    {body}\n")
    report = bench.call(digest)
    assert report.status == "failed"
    assert report.error is not None
    assert report.error.title.startswith(title)
    assert msgspec.json.encode(report)
    assert report.error.instance == "/do/0/x"
    assert bench.call(digest, True).output == "well"


def test_a_task_left_behind_that_breaks_out_does_not_end_the_loop(bench: Bench) -> None:
    source = """
import asyncio
async def leave(x):
    async def burst(): raise SystemExit(1)
    asyncio.get_running_loop().create_task(burst())
    return 1
"""
    digest = bench.function("leave", source)
    assert [bench.call(digest).output for _ in range(3)] == [1, 1, 1]


def test_what_is_wrongly_declared_is_unstarted(bench: Bench) -> None:
    digest = bench.function("absent", "async def other(x): ...\n")
    report = bench.call(digest)
    assert (report.status, report.retryable) == ("unstarted", False)
    assert report.error is not None
    assert "agents:absent is not there" in report.error.title


def test_a_failing_import_is_told_to_every_attempt(bench: Bench) -> None:
    digest = bench.function("f", "async def f(x): ...\nraise ValueError('in the module')\n")
    for _ in range(2):
        report = bench.call(digest)
        assert report.status == "unstarted"
        assert report.error is not None
        assert "in the module" in report.error.title


def test_prints_go_to_the_log_of_the_attempt(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
import asyncio
print("at import")
async def talk(x):
    print("hello", end="")
    print(" you")
    await asyncio.to_thread(print, "from a thread")
    print("no end", end="")
    await asyncio.Event().wait()
"""
    bench.worker.perform([bench.order(bench.function("talk", source))])
    bench.until(lambda: any(len(one.lines) == 3 for one in bench.worker.snapshot()))
    assert bench.worker.snapshot()[0].lines == ("at import", "hello you", "from a thread")
    bench.worker.close(0)
    print("mine")
    assert capsys.readouterr().out == "mine\n"


def test_progress_is_to_be_seen_while_it_runs(bench: Bench) -> None:
    source = """
import asyncio
async def work(x, context):
    context.progress({"done": 3}); context.log("a line, \\udce9")
    try: context.progress("\\udce9")
    except UnicodeEncodeError: context.log("refused")
    await asyncio.Event().wait()
"""
    bench.worker.perform([bench.order(bench.function("work", source), {})])
    bench.until(lambda: any(len(one.lines) > 1 for one in bench.worker.snapshot()))
    seen = bench.worker.snapshot()[0]
    assert (seen.run_id, seen.task, seen.agent, seen.attempt) == ("r1", "/do/0/x", "work@1.0.0", 1)
    assert (seen.progress, seen.lines) == ({"done": 3}, ("a line, \\udce9", "refused"))
    assert seen.started_at <= seen.heard_at


def test_many_attempts_run_at_once_and_each_is_reported_once(bench: Bench) -> None:
    source = "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\n"
    digest = bench.function("f", source)
    orders = [bench.order(digest, number) for number in range(500)]
    bench.worker.perform(orders[:250])
    bench.worker.perform(orders[250:])
    reports = [bench.report() for _ in orders]
    assert {(r.token, r.output) for r in reports} == {(o.token, o.input) for o in orders}
    assert bench.worker.drain(5_000)
    assert bench.reports.empty()


# --- time


def test_a_timeout_of_an_at_most_once_attempt_is_lost(bench: Bench) -> None:
    report = bench.call(bench.function("wait", WAIT), delivery="at-most-once", deadline_at=now_ms() + 60)
    assert report.status == "lost"


def test_silence_is_a_timeout_and_progress_is_not_silence(bench: Bench) -> None:
    source = """
import asyncio
async def talk(x, context):
    while True:
        context.progress(1)
        await asyncio.sleep(0.01)
"""
    silent = bench.call(bench.function("wait", WAIT + source), heartbeat_ms=60)
    assert silent.error is not None
    assert "silent" in silent.error.title
    talker = bench.order(bench.function("talk"), {}, heartbeat_ms=150, deadline_at=now_ms() + 600)
    bench.worker.perform([talker])
    report = bench.report()
    assert report.error is not None
    assert "deadline" in report.error.title


def test_one_that_will_not_stop_is_left_behind_and_its_answer_dropped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "GRACE_MS", 100)
    source = """
import asyncio
released = asyncio.Event()
async def cling(x):
    try: await asyncio.Event().wait()
    except asyncio.CancelledError: await released.wait()
    return "late"
async def release(x): released.set()
"""
    digest = bench.function("cling", source)
    report = bench.call(digest, deadline_at=now_ms() + 50)
    assert report.error is not None
    assert "left behind" in report.error.detail
    assert bench.call(bench.function("release")).status == "succeeded"
    assert bench.worker.drain(5_000)
    assert bench.reports.empty()


def test_one_that_ends_well_though_it_was_told_to_stop_counts(bench: Bench) -> None:
    source = """
import asyncio
async def finish(x):
    try: await asyncio.Event().wait()
    except asyncio.CancelledError: return "just in time"
"""
    report = bench.call(bench.function("finish", source), deadline_at=now_ms() + 50)
    assert (report.status, report.output) == ("succeeded", "just in time")


def test_an_abandoned_at_most_once_attempt_is_lost(bench: Bench) -> None:
    order = bench.order(bench.function("wait", WAIT), delivery="at-most-once")
    bench.worker.perform([order])
    bench.until(lambda: len(bench.worker.snapshot()) == 1)
    bench.worker.abandon([Abandon(order.run_id, order.effect, order.token)])
    assert bench.report().status == "lost"


def test_an_attempt_abandoned_before_it_begins_never_begins(bench: Bench) -> None:
    digest = bench.function("f", "made = []\nasync def f(x):\n    made.append(1); return len(made)\n")
    order = bench.order(digest, delivery="at-most-once")
    assert bench.call(digest).output == 1
    gate = threading.Event()
    bench.worker._inner.loop.call_soon_threadsafe(gate.wait)
    bench.worker.perform([order])
    bench.worker.abandon([Abandon(order.run_id, order.effect, order.token)])
    gate.set()
    assert bench.worker.drain(10_000)
    assert bench.call(digest).output == 2
    assert bench.reports.empty()


def test_abandoning_what_is_not_there_does_nothing(bench: Bench) -> None:
    order = bench.order(bench.function("wait", WAIT))
    bench.worker.perform([order])
    bench.worker.abandon([Abandon("r1", order.effect, order.token + 1), Abandon("other", 1, 1)])
    assert not bench.worker.drain(100)
    assert len(bench.worker.snapshot()) == 1


# --- the watchdog


BLOCK = """
import asyncio, threading
gate = threading.Event()
async def block(x):
    if x: gate.wait()
    return "free"
async def block_in_task(x):
    await asyncio.gather(block(True))
async def block_in_callback(x):
    asyncio.get_running_loop().call_soon(gate.wait)
    await asyncio.Event().wait()
async def open(x): gate.set()
async def wait(x): await asyncio.Event().wait()
"""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose watchdog barks early."""
    bench = Bench(tmp_path, stall_ms=300)
    yield bench
    bench.worker.close(0)


@pytest.mark.parametrize("name", ["block", "block_in_task", "block_in_callback"])
def test_a_blocked_loop_is_given_up_and_the_culprit_named(quick: Bench, name: str) -> None:
    waiting = quick.order(quick.function("wait", BLOCK))
    quick.worker.perform([waiting])
    quick.until(lambda: len(quick.worker.snapshot()) == 1)
    culprit = quick.order(quick.function(name), True)
    quick.worker.perform([culprit])
    reports = {report.token: report for report in (quick.report(), quick.report())}
    blamed, innocent = reports[culprit.token], reports[waiting.token]
    assert (blamed.status, innocent.status) == ("failed", "lost")
    assert blamed.error is not None
    assert blamed.error.title == f"{name}@1.0.0 blocked the worker's loop for more than 0.3 s"
    assert " in wait" in blamed.error.detail
    assert quick.worker.blocked_threads() == 1
    assert quick.call(quick.function("open")).status == "succeeded"
    quick.until(lambda: quick.worker.blocked_threads() == 0)
    assert quick.worker.drain(5_000)
    assert quick.reports.empty()


def test_orders_that_had_not_begun_move_to_the_next_loop(quick: Bench) -> None:
    digest = quick.function("block", BLOCK)
    assert quick.call(digest, False).output == "free"
    first, *behind = (quick.order(digest, number == 0) for number in range(4))
    quick.worker.perform([first, *behind[:2]])
    quick.until(lambda: len(quick.worker.snapshot()) == 3)
    quick.worker.perform(behind[2:])
    reports = {report.token: report for report in (quick.report() for _ in range(4))}
    assert reports[first.token].status == "failed"
    assert [reports[order.token].output for order in behind] == ["free"] * 3
    quick.call(quick.function("open"))


def test_an_agent_that_blocks_again_and_again_is_out_of_service(quick: Bench) -> None:
    digest = quick.function("block", BLOCK)
    for _ in range(3):
        assert quick.call(digest, True).status == "failed"
    report = quick.call(digest, True)
    assert (report.status, report.retryable) == ("unstarted", False)
    assert report.error is not None
    assert "out of service" in report.error.title
    assert quick.call(quick.function("open")).status == "succeeded"


def test_a_blocking_at_most_once_attempt_is_in_doubt(quick: Bench) -> None:
    assert quick.call(quick.function("block", BLOCK), True, delivery="at-most-once").status == "lost"
    quick.call(quick.function("open"))


def test_an_import_that_takes_long_blocks_nobody(quick: Bench) -> None:
    quick.function("slow", "import threading\nthreading.Event().wait()\nasync def slow(x): ...\n")
    (quick.folder / "quick.py").write_text("async def f(x): return 1\n")
    slow = quick.declare(agent("slow", quick.folder, callable="agents:slow"))
    fast = quick.declare(agent("fast", quick.folder, callable="quick:f"))
    quick.worker.perform([quick.order(slow, deadline_at=now_ms() + 400)])
    assert quick.call(fast).output == 1
    report = quick.report()
    assert report.error is not None
    assert report.error.type.endswith("/timeout")


# --- the other ways to reach an agent


def test_a_sync_function_runs_in_another_process(bench: Bench) -> None:
    digest = bench.function("who", "import os\ndef who(x): return os.getpid()\n")
    report = bench.call(digest)
    assert report.status == "succeeded"
    assert report.output != os.getpid()


@pytest.mark.parametrize("runtime", [{"isolation": "process"}, {"memory_bytes": 2**30}])
def test_an_async_function_that_asks_for_it_runs_in_another_process(
    bench: Bench, runtime: dict[str, Any]
) -> None:
    digest = bench.function("who", "import os\nasync def who(x): return os.getpid()\n", **runtime)
    assert bench.call(digest).output != os.getpid()


def test_a_sync_function_past_its_deadline_is_killed(bench: Bench) -> None:
    digest = bench.function("hang", "def hang(x):\n    while True: pass\n")
    report = bench.call(digest, deadline_at=now_ms() + 400)
    assert report.error is not None
    assert report.error.type.endswith("/timeout")
    assert report.error.status == 408


def test_a_process_past_its_deadline_is_killed_with_its_log(bench: Bench) -> None:
    binding = {"type": "process", "command": ["sh", "-c", "echo working >&2; sleep 1000"]}
    digest = bench.declare(agent("p", bench.folder, **binding))
    report = bench.call(digest, deadline_at=now_ms() + 400)
    assert report.error is not None
    assert report.error.type.endswith("/timeout")
    assert "working" in report.error.detail


def test_a_process_gives_its_output(bench: Bench) -> None:
    binding = {"type": "process", "command": ["cat"]}
    digest = bench.declare(agent("p", bench.folder, **binding))
    assert bench.call(digest, {"a": 1}).output == {"a": 1}


def test_a_call_to_nobody_is_unstarted(bench: Bench) -> None:
    request = {"method": "GET", "endpoint": "http://127.0.0.1:9/"}
    report = bench.call("", request, kind="http", agent="", capability="")
    assert report.status == "unstarted"
    assert report.error is not None
    assert report.error.type.endswith("/communication")


# --- the end


def test_closing_loses_what_runs_and_refuses_what_comes(bench: Bench) -> None:
    digest = bench.function("wait", WAIT)
    sleeping = {"type": "process", "command": ["sleep", "1000"]}
    process = bench.declare(agent("p", bench.folder, **sleeping))
    bench.worker.perform([bench.order(digest), bench.order(process)])
    bench.until(lambda: len(bench.worker.snapshot()) == 2)
    bench.worker.close(0)
    assert [bench.report().status for _ in range(2)] == ["lost", "lost"]
    bench.worker.perform([bench.order(digest)])
    assert bench.report().status == "unstarted"


BUSY = """\
import os, time
async def busy(x):
    while not os.path.exists(x): time.sleep(0.005)
async def stubborn(x):
    import asyncio
    open(x, "w").close()
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        raise ValueError("not now")
"""


@pytest.mark.parametrize(
    ("delivery", "attempts", "status"),
    [("at-least-once", 1, "lost"), ("at-most-once", 1, "lost"), ("at-most-once", 2, "unstarted")],
)
def test_what_had_not_begun_when_the_worker_is_closed_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivery: str, attempts: int, status: str
) -> None:
    bench = Bench(tmp_path, stall_ms=60_000)
    digest = bench.function("busy", BUSY)
    bench.agents[digest] = msgspec.structs.replace(bench.agents[digest], retry=Retry(attempts))
    gate = tmp_path / "gate"
    bench.worker.perform([bench.order(digest, str(gate))])
    bench.until(lambda: any(one.begun for one in list(bench.worker._inner.running.values())))
    stop_all = bench.worker._inner.stop_all

    def stop_and_go_on(stop: Any) -> None:
        stop_all(stop)
        gate.touch()

    monkeypatch.setattr(bench.worker._inner, "stop_all", stop_and_go_on)
    late = bench.order(digest, str(gate), delivery=delivery)
    bench.worker.perform([late])
    bench.worker.close(0)
    reports = {report.token: report for report in (bench.report(), bench.report())}
    assert reports[late.token].status == status
    error = reports[late.token].error
    assert error is not None and error.title == "the worker was shut down before it began"


def test_what_fails_because_it_is_told_to_stop_may_be_made_again(bench: Bench) -> None:
    digest = bench.function("stubborn", BUSY)
    deliveries = ("at-least-once", "at-most-once")
    orders = [bench.order(digest, str(bench.folder / word), delivery=word) for word in deliveries]
    bench.worker.perform(orders)
    bench.until(lambda: all((bench.folder / word).exists() for word in deliveries))
    bench.worker.close(0)
    reports = {report.token: report for report in (bench.report(), bench.report())}
    assert [reports[order.token].status for order in orders] == ["lost", "failed"]


def test_closing_waits_for_what_ends_in_time(bench: Bench) -> None:
    digest = bench.function(
        "nap", "import asyncio\nasync def nap(x):\n    await asyncio.sleep(0.1)\n    return 1\n"
    )
    bench.worker.perform([bench.order(digest)])
    bench.worker.close(10_000)
    assert bench.report().output == 1


def test_a_listener_that_raises_does_not_end_the_worker(tmp_path: Path) -> None:
    taken: queue.Queue[Reported] = queue.Queue()
    bench = Bench(tmp_path)

    def listen(reports: list[Reported]) -> None:
        for report in reports:
            taken.put(report)
        raise ValueError

    bench.worker.close(0)
    bench.worker = EmbeddedWorker(listen, bench.agents.get, tmp_path / ".podium", now_ms)
    digest = bench.function("f", "async def f(x): return 1\n")
    for _ in range(2):
        bench.worker.perform([bench.order(digest)])
        assert taken.get(timeout=20).output == 1
    bench.worker.close(0)
