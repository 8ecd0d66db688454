"""Traces: which tasks a run started, in order, by its records."""

from __future__ import annotations

from collections.abc import Iterable

from podium.facts import events as e


class Trace:
    """Gathers the references of the named tasks that start.

    Attributes:
        started: so far, in order. A task that starts several times is there as often.
    """

    __slots__ = ("_named", "_open", "started")

    def __init__(self, named: Iterable[str]) -> None:
        """
        Args:
            named: references of the workflow's tasks; bodies, which have no name, do not count.
        """
        self._named = frozenset(named)
        self._open: dict[str, int] = {}
        self.started: list[str] = []

    def hear(self, event: e.Event) -> None:
        """Take the run's next event in."""
        match event:
            case e.TaskStarted(task=task) | e.EffectRequested(task=task):
                self._start(task)
                self._open[task] = self._open.get(task, 0) + 1
            case e.TaskCompleted(frame=0, skipped=False, task=task) | e.TaskFaulted(frame=0, task=task):
                self._start(task)
            case e.TaskCompleted(task=task, frame=frame) | e.TaskFaulted(task=task, frame=frame) if frame:
                self._end(task)
            case e.EffectSettled(task=task, completes=True):
                self._end(task)
            case e.RunFaulted(task=task) if not self._open.get(task):
                # It failed as it started, and nothing caught that.
                self._start(task)

    def _start(self, task: str) -> None:
        if task in self._named:
            self.started.append(task)

    def _end(self, task: str) -> None:
        self._open[task] = self._open.get(task, 0) - 1
