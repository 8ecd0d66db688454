"""What the API serves: the one object that every router is made from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podium.runtime.door import Door
from podium.runtime.identity import Caller
from podium.runtime.presenting import Shown
from podium.server.gate import Gate
from podium.server.mailbox import Mailbox
from podium.server.problems import of_reply, too_much
from podium.server.repeats import Repeats
from podium.server.settings import Settings
from podium.server.streams import Streams
from podium.views.looking import Looks

_AT_ONCE = frozenset(("submit", "apply", "delete", "execute"))
"""Calls that only hand something to the hub: their beginning waits for nobody."""


@dataclass(slots=True)
class Served:
    """What routers have to work with: modules in `server/api`, each with `router(served) -> APIRouter`.

    A route says what a caller needs, `caller: Annotated[Caller, needs("read")]`, and asks the door:
    `return answered(await served.ask("get", {"kind": "runs"}, caller))`. The router itself is
    `noun("runs")`. Whatever goes wrong is raised as a `Trouble` and becomes a problem document. No rule
    of the hub is written here a second time.

    Attributes:
        door: where every call on the hub is made.
        views: what answers lists; it may be behind.
        gate: who calls.
        streams: live changes.
        position: how far the log of runs has come: the seq of the last record that is durable.
        settings: bounds and the like.
        status: of the hub, as `Hub.status`.
        repeats: what was asked for under keys.
        export: writes the log out into a folder. Raises Unexportable.
        extra: what other parts of the server add for their own routers, by name.
    """

    door: Door
    views: Looks
    gate: Gate
    streams: Streams
    position: Callable[[], int]
    status: Callable[[], str]
    export: Callable[[Path], Any]
    settings: Settings
    repeats: Repeats
    extra: dict[str, Any] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(init=False)
    _open: int = field(default=0, init=False)
    _mailbox: Mailbox | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.settings.threads, "podium-api")

    async def ask(self, call: str, params: Shown, caller: Caller) -> Any:
        """Make a call on the door without holding up the loop; gives its result.

        Raises:
            Trouble: it came to nothing, or more calls are open than may be.
        """
        if self._open >= self.settings.calls_open_max:
            raise too_much(f"{self._open} calls are being made already; try again", rule="calls")
        self._open += 1
        try:
            if call in _AT_ONCE:
                future = self.door.start(call, params, caller)
            else:
                future = await self.do(self.door.start, call, params, caller)
            reply = future.result() if future.done() else await self._box().of(future)
        finally:
            self._open -= 1
        if "result" in reply:
            return reply["result"]
        raise of_reply(reply)

    def _box(self) -> Mailbox:
        if self._mailbox is None:
            self._mailbox = Mailbox()
        return self._mailbox

    async def do(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do what takes its time on another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.repeats.close()
