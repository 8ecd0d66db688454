"""What a shard knows of its runs that a crash forgets: it is asked for, or made up, again."""

from __future__ import annotations

from podium.facts.values import JSON


class Pending:
    """What a run waits for from the evaluator, or that it has more to do than one step does.

    Volatile: a crash forgets it, and it is asked again.

    Attributes:
        asked: questions, as program and argument.
        answers: value and failure of those that were answered.
        since: (parent frame, node) of a task that waits to be entered, and since when it does. What it asks
            may depend on that time, and must be the same when it starts over.
    """

    __slots__ = ("answers", "asked", "since")

    def __init__(self) -> None:
        self.answers: dict[tuple[str, bytes], tuple[JSON, str]] = {}
        self.asked: set[tuple[str, bytes]] = set()
        self.since: dict[tuple[int, int], int] = {}


class Readiness:
    """What may begin in a graph. Derives from its frame and the program; made up again where it is lost.

    Attributes:
        missing: of each task, how many of those it needs have not ended.
        ready: those that may begin; a heap.
        seen: outputs of the frame that were taken in.
    """

    __slots__ = ("missing", "ready", "seen")

    def __init__(self, missing: list[int], ready: list[int], seen: int) -> None:
        self.missing, self.ready, self.seen = missing, ready, seen
