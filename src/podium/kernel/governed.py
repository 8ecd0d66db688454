"""Fold what was decided about an effect, and what people said of it, into the state. Called by `evolve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.approvals import Approval, Terms, Vote
from podium.facts.events import Record
from podium.facts.lifecycles import EFFECT
from podium.kernel.state import DENIALS_MAX, Denial, Effect, Run, Shard

LOOK_AGAIN_MS = 30_000
"""What waits for a release is decided again after so long, too: the window of what is held may be over."""


def enqueue(shard: Shard, run: Run, effect: Effect) -> None:
    """Put an effect in line for a slot."""
    shard.enqueue(run, effect)
    shard.freed.append(effect.digest)


def hold_back(shard: Shard, run: Run, effect: Effect, event: Any, body: Any, at: int) -> None:
    """Take in a decision that does not let an effect go ahead."""
    effect.verdict, effect.rules, effect.policy = event.verdict, event.rules, event.policy
    effect.message = body.message if body else ""
    effect.retry_at, effect.approval, effect.action = event.until, None, event.action
    if event.verdict == "approve":
        ask(shard, run, effect, event, at)
    elif event.verdict == "defer":
        shard.deferred[run.id, effect.id] = None
        shard.wake(run.id, event.until or at + LOOK_AGAIN_MS)
    else:
        seconded = event.terms is not None and event.terms.seconded
        denial = Denial(effect.id, effect.task, event.action, event.rules, seconded)
        run.denials = [*run.denials[1 - DENIALS_MAX :], denial]


def ask(shard: Shard, run: Run, effect: Effect, event: Any, at: int) -> None:
    """Note what people are asked, on what terms; nothing where everybody may answer at any time."""
    terms: Terms | None = event.terms
    if terms is None:
        return
    requesters = (run.principal,) if run.principal else ()
    effect.approval = Approval(terms, at, event.action, (*requesters, *effect.editors))
    if terms.deadline_at:
        shard.wake(run.id, terms.deadline_at)


def remember(run: Run, effect: Effect, reserved: e.Reserved, at: int) -> None:
    """Keep what policy is to know later of what begins now."""
    if reserved.marks:
        run.marks = {**run.marks, **dict.fromkeys(reserved.marks, at)}
    effect.proofs, effect.reach = reserved.proofs, reserved.reach


def join_labels(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """The union, in a fixed order."""
    return tuple(sorted({*some, *more}))


def let_go(effect: Effect) -> None:
    """An attempt begins: nothing holds the effect back, and what was granted is used up."""
    effect.verdict = effect.message = effect.granted = effect.policy = ""
    effect.rules = effect.grants = ()


def _decided(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, f"EffectDecided/{event.kind or event.verdict}"]
    shard.deferred.pop((run.id, effect.id), None)
    if event.verdict != "allow":
        hold_back(shard, run, effect, event, body, record.at)
        return
    if effect.status == "queued":
        effect.retry_at = 0
        enqueue(shard, run, effect)
        return
    let_go(effect)
    if event.reserved is not None:
        remember(run, effect, event.reserved, record.at)
    if effect.status == "nested":
        run.children += 1
    else:
        ask(shard, run, effect, event, record.at)


def _approval_decided(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    outcome = f"/{event.outcome}" if event.outcome else ""
    effect.status = EFFECT[effect.status, f"ApprovalDecided{outcome}"]
    approval = effect.approval
    assert approval is not None
    others = (vote for vote in approval.votes if vote.principal != event.principal)
    approval.votes = (*others, Vote(event.principal, event.verdict, record.at))
    if event.outcome == "granted":
        effect.granted = approval.action
        effect.grants = (*effect.grants, *approval.silent, approval.terms)
        effect.verdict, effect.approval = "", None
        enqueue(shard, run, effect)


def _delegated(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "ApprovalDelegated"]
    assert effect.approval is not None
    effect.approval.delegates = {**effect.approval.delegates, event.to: event.principal}


def _escalated(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "ApprovalEscalated"]
    approval = effect.approval
    assert approval is not None
    effect.approval = msgspec.structs.replace(
        approval, terms=event.terms, votes=(), silent=(*approval.silent, approval.terms)
    )
    if event.terms.deadline_at:
        shard.wake(run.id, event.terms.deadline_at)


def _expired(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "ApprovalExpired"]


def _edited(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "ActionEdited"]
    if event.principal not in effect.editors:
        effect.editors = (*effect.editors, event.principal)
    effect.approval = None
    effect.input, effect.key = body and body.input, event.key
    effect.verdict, effect.granted, effect.grants = "", "", ()
    enqueue(shard, run, effect)


def _overridden(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects.get(event.effect)
    if effect is None:
        return
    outcome = f"/{event.outcome}" if event.outcome else ""
    effect.status = EFFECT[effect.status, f"DecisionOverridden{outcome}"]
    if event.outcome == "granted":
        effect.verdict, effect.approval = "", None
        shard.deferred.pop((run.id, effect.id), None)
        enqueue(shard, run, effect)


def _paused(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    """What it means for others is folded for the whole shard; for the run nothing changes."""


def _warned(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    """Told for people; nothing changes."""


def _declassified(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    run.data_labels = tuple(one for one in run.data_labels if one not in event.labels)


GOVERNED: dict[type[e.Event], Callable[[Shard, Run, Any, Any, Record], None]] = {
    e.EffectDecided: _decided,
    e.BudgetWarned: _warned,
    e.TargetPaused: _paused,
    e.ApprovalDecided: _approval_decided,
    e.ApprovalDelegated: _delegated,
    e.ApprovalEscalated: _escalated,
    e.ApprovalExpired: _expired,
    e.ActionEdited: _edited,
    e.DecisionOverridden: _overridden,
    e.DataDeclassified: _declassified,
}
