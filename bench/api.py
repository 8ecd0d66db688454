"""The API under load, hub and generator on one machine: `python -m bench.api --json`.

Durable submits a second, as fast as they go and at a steady pace; the lag of many viewers of the stream of
changes; pages of the list of runs. The hub is a process of its own; the generator speaks HTTP/1.1 on bare
sockets, so that it takes little of what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.world import fresh_folder
from podium.bootstrap import serve
from podium.cli.hubs import collect_again
from podium.facts.identity import digest_of

CONNECTIONS = 16


def hub(folder: Path, runs: int) -> None:
    """Be the hub: begin with so many runs, print where it is, and end when a line comes."""
    serving = serve(folder / ".podium")
    document = {
        "document": {"dsl": "1.0.3", "namespace": "bench", "name": "set", "version": "1.0.0"},
        "do": [{"one": {"set": {"done": True}}}],
    }
    spec = {"namespace": "bench", "name": "set", "version": "1.0.0", "document": document}
    declared = {
        "kind": "Workflow", "name": "bench/set", "version": "1.0.0", "digest": digest_of(spec), "spec": spec,
    }  # fmt: skip
    reply = serving.door.call("apply", {"resources": [declared]})
    assert "result" in reply, reply
    for first in range(0, runs, 1_000):
        asked = {"workflow": "bench/set", "labels": {"customer": str(first % 7_000)}}
        begun = [serving.door.start("submit", asked) for _ in range(min(1_000, runs - first))]
        assert all("result" in future.result() for future in begun)
    accounts = serving.accounts()
    accounts.add("bench", ["operator"])
    _, secret = accounts.add_token("bench", "bench", (), 3_600_000)
    url = serving.listen("127.0.0.1", 0).url
    collect_again()
    print(json.dumps({"url": url, "token": secret}), flush=True)
    sys.stdin.readline()
    serving.stop(0)


class Client:
    """A connection that stays."""

    def __init__(self, address: dict[str, str]) -> None:
        self.host, _, port = address["url"].removeprefix("http://").partition(":")
        self.port = int(port)
        self.head = f"host: {self.host}\r\nauthorization: Bearer {address['token']}\r\n"

    async def open(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 24)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One request; gives the body of its answer."""
        head = f"{method} {path} HTTP/1.1\r\n{self.head}content-length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        found = await self.reader.readuntil(b"\r\n\r\n")
        length = int(found.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        answer = await self.reader.readexactly(length)
        assert found.startswith(b"HTTP/1.1 2"), answer
        return answer


BODY = b'{"workflow":"bench/set","input":{"n":1}}'


async def fast(address: dict[str, str], seconds: float) -> dict[str, float]:
    """Submits as fast as a few connections go."""
    took: list[float] = []
    over = time.perf_counter() + seconds

    async def one(client: Client) -> None:
        while (begun := time.perf_counter()) < over:
            await client.ask("POST", "/v1/runs", BODY)
            took.append(time.perf_counter() - begun)

    clients = [await Client(address).open() for _ in range(CONNECTIONS)]
    await asyncio.gather(*map(one, clients))
    return {"submits_per_s": round(len(took) / seconds, 1), **latency("submit", took)}


async def paced(address: dict[str, str], per_s: float, seconds: float) -> dict[str, float]:
    """Submits at a steady pace; each is counted from when it was due, so that no queue hides."""
    took: list[float] = []
    clients: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(4 * CONNECTIONS):
        clients.put_nowait(await Client(address).open())

    async def one(due: float) -> None:
        client = await clients.get()
        await client.ask("POST", "/v1/runs", BODY)
        took.append(time.perf_counter() - due)
        clients.put_nowait(client)

    begun, tasks = time.perf_counter(), []
    for number in range(int(per_s * seconds)):
        due = begun + number / per_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return {"paced_per_s": per_s, **latency("paced", took)}


async def watched(address: dict[str, str], viewers: int, per_s: float, seconds: float) -> dict[str, float]:
    """How late viewers hear of records, at so many records a second."""
    lags: list[float] = []
    frames = 0
    ready = asyncio.Event()
    looking = 0

    async def look() -> None:
        nonlocal frames, looking
        client = await Client(address).open()
        client.writer.write(f"GET /v1/events HTTP/1.1\r\n{client.head}\r\n".encode())
        looking += 1
        if looking == viewers:
            ready.set()
        while True:
            line = await client.reader.readline()
            if not line:
                return
            if line.startswith(b"data: ") and b'"records":[{' in line:
                now = time.time() * 1_000
                frames += 1
                # The first record is the oldest; the rest of the frame is not worth the generator's time.
                lags.append((now - float(line.partition(b'"at":')[2].partition(b",")[0])) / 1_000)

    tasks = [asyncio.create_task(look()) for _ in range(viewers)]
    await ready.wait()
    await asyncio.sleep(1)
    paces = await paced(address, per_s / 3, seconds)
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    return {
        "viewers": viewers, "frames_per_viewer_per_s": round(frames / viewers / seconds, 2),
        "watched_submit_p99_ms": paces["paced_p99_ms"], **latency("lag", lags),
    }  # fmt: skip


async def listed(address: dict[str, str], pages: int) -> dict[str, float]:
    """Pages of the list of runs, one after the other: the first, later ones, and filtered ones."""
    client = await Client(address).open()
    took: list[float] = []
    urls = [
        "/v1/runs?limit=50",
        "/v1/runs?limit=50&status=completed",
        "/v1/runs?label=customer%3D3000&limit=50",
    ]
    for number in range(pages):
        begun = time.perf_counter()
        page = json.loads(await client.ask("GET", urls[number % len(urls)]))
        took.append(time.perf_counter() - begun)
        urls[number % len(urls)] = page["next"] or urls[number % len(urls)]
    return latency("list", took)


def latency(name: str, took: list[float]) -> dict[str, float]:
    found = sorted(took) or [0.0]
    return {
        f"{name}_p{share}_ms": round(1_000 * found[min(len(found) * share // 100, len(found) - 1)], 2)
        for share in (50, 95, 99)
    }


def measure(seconds: float, viewers: int, runs: int) -> dict[str, Any]:
    folder = fresh_folder("api")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.api", "--hub", str(folder), "--runs", str(runs)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        address = json.loads(process.stdout.readline())
        found: dict[str, Any] = {"runs_before": runs}
        found |= asyncio.run(listed(address, 60))
        found |= asyncio.run(fast(address, seconds))
        found |= asyncio.run(paced(address, 1_000, seconds))
        found |= asyncio.run(watched(address, viewers, 1_000, seconds))
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    finally:
        process.kill()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--hub", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.hub is not None:
        hub(given.hub, given.runs)
        return
    found = measure(given.seconds, given.viewers, given.runs)
    print(
        json.dumps(found) if given.json else "\n".join(f"{name:28} {value}" for name, value in found.items())
    )


if __name__ == "__main__":
    main()
