"""Process agents: real programs, and nothing of them left when the attempt is over."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from podium.agents import answer as answering
from podium.agents.interface import AttemptFailed, Performed
from podium.agents.process import ProcessAdapter
from tests.agents.attempts import Attempted, Spawns, agent, is_running, until

Run = Callable[..., Performed]


class Bench:
    """A folder with one script, and the adapter to run it with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spawns = Spawns()

    def perform(self, script: str, attempt: Attempted | None = None, **runtime: Any) -> Performed:
        return asyncio.run(self.performing(script, attempt, **runtime))

    async def performing(self, script: str, attempt: Attempted | None = None, **runtime: Any) -> Performed:
        (self.folder / "script.py").write_text(textwrap.dedent(script))
        binding = {"type": "process", "command": ["python", "script.py"], **runtime}
        adapter = ProcessAdapter(self.spawns)
        return await adapter.perform(agent(self.folder, binding), attempt or Attempted())

    def failure(self, script: str, attempt: Attempted | None = None, **runtime: Any) -> AttemptFailed:
        with pytest.raises(AttemptFailed) as caught:
            self.perform(script, attempt, **runtime)
        assert not self.spawns.alive
        return caught.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_input_on_stdin_output_on_stdout_log_on_stderr(bench: Bench) -> None:
    script = """
        import json, sys
        print("at work", file=sys.stderr)
        print(json.dumps({"got": json.load(sys.stdin)}))
    """
    attempt = Attempted({"n": [1, "ü"]})
    assert bench.perform(script, attempt).output == {"got": {"n": [1, "ü"]}}
    assert attempt.lines == ["at work"]
    assert bench.spawns.started
    assert not bench.spawns.alive


def test_progress_comes_while_it_runs(bench: Bench) -> None:
    script = """
        import sys
        print('{"progress": 0.5}', flush=True)
        print("told", file=sys.stderr, flush=True)
        sys.stdin.read()
        print('{"result": "done", "cost_nano": 7}')
    """
    attempt = Attempted()
    performed = bench.perform(script, attempt)
    assert (performed.output, performed.cost_nano, attempt.said) == ("done", 7, [0.5])


def test_the_environment_is_small_and_tells_the_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HUB", "x")
    monkeypatch.setenv("TOKEN_FOR_IT", "t")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = bench.perform(script, env={"OWN": "1", "TOKEN": "Bearer ${TOKEN_FOR_IT}"}).output
    assert "SECRET_OF_THE_HUB" not in seen
    assert (seen["OWN"], seen["TOKEN"]) == ("1", "Bearer t")
    assert seen["PODIUM_RUN_ID"] == "r1"
    assert seen["PODIUM_TASK"] == "/do/0/x"
    assert seen["PODIUM_ATTEMPT"] == "2"
    assert seen["PODIUM_KEY"] == "key-1"
    assert seen["PODIUM_CAPABILITY"] == "some.thing"
    assert seen["TRACEPARENT"].startswith("00-")
    assert seen["PATH"].startswith(os.path.dirname(sys.executable))


def test_a_variable_that_is_not_set_is_named(bench: Bench) -> None:
    failure = bench.failure("", env={"TOKEN": "${NO_SUCH_VARIABLE}"})
    assert "NO_SUCH_VARIABLE" in failure.title
    assert failure.unstarted


def test_it_runs_in_its_folder(bench: Bench) -> None:
    (bench.folder / "sub").mkdir()
    script = "import json, os; print(json.dumps(os.getcwd()))"
    assert bench.perform(script).output == str(bench.folder)
    command = ["{python}", "../script.py"]
    assert bench.perform(script, cwd="sub", command=command).output == str(bench.folder / "sub")


def test_a_program_beside_the_manifest(bench: Bench) -> None:
    program = bench.folder / "agent.sh"
    program.write_text('#!/bin/sh\nread line\necho "[$line]"\n')
    program.chmod(0o755)
    assert asyncio.run(
        ProcessAdapter(bench.spawns).perform(
            agent(bench.folder, {"type": "process", "command": ["./agent.sh"]}), Attempted({"a": 1})
        )
    ).output == [{"a": 1}]


@pytest.mark.parametrize(
    ("runtime", "title"),
    [
        ({"command": ["no-such-program-anywhere"]}, "there is no program"),
        ({"command": ["./absent"]}, "there is no program"),
        ({"command": ["./script.py"]}, "may not be executed"),
        ({"command": ["python"], "cwd": "nowhere"}, "there is no folder"),
    ],
)
def test_what_cannot_be_started_is_unstarted(bench: Bench, runtime: dict[str, Any], title: str) -> None:
    failure = bench.failure("", **runtime)
    assert title in failure.title
    assert (failure.unstarted, failure.retryable, failure.kind) == (True, False, "configuration")
    assert not bench.spawns.started


def test_an_exit_code_fails_with_the_last_words(bench: Bench) -> None:
    failure = bench.failure("import sys; print('{}'); print('no disk', file=sys.stderr); sys.exit(3)")
    assert failure.title == "a's process exited with code 3"
    assert failure.detail == "no disk"
    assert (failure.retryable, failure.lost) == (True, False)


def test_a_killed_process_is_lost(bench: Bench) -> None:
    failure = bench.failure("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert failure.title == "a's process was killed by SIGKILL"
    assert failure.lost


def test_its_own_error_counts_before_the_exit_code(bench: Bench) -> None:
    script = """
        import sys
        print('{"error": {"title": "bad input", "retryable": false}}'); sys.exit(1)
    """
    failure = bench.failure(script)
    assert (failure.title, failure.retryable) == ("bad input", False)


def test_rubbish_tells_its_place_and_the_log(bench: Bench) -> None:
    failure = bench.failure("import sys; print('hello'); print('why', file=sys.stderr)")
    assert failure.title == "stdout is not JSON"
    assert "At byte 0" in failure.detail
    assert failure.detail.endswith("why")


def test_a_flood_is_killed_at_the_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "OUTPUT_BYTES_MAX", 1_000_000)
    failure = bench.failure("import sys\nwhile True: sys.stdout.write('\"' + 'x' * 65536)")
    assert "larger than" in failure.title
    assert not is_running(bench.spawns.started[0])


def test_a_program_that_does_not_read_its_input(bench: Bench) -> None:
    attempt = Attempted({"big": "x" * 5_000_000})
    assert bench.perform("import os; os.close(0); print(1)", attempt).output == 1


def test_a_large_input_and_output(bench: Bench) -> None:
    attempt = Attempted({"big": "x" * 5_000_000})
    assert bench.perform("import sys; print(sys.stdin.read())", attempt).output == attempt.order.input


def test_strays_that_hold_stdout_do_not_hang_and_die(bench: Bench) -> None:
    script = """
        import subprocess, sys
        stray = subprocess.Popen(["sleep", "1000"])
        print(stray.pid)
    """
    stray = bench.perform(script).output
    until(lambda: not is_running(stray))


def test_memory_is_bounded(bench: Bench) -> None:
    failure = bench.failure("x = bytearray(2**31)\nprint(1)", memory_bytes=512 * 2**20)
    assert "MemoryError" in failure.detail


async def _cancelled_when_it_logs(bench: Bench, script: str) -> list[str]:
    ready = asyncio.Event()
    attempt = Attempted(on_log=lambda _: ready.set())
    performing: Awaitable[Performed] = asyncio.ensure_future(bench.performing(script, attempt))
    await ready.wait()
    performing.cancel()  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await performing
    return attempt.lines


def test_cancelling_ends_the_whole_group(bench: Bench) -> None:
    script = """
        import subprocess, sys
        child = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $! >&2; wait"], stderr=subprocess.PIPE)
        print(child.pid, int(child.stderr.readline()), file=sys.stderr, flush=True)
        child.wait()
    """
    lines = asyncio.run(_cancelled_when_it_logs(bench, script))
    assert not bench.spawns.alive
    for pid in (bench.spawns.started[0], *map(int, lines[0].split())):
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


def test_a_program_that_ignores_term_is_killed(bench: Bench) -> None:
    script = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", file=sys.stderr, flush=True)
        time.sleep(1000)
    """
    asyncio.run(_cancelled_when_it_logs(bench, script))
    assert not bench.spawns.alive
    assert not is_running(bench.spawns.started[0])


def test_a_program_may_clean_up_when_told_to_end(bench: Bench) -> None:
    script = """
        import signal, sys, time
        def end(*_):
            open("cleaned", "w").close(); sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready", file=sys.stderr, flush=True)
        time.sleep(1000)
    """
    asyncio.run(_cancelled_when_it_logs(bench, script))
    assert (bench.folder / "cleaned").exists()


def test_without_pidfd_a_thread_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert bench.perform("print(5)").output == 5
    assert "code 4" in bench.failure("raise SystemExit(4)").title


def test_closing_kills_what_is_left(bench: Bench) -> None:
    async def closing() -> None:
        adapter = ProcessAdapter(bench.spawns)
        ready = asyncio.Event()
        attempt = Attempted(on_log=lambda _: ready.set())
        command = ["sh", "-c", "echo x >&2; sleep 1000"]
        performing = asyncio.ensure_future(
            adapter.perform(agent(bench.folder, {"type": "process", "command": command}), attempt)
        )
        await ready.wait()
        await adapter.close()
        with pytest.raises(AttemptFailed, match="SIGKILL"):
            await performing

    asyncio.run(closing())
    assert not bench.spawns.alive
