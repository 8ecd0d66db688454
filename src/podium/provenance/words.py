"""What policy and people said of an effect, from its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.provenance.explanation import Word


def words_of(records: Iterable[Record]) -> Iterator[Word]:
    """All that was said of an effect, in the order of the log.

    Args:
        records: those about it.
    """
    for record in records:
        said = _SAID.get(type(record.event))
        word = said(record, record.event, record.body) if said is not None else None
        if word is not None:
            yield word


def _decided(record: Record, event: Any, body: Any) -> Word:
    return Word(
        record.seq, record.at, "policy", event.verdict, event.rules, event.policy,
        getattr(body, "message", ""), getattr(body, "reads", {}),
        tier=event.terms.tier if event.terms else "", until=event.until,
    )  # fmt: skip


def _started(record: Record, event: e.AttemptStarted, body: Any) -> Word | None:
    if event.rules:
        return Word(record.seq, record.at, "policy", "allow", event.rules, event.policy, why=event.reason)
    return Word(record.seq, record.at, "turn", why=event.reason) if event.reason else None


def _voted(record: Record, event: e.ApprovalDecided, body: Any) -> Word:
    return Word(
        record.seq, record.at, "vote", event.verdict, principal=event.principal, roles=event.roles,
        via=event.via, why=getattr(body, "why", ""), outcome=event.outcome,
    )  # fmt: skip


def _delegated(record: Record, event: e.ApprovalDelegated, body: Any) -> Word:
    return Word(
        record.seq, record.at, "delegated", principal=event.principal, via=event.via, to=event.to,
        why=getattr(body, "why", ""),
    )  # fmt: skip


def _escalated(record: Record, event: e.ApprovalEscalated, body: Any) -> Word:
    return Word(record.seq, record.at, "escalated", tier=event.terms.tier if event.terms else "")


def _expired(record: Record, event: e.ApprovalExpired, body: Any) -> Word:
    return Word(record.seq, record.at, "expired", "deny")


def _edited(record: Record, event: e.ActionEdited, body: Any) -> Word:
    return Word(
        record.seq,
        record.at,
        "edited",
        principal=event.principal,
        via=event.via,
        why=getattr(body, "why", ""),
    )


def _overridden(record: Record, event: e.DecisionOverridden, body: Any) -> Word:
    return Word(
        record.seq, record.at, "override", principal=event.principal, roles=event.roles, via=event.via,
        until=event.expires_at, why=getattr(body, "why", ""), outcome=event.outcome,
    )  # fmt: skip


def _settled(record: Record, event: e.EffectSettled, body: Any) -> Word | None:
    if not event.principal:
        return None
    output = getattr(body, "output", None)
    decision = str(output.get("decision", "")) if isinstance(output, dict) else ""
    return Word(
        record.seq, record.at, "answer", decision or event.status, principal=event.principal, via=event.via,
        why=getattr(body, "why", ""),
    )  # fmt: skip


def _resolved(record: Record, event: e.EffectResolved, body: Any) -> Word:
    return Word(
        record.seq, record.at, "resolved", event.verdict, principal=event.principal,
        why=getattr(body, "why", ""),
    )  # fmt: skip


def _redriven(record: Record, event: e.EffectRedriven, body: Any) -> Word:
    return Word(
        record.seq, record.at, "redriven", principal=event.principal, to=event.agent,
        why=getattr(body, "why", ""),
    )  # fmt: skip


_SAID: dict[type[e.Event], Callable[[Record, Any, Any], Word | None]] = {
    e.EffectRequested: _decided,
    e.EffectDecided: _decided,
    e.AttemptStarted: _started,
    e.ApprovalDecided: _voted,
    e.ApprovalDelegated: _delegated,
    e.ApprovalEscalated: _escalated,
    e.ApprovalExpired: _expired,
    e.ActionEdited: _edited,
    e.DecisionOverridden: _overridden,
    e.EffectSettled: _settled,
    e.EffectResolved: _resolved,
    e.EffectRedriven: _redriven,
}
