"""Named points at which a hub's process kills itself, put into production code from outside.

Each is a moment between two things that a crash may come between. What a point wraps is looked up by name, so
that a point whose place is gone fails when it is set, and does not silently never strike.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podium import bootstrap
from podium.agents.function import FunctionAdapter
from podium.agents.pool import PoolAdapter
from podium.agents.process import ProcessAdapter
from podium.runtime import shard
from podium.runtime.evaluator import Evaluator
from podium.runtime.hub import Hub
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.runtime.worker import EmbeddedWorker
from podium.store.sqlite import SqliteStore
from podium.views.tables import Tables
from tests.store.disks import Disk

Strike = Callable[[], None]


def set_point(name: str, count: int, pause_ms: int) -> None:
    """Let this process die when it passes the point for the `count`th time.

    Args:
        pause_ms: how long the thread that came there stands still first; if others were told anything too
            early, they do it or pass it on meanwhile.
    """
    left = count

    def strike() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            time.sleep(pause_ms / 1_000)
            os.kill(os.getpid(), signal.SIGKILL)

    POINTS[name](strike)


def _around(
    owner: Any, name: str, *, before: Strike | None = None, after: Callable[[Any, Any], None] | None = None
) -> None:
    """Wrap a function; `after` gets its result and its arguments, beginning with `self`."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            before()
        result = function(*arguments, **named)
        if after is not None:
            after(result, arguments)
        return result

    setattr(owner, name, wrapped)


def _before(owner: Any, name: str) -> Callable[[Strike], None]:
    getattr(owner, name)
    return lambda strike: _around(owner, name, before=strike)


def _after(owner: Any, name: str) -> Callable[[Strike], None]:
    getattr(owner, name)
    return lambda strike: _around(owner, name, after=lambda result, arguments: strike())


def _while_attempting(adapter: Any, delay_s: float) -> Callable[[Strike], None]:
    """A little after an attempt has begun."""

    def place(strike: Strike) -> None:
        perform = adapter.perform

        async def performing(self: Any, agent: Any, attempt: Any) -> Any:
            asyncio.get_running_loop().call_later(delay_s, strike)
            return await perform(self, agent, attempt)

        adapter.perform = performing

    return place


def _thawed(strike: Strike) -> None:
    _around(ShardHost, "_thaw", after=lambda loaded, arguments: strike() if loaded else None)


def _passivating(strike: Strike) -> None:
    """Runs that leave memory are written, and the transaction is open."""
    _around(SqliteStore, "_cool", after=lambda result, arguments: strike() if arguments[2] else None)


def _of_the_log(strike: Strike, hook: str) -> None:
    """A file layer that strikes at something that happens to the write-ahead log."""

    def happened(self: Disk, path: Path, *rest: Any) -> None:
        if path.name.endswith("-wal"):
            strike()

    disk = type("StrikingDisk", (Disk,), {hook: happened})()

    def opened(path: Path) -> SqliteStore:
        return SqliteStore(path, vfs=disk.name)

    bootstrap.SqliteStore = opened  # type: ignore[attr-defined, assignment]
    _kept.append(disk)


_kept: list[Disk] = []
"""SQLite forgets a file layer that nobody holds."""


POINTS: dict[str, Callable[[Strike], None]] = {
    # The log.
    "before the write": _before(SqliteStore, "append"),
    "written, not committed": _after(SqliteStore, "_cool"),
    "between two pages of a commit": lambda strike: _of_the_log(strike, "writing"),
    "written, not synced": lambda strike: _of_the_log(strike, "syncing"),
    "committed, nobody told": _after(SqliteStore, "append"),
    "before a checkpoint": _before(SqliteStore, "_checkpoint"),
    "after a checkpoint": _after(SqliteStore, "_checkpoint"),
    # Release.
    "before the dispatch": _before(EmbeddedWorker, "perform"),
    "after the dispatch": _after(EmbeddedWorker, "perform"),
    "before a reply": _before(Hub, "_reply"),
    "after a reply": _after(Hub, "_reply"),
    "before a question": _before(Evaluator, "ask"),
    "declared, nobody told": _after(SystemHost, "_commit"),
    # Attempts.
    "an attempt on the loop": _while_attempting(FunctionAdapter, 0.02),
    "an attempt in a child": _while_attempting(PoolAdapter, 0.03),
    "an attempt of a program": _while_attempting(ProcessAdapter, 0.05),
    "attempted, not reported": _before(EmbeddedWorker, "_deliver"),
    # Runs that leave memory, snapshots, views.
    "while runs leave memory": _passivating,
    "while runs come back": _thawed,
    "before a snapshot": _before(SqliteStore, "save_snapshot"),
    "after a snapshot": _after(SqliteStore, "save_snapshot"),
    "before views are written": _before(Tables, "write"),
    "after views are written": _after(Tables, "write"),
    # Taking over.
    "before the claim": _before(SqliteStore, "claim"),
    "after the claim": _after(SqliteStore, "claim"),
    "state made up": _after(ShardHost, "_load"),
    "recovered, not committed": _after(shard, "recover"),
    "taken over": _after(ShardHost, "open"),
}
"""By name; a hub passes some of them once in its life, others all the time."""

OFTEN = {
    "before the write": 60, "written, not committed": 60, "between two pages of a commit": 200,
    "written, not synced": 60, "committed, nobody told": 60, "before the dispatch": 40,
    "after the dispatch": 40, "before a reply": 30, "after a reply": 30, "an attempt on the loop": 30,
    "an attempt in a child": 8, "an attempt of a program": 4, "attempted, not reported": 30,
    "while runs leave memory": 30, "while runs come back": 8, "before views are written": 3,
    "after views are written": 3, "before a snapshot": 2, "after a snapshot": 2, "before a checkpoint": 2,
    "after a checkpoint": 2, "before the claim": 2, "after the claim": 2, "before a question": 4,
}  # fmt: skip
"""By which pass at most it strikes; at the first where nothing is said."""
