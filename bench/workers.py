"""Attempts a second through workers over HTTP, all on one machine: `python -m bench.workers --json`.

The hub is a process of its own with the whole server; the workers are threads of this one, each with a
connection that stays, and perform nothing: what is measured is the way there and back, all of it durable.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from podium.bootstrap import serve
from podium.facts.identity import digest_of

STEPS = 50


def declared(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "name": name, "version": "1.0.0", "digest": digest_of(spec), "spec": spec}


def resources() -> list[dict[str, Any]]:
    agent = {
        "name": "far", "version": "1.0.0", "capabilities": [{"name": "far.step"}],
        "runtime": {"type": "worker"}, "concurrency": 10_000,
    }  # fmt: skip
    document = {
        "document": {"dsl": "1.0.3", "namespace": "bench", "name": "far", "version": "1.0.0"},
        "do": [{f"s{n}": {"call": "agent", "with": {"capability": "far.step"}}} for n in range(STEPS)],
    }
    flow = {"namespace": "bench", "name": "far", "version": "1.0.0", "document": document}
    return [declared("Agent", "far", agent), declared("Workflow", "bench/far", flow)]


def hub(folder: Path, runs: int) -> None:
    """Be the hub: print where it is, and a token; begin so many runs as soon as a line comes."""
    serving = serve(folder / ".podium")
    accounts = serving.accounts()
    accounts.add("bench", ["worker"])
    _, secret = accounts.add_token("bench", "bench", (), 3_600_000)
    url = serving.listen("127.0.0.1", 0).url
    reply = serving.door.call("apply", {"resources": resources()})
    assert "result" in reply, reply
    print(json.dumps({"url": url, "token": secret}), flush=True)
    sys.stdin.readline()
    futures = [
        serving.door.start("submit", {"workflow": "bench/far", "input": {"n": n}}) for n in range(runs)
    ]
    for future in futures:
        assert "result" in future.result()
    print("begun", flush=True)
    sys.stdin.readline()
    used = time.process_time()
    serving.stop(0)
    print(json.dumps({"cpu_s": used}), flush=True)


class Worker(threading.Thread):
    """A worker that says of every attempt at once that it is done."""

    def __init__(self, address: str, token: str, batch: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.host = address.removeprefix("http://")
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.batch, self.over, self.done, self.requests = batch, over, 0, 0
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def post(self, path: str, body: Any) -> Any:
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status < 300, found
        self.requests += 1
        return found

    def run(self) -> None:
        concurrency = max(2 * self.batch, 4)
        told = {"agents": [{"agent": "far@1.0.0"}], "concurrency": concurrency, "lease_ms": 60_000}
        path = f"/v1/workers/{self.post('/v1/workers', told)['id']}"
        asked = {"most": self.batch, "wait_ms": 1_000, "started": True}
        given = self.post(f"{path}/pull", asked)["attempts"]
        while not self.over.is_set():
            if not given:
                given = self.post(f"{path}/pull", asked)["attempts"]
                continue
            ended = [{"token": one["token"], "output": one["input"]} for one in given]
            found = self.post(f"{path}/complete", {"attempts": ended, "pull": asked})
            assert set(found["words"]) == {"accepted"}
            self.done += len(ended)
            given = found["pulled"]["attempts"]


def measure(batch: int, seconds: float, workers: int = 8, runs: int = 600) -> dict[str, float]:
    """Attempts a second that such workers end."""
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as folder:
        command = [sys.executable, "-m", "bench.workers", "--hub", folder, "--runs", str(runs)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None and process.stdout is not None
        where = json.loads(process.stdout.readline())
        over = threading.Event()
        team = [Worker(where["url"], where["token"], batch, over) for _ in range(workers)]
        for one in team:
            one.start()
        process.stdin.write("begin\n")
        process.stdin.flush()
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        began, done, used = time.monotonic(), sum(one.done for one in team), time.process_time()
        requests = sum(one.requests for one in team)
        time.sleep(seconds)
        took = time.monotonic() - began
        done, requests = sum(one.done for one in team) - done, sum(one.requests for one in team) - requests
        generator = time.process_time() - used
        over.set()
        for one in team:
            one.join(5)
        process.stdin.write("end\n")
        process.stdin.flush()
        process.wait(20)
    return {
        "workers": workers, "batch": batch, "attempts_per_s": round(done / took, 1),
        "requests_per_s": round(requests / took, 1), "generator_cpu": round(generator / took, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--hub", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32, help="attempts that are told of at once (32)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.hub is not None:
        hub(arguments.hub, arguments.runs)
        return
    found = {
        "batched": measure(arguments.batch, arguments.seconds, arguments.workers, arguments.runs),
        "single": measure(1, arguments.seconds, arguments.workers, arguments.runs),
    }
    if arguments.json:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        attempts, requests = figures["attempts_per_s"], figures["requests_per_s"]
        print(f"{name}: {attempts:,.0f} attempts/s by {requests:,.0f} requests/s")


if __name__ == "__main__":
    main()
