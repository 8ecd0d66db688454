"""The way to a hub in another process: a line of JSON for each call, through the socket of its folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from podium.sdk.errors import InvalidError, UnreachableError

ADDRESS = "hub.json"
"""The file in the state folder that says where its hub listens."""

REQUEST_BYTES_MAX = 64 * 1024 * 1024
"""A hub takes no longer line from its socket."""

Reply = dict[str, Any]
"""What a door answers."""


class SocketTransport:
    """Calls through the socket of the hub at a state folder.

    Attributes:
        pid: of the hub.
    Raises:
        UnreachableError: no hub serves there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pid, path = _address(folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise UnreachableError(f"the hub at {folder} does not answer: {error.strerror}") from error
        self._ids = count(1)
        self._lock = threading.Lock()
        self._open: dict[int, Future[Reply]] = {}
        self._streams: dict[int, SimpleQueue[Reply]] = {}
        self._gone = ""
        threading.Thread(target=self._read, name="podium-answers", daemon=True).start()

    def start(self, name: str, params: Reply) -> Future[Reply]:
        future: Future[Reply] = Future()
        number = next(self._ids)
        line = _line(number, name, params)
        with self._lock:
            self._open[number] = future
        self._send(line)
        return future

    def follow(self, run_id: str, after: int = 0) -> Iterator[Reply]:
        number = next(self._ids)
        line = _line(number, "follow", {"run_id": run_id, "after": after})
        with self._lock:
            heard = self._streams[number] = SimpleQueue()
        self._send(line)
        while True:
            reply = heard.get()
            yield reply
            if "item" not in reply:
                return

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _send(self, line: bytes) -> None:
        try:
            with self._lock:
                self._socket.sendall(line)
        except OSError as error:
            self._gone = self._gone or f"the hub at {self._folder} went away: {error.strerror}"
        if self._gone:
            self._lose(self._gone)

    def _read(self) -> None:
        reason = "it stopped, or closed the connection"
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._take(msgspec.json.decode(line))
        except OSError as error:
            reason = str(error.strerror)
        except msgspec.DecodeError as error:
            reason = f"it sent what is no JSON: {error}"
        self._lose(f"the hub at {self._folder} went away: {reason}")
        self._socket.close()

    def _take(self, answer: Reply) -> None:
        number = answer.pop("id")
        if number is None:
            raise OSError(0, answer["error"]["message"])
        if (heard := self._streams.get(number)) is not None:
            heard.put(answer)
            if "item" not in answer:
                del self._streams[number]
        elif (future := self._open.pop(number, None)) is not None and not future.done():
            future.set_result(answer)

    def _lose(self, reason: str) -> None:
        """Tell everyone who waits that no answer will come."""
        self._gone = reason
        while True:
            try:
                _, future = self._open.popitem()
            except KeyError:
                break
            if not future.done():
                future.set_exception(UnreachableError(reason))
        for heard in list(self._streams.values()):
            heard.put({"gone": {"message": reason}})
        self._streams.clear()


def _line(number: int, name: str, params: Reply) -> bytes:
    line = msgspec.json.encode({"id": number, "call": name, "params": params}) + b"\n"
    if len(line) > REQUEST_BYTES_MAX:
        message = f"what is given has {len(line):,} bytes; a hub takes {REQUEST_BYTES_MAX:,} at most: "
        raise InvalidError(message + "put it into a file and pass its path")
    return line


def _address(folder: Path) -> tuple[int, str]:
    try:
        said = msgspec.json.decode((folder / ADDRESS).read_bytes())
        if said["inode"] != folder.stat().st_ino:
            raise ValueError("the folder is a copy of the one that is served")
        return int(said["pid"]), str(said["socket"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreachableError(f"no hub serves {folder}") from error
