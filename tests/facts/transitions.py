"""The transitions that a log tells of, read without the code that folds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from podium.facts import events as e
from podium.facts.events import Record

Transition: TypeAlias = tuple[str, str, str]
"""State, event and next state, as the tables of `facts.lifecycles` have them."""

_ENDS = {e.RunCompleted: "completed", e.RunFaulted: "faulted", e.RunCancelled: "cancelled"}
_BREAKERS = {
    "BreakerOpened": "open", "BreakerHalfOpened": "half_open", "BreakerClosed": "closed",
    "BreakerReset": "closed",
}  # fmt: skip
_HELD_BACK = {"approve": "approval", "defer": "deferred", "deny": "denied"}
_ROOT = 1


class Transitions:
    """What was seen of each lifecycle.

    Attributes:
        runs, effects, tasks, breakers: the transitions, each once.
    """

    def __init__(self, log: Iterable[Record]) -> None:
        self.runs: set[Transition] = set()
        self.effects: set[Transition] = set()
        self.tasks: set[Transition] = set()
        self.breakers: set[Transition] = set()
        self._runs: dict[str, _Run] = {}
        breakers: dict[str, str] = {}
        for record in log:
            name = type(record.event).__name__
            if name in _BREAKERS:
                digest = record.event.digest  # type: ignore[attr-defined]
                self.breakers.add((breakers.get(digest, "closed"), name, _BREAKERS[name]))
                breakers[digest] = _BREAKERS[name]
            if record.run_id:
                run = self._runs.setdefault(record.run_id, _Run(self))
                run.see(record.event)


class _Run:
    """What is open in one run."""

    def __init__(self, seen: Transitions) -> None:
        self._seen = seen
        self._status = ""
        self._effects: dict[int, str] = {}
        self._tasks: dict[int, str] = {}
        self._places: dict[int, tuple[int, str]] = {}
        self._frames: dict[int, int] = {}
        self._askers: dict[int, int] = {}
        self._awaited: dict[int, set[int]] = {}

    def see(self, event: Any) -> None:
        name = type(event).__name__
        look = getattr(self, f"_{name}", None)
        if look is not None:
            look(event)
        if type(event) in _ENDS:
            self._tear_down(_ROOT)
            self._move_run(name, _ENDS[type(event)])

    # --- the run -------------------------------------------------------------------------------------

    def _move_run(self, name: str, to: str) -> None:
        self._seen.runs.add((self._status, name, to))
        self._status = to

    def _RunStarted(self, event: e.RunStarted) -> None:
        waits = event.waits
        self._move_run("RunStarted/waits" if waits else "RunStarted", "queued" if waits else "running")

    def _RunAdmitted(self, event: e.RunAdmitted) -> None:
        self._move_run("RunAdmitted", "running")

    def _RunSuspended(self, event: e.RunSuspended) -> None:
        self._move_run("RunSuspended", "suspended")

    def _RunResumed(self, event: e.RunResumed) -> None:
        self._move_run("RunResumed", "running")

    def _RunFaulted(self, event: e.RunFaulted) -> None:
        """The task that is named had a frame, or faulted while it was entered; `/` and the like are none."""
        named = [frame for frame, (_, task) in self._places.items() if task == event.task]
        for frame in named:
            self._leave(frame, "RunFaulted", "faulted")
        if not named and event.task.startswith("/do/"):
            self._seen.tasks.add(("", "RunFaulted", "faulted"))

    # --- tasks ---------------------------------------------------------------------------------------

    def _begin(self, event: Any) -> None:
        if event.frame != _ROOT:
            self._tasks[event.frame] = "running"
            self._places[event.frame] = (event.parent, event.task)
            self._seen.tasks.add(("", type(event).__name__, "running"))

    def _leave(self, frame: int, name: str, to: str) -> None:
        self._seen.tasks.add((self._tasks.pop(frame), name, to))
        self._tear_down(frame)
        del self._places[frame]
        self._drop_effect(frame)

    def _tear_down(self, top: int) -> None:
        """Whatever is open below a frame is no more."""
        for frame in [frame for frame, (parent, _) in self._places.items() if parent == top]:
            self._leave(frame, "cancelled", "cancelled")

    def _TaskStarted(self, event: e.TaskStarted) -> None:
        self._begin(event)

    def _TaskCompleted(self, event: e.TaskCompleted) -> None:
        if event.frame:
            self._leave(event.frame, "TaskCompleted", "completed")
        else:
            self._seen.tasks.add(("", "TaskCompleted", "completed"))

    def _TaskFaulted(self, event: e.TaskFaulted) -> None:
        if event.frame:
            self._leave(event.frame, "TaskFaulted", "faulted")
        else:
            self._seen.tasks.add(("", "TaskFaulted", "faulted"))
        self._tear_down(event.catcher)
        if event.retry_at:
            self._move_task(event.catcher, "TaskFaulted/retry", "backoff")

    def _ItemFailed(self, event: e.ItemFailed) -> None:
        self._part_failed(event)

    def _UndoFailed(self, event: e.UndoFailed) -> None:
        self._part_failed(event)

    def _part_failed(self, event: Any) -> None:
        name = type(event).__name__
        if self._places.get(event.origin, (0, ""))[1] == event.task:
            self._leave(event.origin, name, "faulted")
        else:
            self._seen.tasks.add(("", name, "faulted"))
        if event.child in self._places:
            self._leave(event.child, "cancelled", "cancelled")

    def _EffectUndone(self, event: e.EffectUndone) -> None:
        self._move_effect(event.effect, "EffectUndone", "undone")

    def _TaskResumed(self, event: e.TaskResumed) -> None:
        self._move_task(event.frame, "TaskResumed", "running")

    def _move_task(self, frame: int, name: str, to: str) -> None:
        self._seen.tasks.add((self._tasks[frame], name, to))
        self._tasks[frame] = to

    # --- effects -------------------------------------------------------------------------------------

    def _move_effect(self, effect: int, name: str, to: str) -> None:
        self._seen.effects.add((self._effects.get(effect, ""), name, to))
        self._effects[effect] = to

    def _drop_effect(self, frame: int) -> None:
        effect = self._frames.pop(frame, 0)
        if self._effects.get(effect) != "settled":
            self._effects.pop(effect, None)

    def _EffectRequested(self, event: e.EffectRequested) -> None:
        if not event.asker:
            self._begin(event)
            self._frames[event.frame] = event.effect
        if event.started:
            self._move_effect(event.effect, "EffectRequested/started", "running")
        elif event.verdict != "allow":
            self._move_effect(event.effect, f"EffectRequested/{event.verdict}", _HELD_BACK[event.verdict])
        elif event.kind == "human":
            self._move_effect(event.effect, "EffectRequested/human", "waiting")
        elif event.kind == "workflow":
            self._move_effect(event.effect, "EffectRequested/workflow", "nested")
        elif event.kind == "guard":
            self._move_effect(event.effect, "EffectRequested/guard", "checked")
        else:
            self._move_effect(event.effect, "EffectRequested", "queued")
        if event.number:
            self._askers[event.effect] = event.asker
            self._await(event.asker, event.effect, "EffectRequested/asked")

    def _await(self, asker: int, effect: int, name: str) -> None:
        self._awaited.setdefault(asker, set()).add(effect)
        self._move_effect(asker, name, "asking")

    def _AskRepeated(self, event: e.AskRepeated) -> None:
        if self._effects[event.call] != "settled":
            self._await(event.effect, event.call, "AskRepeated/open")

    def _AttemptParked(self, event: e.AttemptParked) -> None:
        self._move_effect(event.effect, "AttemptParked", "parked")

    def _ResultsUnclaimed(self, event: e.ResultsUnclaimed) -> None:
        if event.then not in ("continue", "fail"):
            self._move_effect(event.effect, "ResultsUnclaimed/kept", "diverged")

    def _answer(self, effect: int) -> None:
        """Let whoever waits for an effect go on, if that was the last one."""
        asker = self._askers.get(effect, 0)
        awaited = self._awaited.get(asker, set())
        state = self._effects.get(asker, "")
        if effect in awaited and state in ("asking", "parked"):
            awaited.discard(effect)
            if not awaited:
                to = "running" if state == "asking" else "queued"
                self._move_effect(asker, "EffectSettled/answered", to)

    def _EffectDecided(self, event: e.EffectDecided) -> None:
        begun = {"human": "waiting", "workflow": "nested", "guard": "checked"}.get(event.kind, "queued")
        to = _HELD_BACK.get(event.verdict, begun)
        self._move_effect(event.effect, f"EffectDecided/{event.kind or event.verdict}", to)

    def _ApprovalDecided(self, event: e.ApprovalDecided) -> None:
        to = {"granted": "queued", "denied": "denied"}.get(event.outcome, self._effects[event.effect])
        self._move_effect(event.effect, f"ApprovalDecided/{event.outcome}".removesuffix("/"), to)

    def _ApprovalDelegated(self, event: e.ApprovalDelegated) -> None:
        self._move_effect(event.effect, "ApprovalDelegated", self._effects[event.effect])

    def _ApprovalEscalated(self, event: e.ApprovalEscalated) -> None:
        self._move_effect(event.effect, "ApprovalEscalated", self._effects[event.effect])

    def _ApprovalExpired(self, event: e.ApprovalExpired) -> None:
        self._move_effect(event.effect, "ApprovalExpired", "denied")

    def _ActionEdited(self, event: e.ActionEdited) -> None:
        self._move_effect(event.effect, "ActionEdited", "queued")

    def _DecisionOverridden(self, event: e.DecisionOverridden) -> None:
        to = "queued" if event.outcome else self._effects[event.effect]
        self._move_effect(event.effect, f"DecisionOverridden/{event.outcome}".removesuffix("/"), to)

    def _AttemptStarted(self, event: e.AttemptStarted) -> None:
        self._awaited[event.effect] = set()
        self._move_effect(event.effect, "AttemptStarted", "running")

    def _AttemptFailed(self, event: e.AttemptFailed) -> None:
        self._move_effect(event.effect, "AttemptFailed", "backoff")

    def _EffectInDoubt(self, event: e.EffectInDoubt) -> None:
        self._move_effect(event.effect, "EffectInDoubt", "in_doubt")

    def _EffectResolved(self, event: e.EffectResolved) -> None:
        to = "queued" if event.verdict == "retry" else "resolved"
        self._move_effect(event.effect, f"EffectResolved/{event.verdict}", to)

    def _EffectProbed(self, event: e.EffectProbed) -> None:
        self._move_effect(event.effect, "EffectProbed", "in_doubt")

    def _EffectRerouted(self, event: e.EffectRerouted) -> None:
        self._move_effect(event.effect, "EffectRerouted", "queued")

    def _EffectDeadLettered(self, event: e.EffectDeadLettered) -> None:
        self._move_effect(event.effect, "EffectDeadLettered", "dead")

    def _EffectRedriven(self, event: e.EffectRedriven) -> None:
        self._move_effect(event.effect, "EffectRedriven", "queued")

    def _EffectSettled(self, event: e.EffectSettled) -> None:
        self._move_effect(event.effect, "EffectSettled", "settled")
        self._answer(event.effect)
        if event.completes:
            frame = next(frame for frame, effect in self._frames.items() if effect == event.effect)
            self._leave(frame, "EffectSettled", "completed")
