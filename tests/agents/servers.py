"""A real HTTP server for tests, which answers as it is told and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Asked], bytes]


def response(status: int, body: bytes = b"", headers: str = "Content-Type: application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    if headers:
        lines.append(headers)
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Listens on a free port of this machine while it is entered."""

    def __init__(self, answering: Answering) -> None:
        self.asked: list[Asked] = []
        self.closed = asyncio.Event()
        self._answering = answering
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, EOFError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        answer = self._answering(asked)
        if not answer:
            raise EOFError
        writer.write(answer)
        await writer.drain()
