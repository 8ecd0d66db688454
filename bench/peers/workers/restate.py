"""Restate: its server and a Python service as child processes, runs started through the ingress."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.peers.workload import Request, measure, print_report, read_request

START_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """Where the server's binary lies and the environment that configures it."""

    binary: str
    environment: dict[str, str]
    ingress: str
    admin: str


def free_addresses(number: int) -> list[str]:
    """Loopback addresses nobody listens on; all are held at once so that no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return ["{}:{}".format(*held.getsockname()) for held in sockets]
    finally:
        for held in sockets:
            held.close()


def plan_server(request: Request) -> Server:
    """A default single node on loopback; tuned, one partition, so that all runs share one log."""
    node, ingress, admin = free_addresses(3)
    environment = {
        "RESTATE_BASE_DIR": str(request.folder / "restate-data"),
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_ADDRESS": node,
        "RESTATE_INGRESS__BIND_ADDRESS": ingress,
        "RESTATE_ADMIN__BIND_ADDRESS": admin,
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "warn",
    }
    if request.tuned:
        environment["RESTATE_DEFAULT_NUM_PARTITIONS"] = "1"
    binary = os.environ["RESTATE_SERVER_BINARY"]
    return Server(binary, {"PATH": os.environ["PATH"], **environment}, f"http://{ingress}", f"http://{admin}")


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[psutil.Popen]:
    """A child process, killed on the way out."""
    with log.open("wb") as stream:
        process = psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, **options)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


@contextmanager
def serving(request: Request, server: Server) -> Iterator[tuple[list[psutil.Popen], str]]:
    """The service and the server as processes, and the address of the service."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = [sys.executable, "-m", "bench.peers.workers.restate_service", str(listener.fileno())]
        address = "http://{}:{}".format(*listener.getsockname())
        with (
            running(service, request.folder / "service.log", pass_fds=[listener.fileno()]) as first,
            running(
                [server.binary, "--no-logo"],
                request.folder / "server.log",
                env=server.environment,
                cwd=request.folder,
            ) as second,
        ):
            yield [first, second], address


async def register(client: aiohttp.ClientSession, server: Server, service: str) -> None:
    """Tell the server where the service is, as soon as it listens; TimeoutError when it never does."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                async with client.post(f"{server.admin}/deployments", json={"uri": service}) as answer:
                    if answer.status < 300:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def cpu_seconds(processes: list[psutil.Popen]) -> float:
    """CPU used so far by this process, which plays the clients, and by the service and the server."""
    everyone = [psutil.Process(), *processes]
    return sum(sum(process.cpu_times()[:2]) for process in everyone)


def durability(server: Server) -> dict[str, Any]:
    """The server's own account of its configuration, defaults included."""
    dumped = subprocess.run(
        [server.binary, "--dump-config"], env=server.environment, capture_output=True, text=True, check=True
    )
    config = tomllib.loads(dumped.stdout)
    return {
        "log_provider": config["bifrost"]["default-provider"],
        "partitions": config["default-num-partitions"],
        "replication": config["default-replication"],
        "log_server_wal_fsync": not config["log-server"]["rocksdb-disable-wal-fsync"],
    }


def server_version(server: Server) -> str:
    told = subprocess.run([server.binary, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


async def main() -> None:
    request = read_request()
    server = plan_server(request)
    facts = durability(server)
    with serving(request, server) as (processes, service):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            await register(client, server, service)

            async def run_once() -> Any:
                async with client.post(f"{server.ingress}/bench/ten_steps", json={}) as answer:
                    answer.raise_for_status()
                    return await answer.json()

            measured = await measure(request, run_once, lambda: cpu_seconds(processes))
    packages = ["restate-sdk", "hypercorn"]
    print_report(measured, packages, facts, restate_server=server_version(server))


if __name__ == "__main__":
    asyncio.run(main())
