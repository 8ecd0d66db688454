"""One sample: a worker in a process group of its own, bounded in time, gone at the end in every case."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.catalog import PEERS, PODIUM, Peer
from bench.peers.disturbance import Disturbance
from bench.peers.environments import ROOT, WORK, python_of, restate_server

SAMPLE_SECONDS_AT_MOST = 60

# Nothing else of the caller's environment reaches a sample: proxies and tracing keys would change it.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class SampleFailed(Exception):
    """A sample gave no figures; the message names the peer and what it said."""


@dataclass(frozen=True)
class Load:
    """How many runs at once, and for how many seconds new ones are started."""

    runs: int
    seconds: float


@dataclass(frozen=True)
class Worker:
    """A command that prints one JSON line, and what it needs in its environment."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]


def require_podium() -> None:
    """Raise SampleFailed when Podium's own benchmark, which its sample runs, is not there."""
    if importlib.util.find_spec("bench.steps") is None:
        raise SampleFailed(
            "podium: bench/steps.py, which measures it, is missing; add it, or measure others with --only"
        )


def prepare(name: str) -> Worker:
    """A named peer's worker, its environment installed; raises InstallFailed or SampleFailed."""
    if name == PODIUM:
        require_podium()
        return Worker(
            name, (sys.executable, "-m", "bench.steps", "--json"), {"PYTHONPATH": str(ROOT / "src")}
        )
    peer = next(peer for peer in PEERS if peer.name == name)
    return Worker(name, _peer_command(peer), _peer_environment(peer))


def take_sample(worker: Worker, load: Load) -> dict[str, Any]:
    """Run a worker once.

    Returns:
        Its JSON line with `peer`, `cpu_us_per_step` (microseconds) and `other_cores` (busy with others).

    Raises:
        SampleFailed: It took longer than SAMPLE_SECONDS_AT_MOST, ended badly, or printed no figures.
    """
    with _folder() as folder:
        command = [*worker.command, "--runs", str(load.runs), "--seconds", f"{load.seconds:g}"]
        if worker.name != PODIUM:
            command += ["--folder", str(folder)]
        disturbance = Disturbance()
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            code = _run(command, _variables(worker, folder), out.fileno(), err.fileno())
        if code != 0:
            raise SampleFailed(f"{worker.name}: {_reason(code)}\n{_last_words(folder)}")
        return {**_read_figures(worker.name, folder / "out"), "other_cores": disturbance.other_cores()}


def _peer_command(peer: Peer) -> tuple[str, ...]:
    command = (str(python_of(peer.environment)), "-m", f"bench.peers.workers.{peer.environment}")
    return (*command, "--tuned") if peer.tuned else command


def _peer_environment(peer: Peer) -> dict[str, str]:
    variables = {"PYTHONPATH": str(ROOT)}
    if peer.environment == "restate":
        variables["RESTATE_SERVER_BINARY"] = str(restate_server())
    return variables


def _variables(worker: Worker, folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **worker.environment, "TMPDIR": str(folder)}


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=WORK))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], variables: dict[str, str], out: int, err: int) -> int | None:
    # The worker leads its group, and its standard input ends when this process does: it dies either way.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )
    try:
        return process.wait(SAMPLE_SECONDS_AT_MOST)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()


def _reason(code: int | None) -> str:
    if code is None:
        return f"took longer than {SAMPLE_SECONDS_AT_MOST} s and was killed"
    return f"the sample ended with {code}"


def _last_words(folder: Path) -> str:
    logs = sorted([folder / "err", *folder.glob("*.log")])
    return "\n".join(log.read_text(errors="replace").strip()[-1500:] for log in logs if log.exists())


def _read_figures(name: str, out: Path) -> dict[str, Any]:
    lines = out.read_text(errors="replace").strip().splitlines()
    try:
        figures: dict[str, Any] = json.loads(lines[-1])
        if "cpu_us_per_step" not in figures:
            figures["cpu_us_per_step"] = round(figures["cpu_s"] / figures["steps"] * 1e6, 1)
        return {"peer": name, **figures, "steps_per_s": float(figures["steps_per_s"])}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise SampleFailed(f"{name}: no figures in its last line: {lines[-1:]}") from error
