"""Fold records into rows, in memory; `tables` writes what a whole batch of them came to.

An effect that is requested and settled in one batch is one row to write, and so is a run with all its
events. The fold takes the log at its word, as the kernel does; bodies that were erased leave blanks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.values import Error
from podium.views.acts import ACTS, SHARD_BITS, row_of
from podium.views.rows import NO_FAILURE, DeletedRow, EffectRow, RunRow

ROOT = 1
"""The frame of a run's outermost scope."""

DAY_MS = 86_400_000

_encode = msgspec.json.Encoder().encode

Key = tuple[int, int]
"""(run, effect)"""

_UNENDED = frozenset({"queued", "running", "suspended"})


class Memory(Protocol):
    """What was folded before."""

    def run(self, run_id: str) -> RunRow:
        """A run as of the last record folded."""

    def route(self, route: tuple[str, str, str, str, str]) -> int:
        """The id of (kind, agent, capability, reason, verdict)."""

    def definition(self, definition: tuple[str, str, str]) -> int:
        """The id of (workflow, version, digest)."""


class Fold:
    """What a batch of records comes to.

    Attributes:
        runs: those that have news, by run id.
        approvals: row by (run, effect), in column order; None where it is over. `escalations` likewise.
        overrides: rows, in column order. `acts` likewise.
        resources: rows of those that were applied, and marks of those that were deleted, in that order.
        labels: (name, value, run).
        spend: by (day, route): calls and cost.
        totals: by how much each total changed.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._route = memory.route
        self.runs: dict[str, RunRow]
        self.approvals: dict[Key, tuple[Any, ...] | None]
        self.escalations: dict[Key, tuple[Any, ...] | None]
        self.overrides: list[tuple[Any, ...]]
        self.acts: list[tuple[Any, ...]]
        self.resources: list[tuple[Any, ...] | DeletedRow]
        self.labels: list[tuple[str, str, int]]
        self.spend: dict[tuple[str, int], list[int]]
        self.totals: dict[str, int]
        self.clear()
        self._base = 0
        self._today: dict[int, list[int]] = {}
        self._day_from = self._day_to = 0
        self._handlers: dict[type[e.Event], Callable[[RunRow, Record, Any], None]] = {
            e.TaskStarted: self._task_started,
            e.TaskCompleted: self._task_completed,
            e.TaskFaulted: self._task_faulted,
            e.ItemFailed: self._part_failed,
            e.UndoFailed: self._part_failed,
            e.TaskResumed: self._task_resumed,
            e.EffectRequested: self._effect_requested,
            e.AttemptStarted: self._attempt_started,
            e.AttemptFailed: self._attempt_failed,
            e.EffectSettled: self._effect_settled,
            e.AttemptParked: self._attempt_parked,
            e.ResultsUnclaimed: self._unclaimed,
            e.EffectDecided: self._effect_decided,
            e.ApprovalDecided: self._approval_decided,
            e.ApprovalEscalated: self._approval_escalated,
            e.ApprovalExpired: self._approval_expired,
            e.ActionEdited: self._action_edited,
            e.DecisionOverridden: self._overridden,
            e.EffectInDoubt: self._effect_in_doubt,
            e.EffectResolved: self._effect_resolved,
            e.EffectRerouted: self._goes_to,
            e.EffectDeadLettered: self._dead_lettered,
            e.EffectRedriven: self._goes_to,
            e.RunAdmitted: self._run_resumed,
            e.RunSuspended: self._run_suspended,
            e.RunResumed: self._run_resumed,
            e.RunCompleted: self._run_completed,
            e.RunFaulted: self._run_faulted,
            e.RunCancelled: self._run_cancelled,
        }

    def clear(self) -> None:
        """Begin the next batch."""
        self.runs, self.approvals, self.escalations = {}, {}, {}
        self.resources, self.labels, self.overrides, self.acts = [], [], [], []
        self.spend, self.totals = {}, {}

    def take(self, shard: int, records: Iterable[Record]) -> None:
        """Fold records of one shard, in order, without gaps."""
        self._base = shard << SHARD_BITS
        runs, handlers = self.runs, self._handlers
        for record in records:
            run_id, event = record.run_id, record.event
            if record.subject:
                # The tables are not sealed: of what is about somebody they show nothing but that it happened.
                record = Record(record.seq, run_id, record.at, event)
            kind = type(event)
            if kind in ACTS and (act := row_of(self._base | record.seq, record)) is not None:
                self.acts.append(act)
            run = runs.get(run_id)
            if run is None:
                if not run_id:
                    if kind is e.ResourceApplied:
                        self._resource_applied(record, event)
                    elif kind is e.ResourceDeleted:
                        self._resource_deleted(record, event)
                    continue
                run = self._run_started(record, event) if kind is e.RunStarted else self._memory.run(run_id)
                runs[run_id] = run
            handler = handlers.get(kind)
            if handler is not None:
                handler(run, record, event)
            run.last_seq = record.seq
            run.updated_at = record.at

    def finish(self) -> None:
        """Book what was counted by day."""
        self._end_day()

    # --- runs ----------------------------------------------------------------------------------------

    def _run_started(self, record: Record, event: Any) -> RunRow:
        workflow, _, version = event.workflow.rpartition("@")
        definition = self._memory.definition((workflow, version, event.digest))
        run = RunRow(
            self._base | record.seq, record.run_id, definition, event.principal, event.key, record.at
        )
        run.parent, run.nested = event.parent, event.root != ""
        if event.waits:
            run.lifecycle = "queued"
        labels = record.body.labels if isinstance(record.body, e.RunStartedBody) else {}
        if labels:
            run.labels = _encode(labels).decode()
            self.labels.extend((name, value, run.run) for name, value in labels.items())
        return run

    def _run_suspended(self, run: RunRow, record: Record, event: Any) -> None:
        run.lifecycle = "suspended"

    def _run_resumed(self, run: RunRow, record: Record, event: Any) -> None:
        run.lifecycle = "running"

    def _run_completed(self, run: RunRow, record: Record, event: Any) -> None:
        self._end(run, record, "completed")

    def _run_cancelled(self, run: RunRow, record: Record, event: Any) -> None:
        self._end(run, record, "cancelled")

    def _run_faulted(self, run: RunRow, record: Record, event: Any) -> None:
        self._end(run, record, "faulted")
        run.error_title = _title(record)
        if run.nested:
            # Whoever waits for it has the error now; an operator has, if nobody catches it there.
            return
        task, effect = run.failed
        if task == event.task:
            self._escalate("exhausted", run, effect, record, event.task, run.error_title)
        else:
            self._escalate("faulted", run, 0, record, event.task, run.error_title)

    def _end(self, run: RunRow, record: Record, status: str) -> None:
        run.lifecycle = status
        run.ended_at = record.at
        if run.effects:
            self._cancel(run, list(run.effects.values()), record.at)
        run.frames = {}

    # --- tasks ---------------------------------------------------------------------------------------

    def _task_started(self, run: RunRow, record: Record, event: Any) -> None:
        if event.frame != ROOT:
            run.frames[event.frame] = (event.kind, event.parent)

    def _task_completed(self, run: RunRow, record: Record, event: Any) -> None:
        if event.frame:
            # Only these end while something in them goes on: what lost a race, or is not needed any more.
            if run.frames.get(event.frame, _NO_FRAME)[0] in _PARALLEL:
                self._tear_down(run, event.frame, record.at)
            run.frames.pop(event.frame, None)

    def _task_faulted(self, run: RunRow, record: Record, event: Any) -> None:
        catcher = event.catcher
        run.failed = NO_FAILURE
        self._tear_down(run, catcher, record.at)
        if event.retry_at:
            run.frames[catcher] = ("backoff", run.frames[catcher][1])

    def _part_failed(self, run: RunRow, record: Record, event: Any) -> None:
        run.failed = NO_FAILURE
        if event.child in run.frames:
            self._tear_down(run, event.child, record.at)
            del run.frames[event.child]
        elif event.child:
            lost = [effect for effect in run.effects.values() if effect.frame == event.child]
            self._cancel(run, lost, record.at)

    def _task_resumed(self, run: RunRow, record: Record, event: Any) -> None:
        run.frames[event.frame] = ("try", run.frames[event.frame][1])

    def _tear_down(self, run: RunRow, top: int, at: int) -> None:
        """End what goes on below a frame."""
        below = run.below(top)
        for frame in below:
            del run.frames[frame]
        below.add(top)
        self._cancel(run, [effect for effect in run.effects.values() if effect.parent in below], at)

    def _cancel(self, run: RunRow, effects: list[EffectRow], at: int) -> None:
        for effect in effects:
            self._leave(run, effect)
            effect.status = "cancelled"
            effect.settled_at = at
            del run.effects[effect.effect]
            run.dirty[effect.effect] = effect

    # --- effects -------------------------------------------------------------------------------------

    def _effect_requested(self, run: RunRow, record: Record, event: Any) -> None:
        kind, number, at = event.kind, event.effect, record.at
        route = self._route((kind, event.agent, event.capability, event.reason, event.verdict))
        if event.started:
            status = "running"
            self._call(at, route)
        elif event.verdict != "allow":
            status = _HELD_BACK[event.verdict]
        else:
            status = _WITHOUT_ATTEMPTS.get(kind, "queued")
        effect = EffectRow(
            run.run, number, event.task, route, status, 1 if event.started else 0, at, 0, 0, event.frame,
            event.parent, asker=event.asker,
        )  # fmt: skip
        run.effects[number] = run.dirty[number] = effect
        run.asks = run.asks or event.asker > 0
        if status in _ASKED:
            self._ask(run, effect, record, event.terms, event.task_deadline_at)

    def _attempt_started(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        effect.status = "running"
        effect.attempt = event.attempt
        run.dirty[event.effect] = effect
        self._call(record.at, effect.route)

    def _attempt_failed(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        effect.status = "backoff"
        effect.error_title = _title(record)
        run.dirty[event.effect] = effect
        if event.cost_nano:
            self._pay(run, record.at, effect, event.cost_nano)

    def _effect_settled(self, run: RunRow, record: Record, event: Any) -> None:
        number = event.effect
        effect = run.effects.pop(number)
        nested = effect.status == "nested"
        if effect.status in _ASKED:
            self._leave(run, effect)
        effect.status = event.status
        effect.settled_at = record.at
        run.dirty[number] = effect
        run.effects_done += 1
        if run.asks:
            self._cancel_asked(run, number, record.at)
        if nested:
            # What was spent is booked with the effects of the run that is nested.
            effect.cost_nano = event.cost_nano
            run.cost_nano += event.cost_nano
        elif event.cost_nano:
            self._pay(run, record.at, effect, event.cost_nano)
        if event.status == "failed":
            effect.error_title = _title(record)
        if event.status == "failed" and not effect.asker:
            run.failed = (event.task, number)

    def _cancel_asked(self, run: RunRow, asker: int, at: int) -> None:
        """What attempts of an effect asked for, and is not over, ends with it."""
        asked = [effect for effect in run.effects.values() if effect.asker == asker]
        for effect in asked:
            self._cancel_asked(run, effect.effect, at)
        self._cancel(run, [effect for effect in asked if effect.effect in run.effects], at)

    def _attempt_parked(self, run: RunRow, record: Record, event: Any) -> None:
        self._becomes(run, event.effect, "parked")

    def _unclaimed(self, run: RunRow, record: Record, event: Any) -> None:
        if event.then not in ("continue", "fail"):
            self._becomes(run, event.effect, "diverged")
        if event.cost_nano:
            self._pay(run, record.at, run.effects[event.effect], event.cost_nano)

    def _effect_decided(self, run: RunRow, record: Record, event: Any) -> None:
        """Decided again, it goes on or waits for something else."""
        began = _WITHOUT_ATTEMPTS.get(event.kind, "queued")
        self._becomes(run, event.effect, began if event.verdict == "allow" else _HELD_BACK[event.verdict])
        effect = run.effects[event.effect]
        if effect.status in _ASKED:
            self._ask(run, effect, record, event.terms, 0)

    def _approval_decided(self, run: RunRow, record: Record, event: Any) -> None:
        if event.outcome:
            self._becomes(run, event.effect, "queued" if event.outcome == "granted" else "denied")

    def _approval_escalated(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        self._leave(run, effect)
        self._ask(run, effect, record, event.terms, 0)

    def _approval_expired(self, run: RunRow, record: Record, event: Any) -> None:
        self._becomes(run, event.effect, "denied")

    def _action_edited(self, run: RunRow, record: Record, event: Any) -> None:
        self._becomes(run, event.effect, "queued")

    def _overridden(self, run: RunRow, record: Record, event: Any) -> None:
        if event.outcome and event.effect in run.effects:
            self._becomes(run, event.effect, "queued")
        body = record.body
        self.overrides.append(
            (
                self._base | record.seq, run.run, event.effect, event.task, event.principal,
                body.why if isinstance(body, e.DecisionOverriddenBody) else "", record.at, event.expires_at,
                event.outcome == "granted",
            )
        )  # fmt: skip

    def _becomes(self, run: RunRow, number: int, status: str) -> None:
        effect = run.effects[number]
        self._leave(run, effect)
        effect.status = status
        run.dirty[number] = effect

    def _effect_in_doubt(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        effect.status = "in_doubt"
        run.dirty[event.effect] = effect
        self._escalate("in_doubt", run, event.effect, record, event.task, event.reason)

    def _effect_resolved(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        self._leave(run, effect)
        effect.status = "queued" if event.verdict == "retry" else "resolved"
        run.dirty[event.effect] = effect

    def _dead_lettered(self, run: RunRow, record: Record, event: Any) -> None:
        effect = run.effects[event.effect]
        effect.status = "dead"
        run.dirty[event.effect] = effect
        self._escalate("dead_letter", run, event.effect, record, event.task, _title(record))

    def _goes_to(self, run: RunRow, record: Record, event: Any) -> None:
        """An effect begins anew, by another performer or the same one."""
        effect = run.effects[event.effect]
        self._leave(run, effect)
        effect.status = "queued"
        if event.agent:
            effect.route = self._route((event.kind, event.agent, event.capability, event.reason, "allow"))
        run.dirty[event.effect] = effect

    # --- who has to act ------------------------------------------------------------------------------

    def _ask(self, run: RunRow, effect: EffectRow, record: Record, terms: Any, deadline_at: int) -> None:
        body = record.body
        title = getattr(body, "message", "")
        if effect.status == "waiting":
            given = getattr(body, "input", None)
            title = given.get("title", "") if isinstance(given, dict) else ""
        self.approvals[run.run, effect.effect] = (
            self._base | record.seq, run.run, effect.effect, effect.task, str(title), record.at,
            terms.deadline_at if terms is not None and terms.deadline_at else deadline_at,
        )  # fmt: skip
        self._count("approvals", 1)

    def _escalate(
        self, kind: str, run: RunRow, effect: int, record: Record, task: str, reason: str
    ) -> None:  # fmt: skip
        self.escalations[run.run, effect] = (
            self._base | record.seq, kind, run.run, effect, task, reason, record.at,
        )  # fmt: skip
        self._count("escalations", 1)

    def _leave(self, run: RunRow, effect: EffectRow) -> None:
        """Nobody has to act on the effect any more, as it stands."""
        if effect.status in _ASKED:
            self.approvals[run.run, effect.effect] = None
            self._count("approvals", -1)
        elif effect.status in _KEPT:
            self.escalations[run.run, effect.effect] = None
            self._count("escalations", -1)

    def _count(self, name: str, change: int) -> None:
        self.totals[name] = self.totals.get(name, 0) + change

    # --- spend ---------------------------------------------------------------------------------------

    def _call(self, at: int, route: int) -> None:
        if not self._day_from <= at < self._day_to:
            self._begin_day(at)
        booked = self._today.get(route)
        if booked is None:
            self._today[route] = [1, 0]
        else:
            booked[0] += 1

    def _pay(self, run: RunRow, at: int, effect: EffectRow, cost_nano: int) -> None:
        effect.cost_nano += cost_nano
        run.cost_nano += cost_nano
        if not self._day_from <= at < self._day_to:
            self._begin_day(at)
        self._today.setdefault(effect.route, [0, 0])[1] += cost_nano

    def _begin_day(self, at: int) -> None:
        self._end_day()
        self._day_from = at - at % DAY_MS
        self._day_to = self._day_from + DAY_MS

    def _end_day(self) -> None:
        if self._today:
            day = day_of(self._day_from)
            for route, (calls, cost_nano) in self._today.items():
                booked = self.spend.setdefault((day, route), [0, 0])
                booked[0] += calls
                booked[1] += cost_nano
            self._today = {}

    # --- the catalog ---------------------------------------------------------------------------------

    def _resource_applied(self, record: Record, event: Any) -> None:
        spec = record.body.spec if isinstance(record.body, e.ResourceBody) else {}
        capabilities = [offered["name"] for offered in spec.get("capabilities", ())]
        about = spec.get("description") or spec.get("document", {}).get("document", {}).get("summary") or ""
        self.resources.append(
            (
                event.kind, event.name, event.version, event.digest, record.at, event.principal,
                event.revision, str(about), _encode(capabilities).decode(), _deprecated(spec), event.forced,
            )
        )  # fmt: skip

    def _resource_deleted(self, record: Record, event: Any) -> None:
        self.resources.append(DeletedRow(event.kind, event.name, event.version, record.at))


_NO_FRAME = ("", 0)

_KEPT = frozenset({"in_doubt", "dead"})
"""Statuses of effects that wait for an operator's verdict."""

_ASKED = frozenset({"waiting", "approval"})
_HELD_BACK = {"approve": "approval", "defer": "deferred", "deny": "denied"}
_WITHOUT_ATTEMPTS = {"human": "waiting", "workflow": "nested", "guard": "checked"}
_PARALLEL = frozenset({"fork", "map", "fanout"})


def _deprecated(spec: dict[str, Any]) -> str:
    """The notice of a declared agent or workflow."""
    header = spec.get("document", {}).get("document", {}).get("metadata") or {}
    notice = spec.get("deprecated") or header.get("deprecated") or ""
    return str(notice)


def day_of(at: int) -> str:
    """The day in UTC, `2026-01-31`, of a time in ms since 1970."""
    return datetime.fromtimestamp(at // 1000, UTC).date().isoformat()


def _title(record: Record) -> str:
    error: Error | None = getattr(record.body, "error", None)
    return error.title or error.type if error is not None else ""
