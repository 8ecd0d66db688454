"""Tasks that run another many times, followed record by record, so that they can be told in few words."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

TOLD_MAX = 10
"""A task that runs another no more often than this is told in full."""


class Spread:
    """One such task that is told in few words.

    Attributes:
        frame: its number in the run.
        size: how often it runs the other task.
        done, failed: how many of them ended, and how.
    """

    __slots__ = ("done", "failed", "frame", "size", "started_at", "task")

    def __init__(self, record: Record) -> None:
        self.frame, self.task, self.started_at = record["frame"], record["task"], record["at"]
        self.size: int = record["spread"]["size"]
        self.done = self.failed = 0

    @property
    def said(self) -> str:
        """`512 of 10000 done, 3 failed`"""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done} of {self.size} done{failed}"


class Spreads:
    """Knows for each record of a run whether it belongs to one of many.

    Attributes:
        open: the spreads that go on, by frame. One inside another counts as part of that.
    """

    def __init__(self) -> None:
        self.open: dict[int, Spread] = {}
        self._parents: dict[int, int] = {}
        self._effects: dict[int, int] = {}

    def hear(self, record: Record) -> Spread | None:
        """The spread that a record belongs to, None if to none. Its own beginning and end do not."""
        match record["type"]:
            case "TaskStarted":
                return self._begun(record)
            case "EffectRequested":
                self._effects[record["effect"]] = record["frame"]
                return self._begun(record)
            case "EffectSettled":
                return self._settled(record)
            case "AttemptStarted" | "AttemptFailed" | "EffectInDoubt" | "EffectResolved" | "StaleReply":
                return self._of(self._effects.get(record["effect"], 0))
            case "TaskCompleted":
                return self._completed(record)
            case "TaskFaulted":
                return self._faulted(record)
            case "ItemFailed":
                return self._item_failed(record)
            case "UndoFailed" | "EffectUndone":
                return self._of(record["frame"])
            case "TaskResumed" | "EventConsumed" | "EventReceived":
                return self._of(record["frame"])
        return None

    def _begun(self, record: Record) -> Spread | None:
        frame, parent = record["frame"], record["parent"]
        self._parents[frame] = parent
        within = self._of(parent)
        spread = record.get("spread")
        if within is None and spread is not None and spread["size"] > TOLD_MAX:
            self.open[frame] = Spread(record)
        return within

    def _of(self, frame: int) -> Spread | None:
        while frame:
            spread = self.open.get(frame)
            if spread is not None:
                return spread
            frame = self._parents.get(frame, 0)
        return None

    def _settled(self, record: Record) -> Spread | None:
        frame = self._effects.pop(record["effect"], 0)
        within = self._of(frame)
        if record["completes"]:
            self._ended(self._parents.pop(frame, 0))
        return within

    def _completed(self, record: Record) -> Spread | None:
        frame, parent = record["frame"], record["parent"]
        self.open.pop(frame, None)
        self._parents.pop(frame, None)
        within = self._of(parent)
        self._ended(parent)
        return within

    def _ended(self, parent: int) -> None:
        """A child of this frame ended well."""
        spread = self.open.get(parent)
        if spread is not None:
            spread.done += 1

    def _faulted(self, record: Record) -> Spread | None:
        catcher = record["catcher"]
        for frame in [frame for frame in self.open if self._is_below(frame, catcher)]:
            del self.open[frame]
        return self._of(catcher)

    def _is_below(self, frame: int, top: int) -> bool:
        while frame and frame != top:
            frame = self._parents.get(frame, 0)
        return frame != 0

    def _item_failed(self, record: Record) -> Spread | None:
        spread = self.open.get(record["frame"])
        if spread is not None:
            spread.failed += 1
            return spread
        return self._of(record["frame"])
