"""The lifecycle of a run as CloudEvents: what its records mean to whoever knows the workflow language alone.

A pure projection: the records are folded as the kernel folds them, and each change of a phase is told. The
types and their data are those of the workflow DSL 1.0.3, "Lifecycle Events"; a page of the reference lists
them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.values import JSON, Error
from podium.kernel.arguments import iso
from podium.kernel.evolve import evolve, raw_input
from podium.kernel.state import ROOT, Effect, Frame, Run, Shard

CloudEvent = dict[str, JSON]

_TYPE = "io.serverlessworkflow"
_ERASED: JSON = object()
"""In place of an output that is not known any more."""

_OF_EFFECTS = {
    "queued": "pending", "waiting": "waiting", "approval": "waiting", "deferred": "waiting",
    "backoff": "waiting", "in_doubt": "waiting", "dead": "waiting",
}  # fmt: skip
"""The phases of effects that are not running."""


def cloud_events(records: Iterable[Record], named: Collection[str]) -> Iterator[CloudEvent]:
    """The lifecycle of one run, from all its records.

    Args:
        named: references of the workflow's tasks. Whatever else lasts in a run is a body, and no task.
    """
    lifecycle = Lifecycle(named)
    for record in records:
        yield from lifecycle.hear(record)


class _Phase(NamedTuple):
    """Of a task: what it is doing, and whether it is about to be tried again."""

    name: str
    again: bool = False


class _Endings(NamedTuple):
    """The tasks that a record ends, by frame: with what they completed, or that they faulted.

    Attributes:
        at_once: one that began and ended with the record: its reference, and output or error.
    """

    completed: dict[int, JSON] = {}
    faulted: tuple[int, ...] = ()
    error: Error | None = None
    at_once: tuple[str, JSON | Error] | None = None


class Lifecycle:
    """Tells of one run, record by record. `named` as in `cloud_events`."""

    def __init__(self, named: Collection[str]) -> None:
        self._named = frozenset(named)
        self._shard = Shard()
        self._phases: dict[int, _Phase] = {}
        self._begun: set[int] = set()
        self._phase = ""
        self._last = 0
        self._record = Record(0, "", 0, e.Event())
        self._told: list[CloudEvent] = []
        self._header: dict[str, str] = {}

    def hear(self, record: Record) -> list[CloudEvent]:
        """What a record comes to. Records come in order, from the first of the run."""
        self._record, self._told = record, []
        event = record.event
        if isinstance(event, e.RunStarted):
            full, _, version = event.workflow.rpartition("@")
            namespace, _, name = full.partition("/")
            self._header = {"name": name, "namespace": namespace, "version": version}
            frames: dict[int, Frame] = {}
            endings = _Endings()
        else:
            run = self._shard.runs[record.run_id]
            frames = dict(run.frames)
            endings = self._endings(run, record)
        self._fold(record)
        run = self._shard.runs[record.run_id]
        self._tell(run, frames, endings)
        return self._told

    def _fold(self, record: Record) -> None:
        shard = self._shard
        shard.seq = record.seq - 1
        evolve(shard, record)
        # What the kernel would have to do about it is nobody's business here.
        for left in (shard.abandoned, shard.freed, shard.kin, shard.timers):
            left.clear()
        for line in shard.queues.values():
            line.clear()

    @property
    def data_labels(self) -> tuple[str, ...]:
        """The labels of the run's data, as far as it was heard."""
        return next((run.data_labels for run in self._shard.runs.values()), ())

    # --- what a record ends ---------------------------------------------------------------------------

    def _endings(self, run: Run, record: Record) -> _Endings:
        event, body = record.event, record.body
        if isinstance(event, e.TaskCompleted):
            return self._completed(run, event, body)
        if isinstance(event, e.EffectSettled) and event.completes:
            frame = run.frames[run.effects[event.effect].frame]
            if event.next < 0:
                self._last = frame.parent
            given = _ERASED
            if isinstance(body, e.EffectSettledBody):
                given = body.result if event.transformed else body.output
            return _Endings({frame.id: given})
        if isinstance(event, e.TaskFaulted):
            around = _around(run.frames, event.parent, event.catcher)
            return _faulted(event.task, event.frame, around, _error(body))
        if isinstance(event, e.ItemFailed):
            around = _around(run.frames, event.origin, event.frame)
            innermost = run.frames.get(event.origin)
            own = event.origin if innermost is not None and innermost.task == event.task else 0
            return _faulted(event.task, own, around, _error(body))
        if isinstance(event, e.RunFaulted):
            origin = _origin(run, event.task)
            around = _around(run.frames, origin.parent, 0) if origin else _enclosing(run.frames, event.task)
            return _faulted(event.task, origin.id if origin else 0, around, _error(body))
        if isinstance(event, e.RunCompleted) and self._last:
            return _Endings(dict.fromkeys(_around(run.frames, self._last, 0), _ERASED))
        return _Endings()

    def _completed(self, run: Run, event: e.TaskCompleted, body: Any) -> _Endings:
        if event.next < 0:
            self._last = event.parent
        given = _ERASED
        if event.same:
            slot = run.frames[event.frame].slot if event.frame else event.next
            given = raw_input(run.frames[event.parent], max(slot, 0))
        elif isinstance(body, e.TaskCompletedBody):
            given = body.output
        if event.frame:
            return _Endings({event.frame: given})
        return _Endings() if event.skipped else _Endings(at_once=(event.task, given))

    # --- telling --------------------------------------------------------------------------------------

    def _tell(self, run: Run, before: dict[int, Frame], endings: _Endings) -> None:
        event = self._record.event
        phases = {
            _whole(run.frames, frame).id: _phase(run, frame)
            for frame in run.frames.values()
            if frame.task in self._named
        }
        known, self._phases = self._phases, phases
        if isinstance(event, e.RunAdmitted) or (isinstance(event, e.RunStarted) and not event.waits):
            self._of_run("started", {"definition": self._header, "startedAt": self._at})
        if endings.at_once is not None and not _is_told(before, endings.at_once[0]):
            self._at_once(*endings.at_once)
        # Those inside end before those around them.
        for number in sorted(known.keys() - phases.keys(), reverse=True):
            self._ended(before[number], endings)
        if isinstance(event, e.RunSuspended):
            self._of_run("suspended", {"suspendedAt": self._at})
        elif isinstance(event, e.RunResumed):
            self._of_run("resumed", {"resumedAt": self._at})
        for number, phase in phases.items():
            self._goes_on(run.frames[number], known.get(number), phase)
        self._run_moved(run, phases)

    def _at_once(self, task: str, gave: JSON | Error) -> None:
        """A task that took no time."""
        if task not in self._named:
            return
        self._of_task("created", task, {"createdAt": self._at})
        self._of_task("started", task, {"startedAt": self._at})
        if isinstance(gave, Error):
            self._of_task("faulted", task, {"faultedAt": self._at, "error": _builtin(gave)}, "faulted")
        else:
            self._of_task("completed", task, {"completedAt": self._at, **_output(gave)}, "completed")

    def _ended(self, frame: Frame, endings: _Endings) -> None:
        self._begun.discard(frame.id)
        if frame.id in endings.completed:
            data = {"completedAt": self._at, **_output(endings.completed[frame.id])}
            if frame.kind == "listen":
                keys = {"correlationKeys": frame.keys} if frame.keys else {}
                self._of_run("correlation-completed", {"completedAt": self._at, **keys})
            self._of_task("completed", frame.task, data, "completed")
        elif frame.id in endings.faulted:
            error = {"error": _builtin(endings.error)} if endings.error is not None else {}
            self._of_task("faulted", frame.task, {"faultedAt": self._at, **error}, "faulted")
        else:
            self._of_task("cancelled", frame.task, {"cancelledAt": self._at}, "cancelled")

    def _goes_on(self, frame: Frame, before: _Phase | None, now: _Phase) -> None:
        """A task began, or goes on; nothing is told of one that does as before."""
        if now == before:
            return
        if before is None:
            self._of_task("created", frame.task, {"createdAt": self._at})
        if now.name == "suspended":
            self._of_task("suspended", frame.task, {"suspendedAt": self._at})
        elif before is not None and before.name == "suspended":
            self._of_task("resumed", frame.task, {"resumedAt": self._at})
        elif now.name != "pending" and frame.id not in self._begun:
            self._begun.add(frame.id)
            self._of_task("started", frame.task, {"startedAt": self._at})
            if frame.kind == "listen":
                self._of_run("correlation-started", {"startedAt": self._at})
        elif now.name == "running" and before is not None and (before.again or before.name == "pending"):
            self._of_task("retried", frame.task, {"retriedAt": self._at})
        if before is None or before.name != now.name:
            self._status("task", frame.task, now.name)

    def _run_moved(self, run: Run, phases: dict[int, _Phase]) -> None:
        phase = _phase_of(run, phases)
        if phase == self._phase:
            return
        self._phase = phase
        if phase == "completed":
            self._of_run(phase, {"completedAt": self._at, **_output(run.output)})
        elif phase == "faulted":
            error = {"error": _builtin(run.error)} if run.error is not None else {}
            self._of_run(phase, {"faultedAt": self._at, **error})
        elif phase == "cancelled":
            self._of_run(phase, {"cancelledAt": self._at})
        self._status("workflow", "", phase)

    # --- envelopes ------------------------------------------------------------------------------------

    @property
    def _at(self) -> str:
        return iso(self._record.at)

    @property
    def _name(self) -> str:
        return f"{self._header['name']}-{self._record.run_id}.{self._header['namespace']}"

    def _of_run(self, kind: str, data: dict[str, JSON]) -> None:
        self._say("workflow", kind, "", {"name": self._name, **data})

    def _of_task(self, kind: str, task: str, data: dict[str, JSON], status: str = "") -> None:
        self._say("task", kind, task, {"workflow": self._name, "task": task, **data})
        if status:
            self._status("task", task, status)

    def _status(self, of: str, task: str, phase: str) -> None:
        who = {"workflow": self._name, "task": task} if task else {"name": self._name}
        self._say(of, "status-changed", task, {**who, "updatedAt": self._at, "status": phase})

    def _say(self, of: str, kind: str, task: str, data: dict[str, JSON]) -> None:
        record = self._record
        self._told.append(
            {
                "specversion": "1.0",
                "id": f"{record.run_id}/{record.event.ordinal}/{len(self._told)}",
                "source": f"/{self._header['namespace']}/{self._header['name']}",
                "type": f"{_TYPE}.{of}.{kind}.v1",
                "subject": record.run_id + task,
                "time": self._at,
                "datacontenttype": "application/json",
                "data": data,
            }
        )


# --- phases -------------------------------------------------------------------------------------------


def _phase(run: Run, frame: Frame) -> _Phase:
    """What a task is doing. Source: workflow DSL 1.0.3, "Status Phases"."""
    effect: Effect | None = run.effects.get(frame.effect) if frame.effect else None
    again = frame.phase == "backoff" or (effect is not None and effect.status == "backoff")
    if run.status == "suspended":
        return _Phase("suspended", again)
    if effect is not None:
        return _Phase(_OF_EFFECTS.get(effect.status, "running"), again)
    waits = again or frame.kind == "wait" or (frame.kind == "listen" and not frame.phase)
    return _Phase("waiting" if waits else "running", again)


def _phase_of(run: Run, phases: dict[int, _Phase]) -> str:
    """What a run is doing: `waiting` where all that goes on in it does."""
    if run.status != "running":
        return "pending" if run.status == "queued" else run.status
    ends = [_whole(run.frames, frame).id for frame in run.frames.values() if not frame.open]
    leaves = [phases[number].name for number in ends if number in phases]
    return "waiting" if leaves and all(name == "waiting" for name in leaves) else "running"


def _whole(frames: dict[int, Frame], frame: Frame) -> Frame:
    """The frame of a task with all of its extensions, where it is one of those that make it up."""
    parent = frames.get(frame.parent)
    while parent is not None and parent.kind == "extended" and parent.task == frame.task:
        frame, parent = parent, frames.get(parent.parent)
    return frame


def _is_told(frames: dict[int, Frame], task: str) -> bool:
    """Whether a task that took no time has extensions, by which it is told of."""
    return any(
        frame.kind == "extended" and frame.task == task and not frame.open for frame in frames.values()
    )


# --- what an error reaches ----------------------------------------------------------------------------


def _faulted(task: str, origin: int, around: list[int], error: Error | None) -> _Endings:
    if origin:
        return _Endings(faulted=(origin, *around), error=error)
    return _Endings(faulted=tuple(around), error=error, at_once=(task, error) if error is not None else None)


def _around(frames: dict[int, Frame], first: int, end: int) -> list[int]:
    """The frames from one outwards, up to another."""
    found = []
    while first in frames and first != end:
        found.append(first)
        first = frames[first].parent
    return found


def _origin(run: Run, task: str) -> Frame | None:
    """The frame of the task that raised what no task caught; None if it has none."""
    found = [frame for frame in run.frames.values() if frame.task == task and frame.id != ROOT]
    return next((frame for frame in found if frame.phase == "faulted"), found[0] if found else None)


def _enclosing(frames: dict[int, Frame], task: str) -> list[int]:
    """The frames around a task that has none of its own."""
    return [frame.id for frame in frames.values() if task.startswith(f"{frame.task}/")]


def _error(body: Any) -> Error | None:
    error: Error | None = getattr(body, "error", None)
    return error


def _output(given: JSON) -> dict[str, JSON]:
    return {} if given is _ERASED else {"output": given}


def _builtin(error: Error | None) -> JSON:
    return msgspec.to_builtins(error)
