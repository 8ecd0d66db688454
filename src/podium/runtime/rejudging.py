"""Recorded effects decided again under other policies. Nothing is done, and nothing is written.

The log of a shard is folded again. Every action is put to the other policies as it was asked for, with a
ledger that holds what would have been held if they had been in force all along. What runs would have done
instead of what they were denied nobody knows: each action that was asked for is decided, whatever came of
those before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.policy import Action, Amounts, Decision, Verdict
from podium.facts.values import JSON
from podium.kernel.acting import DestinationInvalid, action_for
from podium.kernel.booking import worst_of
from podium.kernel.catalog import Catalog
from podium.kernel.evolve import evolve
from podium.kernel.governing import WITHOUT_ATTEMPTS
from podium.kernel.requests import DEADLINES_MS
from podium.kernel.shared import share
from podium.kernel.state import Effect, Run, Shard
from podium.policy.deciding import PolicySet, decide
from podium.policy.ledger import Ledger

_ENDS = (e.RunCompleted, e.RunFaulted, e.RunCancelled)


class Rejudged(msgspec.Struct, omit_defaults=True):
    """An action, what was said of it, and what would be.

    Attributes:
        target: what it uses: a tool, an agent, `http.post`.
        actor: the agent that asked for it; "" where the workflow did.
        was, now: the verdicts; `was_rules` and `rules` those that gave them.
        tier: whom an `approve` would ask.
        cost_nano: what it truly cost; where it never began, what it costs at worst.
        performed: whether it began.
        overridden: whether somebody broke the glass for it.
    """

    seq: int
    at: int
    run_id: str
    workflow: str
    effect: int
    task: str
    kind: str
    target: str
    was: Verdict
    now: Verdict
    was_rules: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    actor: str = ""
    message: str = ""
    tier: int = 0
    reads: dict[str, JSON] = {}
    cost_nano: int = 0
    performed: bool = False
    overridden: bool = False


class _Booked(msgspec.Struct):
    """What an effect would hold, and what becomes known of it."""

    row: Rejudged
    decision: Decision
    worst_nano: int
    reported: bool


class Rejudging:
    """Decides what was recorded again.

    Args:
        catalog: what is declared; agents, tools and workflows are looked up by the digest that was pinned.
        policies: that are to decide.
        since: only actions asked for at or after that moment are told of, ms since 1970; those before still
            count towards budgets, quotas and sequences.
        after: the seq of the record before the first that will be heard; runs that began before are left out.
    """

    def __init__(self, catalog: Catalog, policies: PolicySet, since: int, after: int = 0) -> None:
        self._catalog, self._policies, self._since = catalog, policies, since
        self._shard, self._ledger = Shard(), Ledger()
        self._shard.seq = after
        self._marks: dict[str, dict[str, int]] = {}
        self._booked: dict[tuple[str, int], _Booked] = {}
        self._unread: set[str] = set()
        self.rows: list[Rejudged] = []
        self.unknown = 0

    def hear(self, records: Iterable[Record]) -> None:
        """Take the records of the shard in, from its first."""
        for record in records:
            run_id = record.run_id
            if run_id and run_id not in self._shard.runs and not isinstance(record.event, e.RunStarted):
                # Late word of a run that is over.
                self._shard.seq = record.seq
                share(self._shard, record)
                continue
            self._hear(record)
            if isinstance(record.event, _ENDS):
                self._end(run_id)
        for booked in self._booked.values():
            self._finish(booked)

    def _hear(self, record: Record) -> None:
        event: Any = record.event
        if isinstance(event, e.EffectSettled | e.EffectDeadLettered):
            self._settle(record, event)
        evolve(self._shard, record)
        match event:
            case e.EffectRequested() | e.ActionEdited():
                self._judge(record, event, self._shard.runs[record.run_id])
            case e.AttemptStarted():
                self._start(record.run_id, event)
            case e.RunStarted() if record.body is None:
                self._unread.add(record.run_id)
            case e.AttemptFailed() if (booked := self._booked.get((record.run_id, event.effect))) is not None:
                booked.row.cost_nano += event.cost_nano

    # --- one action ----------------------------------------------------------------------------------

    def _judge(self, record: Record, event: Any, run: Run) -> None:
        effect = run.effects[event.effect]
        if record.body is None and getattr(event, "given", True) and run.id not in self._unread:
            self._unread.add(run.id)
        if run.id in self._unread:
            self.unknown += record.at >= self._since
            return
        before = self._booked.pop((run.id, effect.id), None)
        if before is not None:
            self._free(before)
        marks = self._marks.setdefault(run.id, {})
        action, decision = self._decided(effect, run, marks, record.at)
        row = Rejudged(
            record.seq, record.at, run.id, run.workflow, effect.id, effect.task, effect.kind,
            (action.target if action is not None else "") or effect.agent or effect.kind,
            before.row.was if before is not None else event.verdict, decision.verdict,
            before.row.was_rules if before is not None else event.rules, decision.rules,
            action.agent if action is not None else "", decision.message, decision.tier, decision.reads,
            performed=getattr(event, "started", False), overridden=getattr(event, "override", 0) > 0,
        )  # fmt: skip
        if action is not None and decision.verdict != "deny":
            self._reserve(decision, marks, record.at)
        worst = (action.cost_nano if action is not None else 0) or 0
        self._booked[run.id, effect.id] = _Booked(row, decision, worst, record.at >= self._since)

    def _decided(
        self, effect: Effect, run: Run, marks: dict[str, int], at: int
    ) -> tuple[Action | None, Decision]:
        asker = run.effects.get(effect.asker) if effect.asker else None
        try:
            action = action_for(
                self._catalog, run, effect.kind, effect.digest, effect.capability, effect.input, asker=asker,
                depth=effect.depth, duration_ms=DEADLINES_MS.get(effect.kind, 0),
            )  # fmt: skip
        except DestinationInvalid as error:
            message = f"nobody can say where it leads: {error}"
            return None, Decision("deny", ("destination",), self._policies.digest, message=message)
        decision = decide(self._policies, action, self._ledger, marks, at)
        if decision.verdict == "defer":
            weighed = self._policies.weigh(action, self._ledger, marks, at)
            # It would have been done later, and taken as much.
            decision = msgspec.structs.replace(
                decision, holds=weighed.holds, counts=weighed.counts, marks=weighed.marks,
                proofs=weighed.proofs,
            )  # fmt: skip
        return action, decision

    def _reserve(self, decision: Decision, marks: dict[str, int], at: int) -> None:
        self._ledger.hold(decision.holds)
        self._ledger.count(decision.counts, at)
        marks.update(dict.fromkeys(decision.marks, at))

    def _start(self, run_id: str, event: e.AttemptStarted) -> None:
        booked = self._booked.get((run_id, event.effect))
        if booked is not None:
            booked.row.performed = True
            booked.row.overridden = booked.row.overridden or event.override > 0

    def _settle(self, record: Record, event: Any) -> None:
        booked = self._booked.pop((record.run_id, event.effect), None)
        if booked is None:
            return
        row, decision = booked.row, booked.decision
        row.performed = row.performed or row.kind in WITHOUT_ATTEMPTS
        row.cost_nano += getattr(event, "cost_nano", 0)
        if decision.verdict != "deny":
            took = getattr(event, "took", None) or _took(decision, row.cost_nano)
            self._ledger.settle(decision.holds, took)
            if getattr(event, "status", "") == "succeeded":
                self._marks[record.run_id].update(dict.fromkeys(decision.proofs, record.at))
        self._finish(booked)

    def _end(self, run_id: str) -> None:
        """A run is over: nothing more is done in it."""
        for key in [key for key in self._booked if key[0] == run_id]:
            booked = self._booked.pop(key)
            self._free(booked)
            self._finish(booked)
        self._marks.pop(run_id, None)
        self._unread.discard(run_id)
        shard = self._shard
        shard.dismiss(run_id)
        for noted in (shard.kin, shard.freed, shard.abandoned):
            noted.clear()

    def _free(self, booked: _Booked) -> None:
        if booked.decision.verdict == "deny":
            return
        taken = _took(booked.decision, booked.row.cost_nano) if booked.row.performed else Amounts()
        self._ledger.settle(booked.decision.holds, taken)

    def _finish(self, booked: _Booked) -> None:
        if not booked.reported:
            return
        if not booked.row.performed:
            booked.row.cost_nano = booked.worst_nano
        self.rows.append(booked.row)


def _took(decision: Decision, cost_nano: int) -> Amounts:
    """What an effect took: the cost that its performer told; of one that told none, what would be held."""
    worst = worst_of(decision.holds)
    return msgspec.structs.replace(worst, cost_nano=cost_nano) if cost_nano else worst
