"""The composition root: a state folder becomes a running hub. It alone names implementations."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from podium.facts.inputs import Evaluated, Reported
from podium.runtime.clock import GuardedClock
from podium.runtime.hub import Hub
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.runtime.worker import EmbeddedWorker
from podium.store.interface import Store, Unwritable
from podium.store.lock import HubLock
from podium.store.sqlite import SqliteStore

LOG = "log.db"
"""The log's file in the state folder."""

LOCK = "hub.lock"
"""What keeps a second hub out of the state folder."""

RUNS_SHARD = 1
"""The shard of runs; shard 0 is the catalog's."""


class LocalHub(Hub):
    """A hub with a state folder of its own, which no other hub may use while it lives.

    Attributes:
        folder: the state folder, absolute.
        worker: who performs the attempts.
    """

    def __init__(self, folder: Path, lock: HubLock, store: Store) -> None:
        self.folder = folder
        self._lock = lock
        name = f"{socket.gethostname()}:{os.getpid()}"
        clock, system = GuardedClock(), SystemHost(store, name)
        shard = ShardHost(store, RUNS_SHARD, system.catalog, name)
        self.worker = EmbeddedWorker(self._hear, system.catalog.agents.get, folder, clock.now)
        super().__init__(store, shard, system, clock, self.worker, _Native(self._learn))

    def _hear(self, reports: list[Reported]) -> None:
        self.tell_all(reports)

    def _learn(self, answer: Evaluated) -> None:
        self.tell_all([answer])

    def stop(self, grace_ms: int = 2_000) -> None:
        """Start nothing more, give attempts in flight the grace, and let the folder go."""
        super().stop(grace_ms)
        self._lock.release()


class _Native:
    """Answers every question that is not native with a failure."""

    def __init__(self, on_answer: Callable[[Evaluated], None]) -> None:
        self._on_answer = on_answer

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        failure = "this expression needs jq, which this hub does not run"
        self._on_answer(Evaluated(run_id=run_id, program=program, argument=argument, failure=failure))

    def close(self) -> None: ...


def open_hub(folder: Path) -> LocalHub:
    """A hub that serves this state folder, which is made if it is not there.

    Raises:
        Unwritable: the folder cannot be written to, or another hub is at work there.
        StoreError: what is in it cannot be read: damaged, or written by a newer release.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(f"the state folder {folder} cannot be made: {error.strerror}") from error
    lock = HubLock(folder / LOCK)
    try:
        hub = LocalHub(folder, lock, SqliteStore(folder / LOG))
        hub.start()
    except BaseException:
        lock.release()
        raise
    return hub
