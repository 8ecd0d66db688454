"""The watchdog: notices when an agent's code keeps a lane's loop from turning, and says whose it is."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable

from podium.agents.interface import AttemptFailed
from podium.runtime.lane import Lane, Running

LOOKS = 4
"""How often the watchdog looks within the time after which a loop counts as stalled. Several looks, so
that a machine that slept, or a process that was stopped, is not taken for a stalled loop."""
FRAMES_SHOWN = 5

OURS = frozenset({"podium", "asyncio", "threading", "selectors", "logging"})

_log = logging.getLogger("podium.worker")


class Stall:
    """A stalled loop: who stalled it, if that can be told, and where its thread stands.

    Attributes:
        culprits: attempts that are to blame; more than one where only their agent is known.
        stack: innermost frames of the thread, one a line.
    """

    def __init__(self, lane: Lane, stall_ms: int) -> None:
        frames = _frames(lane)
        culprit = lane.culprit()
        self.culprits = [culprit] if culprit is not None else _by_frames(lane, frames)
        self.stack = "\n".join(f"{file}:{line} in {name}" for file, line, name in frames[-FRAMES_SHOWN:])
        self._stall_ms = stall_ms

    def failure(self, running: Running) -> AttemptFailed:
        """What the attempt that is to blame is reported with."""
        order = running.order
        function = running.agent.runtime.get("callable", "")
        return AttemptFailed(
            f"{order.agent} blocked the worker's loop for more than {self._stall_ms / 1000:g} s",
            f"{function} computes or waits without `await`. Declare `isolation: process`, or make it a plain "
            f"function, and it gets a process of its own. It stands at:\n{self.stack}",
            lost=True,
        )


class Watchdog:
    """A daemon thread that looks at one lane as long as there is anything to do on it."""

    def __init__(
        self, lane: Callable[[], Lane], stalled: Callable[[Lane, Stall], None], stall_ms: int
    ) -> None:
        """
        Args:
            lane: the lane to watch now.
            stalled: called on the watchdog's thread; gives the lane up.
            stall_ms: a loop that does not turn for this long is stalled.
        """
        self._lane = lane
        self._stalled = stalled
        self._stall_ms = stall_ms
        self._wanted = threading.Event()
        self._closing = False
        threading.Thread(target=self._live, name="podium-watchdog", daemon=True).start()

    def wake(self) -> None:
        """There is work on the lane."""
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """Look no more."""
        self._closing = True
        self._wanted.set()

    def _live(self) -> None:
        pause = threading.Event()
        while True:
            self._wanted.wait()
            self._wanted.clear()
            misses, seen = 0, (self._lane(), 0.0)
            while not self._closing and self._lane().busy:
                pause.wait(self._stall_ms / 1000 / LOOKS)
                now = (self._lane(), self._lane().ticked_at)
                misses, seen = (misses + 1 if now == seen else 0), now
                if misses >= LOOKS and now[0].busy:
                    misses = 0
                    self._bark(now[0])
            if self._closing:
                return

    def _bark(self, lane: Lane) -> None:
        try:
            self._stalled(lane, Stall(lane, self._stall_ms))
        except Exception:
            _log.exception("the watchdog could not give up the stalled %s", lane.name)


def _frames(lane: Lane) -> list[tuple[str, int, str]]:
    """File, line and function of the thread's frames that are neither ours nor asyncio's, outermost first."""
    frame = sys._current_frames().get(lane.thread.ident or 0)
    found = []
    for one, line in reversed(list(traceback.walk_stack(frame))):
        module = str(one.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in OURS:
            found.append((one.f_code.co_filename, line, one.f_code.co_name))
    return found


def _by_frames(lane: Lane, frames: list[tuple[str, int, str]]) -> list[Running]:
    """Attempts of the one agent whose folder the code lies in; none where that leaves a choice."""
    running = list(lane.running.values())
    names = {name for _, _, name in frames}
    for file, _, _ in reversed(frames):
        owners = [r for r in running if r.agent.folder and file.startswith(r.agent.folder + "/")]
        named = [r for r in owners if str(r.agent.runtime.get("callable")).rpartition(":")[2] in names]
        for choice in (named, owners):
            if len({r.order.digest for r in choice}) == 1:
                return choice
        if owners:
            return []
    return []
