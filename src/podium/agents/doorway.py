"""The doorway of process agents to the hub: a unix socket, and a token for each attempt that opens it.

A request is a line of JSON: `{token, id, tool, args, key}` or `{token, id, call, agent, input, key}`. Its
answer is a line `{id, result}` or `{id, error: {type, status, title, detail}}`. Requests of one connection
are answered as they finish. The token dies with its attempt, and counts only for the processes of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import socket
import struct
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from podium.agents.asking import CallFailed, Question
from podium.agents.interface import Attempt, AttemptFailed
from podium.facts.values import JSON, Error, standard_error

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A longer request ends its connection."""

OPEN_MAX = 1024
"""A connection may have so many requests unanswered; more are refused."""

_log = logging.getLogger("podium.worker")


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    token: str = ""
    id: int | str = 0
    tool: str = ""
    args: JSON = None
    call: str = ""
    agent: str = ""
    input: JSON = None
    key: str = ""


_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


class Pass:
    """One attempt's right to ask: its token, and the leader of the processes that may use it, if started."""

    __slots__ = ("attempt", "leader", "token")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.token = secrets.token_urlsafe(32)
        self.leader = 0


class Doorway:
    """Serves the socket, on the loop of whoever asks for the first pass.

    Attributes:
        path: where the socket is.
    """

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: of the socket, in a folder that is this user's own.
        """
        self.path = path
        self._passes: dict[bytes, Pass] = {}
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Lock | None = None
        self._connections: set[_Connection] = set()

    async def admit(self, attempt: Attempt) -> Pass:
        """A pass for an attempt, which must be given back.

        Raises:
            AttemptFailed: the socket cannot be made.
        """
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._server is None:
                self._server = await self._serve()
        granted = Pass(attempt)
        self._passes[_name(granted.token)] = granted
        return granted

    def dismiss(self, granted: Pass) -> None:
        """The attempt is over: its token opens nothing any more, and who came by it is shown out."""
        del self._passes[_name(granted.token)]
        for connection in list(self._connections):
            connection.forget(granted)

    def holder(self, token: str) -> Pass | None:
        """The pass of a token, as long as that is good."""
        return self._passes.get(_name(token))

    async def close(self) -> None:
        """Let nobody in any more."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.end()
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _serve(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)
            server = await loop.create_unix_server(self._connected, str(self.path))
            self.path.chmod(0o600)
            return server
        except OSError as error:
            title = f"the socket {self.path} for agents cannot be made: {error.strerror or error}"
            raise AttemptFailed(title, unstarted=True, kind="configuration") from error

    def _connected(self) -> _Connection:
        connection = _Connection(self, self._connections.discard)
        self._connections.add(connection)
        return connection


def _name(token: str) -> bytes:
    """By which a token is looked up: how long that takes tells nothing of how near a guess is."""
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).digest()


class _Connection(asyncio.Protocol):
    """One process that asks."""

    def __init__(self, doorway: Doorway, on_end: Callable[[_Connection], None]) -> None:
        self._doorway, self._on_end = doorway, on_end
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._open: dict[int | str, tuple[Pass, Future[JSON]]] = {}
        self._uid, self._leader = -1, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._uid, self._leader = _peer(transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        # Whoever asked is gone or has had enough; what was asked for goes on, and is recorded.
        self._open.clear()
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if line.strip():
                self._take(line)
        self._searched = len(self._buffer)
        if len(self._buffer) > LINE_BYTES_MAX:
            self._refuse(None, "validation", f"a request is longer than {LINE_BYTES_MAX} bytes")
            self.end()

    def forget(self, granted: Pass) -> None:
        """Whatever was asked for by this pass is answered no more."""
        for id, (holder, _) in list(self._open.items()):
            if holder is granted:
                del self._open[id]
                self._refuse(id, "authorization", "this attempt is over")

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self, line: bytes) -> None:
        try:
            request = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            title = "a request is a line of JSON, {token, id, tool, args} or {token, id, call, input}"
            self._refuse(None, "validation", title, str(error))
            return
        granted = self._doorway.holder(request.token)
        if granted is None or not self._belongs_to(granted):
            title = "the token is none, or its attempt is over, or it was given to another process"
            self._refuse(request.id, "authentication", title, "PODIUM_TOKEN of the attempt's environment")
        elif (request.tool != "") == (request.call != "" or request.agent != ""):
            self._refuse(request.id, "validation", "name either a `tool`, or what to `call` or which `agent`")
        elif request.id in self._open or len(self._open) >= OPEN_MAX:
            title = f"a request with this id is open, or more than {OPEN_MAX} are"
            self._refuse(request.id, "validation", title)
        else:
            self._ask(granted, request)

    def _belongs_to(self, granted: Pass) -> bool:
        """Whether who asks is this user, and a process of the attempt, as far as the system tells."""
        if self._uid not in (-1, os.getuid()):
            return False
        return not self._leader or not granted.leader or self._leader == granted.leader

    def _ask(self, granted: Pass, request: _Request) -> None:
        if request.tool:
            question = Question("tool", request.tool, request.args, request.key)
        else:
            question = Question("agent", request.call, request.input, request.key, request.agent)
        future = granted.attempt.ask(question)
        self._open[request.id] = granted, future

        def on_done(done: Future[JSON]) -> None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer, request.id, done)

        future.add_done_callback(on_done)

    def _answer(self, id: int | str, done: Future[JSON]) -> None:
        known = self._open.get(id)
        if known is None or known[1] is not done or done.cancelled():
            return
        del self._open[id]
        failure = done.exception()
        if isinstance(failure, CallFailed):
            self._tell({"id": id, "error": failure.error})
        else:
            self._tell({"id": id, "result": done.result()})

    def _refuse(self, id: int | str | None, kind: str, title: str, detail: str = "") -> None:
        error: Error = standard_error(kind, "", title, detail)
        self._tell({"id": id, "error": error})

    def _tell(self, answer: dict[str, Any]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_encode(answer) + b"\n")


def _peer(connected: socket.socket) -> tuple[int, int]:
    """The user at the other end, and the process that leads his groups; -1 and 0 where nobody says."""
    option: Any = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return -1, 0
    pid, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, option, 12))
    try:
        return int(uid), os.getsid(pid)
    except OSError:
        # It is gone, or where this process does not see it; then it is none of ours.
        return int(uid), -1
