"""The watchdog: notices when an agent's code keeps a lane's loop from turning, and says whose it is."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import Context
from typing import NamedTuple

from podium.agents.interface import AttemptFailed
from podium.runtime.lane import Lane
from podium.runtime.running import CURRENT, Running

LOOKS = 4
"""How often the watchdog looks within the time after which a loop counts as stalled. Several looks, so
that a machine that slept, or a process that was stopped, is not taken for a stalled loop."""
FRAMES_SHOWN = 5

_log = logging.getLogger("podium.worker")


class Stall:
    """A stalled loop: what it runs, whose that is, and where it stands.

    Attributes:
        culprit: the attempt whose code runs; None if that is none's.
        stack: innermost frames of that code, one a line.
        ours: nothing but the worker's own code runs; giving up the loop would help nobody.
    """

    def __init__(self, lane: Lane, stall_ms: int) -> None:
        handle, frames = _running_handle(lane)
        context: Context | None = getattr(handle, "_context", None)
        self.culprit = context.get(CURRENT) if context is not None else None
        foreign = [frame for frame in frames if not frame.module.startswith("podium.")]
        self.ours = handle is None or (self.culprit is None and bool(frames) and not foreign)
        self.stack = "\n".join(f"{f.file}:{f.line} in {f.name}" for f in foreign[-FRAMES_SHOWN:])
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


class _Frame(NamedTuple):
    module: str
    file: str
    line: int
    name: str


def _running_handle(lane: Lane) -> tuple[object, list[_Frame]]:
    """The callback that the lane's loop runs now, and the frames inside of it, outermost first.

    A callback carries the context it was made in, and with it the attempt that it belongs to.
    """
    found: list[_Frame] = []
    frame = sys._current_frames().get(lane.thread.ident or 0)
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:
            return frame.f_locals.get("self"), found[::-1]
        code = frame.f_code
        found.append(
            _Frame(frame.f_globals.get("__name__", ""), code.co_filename, frame.f_lineno, code.co_name)
        )
        frame = frame.f_back
    return None, []
