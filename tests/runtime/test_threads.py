"""Threads for blocking calls that nobody has to wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from podium.runtime import threads
from podium.runtime.threads import DaemonThreads

SOURCES = str(Path(threads.__file__).parents[2])


def test_calls_give_results_and_errors() -> None:
    pool = DaemonThreads("test")
    assert pool.submit(lambda a, b: a + b, 1, b=2).result(10) == 3
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)
    assert list(pool.map(str, range(50))) == [str(number) for number in range(50)]


def test_calls_run_at_once_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "THREADS_MAX", 3)
    pool = DaemonThreads("test")
    together = threading.Barrier(3)
    seen: set[int] = set()

    def meet() -> None:
        together.wait(10)
        seen.add(threading.get_ident())

    for future in [pool.submit(meet) for _ in range(9)]:
        future.result(10)
    assert len(seen) == 3


def test_after_the_end_there_are_no_more_calls() -> None:
    pool = DaemonThreads("test")
    pool.submit(int).result(10)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(int)


def test_a_loop_takes_it_for_its_own() -> None:
    async def main() -> int:
        asyncio.get_running_loop().set_default_executor(DaemonThreads("test"))
        return await asyncio.to_thread(lambda: 4)

    assert asyncio.run(main()) == 4


def test_a_call_that_never_ends_does_not_hold_up_the_interpreter() -> None:
    script = (
        "import threading; from podium.runtime.threads import DaemonThreads\n"
        "begun = threading.Event()\n"
        "def hang(): begun.set(); threading.Event().wait()\n"
        "DaemonThreads('test').submit(hang); begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": SOURCES}, timeout=30, check=True)
