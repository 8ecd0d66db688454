"""The server's thread: uvicorn on a loop of its own, which ends soon whatever is open."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from podium.server.writing import Protocol

STOP_S = 2
"""Requests under way get so long when the server ends."""

BACKLOG = 1_024
SWITCH_S = 0.001
_HEADERS_BYTES_MAX = 64 * 1024
_KEEP_ALIVE_S = 75

log = structlog.get_logger("podium.server")


class _Server(uvicorn.Server):
    """Tells when requests are taken."""

    def __init__(self, config: uvicorn.Config, began: threading.Event) -> None:
        super().__init__(config)
        self._taking = began

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._taking.set()


class Listening:
    """A server at work.

    Args:
        app: what it serves.
        bound: a socket that is bound already.
        on_stop: ends what would go on for ever; called on the loop.
        certificate, key: files in PEM; both or none.
    Attributes:
        url: where it is found.
    """

    def __init__(
        self, app: ASGIApp, bound: socket.socket, url: str, on_stop: Callable[[], None],
        certificate: Path | None = None, key: Path | None = None,
    ) -> None:  # fmt: skip
        self.url = url
        self._on_stop = on_stop
        self._socket = bound
        config = uvicorn.Config(
            app, loop="asyncio", http=Protocol, ws="none", lifespan="on", log_config=None,
            access_log=False, server_header=False, date_header=False, proxy_headers=False, backlog=BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S, timeout_graceful_shutdown=STOP_S,
            ssl_certfile=certificate, ssl_keyfile=key,
        )  # fmt: skip
        if certificate is not None:
            config.load()
            assert config.ssl is not None
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        # It tells of every start and stop; only what goes wrong is worth a line.
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._began = threading.Event()
        self._server = _Server(config, self._began)
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="podium-server", daemon=True)

    def start(self) -> None:
        """Serve; returns once requests are taken. Raises OSError where it cannot."""
        self._thread.start()
        self._began.wait()
        if self._failure is not None:
            raise OSError(f"the server does not start: {self._failure}")

    def stop(self) -> None:
        """End every stream, give requests under way a moment, and return when all is over."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._on_stop()
        self._server.should_exit = True

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self._failure = error
            log.error("server ended", reason=str(error), exc_info=error)
        finally:
            self._began.set()

    async def _run(self) -> None:
        # Else the hub's thread, when it has much to do, lets this one wait 5 ms at every turn.
        sys.setswitchinterval(SWITCH_S)
        self._loop = asyncio.get_running_loop()
        await self._server.serve([self._socket])


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: only then asyncio sets TCP_NODELAY, without which an answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    bound.set_inheritable(False)
    return bound
