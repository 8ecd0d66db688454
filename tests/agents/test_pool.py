"""Isolated function agents in real child processes."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from podium.agents.interface import AttemptFailed, Performed
from podium.agents.pool import PoolAdapter
from podium.facts.catalog import AgentVersion
from tests.agents.attempts import Attempted, Spawns, agent, is_running, until

T = TypeVar("T")


class Bench:
    """A folder with one module of agents, and a pool to perform them in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spawns = Spawns()
        self.adapter: PoolAdapter

    def write(self, source: str) -> None:
        (self.folder / "agents.py").write_text(textwrap.dedent(source))

    def agent(self, name: str, concurrency: int = 4, **runtime: Any) -> AgentVersion:
        binding = {"type": "function", "callable": f"agents:{name}", "isolation": "process", **runtime}
        return agent(self.folder, binding, concurrency=concurrency)

    async def call(
        self, name: str, input: Any = None, attempt: Attempted | None = None, **runtime: Any
    ) -> Any:
        attempt = attempt or Attempted(input, digest=f"sha256:{name}")
        return (await self.adapter.perform(self.agent(name, **runtime), attempt)).output

    async def failure(self, name: str, input: Any = None, **runtime: Any) -> AttemptFailed:
        with pytest.raises(AttemptFailed) as caught:
            await self.call(name, input, **runtime)
        return caught.value

    def run(self, scenario: Callable[[], Awaitable[T]], **options: Any) -> T:
        async def whole() -> T:
            self.adapter = PoolAdapter(self.spawns, **options)
            try:
                return await scenario()
            finally:
                await self.adapter.close()
                assert not self.spawns.alive

        return asyncio.run(whole())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_one_warm_child_serves_call_after_call(bench: Bench) -> None:
    bench.write("import os\ndef who(input): return [os.getpid(), input]\n")

    async def scenario() -> list[Any]:
        return [await bench.call("who", number) for number in range(5)]

    answers = bench.run(scenario)
    assert [answer[1] for answer in answers] == list(range(5))
    assert len({answer[0] for answer in answers}) == len(bench.spawns.started) == 1


def test_attempts_at_once_get_a_child_each_up_to_the_limit(bench: Bench) -> None:
    bench.write(
        """
        import os, pathlib, time
        def meet(folder):
            folder = pathlib.Path(folder)
            (folder / str(os.getpid())).touch()
            while len(list(folder.iterdir())) < 2:
                time.sleep(0.001)
            return os.getpid()
        """
    )
    meeting = bench.folder / "meeting"
    meeting.mkdir()

    async def scenario() -> list[Any]:
        return await asyncio.gather(*(bench.call("meet", str(meeting), concurrency=2) for _ in range(10)))

    assert len(set(bench.run(scenario))) == len(bench.spawns.started) == 2


def test_prints_are_log_and_stdin_is_empty(bench: Bench) -> None:
    bench.write(
        """
        import os, sys
        def talk(input):
            print("printed")
            os.write(1, b"written\\n")
            os.system("echo shouted")
            return sys.stdin.read()
        """
    )
    attempt = Attempted(digest="sha256:talk")
    assert bench.run(lambda: bench.call("talk", attempt=attempt)) == ""
    assert sorted(attempt.lines) == ["printed", "shouted", "written"]


def test_context_reaches_and_reports(bench: Bench) -> None:
    bench.write(
        """
        def tell(input, context):
            context.progress({"half": True}); context.log("a line")
            return [context.run_id, context.task, context.attempt, context.key]
        """
    )
    attempt = Attempted({}, digest="sha256:tell")
    assert bench.run(lambda: bench.call("tell", attempt=attempt)) == ["r1", "/do/0/x", 2, "key-1"]
    assert (attempt.said, attempt.lines) == ([{"half": True}], ["a line"])


def test_async_functions_keep_one_loop(bench: Bench) -> None:
    bench.write(
        """
        import asyncio
        loops = []
        async def f(input):
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0)
            return len(set(map(id, loops)))
        """
    )

    async def scenario() -> list[int]:
        return [await bench.call("f") for _ in range(3)]

    assert bench.run(scenario) == [1, 1, 1]


def test_an_exception_becomes_title_and_traceback_of_the_author(bench: Bench) -> None:
    bench.write("class Never(Exception): retryable = False\ndef f(input): raise Never('no way')\n")
    failure = bench.run(lambda: bench.failure("f"))
    assert (failure.title, failure.retryable) == ("Never: no way", False)
    assert "agents.py" in failure.detail
    assert "podium" not in failure.detail


def test_leaving_by_exception_does_not_end_the_child(bench: Bench) -> None:
    bench.write("import os, sys\ndef f(input):\n    if input: sys.exit(input)\n    return os.getpid()\n")

    async def scenario() -> tuple[int, AttemptFailed, int]:
        return await bench.call("f"), await bench.failure("f", 3), await bench.call("f")

    first, failure, second = bench.run(scenario)
    assert failure.title == "SystemExit: 3"
    assert first == second


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("os._exit(7)", "a's process exited with code 7 while it worked"),
        ("os.kill(os.getpid(), 11)", "a's process was killed by SIGSEGV while it worked"),
        ("os.killpg(0, 9)", "a's process was killed by SIGKILL while it worked"),
    ],
)
def test_a_dead_child_is_named_with_its_last_words(bench: Bench, body: str, title: str) -> None:
    bench.write(
        f"import os, sys\ndef f(input):\n    if input: print('oh', file=sys.stderr); {body}\n    return 1\n"
    )

    async def scenario() -> tuple[AttemptFailed, Any]:
        return await bench.failure("f", True), await bench.call("f", False)

    failure, after = bench.run(scenario)
    assert (failure.title, failure.detail, failure.lost) == (title, "oh", True)
    assert after == 1


def test_memory_is_bounded_and_the_child_replaced(bench: Bench) -> None:
    bench.write("import os\ndef f(input):\n    bytearray(input)\n    return os.getpid()\n")

    async def scenario() -> tuple[int, AttemptFailed, int]:
        limit = 512 * 2**20
        return (
            await bench.call("f", 1, memory_bytes=limit),
            await bench.failure("f", 2**31, memory_bytes=limit),
            await bench.call("f", 1, memory_bytes=limit),
        )

    first, failure, second = bench.run(scenario)
    assert failure.title == "MemoryError"
    assert first != second


def test_what_cannot_be_loaded_is_unstarted(bench: Bench) -> None:
    bench.write("import absent_module\n")
    failure = bench.run(lambda: bench.failure("f"))
    assert "absent_module" in failure.title
    assert (failure.unstarted, failure.retryable, failure.kind) == (True, False, "configuration")


def test_outputs_that_are_no_json_or_too_large(bench: Bench) -> None:
    bench.write("def f(input): return 'x' * input if input else {1: 2}\n")

    async def scenario() -> tuple[AttemptFailed, AttemptFailed, Any]:
        return await bench.failure("f", 0), await bench.failure("f", 50_000_000), await bench.call("f", 3)

    odd, large, after = bench.run(scenario)
    assert "keys are text" in odd.detail
    assert "larger than" in large.title
    assert after == "xxx"


def test_siblings_import_by_their_plain_names(bench: Bench) -> None:
    (bench.folder / "sibling.py").write_text("VALUE = 3\n")
    bench.write("import sibling\ndef f(input): return [sibling.VALUE, __name__]\n")
    assert bench.run(lambda: bench.call("f")) == [3, "agents"]


def test_cancelling_kills_the_group_and_the_next_gets_a_fresh_child(bench: Bench) -> None:
    bench.write(
        """
        import os, subprocess, sys
        def f(input):
            if not input: return os.getpid()
            stray = subprocess.Popen(["sleep", "1000"])
            print(os.getpid(), stray.pid)
            stray.wait()
        """
    )

    async def scenario() -> tuple[list[str], int]:
        ready = asyncio.Event()
        attempt = Attempted(True, on_log=lambda _: ready.set(), digest="sha256:f")
        performing = asyncio.ensure_future(bench.call("f", attempt=attempt))
        await ready.wait()
        performing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await performing
        return attempt.lines[0].split(), await bench.call("f", False)

    pids, fresh = bench.run(scenario)
    for pid in map(int, pids):
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]
    assert fresh != int(pids[0])


def test_an_attempt_cancelled_while_it_waits_was_never_started(bench: Bench) -> None:
    bench.write("import time\ndef f(input):\n    print('begun')\n    time.sleep(1000)\n")

    async def scenario() -> AttemptFailed:
        ready = asyncio.Event()
        attempt = Attempted(on_log=lambda _: ready.set(), digest="sha256:f")
        first = asyncio.ensure_future(bench.call("f", attempt=attempt, concurrency=1))
        await ready.wait()
        second = asyncio.ensure_future(bench.call("f", concurrency=1))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(AttemptFailed) as caught:
            await second
        first.cancel()
        await asyncio.wait([first])
        return caught.value

    failure = bench.run(scenario)
    assert (failure.unstarted, failure.kind) == (True, "timeout")
    assert len(bench.spawns.started) == 1


def test_a_child_is_replaced_after_so_many_calls(bench: Bench) -> None:
    bench.write("import os\ndef f(input): return os.getpid()\n")

    async def scenario() -> list[int]:
        return [await bench.call("f") for _ in range(4)]

    pids = bench.run(scenario, calls_max=2)
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_an_idle_child_is_ended(bench: Bench) -> None:
    bench.write("import os\ndef f(input): return os.getpid()\n")

    async def scenario() -> None:
        gone = asyncio.Event()
        bench.spawns.on_gone = gone.set
        pid = await bench.call("f")
        await gone.wait()
        assert not is_running(pid)
        assert await bench.call("f") != pid

    bench.run(scenario, idle_s=0.05)


def test_the_hub_s_own_variables_reach_children(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_HUB", "yes")
    bench.write("import os\ndef f(input): return [os.environ['OF_THE_HUB'], os.getcwd()]\n")
    assert bench.run(lambda: bench.call("f")) == ["yes", os.getcwd()]


def test_performed_is_what_the_seam_says(bench: Bench) -> None:
    bench.write("def f(input): return None\n")

    async def scenario() -> Performed:
        return await bench.adapter.perform(bench.agent("f"), Attempted(digest="sha256:f"))

    performed = bench.run(scenario)
    assert (performed.output, performed.cost_nano) == (None, -1)
