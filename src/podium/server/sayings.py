"""What attempts say, gathered until it is told: bounded for each attempt, and for all."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple

from podium.facts.saying import Said
from podium.facts.values import JSON

LINES_MAX = 100
"""So many lines of an attempt are told at once; of the others how many there were."""

CHARS_MAX = 256 * 1024
"""So much of what lines say is told of all attempts at once."""

ATTEMPTS_MAX = 1_000
"""Of so many attempts something is told at once."""

Key = tuple[str, int, int]


class Told(NamedTuple):
    """What is told of an attempt of a run."""

    run_id: str
    shown: dict[str, Any]


class _Pending:
    """What one attempt said since that was told last."""

    __slots__ = ("cut", "lines", "progress", "said", "tail")

    def __init__(self, said: Said) -> None:
        self.said = said
        self.progress: JSON = None
        self.tail: str | None = None
        self.lines: deque[str] = deque()
        self.cut = 0

    def shown(self) -> dict[str, Any]:
        order = self.said.order
        shown: dict[str, Any] = {
            "run_id": order.run_id, "effect": order.effect, "attempt": order.attempt, "task": order.task,
            "agent": order.agent or order.kind,
        }  # fmt: skip
        if self.progress is not None:
            shown["progress"] = self.progress
        if self.lines or self.cut:
            shown["lines"], shown["cut"] = list(self.lines), self.cut
        if self.tail is not None:
            shown["tail"] = self.tail
        return shown


class Sayings:
    """What attempts said and nobody was told yet. From any thread."""

    def __init__(self) -> None:
        self._pending: dict[Key, _Pending] = {}
        self._lock = threading.Lock()
        self._chars = 0

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, said: Said) -> None:
        """Keep what an attempt says, until it is taken."""
        order = said.order
        key = order.run_id, order.effect, order.token
        with self._lock:
            pending = self._pending.get(key)
            if pending is None:
                if len(self._pending) >= ATTEMPTS_MAX:
                    return
                pending = self._pending[key] = _Pending(said)
            if said.progress is not None:
                pending.progress = said.progress
            if said.tail is not None:
                pending.tail = said.tail
            for line in said.lines:
                self._keep(pending, line)

    def _keep(self, pending: _Pending, line: str) -> None:
        """The last lines are what is told; those before them are counted."""
        pending.lines.append(line)
        self._chars += len(line)
        while pending.lines and (len(pending.lines) > LINES_MAX or self._chars > CHARS_MAX):
            self._chars -= len(pending.lines.popleft())
            pending.cut += 1

    def take(self, run_id: str = "") -> list[Told]:
        """What is to be told now, of one run or of all."""
        with self._lock:
            keys = [key for key in self._pending if run_id in ("", key[0])]
            taken = [self._pending.pop(key) for key in keys]
            for one in taken:
                self._chars -= sum(map(len, one.lines))
        return [Told(one.said.order.run_id, one.shown()) for one in taken]
