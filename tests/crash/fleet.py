"""`python -m tests.crash.fleet --workers 20`: kill, stop and cut off workers, and the hub under them."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from podium.sdk.client import Client, Run, connect
from podium.sdk.errors import PodiumError, UnreachableError
from tests.crash.relay import Relay

LEASE_S = 1.0
WAIT_S = 90.0
STRIKES = ("stop", "cut", "kill", "stop", "cut", "kill", "hub")
"""In turn, so that each of them strikes; whom and when is left to chance."""

AGENTS = '''\
import asyncio, json, os, random
from pathlib import Path

from podium.sdk.agent import agent

BOOK = Path(os.environ["BOOK"])


def note(kind, context):
    line = json.dumps({"kind": kind, "key": context.key, "attempt": context.attempt})
    with BOOK.open("ab", 0) as book:
        book.write(line.encode() + b"\\n")


@agent(name="often", version="1.0.0", capability="often")
async def often(n: int, context) -> int:
    """May be done again: what it changes goes by its key."""
    await asyncio.sleep(random.uniform(0.05, 0.4))
    note("often", context)
    return n + 1


@agent(name="once", version="1.0.0", capability="once", delivery="at-most-once")
async def once(n: int, context) -> int:
    """Must not be done again."""
    await asyncio.sleep(random.uniform(0.05, 0.3))
    note("once", context)
    await asyncio.sleep(random.uniform(0.05, 0.3))
    return n + 1
'''

FLOW = {
    "document": {"dsl": "1.0.3", "namespace": "crash", "name": "far", "version": "1.0.0"},
    "do": [
        {
            name: {
                "call": "agent",
                "with": {"capability": name.partition("-")[0]},
                "output": {"as": "${ {n: .} }"},
            }
        }
        for name in ("often-1", "once-1", "often-2", "once-2")
    ],
}


class Found(NamedTuple):
    """What came of it.

    Attributes:
        runs: that were submitted, all of which completed.
        struck: how often what was done to the fleet.
        again: attempts that were made again; doubts: effects that a person had to look into.
        late: results that came too late, and are in the log as such.
    """

    runs: int
    struck: Counter[str]
    again: int
    doubts: int
    late: int


class FleetWorker:
    """A worker process, at the end of a wire."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        self.relay = Relay(port)
        command = [
            sys.executable, "-m", "podium.cli", "--hub", f"http://127.0.0.1:{self.relay.port}", "worker",
            "far", "--lease", str(LEASE_S), "--concurrency", "8",
        ]  # fmt: skip
        environment = {**os.environ, "PODIUM_TOKEN": token, "BOOK": str(folder / "book.jsonl")}
        with (folder / "workers.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log, stdout=log)
        self.until = 0.0
        self.mended: Callable[[], None] = lambda: None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.relay.close()

    def stop(self, span_s: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.until, self.mended = time.monotonic() + span_s, lambda: self.process.send_signal(signal.SIGCONT)

    def cut(self, span_s: float) -> None:
        self.relay.cut()
        self.until, self.mended = time.monotonic() + span_s, self.relay.mend


class Chaos:
    """A hub, its workers, and what befalls them."""

    def __init__(self, folder: Path, workers: int, runs: int, seed: int) -> None:
        self.folder, self.runs = folder, runs
        self.chance = random.Random(seed)
        self.state = folder / "state"
        self.struck: Counter[str] = Counter()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        (folder / "far.py").write_text(AGENTS)
        (folder / "far.json").write_text(json.dumps(FLOW))
        self.hub = self._hub()
        self._calls(partial(Client.add_account, name="w", roles=("worker", "operator")))
        self.token = str(self._calls(partial(Client.create_token, name="w", account="w"))["secret"])
        self.workers = [FleetWorker(folder, self.port, self.token) for _ in range(workers)]

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.hub.kill()
        self.hub.wait()

    def run(self, strikes: int) -> Found:
        """Strike so often while runs go on, then let all of them end.

        Raises AssertionError if anything is wrong.
        """
        self._until(lambda: any(one["status"] == "live" for one in self._calls(Client.workers)))
        self._apply()
        ids: list[str] = []
        for number in range(strikes):
            while len(ids) < self.runs * (number + 1) // strikes:
                asked = {"workflow": "crash/far", "input": {"n": 0}, "key": f"run-{len(ids)}"}
                ids.append(self._calls(partial(Client.submit, **asked)).run_id)
            time.sleep(self.chance.uniform(0.0, 0.3))
            self._strike()
            time.sleep(self.chance.uniform(0.1, 0.3))
            self._mend(time.monotonic())
        self._mend(float("inf"))
        time.sleep(2 * LEASE_S)
        # Nobody may be left who could still do what a person is about to say was not done.
        for worker in self.workers:
            worker.kill()
        self.workers = [FleetWorker(self.folder, self.port, self.token) for _ in range(2)]
        doubts = set[tuple[str, int]]()
        left = set(ids)
        limit_at = time.monotonic() + WAIT_S
        while left:
            assert time.monotonic() < limit_at, f"{len(left)} runs do not end: {self._why(left)}"
            doubts |= self._resolve()
            left -= {one for one in left if self._run(one).ended_at}
            time.sleep(0.1)
        return self._judge(ids, len(doubts))

    # --- what befalls them ----------------------------------------------------------------------------

    def _strike(self) -> None:
        able = [one for one in self.workers if not one.until]
        what = STRIKES[self.struck.total() % len(STRIKES)] if len(able) > 1 else "kill"
        self.struck[what] += 1
        if what == "hub":
            self.hub.kill()
            self.hub.wait()
            self.hub = self._hub()
            return
        worker = self.chance.choice(able or self.workers)
        if what == "kill":
            worker.kill()
            self.workers.remove(worker)
            self.workers.append(FleetWorker(self.folder, self.port, self.token))
        elif what == "stop":
            worker.stop(self.chance.uniform(1.5, 2.5) * LEASE_S)
        else:
            worker.cut(self.chance.uniform(1.5, 2.5) * LEASE_S)

    def _mend(self, now: float) -> None:
        for worker in self.workers:
            if 0 < worker.until <= now:
                worker.mended()
                worker.until = 0.0

    def _hub(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "podium.cli", "--state", str(self.state), "up", "--dev",
            "--listen", f"127.0.0.1:{self.port}",
        ]  # fmt: skip
        with (self.folder / "hub.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log)

    # --- what is done through the hub -----------------------------------------------------------------

    def _calls(self, work: Callable[[Client], Any]) -> Any:
        """What `work` gives, tried until a hub answers."""
        limit_at = time.monotonic() + WAIT_S
        while True:
            try:
                client = connect(self.state, "user:chaos")
                try:
                    return work(client)
                finally:
                    client.close()
            except UnreachableError:
                assert time.monotonic() < limit_at, "no hub answers"
                time.sleep(0.05)

    def _run(self, id: str) -> Run:
        run: Run = self._calls(partial(Client.get_run, run_id=id))
        return run

    def _until(self, condition: Callable[[], Any]) -> None:
        limit_at = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < limit_at, "it does not come to that"
            time.sleep(0.05)

    def _apply(self) -> None:
        command = [sys.executable, "-m", "podium.cli", "--state", str(self.state), "apply", "far.json"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def _book(self) -> list[dict[str, Any]]:
        file = self.folder / "book.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _resolve(self) -> set[tuple[str, int]]:
        """Look into what is in doubt, as a person would: in the book of what was done."""
        done = {line["key"] for line in self._book()}
        doubts = [one for one in self._calls(Client.escalations) if one["kind"] == "in_doubt"]
        for one in doubts:
            known = f"{one['run_id']}/{one['effect']}" in done
            told: dict[str, Any] = {"effect": one["effect"], "why": "by the book"}
            # Each task adds one to what it is given, and they stand in a row.
            told |= {"verdict": "succeeded", "output": one["effect"]} if known else {"verdict": "retry"}
            with suppress(PodiumError):
                self._calls(partial(Client.resolve, run_id=one["run_id"], **told))
        return {(one["run_id"], one["effect"]) for one in doubts}

    def _why(self, left: set[str]) -> Any:
        return [self._run(next(iter(left))).waiting_for]

    # --- what must hold -------------------------------------------------------------------------------

    def _judge(self, ids: list[str], doubts: int) -> Found:
        wrong: list[Run] = []
        again = late = 0
        for id in ids:
            run = self._run(id)
            if run.status != "completed" or run.output != {"n": 4}:
                wrong.append(run)
            records = self._calls(partial(Client.events, run_id=id))
            again += sum(one["type"] == "AttemptStarted" for one in records)
            late += sum(one["type"] == "StaleReply" for one in records)
        assert not wrong, f"{len(wrong)} runs did not end as they must: {wrong[0]}"
        lines = self._book()
        expected = {f"{id}/{effect}" for id in ids for effect in (1, 2, 3, 4)}
        assert {line["key"] for line in lines} == expected, "what was done is not what was asked for"
        once = Counter(line["key"] for line in lines if line["kind"] == "once")
        twice = [key for key, count in once.items() if count > 1]
        assert not twice, f"{len(twice)} effects that must not be repeated were: {twice[:3]}"
        assert self._calls(Client.verify)["sound"]
        return Found(len(ids), self.struck, again, doubts, late)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--strikes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="podium-fleet-"))
    print(f"seed {arguments.seed}, in {folder}", flush=True)
    chaos = Chaos(folder, arguments.workers, arguments.runs, arguments.seed)
    try:
        found = chaos.run(arguments.strikes)
    finally:
        chaos.close()
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
