"""Sign-ins that failed, in the log: the first of each account in a minute, and then how many more there were.

Whoever guesses can make nobody write more than that. Names that no account has count as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from podium.runtime.identity import Caller
from podium.server.problems import Trouble

ACT = "sign-in-failed"

WINDOW_S = 60.0
NAMED_MAX = 20
"""Of so many accounts something is written in a minute; what there is of others is counted together."""

OTHERS = "others"
NOBODY = "no such account"

log = structlog.get_logger("podium.server")

Note = Callable[[str, dict[str, Any], Caller], Coroutine[Any, Any, Any]]
"""Has something noted in the log."""


class Misses:
    """Counts failed sign-ins, and has them noted. For one event loop."""

    def __init__(self, note: Note, window_s: float = WINDOW_S) -> None:
        self._note, self._window_s = note, window_s
        self._more: dict[str, int] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def miss(self, account: str, how: str, client: str) -> None:
        """Somebody was not let in; the first of them is in the log when this returns.

        Args:
            account: whose name he gave; "" where there is none of that name.
        """
        target = account or NOBODY
        if target not in self._more and len(self._more) >= NAMED_MAX:
            target = OTHERS
        if target in self._more:
            self._more[target] += 1
            return
        self._more[target] = 0
        asyncio.get_running_loop().call_later(self._window_s, self._end, target, how)
        await self._noted(target, how, f"from {client}")

    def _end(self, target: str, how: str) -> None:
        more = self._more.pop(target)
        if more:
            why = f"{more} more within {self._window_s:g} seconds"
            task = asyncio.ensure_future(self._noted(target, how, why))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def _noted(self, target: str, how: str, why: str) -> None:
        try:
            await self._note("note", {"act": ACT, "target": target, "why": why}, Caller(f"http {how}"))
        except Trouble as trouble:
            log.warning("a failed sign-in could not be noted", reason=trouble.detail)
