"""Lifecycles as tables: (state, event) to the next state. Any pair not here is a broken invariant.

An event stands under its type, and what of it matters after a slash. `cancelled` is no event: it is what
becomes of whatever is open inside a task or run that ends. The pictures in the docs are drawn from here.
"""

from __future__ import annotations

RUN: dict[tuple[str, str], str] = {
    ("", "RunStarted"): "running",
    ("", "RunStarted/waits"): "queued",
    ("queued", "RunAdmitted"): "running",
    ("queued", "RunCancelled"): "cancelled",
    ("running", "RunSuspended"): "suspended",
    ("suspended", "RunResumed"): "running",
    ("running", "RunCompleted"): "completed",
    ("running", "RunFaulted"): "faulted",
    ("running", "RunCancelled"): "cancelled",
    ("suspended", "RunCancelled"): "cancelled",
}
RUN_ENDED = frozenset({"completed", "faulted", "cancelled"})

EFFECT: dict[tuple[str, str], str] = {
    ("", "EffectRequested"): "queued",
    ("", "EffectRequested/started"): "running",
    ("", "EffectRequested/human"): "waiting",
    ("", "EffectRequested/workflow"): "nested",
    ("", "EffectRequested/approve"): "approval",
    ("", "EffectRequested/defer"): "deferred",
    ("", "EffectRequested/deny"): "denied",
    ("queued", "AttemptStarted"): "running",
    ("backoff", "AttemptStarted"): "running",
    ("running", "AttemptFailed"): "backoff",
    ("running", "EffectInDoubt"): "in_doubt",
    ("running", "EffectSettled"): "settled",
    ("waiting", "EffectSettled"): "settled",
    ("nested", "EffectSettled"): "settled",
    ("in_doubt", "EffectProbed"): "in_doubt",
    ("in_doubt", "EffectResolved/retry"): "queued",
    ("in_doubt", "EffectResolved/succeeded"): "resolved",
    ("in_doubt", "EffectResolved/failed"): "resolved",
    ("resolved", "EffectSettled"): "settled",
    ("queued", "EffectRerouted"): "queued",
    ("backoff", "EffectRerouted"): "queued",
    ("backoff", "EffectDeadLettered"): "dead",
    ("dead", "EffectRedriven"): "queued",
    ("dead", "EffectSettled"): "settled",
    ("queued", "EffectDecided/approve"): "approval",
    ("queued", "EffectDecided/defer"): "deferred",
    ("queued", "EffectDecided/deny"): "denied",
    ("queued", "EffectDecided/human"): "waiting",
    ("queued", "EffectDecided/workflow"): "nested",
    ("backoff", "EffectDecided/approve"): "approval",
    ("backoff", "EffectDecided/defer"): "deferred",
    ("backoff", "EffectDecided/deny"): "denied",
    ("deferred", "EffectDecided/allow"): "queued",
    ("deferred", "EffectDecided/approve"): "approval",
    ("deferred", "EffectDecided/deny"): "denied",
    ("approval", "ActionEdited"): "queued",
    ("approval", "ApprovalDecided"): "approval",
    ("approval", "ApprovalDecided/granted"): "queued",
    ("approval", "ApprovalDecided/denied"): "denied",
    ("approval", "ApprovalDelegated"): "approval",
    ("approval", "ApprovalEscalated"): "approval",
    ("approval", "ApprovalExpired"): "denied",
    ("waiting", "ApprovalDecided"): "waiting",
    ("waiting", "ApprovalDelegated"): "waiting",
    ("waiting", "ApprovalEscalated"): "waiting",
    ("waiting", "ApprovalExpired"): "denied",
    ("approval", "DecisionOverridden"): "approval",
    ("approval", "DecisionOverridden/granted"): "queued",
    ("deferred", "DecisionOverridden/granted"): "queued",
    ("denied", "EffectSettled"): "settled",
    ("running", "EffectRequested/asked"): "asking",
    ("asking", "EffectRequested/asked"): "asking",
    ("running", "AskRepeated/open"): "asking",
    ("asking", "AskRepeated/open"): "asking",
    ("asking", "EffectSettled/answered"): "running",
    ("asking", "AttemptFailed"): "backoff",
    ("asking", "EffectInDoubt"): "in_doubt",
    ("asking", "EffectSettled"): "settled",
    ("asking", "AttemptParked"): "parked",
    ("parked", "EffectSettled/answered"): "queued",
    ("running", "ResultsUnclaimed/kept"): "diverged",
    ("asking", "ResultsUnclaimed/kept"): "diverged",
    ("diverged", "EffectSettled"): "settled",
    ("settled", "EffectUndone"): "undone",
}
"""An effect whose task is torn down (timeout, lost race, cancelled run) simply leaves the run's state;
a reply that comes later is stale."""

BREAKER: dict[tuple[str, str], str] = {
    ("closed", "BreakerOpened"): "open",
    ("open", "BreakerHalfOpened"): "half_open",
    ("open", "BreakerReset"): "closed",
    ("half_open", "BreakerOpened"): "open",
    ("half_open", "BreakerClosed"): "closed",
    ("half_open", "BreakerReset"): "closed",
}
"""Of an agent version that declares a breaker; it begins `closed`."""

TASK: dict[tuple[str, str], str] = {
    ("", "TaskStarted"): "running",
    ("", "EffectRequested"): "running",
    ("", "TaskCompleted"): "completed",
    ("", "TaskFaulted"): "faulted",
    ("", "ItemFailed"): "faulted",
    ("", "UndoFailed"): "faulted",
    ("", "RunFaulted"): "faulted",
    ("running", "TaskCompleted"): "completed",
    ("running", "EffectSettled"): "completed",
    ("running", "TaskFaulted"): "faulted",
    ("running", "ItemFailed"): "faulted",
    ("running", "UndoFailed"): "faulted",
    ("running", "RunFaulted"): "faulted",
    ("running", "cancelled"): "cancelled",
    ("running", "TaskFaulted/retry"): "backoff",
    ("backoff", "TaskResumed"): "running",
    ("backoff", "TaskFaulted"): "faulted",
    ("backoff", "RunFaulted"): "faulted",
    ("backoff", "cancelled"): "cancelled",
}
"""`TaskFaulted/retry` is what befalls the `try` that caught the error and will run its body again."""
