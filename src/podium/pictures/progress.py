"""How far a run is, told of each task, from the run's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ACTIVE = ("running", "queued", "waiting", "retrying", "in doubt")
STATUSES = (*ACTIVE, "done", "failed", "skipped", "stopped")


@dataclass(slots=True)
class Progress:
    """How one task does.

    Attributes:
        status: one of `STATUSES`; that of its last time, where it ran several times.
        times: how often it was entered.
    """

    status: str
    times: int = 1


class _Tasks:
    def __init__(self) -> None:
        self.by_reference: dict[str, Progress] = {}
        self.frames: dict[int, tuple[int, str]] = {}
        self.frame_of: dict[int, int] = {}

    def enter(self, event: Mapping[str, Any], status: str) -> None:
        around = self.frames.get(event["parent"])
        if around is not None and around[1] == event["task"]:
            # Inside of what its extensions do it is still the same task.
            self.frames[event["frame"]] = (event["parent"], event["task"])
            self.turn(event["task"], status)
            return
        if event["frame"]:
            self.frames[event["frame"]] = (event["parent"], event["task"])
        known = self.by_reference.get(event["task"])
        if known is None:
            self.by_reference[event["task"]] = Progress(status)
        else:
            known.status, known.times = status, known.times + 1

    def turn(self, reference: str, status: str) -> None:
        if reference in self.by_reference:
            self.by_reference[reference].status = status

    def leave(self, frame: int) -> None:
        """A frame ended, and whatever was under way below it was stopped."""
        below = {frame}
        # A child's number is above its parent's.
        for child in sorted(one for one in self.frames if one > frame):
            parent, reference = self.frames[child]
            if parent in below:
                below.add(child)
                if self.by_reference[reference].status in ACTIVE:
                    self.by_reference[reference].status = "stopped"
        for one in below:
            self.frames.pop(one, None)

    def end(self) -> None:
        for task in self.by_reference.values():
            if task.status in ACTIVE:
                task.status = "stopped"


def progress(events: Iterable[Mapping[str, Any]]) -> dict[str, Progress]:
    """What became of each task so far.

    Args:
        events: the run's records in order, as `Client.events` gives them.
    Returns:
        by reference; tasks that were never reached are not there.
    """
    tasks = _Tasks()
    for event in events:
        _fold(tasks, event)
    return tasks.by_reference


def _fold(tasks: _Tasks, event: Mapping[str, Any]) -> None:
    kind = event["type"]
    if kind == "TaskStarted":
        tasks.enter(event, "waiting" if event["kind"] in ("wait", "listen") else "running")
    elif kind == "EffectRequested":
        status = "waiting" if event["kind"] == "human" else "running" if event["started"] else "queued"
        tasks.enter(event, status)
        tasks.frame_of[event["effect"]] = event["frame"]
    elif kind == "TaskCompleted":
        status = "skipped" if event["skipped"] else "done"
        if not event["frame"]:
            tasks.enter(event, status)
        else:
            tasks.turn(event["task"], status)
            tasks.leave(event["frame"])
    elif kind == "EffectSettled":
        succeeded = event["status"] == "succeeded"
        tasks.turn(event["task"], "done" if succeeded else "failed")
        if succeeded and event["completes"]:
            tasks.leave(tasks.frame_of.get(event["effect"], 0))
    elif kind == "TaskFaulted":
        _faulted(tasks, event)
    elif kind in _TURNS:
        tasks.turn(event["task"], _TURNS[kind])
    elif kind in ("RunCompleted", "RunFaulted", "RunCancelled"):
        tasks.end()


_TURNS = {
    "AttemptStarted": "running",
    "AttemptFailed": "retrying",
    "EffectInDoubt": "in doubt",
    "EffectResolved": "running",
    "TaskResumed": "running",
}


def _faulted(tasks: _Tasks, event: Mapping[str, Any]) -> None:
    if event["task"] in tasks.by_reference:
        tasks.turn(event["task"], "failed")
    else:
        tasks.by_reference[event["task"]] = Progress("failed")
    catcher = tasks.frames.get(event["catcher"])
    if catcher is None:
        return
    tasks.leave(event["catcher"])
    tasks.frames[event["catcher"]] = catcher
    tasks.turn(catcher[1], "retrying" if event["retry_at"] else "running")
