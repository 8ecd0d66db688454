"""What the fold holds of runs and effects between two transactions."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class EffectRow(msgspec.Struct, gc=False):
    """A row of `effects`; the fields are its columns, in order.

    Attributes:
        status: `queued`, `running`, `parked`, `diverged`, `waiting`, `nested`, `backoff`, `in_doubt`, `dead`,
            `resolved` while it is open; then `succeeded`, `failed`, or `cancelled` if its task was torn down.
        settled_at: 0 while it is open.
        frame: the task's own frame in the run; `parent` that of the enclosing task.
        error_title: of the last attempt that failed.
        asker: the effect whose attempt asked for it; 0 if its task did.
    """

    run: int
    effect: int
    task: str
    route: int
    status: str
    attempt: int
    requested_at: int
    settled_at: int
    cost_nano: int
    frame: int
    parent: int
    error_title: str = ""
    asker: int = 0


class DeletedRow(NamedTuple):
    """What marks a row of `resources` as deleted."""

    kind: str
    name: str
    version: str
    deleted_at: int


NO_FAILURE = ("", 0)


class Open(msgspec.Struct, omit_defaults=True):
    """What an unfinished run needs to be folded on when it comes back from its row.

    Attributes:
        frames: frame to (kind, parent) of the tasks that last; `backoff` is a try that pauses.
        effects: the open effects.
        failed: (task, effect) of the effect that failed last, until the error is caught.
    """

    frames: dict[int, tuple[str, int]] = {}
    effects: list[int] = []
    failed: tuple[str, int] = NO_FAILURE


class RunRow:
    """A run as it is being folded.

    Attributes:
        run: position of its first record; the key in every table.
        lifecycle: `running`, `suspended`, or how it ended; in the table `running` may read `waiting`.
        written: status in the table; "" while it has no row.
        parent: the run whose task started it; "" if none did. `nested` if that task waits for it.
        effects: the open ones by number; `dirty` those to be written.
        asks: whether attempts have asked for some of them.
        frames, failed: as in `Open`.
    """

    __slots__ = (
        "asks", "cost_nano", "definition", "dirty", "effects", "effects_done", "ended_at", "error_title",
        "failed", "frames", "key", "labels", "last_seq", "lifecycle", "nested", "parent", "principal",
        "run", "run_id", "started_at", "updated_at", "written",
    )  # fmt: skip

    def __init__(
        self, run: int, run_id: str, definition: int, principal: str, key: str, started_at: int,
        lifecycle: str = "running",
    ) -> None:  # fmt: skip
        self.run, self.run_id, self.definition = run, run_id, definition
        self.principal, self.key, self.started_at = principal, key, started_at
        self.lifecycle = lifecycle
        self.written = ""
        self.labels = "{}"
        self.parent, self.nested = "", False
        self.ended_at = self.updated_at = self.last_seq = 0
        self.effects_done = self.cost_nano = 0
        self.error_title = ""
        self.effects: dict[int, EffectRow] = {}
        self.asks = False
        self.dirty: dict[int, EffectRow] = {}
        self.frames: dict[int, tuple[str, int]] = {}
        self.failed = NO_FAILURE

    @property
    def active(self) -> bool:
        """Whether an attempt runs, or is about to, or another run does instead."""
        return any(effect.status in _ACTIVE for effect in self.effects.values())

    @property
    def status(self) -> str:
        """As the table has it: a run that only waits for time, people or events is `waiting`."""
        if self.lifecycle != "running" or self.active:
            return self.lifecycle
        if self.effects or any(kind in _PAUSES for kind, _ in self.frames.values()):
            return "waiting"
        return "running"

    def below(self, top: int) -> set[int]:
        """The frames under `top`."""
        found = {top}
        # A frame's number is larger than its parent's.
        for frame in sorted(self.frames):
            if self.frames[frame][1] in found:
                found.add(frame)
        found.discard(top)
        return found


_ACTIVE = frozenset({"running", "queued", "resolved", "nested"})
_PAUSES = frozenset({"wait", "listen", "backoff"})
