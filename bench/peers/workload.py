"""The workload that every peer runs: many runs at once of ten steps, each durable before the next."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

STEPS = 10
RESULT_BYTES = 300

# Digits that do not compress to nothing, so that no store wins by compressing a row of equal letters.
_TEXT = "".join(hashlib.sha256(bytes([block])).hexdigest() for block in range(5))


def result_of(step: int) -> dict[str, Any]:
    """The answer of one step: an object of RESULT_BYTES bytes as compact JSON."""
    answer = {"step": step, "status": "ok", "text": ""}
    room = RESULT_BYTES - len(json.dumps(answer, separators=(",", ":")))
    return {**answer, "text": _TEXT[:room]}


def check_outcome(outcome: Any) -> None:
    """Assert that a run ended with the answer of the last step, whatever the peer wrapped around it."""
    assert outcome == result_of(STEPS - 1), f"a run ended with {outcome!r}"


@dataclass(frozen=True)
class Request:
    """What a worker is asked to measure: how many runs at once, for how long, on files in which folder."""

    runs: int
    seconds: float
    folder: Path
    tuned: bool


@dataclass(frozen=True)
class Measured:
    """What was counted: steps of finished runs, wall-clock seconds until the last one ended, CPU seconds."""

    steps: int
    seconds: float
    cpu_s: float


def read_request() -> Request:
    """The request on the command line; also ties this process group to the life of the one that asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tuned", action="store_true")
    given = parser.parse_args()
    _die_with_parent()
    return Request(given.runs, given.seconds, given.folder, given.tuned)


async def measure(
    request: Request,
    run_once: Callable[[], Awaitable[Any]],
    cpu_seconds: Callable[[], float] = time.process_time,
) -> Measured:
    """Keep `runs` runs in flight for `seconds`, then wait for the last of them.

    One run in every place goes first as a warm-up and is not counted.

    Args:
        request: How many runs at once and for how long.
        run_once: Starts one run of STEPS steps and returns its outcome.
        cpu_seconds: CPU used so far by every process that belongs to the peer.

    Returns:
        The steps of all counted runs over the time until all of them were done.
    """
    await asyncio.gather(*(_checked(run_once) for _ in range(request.runs)))
    started, cpu_before, finished = time.perf_counter(), cpu_seconds(), 0

    async def place() -> None:
        nonlocal finished
        while time.perf_counter() - started < request.seconds:
            await _checked(run_once)
            finished += 1

    await asyncio.gather(*(place() for _ in range(request.runs)))
    seconds = time.perf_counter() - started
    return Measured(finished * STEPS, seconds, cpu_seconds() - cpu_before)


def print_report(measured: Measured, packages: list[str], durability: dict[str, Any], **more: str) -> None:
    """Print the one JSON line that a sample is: figures, versions, and what durability was in force.

    Args:
        measured: The figures.
        packages: Distributions whose versions matter.
        durability: The peer's settings as read back from what ran, not as meant.
        more: Versions of parts that are no Python distribution.
    """
    versions = {package: metadata.version(package) for package in packages} | more
    report = {
        "steps": measured.steps,
        "seconds": round(measured.seconds, 3),
        "steps_per_s": round(measured.steps / measured.seconds, 1),
        "cpu_s": round(measured.cpu_s, 3),
        "versions": versions,
        "durability": durability,
    }
    print(json.dumps(report), flush=True)


async def _checked(run_once: Callable[[], Awaitable[Any]]) -> None:
    check_outcome(await run_once())


def _die_with_parent() -> None:
    if os.getsid(0) == os.getpid():
        threading.Thread(target=_kill_group_at_end_of_input, daemon=True).start()


def _kill_group_at_end_of_input() -> None:
    # Whoever asked holds the other end of this pipe; however it dies, servers started here go with it.
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)
