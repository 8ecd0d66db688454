"""The door for other processes: a unix socket in the state folder that speaks lines of JSON.

A request is `{id, call, params}`. Its answer is `{id, result}`, `{id, refused}` or `{id, error}`; to `follow`
first come any number of `{id, item}`. Requests of one connection are answered as they finish.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from io import BufferedReader
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import structlog

from podium.runtime.addresses import make_parent, socket_path
from podium.runtime.door import Door
from podium.runtime.identity import Caller
from podium.runtime.presenting import Shown
from podium.store.interface import Unwritable

ADDRESS = "hub.json"
"""What the state folder says of its hub: `{pid, socket, inode, started_at}`; `inode` is the folder's own
number, which a copy of it has not."""

LINE_BYTES_MAX = 64 * 1024 * 1024
"""A longer request ends its connection."""

OPEN_MAX = 4096
"""A connection may have so many requests unanswered; more are refused."""

_ACCEPT_AGAIN_S = 0.1

_SEND_S = 1.0
"""A client that is slower to read its last answers does not get them."""

log = structlog.get_logger("podium.socket")


class Request(msgspec.Struct, frozen=True):
    """One line of a client."""

    id: int | str
    call: str
    params: Shown = {}


_decode = msgspec.json.Decoder(Request).decode
_encode = msgspec.json.Encoder().encode


class SocketServer:
    """Serves a door on a unix socket that only this user may use.

    Attributes:
        path: the socket's; in the folder, or under the temporary folder where that would be too long.
    Raises:
        Unwritable: the socket cannot be made.
    """

    def __init__(self, folder: Path, door: Door, now_ms: int) -> None:
        self._door = door
        self._folder = folder
        self.path = socket_path(folder)
        self._connections: set[_Connection] = set()
        self._leaving: list[_Connection] = []
        self._lock = threading.Lock()
        self._closing = False
        try:
            # Who holds the folder's lock is its only hub: a socket that is there belongs to a dead one.
            make_parent(self.path.parent)
            self.path.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.bind(str(self.path))
            self.path.chmod(0o600)
            self._socket.listen(128)
            self._address = {
                "pid": os.getpid(), "socket": str(self.path), "inode": folder.stat().st_ino,
                "started_at": now_ms,
            }  # fmt: skip
            self.show()
        except OSError as error:
            raise Unwritable(f"the socket {self.path} cannot be made: {error.strerror or error}") from error
        self._thread = threading.Thread(target=self._accept, name="podium-socket", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return len(self._connections)

    def show(self) -> None:
        """Say in the folder where to connect."""
        fresh = self._folder / (ADDRESS + ".new")
        fresh.write_bytes(_encode(self._address))
        fresh.replace(self._folder / ADDRESS)

    def hide(self) -> None:
        """Say so no more. Who is on the way is let in, and `clients` counts him."""
        (self._folder / ADDRESS).unlink(missing_ok=True)

    def stop_taking(self) -> None:
        """Take the address back, and no more requests; those that came are still answered."""
        self._closing = True
        self.hide()
        self.path.unlink(missing_ok=True)
        # Closing alone does not wake a thread that accepts.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        self._thread.join()
        with self._lock:
            self._leaving = list(self._connections)
        for connection in self._leaving:
            connection.stop_taking()

    def close(self) -> None:
        """End all connections, once the answers that there are were sent."""
        limit = time.monotonic() + _SEND_S
        for connection in self._leaving:
            connection.close()
        for connection in self._leaving:
            connection.wait(limit)

    def _accept(self) -> None:
        while not self._closing:
            try:
                accepted, _ = self._socket.accept()
            except OSError as error:
                if not self._closing:
                    log.warning("cannot accept", reason=str(error))
                    time.sleep(_ACCEPT_AGAIN_S)
                continue
            connection = _Connection(accepted, self._door, self._gone)
            with self._lock:
                self._connections.add(connection)
            connection.start()

    def _gone(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.discard(connection)


class _Connection:
    """One client: a thread that reads its requests, a thread that writes the answers."""

    def __init__(self, accepted: socket.socket, door: Door, on_end: Callable[[_Connection], None]) -> None:
        self._socket, self._door, self._on_end = accepted, door, on_end
        self._via = peer(accepted)
        self._out: SimpleQueue[bytes | None] = SimpleQueue()
        self._open: dict[int | str, Future[Shown] | None] = {}
        self._ended = self._closing = False
        self._writer = threading.Thread(target=self._write, name="podium-client-out", daemon=True)

    def start(self) -> None:
        threading.Thread(target=self._read, name="podium-client-in", daemon=True).start()
        self._writer.start()

    def stop_taking(self) -> None:
        """Read no more than what has come."""
        self._closing = True
        self._shut(socket.SHUT_RD)

    def close(self) -> None:
        """End it once its answers were sent."""
        self._ended = True
        self._out.put(None)

    def wait(self, limit: float) -> None:
        """Wait until they were sent, or until then on the monotonic clock; then it is over."""
        self._writer.join(max(limit - time.monotonic(), 0))
        self._cut()

    def _cut(self) -> None:
        self._ended = True
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        try:
            self._socket.shutdown(how)
        except OSError:
            pass

    # --- requests ------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                while (line := self._line(lines)) is not None:
                    if line.strip():
                        self._take(line)
        except OSError:
            pass
        finally:
            self._end()

    def _line(self, lines: BufferedReader) -> bytes | None:
        """The next line; None at the end, and where a line is too long to go on from."""
        line = lines.readline(LINE_BYTES_MAX + 1)
        if len(line) > LINE_BYTES_MAX:
            self._put({"id": None, "error": {"message": f"a request is longer than {LINE_BYTES_MAX} bytes"}})
            return None
        return line or None

    def _take(self, line: bytes) -> None:
        try:
            request = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            message = f"a request is one line of JSON, {{id, call, params}}: {error}"
            self._put({"id": None, "error": {"message": message}})
            return
        if request.id in self._open or len(self._open) >= OPEN_MAX:
            message = f"more than {OPEN_MAX} requests are unanswered, or one has the id {request.id!r}"
            self._put({"id": request.id, "error": {"message": message}})
        elif request.call == "follow":
            self._open[request.id] = None
            threading.Thread(target=self._follow, args=(request,), name="podium-follow", daemon=True).start()
        else:
            future = self._door.start(request.call, request.params, self._via)
            self._open[request.id] = future
            future.add_done_callback(partial(self._answer, request.id))

    def _answer(self, id: int | str, future: Future[Shown]) -> None:
        self._open.pop(id, None)
        if not future.cancelled():
            self._put({"id": id, **future.result()})

    def _follow(self, request: Request) -> None:
        run_id, after = request.params.get("run_id"), request.params.get("after", 0)
        if not isinstance(run_id, str) or not isinstance(after, int):
            self._put({"id": request.id, "error": {"message": "`follow` takes `run_id` and `after`"}})
        else:
            for reply in self._door.follow(run_id, after):
                if self._ended:
                    break
                self._put({"id": request.id, **reply})
        self._open.pop(request.id, None)

    # --- answers -------------------------------------------------------------------------------------

    def _put(self, answer: Shown) -> None:
        self._out.put(_encode(answer) + b"\n")

    def _write(self) -> None:
        out = self._out
        try:
            while (line := out.get()) is not None:
                lines = [line]
                ends = False
                try:
                    while len(lines) < 100:
                        more = out.get_nowait()
                        if more is None:
                            ends = True
                            break
                        lines.append(more)
                except Empty:
                    pass
                self._socket.sendall(b"".join(lines))
                if ends:
                    break
        except OSError:
            self._cut()
        finally:
            self._socket.close()

    def _end(self) -> None:
        if not self._closing:
            # The client left, and waits for no answer.
            self._ended = True
            for future in list(self._open.values()):
                if future is not None:
                    future.cancel()
            self._out.put(None)
        self._on_end(self)


def peer(connected: socket.socket) -> Caller:
    """Who is at the other end, as the operating system knows it; nobody where it does not say."""
    option: Any = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return Caller("unix-socket")
    pid, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, option, 12))
    return Caller("unix-socket", int(uid), int(pid))
