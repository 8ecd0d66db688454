"""What an answer consists of goes out at once, however it is written."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from podium.server.writing import GATHERED_MAX, _Gathering
from tests.server.hubs import Hub


class Wire:
    """A transport that notes what it was given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_what_is_written_in_one_turn_goes_out_together_and_no_more_than_may_wait() -> None:
    async def written() -> Wire:
        wire: Any = Wire()
        gathering = _Gathering(wire, asyncio.get_running_loop())
        gathering.write(b"head ")
        gathering.write(b"body")
        await asyncio.sleep(0)
        assert wire.written == [b"head body"]
        gathering.write(b"x" * (GATHERED_MAX + 1))
        assert len(wire.written) == 2, "a lot does not wait"
        gathering.write(b"last words")
        gathering.close()
        assert wire.written[2:] == [b"last words"] and gathering.is_closing()
        await asyncio.sleep(0)
        return wire

    assert len(asyncio.run(written()).written) == 3


def test_a_connection_serves_many_requests_that_come_at_once(hub: Hub) -> None:
    address = hub.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=20) as connection:
        asked = b"GET /healthz HTTP/1.1\r\nHost: " + address[0].encode() + b"\r\n\r\n"
        connection.sendall(asked * 5)
        found = b""
        while found.count(b"HTTP/1.1 200") < 5 or not found.endswith(b"}"):
            got = connection.recv(65_536)
            assert got, found
            found += got
