"""Acts: what people and the hub did to what goes on, a row for each record that says so.

What a person does over the network is noted in the log of the catalog before it is done; what came of it the
log of the runs says. Lists leave out what is there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record

SHARD_BITS = 40
"""A position is (shard << SHARD_BITS) | seq."""

HUB = "hub"
"""Who does what nobody told the hub to do."""

Row = tuple[Any, ...]
Told = tuple[str, str, str, str]
"""What it is about (`approvals`, `runs`, `resources`, `agents`, `schedules`, `hub`, `people`), who, what, to
what; no `to what` means the run and effect."""


def row_of(position: int, record: Record) -> Row | None:
    """The row of `acts` of a record; None of one that says of no act."""
    event = record.event
    if isinstance(event, e.EpochStarted) and not position >> SHARD_BITS:
        # The log of the catalog begins an epoch with every other log.
        return None
    teller = _TELLERS.get(type(event))
    told = teller(event, record.body) if teller is not None else None
    if told is None:
        return None
    about, principal, act, target = told
    effect = getattr(event, "effect", 0)
    run_id = record.run_id
    if not target and run_id:
        target = f"{run_id}/{effect}" if effect else run_id
    return (
        position, record.at, principal != HUB, isinstance(event, e.ActNoted), about, _key(about, target), act,
        principal, getattr(event, "via", ""), target, str(getattr(record.body, "why", "") or _why(event)),
    )  # fmt: skip


def _key(about: str, target: str) -> str:
    """What an act and the note of it have in common."""
    if about in ("runs", "approvals"):
        return target.partition("/")[0]
    return target.partition("@")[0] if about in ("agents", "schedules") else ""


def _why(event: e.Event) -> str:
    match event:
        case e.EffectRequested() | e.EffectDecided():
            return ", ".join(event.rules)
        case e.BudgetWarned():
            return "; ".join(event.warnings)
    return str(getattr(event, "reason", ""))


def _verdict(event: Any, body: Any) -> Told | None:
    said = {"deny": "denied", "approve": "asked people", "defer": "put off"}.get(event.verdict)
    return ("approvals", HUB, said, "") if said else None


def _decided(event: e.ApprovalDecided, body: Any) -> Told:
    said = {"approve": "approved", "deny": "denied"}.get(event.verdict, f"answered {event.verdict}")
    return "approvals", event.principal, said, ""


def _settled(event: e.EffectSettled, body: Any) -> Told | None:
    output = getattr(body, "output", None)
    if not event.principal or not isinstance(output, dict) or "decision" not in output:
        return None
    return "approvals", event.principal, f"answered {output['decision']}", ""


def _overridden(event: e.DecisionOverridden, body: Any) -> Told:
    return "approvals", event.principal, "overrode" if event.outcome else "asked to override", ""


def _resource(done: str) -> Callable[[Any, Any], Told]:
    def told(event: Any, body: Any) -> Told:
        act = f"{done}, by force" if event.forced else done
        return "resources", event.principal, act, f"{event.kind.lower()}/{event.name}@{event.version}"

    return told


def _about_note(event: e.ActNoted) -> str:
    if event.act in ("suspend_work", "resume_work"):
        return "agents" if event.target else "hub"
    return _NOTED.get(event.act, "people")


def _work(act: str) -> Callable[[Any, Any], Told]:
    return lambda event, body: (
        "agents" if event.agent else "hub", event.principal or HUB, act, event.agent or "everything",
    )  # fmt: skip


def _fired(event: e.ScheduleFired, body: Any) -> Told:
    if event.cause == "trigger":
        return "schedules", event.principal or HUB, "triggered", event.schedule
    return "schedules", HUB, "began a run", event.schedule


def _of_run(act: str) -> Callable[[Any, Any], Told | None]:
    """What a person did to a run; what the hub did itself belongs to its story."""
    return lambda event, body: ("runs", event.principal, act, "") if event.principal else None


def _about(about: str, act: str, target: str = "") -> Callable[[Any, Any], Told]:
    """What the hub did, or whoever the event names."""
    return lambda event, body: (
        about, getattr(event, "principal", "") or HUB, act, getattr(event, target) if target else "",
    )  # fmt: skip


_NOTED = {
    **dict.fromkeys(("decide", "delegate", "edit", "override", "answer"), "approvals"),
    **dict.fromkeys(
        ("cancel", "suspend", "resume", "resolve", "settle_dead_letter", "declassify", "send"), "runs"
    ),
    **dict.fromkeys(("apply", "delete"), "resources"),
    **dict.fromkeys(("rebuild_views", "checkpoint", "drain"), "hub"),
    "reset_breaker": "agents",
    "schedule": "schedules",
}
"""By the call that is noted, what it is about."""

_TELLERS: dict[type[e.Event], Callable[[Any, Any], Told | None]] = {
    e.ActNoted: lambda event, body: (
        _about_note(event), event.principal or HUB, event.act.replace("_", " "),
        event.target or "–",
    ),
    e.ResourceApplied: _resource("applied"),
    e.ResourceDeleted: _resource("deleted"),
    e.EffectRequested: _verdict,
    e.EffectDecided: _verdict,
    e.ApprovalDecided: _decided,
    e.ApprovalDelegated: lambda event, body: (
        "approvals", event.principal, f"let {event.to} decide, too", "",
    ),
    e.ApprovalEscalated: lambda event, body: (
        "approvals", HUB, f"asked tier {event.terms.tier if event.terms else ''}", "",
    ),
    e.ApprovalExpired: _about("approvals", "took silence for a no"),
    e.ActionEdited: _about("approvals", "edited"),
    e.DecisionOverridden: _overridden,
    e.EffectSettled: _settled,
    e.DataDeclassified: lambda event, body: (
        "runs", event.principal, f"declassified {', '.join(event.labels)}", "",
    ),
    e.BudgetWarned: _about("runs", "warned of a budget"),
    e.EffectInDoubt: _about("runs", "left in doubt"),
    e.EffectResolved: lambda event, body: ("runs", event.principal or HUB, f"resolved: {event.verdict}", ""),
    e.EffectRerouted: _about("runs", "asked another agent"),
    e.EffectDeadLettered: _about("runs", "kept as a dead letter"),
    e.EffectRedriven: _of_run("tried again"),
    e.RunSuspended: _of_run("suspended"),
    e.RunResumed: _of_run("resumed"),
    e.RunCancelled: _of_run("cancelled"),
    e.BreakerOpened: _about("agents", "opened the breaker", "agent"),
    e.BreakerHalfOpened: _about("agents", "tried again", "agent"),
    e.BreakerClosed: _about("agents", "closed the breaker", "agent"),
    e.BreakerReset: _about("agents", "reset the breaker", "agent"),
    e.WorkSuspended: _work("suspended"),
    e.WorkResumed: _work("resumed"),
    e.SchedulePaused: _about("schedules", "paused", "schedule"),
    e.ScheduleResumed: _about("schedules", "resumed", "schedule"),
    e.ScheduleFired: _fired,
    e.SchedulePassed: _about("schedules", "left a due time out", "schedule"),
    e.SubjectErased: _about("people", "erased somebody"),
    e.EpochStarted: _about("hub", "started"),
}  # fmt: skip

ACTS = frozenset(_TELLERS)
"""Events that may be acts."""

_OFTEN = (e.EffectRequested, e.EffectDecided, e.EffectSettled)
WITH_REASONS: tuple[type[e.Event], ...] = tuple(
    kind for kind in ACTS if kind.BODY is not None and kind not in _OFTEN
)
"""Those whose bodies say why."""
