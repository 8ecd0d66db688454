"""Events: past facts, as the log holds them.

An event is a clear envelope (the class itself) and a sealable body (its `Body`, where it has one).
Whatever derives from payloads stands in the body, so that a body can be sealed or erased while the
envelope, and the hash over both, stay. Fields are added at the end with a default and never change
their meaning; a change of meaning is a new `VERSION` with an upcaster in `facts.stored`.
"""

from __future__ import annotations

import msgspec

from podium.facts.approvals import Terms
from podium.facts.asking_events import (
    AskRefused,
    AskRefusedBody,
    AskRepeated,
    AttemptParked,
    ResultsUnclaimed,
    ResultsUnclaimedBody,
)
from podium.facts.catalog_events import ResourceApplied, ResourceBody, ResourceDeleted, ResourceDeletedBody
from podium.facts.event import (
    Body,
    Event,
    Record,
)
from podium.facts.people_events import ActNoted, ActNotedBody
from podium.facts.plans import Ceiling
from podium.facts.policy import Amounts
from podium.facts.policy_events import (
    ActionEdited,
    ActionEditedBody,
    ApprovalDecided,
    ApprovalDecidedBody,
    ApprovalDelegated,
    ApprovalDelegatedBody,
    ApprovalEscalated,
    ApprovalExpired,
    BudgetWarned,
    DataDeclassified,
    DataDeclassifiedBody,
    DecisionOverridden,
    DecisionOverriddenBody,
    EffectDecided,
    EffectDecidedBody,
    Reserved,
    TargetPaused,
)
from podium.facts.recovery import Counted
from podium.facts.recovery_events import (
    AttemptBegun,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    BreakerResetBody,
    EffectDeadLettered,
    EffectDeadLetteredBody,
    EffectInDoubt,
    EffectProbed,
    EffectProbedBody,
    EffectRedriven,
    EffectRedrivenBody,
    EffectRerouted,
    EffectResolved,
    EffectResolvedBody,
    EffectUndone,
    UndoFailed,
    UndoFailedBody,
)
from podium.facts.run_events import (
    EventConsumed,
    EventConsumedBody,
    EventReceived,
    EventReceivedBody,
    RunCancelled,
    RunCancelledBody,
    RunCompleted,
    RunCompletedBody,
    RunFaulted,
    RunFaultedBody,
    RunResumed,
    RunResumedBody,
    RunSuspended,
    RunSuspendedBody,
)
from podium.facts.schedule_events import (
    ScheduleFired,
    ScheduleHeard,
    ScheduleHeardBody,
    SchedulePassed,
    SchedulePassedBody,
    SchedulePaused,
    SchedulePausedBody,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleResumedBody,
    ScheduleSet,
)
from podium.facts.sharing import NORMAL, Priority
from podium.facts.suspension_events import WorkResumed, WorkResumedBody, WorkSuspended, WorkSuspendedBody
from podium.facts.values import AT_LEAST_ONCE, JSON, Delivery, Error

__all__ = [
    "ActNoted", "ActNotedBody", "ActionEdited", "ActionEditedBody",
    "ApprovalDecided", "ApprovalDecidedBody", "ApprovalDelegated",
    "ApprovalDelegatedBody", "ApprovalEscalated", "ApprovalExpired", "AskRefused", "AskRefusedBody",
    "AskRepeated", "AttemptBegun", "AttemptParked", "Body", "BreakerClosed", "BreakerHalfOpened",
    "BreakerOpened", "BreakerReset", "BreakerResetBody", "BudgetWarned", "DataDeclassified",
    "DataDeclassifiedBody",
    "DecisionOverridden", "DecisionOverriddenBody", "EffectDeadLettered", "EffectDeadLetteredBody",
    "EffectDecided", "EffectDecidedBody", "EffectInDoubt", "EffectProbed", "EffectProbedBody",
    "EffectRedriven", "EffectRedrivenBody", "EffectRerouted", "EffectResolved", "EffectResolvedBody",
    "EffectUndone", "Event", "EventConsumed", "EventConsumedBody", "EventReceived", "EventReceivedBody",
    "Record", "Reserved", "ResourceApplied", "ResourceBody", "ResourceDeleted", "ResourceDeletedBody",
    "ResultsUnclaimed", "ResultsUnclaimedBody", "RunCancelled", "RunCancelledBody", "RunCompleted",
    "RunCompletedBody", "RunFaulted", "RunFaultedBody", "RunResumed", "RunResumedBody", "RunSuspended",
    "RunSuspendedBody", "ScheduleFired", "ScheduleHeard", "ScheduleHeardBody", "SchedulePassed",
    "SchedulePassedBody", "SchedulePaused", "SchedulePausedBody", "ScheduleRemoved", "ScheduleResumed",
    "ScheduleResumedBody", "ScheduleSet", "TargetPaused", "UndoFailed", "UndoFailedBody",
    "WorkResumed", "WorkResumedBody", "WorkSuspended", "WorkSuspendedBody",
]  # fmt: skip


# --- of a shard -------------------------------------------------------------------------------


class EpochStarted(Event):
    """A hub took the shard over; writers with a lower epoch are fenced out."""

    epoch: int = 0
    hub: str = ""


class CatalogAdvanced(Event):
    """From here on this shard decides by this revision of the catalog."""

    revision: int = 0
    digest: str = ""


class SubjectErasedBody(Body):
    why: str = ""


class SubjectErased(Event):
    """What is sealed with the key `subject` is to be unreadable from here on; its unfinished runs, of which
    there were so many, are cancelled. The key is destroyed as soon as this is durable.
    """

    BODY = SubjectErasedBody
    subject: str = ""
    principal: str = ""
    runs: int = 0


# --- of a run ---------------------------------------------------------------------------------


class RunStartedBody(Body):
    """`submitted` digests workflow name and input, so that a repeated key can be compared.

    `document` is what the run does, where that was planned by an agent, and not declared.
    """

    input: JSON = None
    labels: dict[str, str] = {}
    submitted: str = ""
    document: dict[str, JSON] | None = None


class RunStarted(Event):
    """A run was accepted. `workflow` is `namespace/name@version`, pinned by `digest`.

    Its root scope is frame 1; where `prepares`, that scope starts with a `TaskStarted` of its own. `secrets`
    are the names of those that its effects may use. Where another run's task started it, `parent` is that
    run, with the task's reference and its effect; `depth` counts how many runs are above it. Where that task
    waits for it, `root` is the run at the top, which waits for all below. `deprecated` is the workflow's
    notice. `tree` is the run at the top of all that led to this one, "" for that itself; `labels` are those
    of the data that it begins with. `subject` is the key that seals all bodies of the run: 32 hex digits that
    say nothing of whoever it is about. `claim` is what no more than so many runs may hold at once; where the
    run `waits` for it, it begins later. Where an agent `planned` what it does, `digest` is that of the
    document that it gave, and the run ends when it comes to `steps_max` events. `ceilings` hold for the money
    that it takes, with all that it leads to. `trace` is the W3C traceparent that it was asked for with.
    `tenant` is whose it is, and `priority` which of what waits for a slot comes first.
    """

    BODY = RunStartedBody
    workflow: str = ""
    digest: str = ""
    key: str = ""
    principal: str = ""
    deadline_at: int = 0
    prepares: bool = False
    secrets: tuple[str, ...] = ()
    parent: str = ""
    parent_task: str = ""
    parent_effect: int = 0
    root: str = ""
    depth: int = 0
    deprecated: str = ""
    tree: str = ""
    labels: tuple[str, ...] = ()
    subject: str = ""
    claim: str = ""
    waits: bool = False
    planned: bool = False
    steps_max: int = 0
    ceilings: tuple[Ceiling, ...] = ()
    trace: str = ""
    tenant: str = ""
    priority: Priority = NORMAL


class RunAdmitted(Event):
    """What a run waited for is free: it begins. Its time counts from here."""

    deadline_at: int = 0


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a task runs one other task many times, side by side.

    Attributes:
        size: how often.
        limit: how many at once.
        each, place: variables that hold the item and its place; "" for none.
        fed: each gets its item as its raw input, not the input of all.
        tolerant: one that fails does not end the others.
        quorum: how many must succeed, and then no more are needed; 0 for all.
    """

    size: int = 0
    limit: int = 0
    each: str = ""
    place: str = ""
    fed: bool = False
    tolerant: bool = False
    quorum: int = 0


class TaskStartedBody(Body):
    """`input` is the transformed input; `variables` what the task adds to its scope; `items` what it goes
    over; `why` the reason that the document gives.
    """

    input: JSON = None
    variables: dict[str, JSON] = {}
    items: list[JSON] | None = None
    why: str = ""


class TaskStarted(Event):
    """A task that lasts was entered: a scope, a loop, a wait.

    `frame` is its number in the run, `parent` its parent's, `node` its place in the program, `slot` its
    branch in a fork, or its item's place in a map. Where `same`, its input is its raw input, which is always
    the parent's data. `spread` is how it runs others side by side. Where `bare`, its extension does not
    apply.
    """

    BODY = TaskStartedBody
    frame: int = 0
    parent: int = 0
    node: int = 0
    kind: str = ""
    task: str = ""
    slot: int = 0
    same: bool = True
    wake_at: int = 0
    deadline_at: int = 0
    spread: Spread | None = None
    bare: bool = False


class TaskCompletedBody(Body):
    output: JSON = None
    context: JSON = None


class TaskCompleted(Event):
    """A task ended well.

    `frame` is 0 for a task that took no time (then `parent` and `node` say which). `next` is where
    the parent's scope goes on: an index into it (the branch in a fork), -1 to end the run. `same`
    says that the output is the raw input; `exported` that `context` replaces the run's.
    """

    BODY = TaskCompletedBody
    frame: int = 0
    parent: int = 0
    node: int = 0
    task: str = ""
    next: int = 0
    same: bool = False
    skipped: bool = False
    exported: bool = False


class TaskFaultedBody(Body):
    error: Error | None = None


class TaskFaulted(Event):
    """A task raised an error, or timed out.

    `catcher` is the frame of the `try` that caught it, 0 if none did; everything below it ended.
    `retry_at` is when the try body runs again; 0 if it does not.
    """

    BODY = TaskFaultedBody
    frame: int = 0
    parent: int = 0
    node: int = 0
    task: str = ""
    catcher: int = 0
    retry_at: int = 0


class ItemFailedBody(Body):
    error: Error | None = None


class ItemFailed(Event):
    """A task raised an error inside a task that runs many side by side, which goes on without that one.

    `frame` is the task that goes on; `slot` the place of the item, and `child` the frame of what was done for
    it (0 if that had none), which ended with everything below it. `origin` is the innermost of those frames.
    """

    BODY = ItemFailedBody
    frame: int = 0
    child: int = 0
    slot: int = 0
    task: str = ""
    origin: int = 0


class TaskResumed(Event):
    """The pause of a caught task is over; its try body runs again."""

    frame: int = 0
    task: str = ""


class EffectRequestedBody(Body):
    """`data` is the task's transformed input; `input` what the performer gets. `message` is what policy says
    of it, and `reads` the values that it looked at.
    """

    data: JSON = None
    input: JSON = None
    message: str = ""
    reads: dict[str, JSON] = {}


class EffectRequested(Event):
    """An effect was decided and, where `started`, its first attempt started (token = this seq).

    `frame`, `parent`, `node` and `slot` as in `TaskStarted`. An empty `key` stands for run and effect.
    Where `same`, the task's input is its raw input; where `given`, the performer gets `input`, else the
    task's input. `reason` is why it was routed so; `verdict` and `rules` are policy's decision, `hold_nano`
    what was reserved. Of a `workflow`, `agent` is its name and version, `digest` its own, and `key` the id of
    the run that is started with it. `policy` is the digest of all policies in force. Where people are asked,
    `terms` are theirs, and `action` the keyed digest of the exact action, which is there where it was denied,
    too. One that is deferred is decided again at `until`; 0 is as soon as something that is held is released.
    `override` is the record by which somebody let it through. What an attempt that starts takes is
    `reserved`. `observed` is what policies that only observe would have said.

    Where an attempt of another effect asked for it, that one is its `asker`, and waits; `frame` is then the
    asker's, whose attempt knows the answer by `number`. `asked` is what it asked for, as it said it. The
    attempt is to be parked at `park_at`, if it waits so long; `code` is the digest of the code that asks.
    Where there was a choice, `candidates` are all that were there to choose from.
    """

    BODY = EffectRequestedBody
    effect: int = 0
    frame: int = 0
    parent: int = 0
    node: int = 0
    task: str = ""
    kind: str = "agent"
    agent: str = ""
    digest: str = ""
    capability: str = ""
    delivery: Delivery = AT_LEAST_ONCE
    task_deadline_at: int = 0
    started: bool = True
    reason: str = ""
    verdict: str = "allow"
    rules: tuple[str, ...] = ()
    hold_nano: int = 0
    key: str = ""
    same: bool = True
    given: bool = False
    slot: int = 0
    deadline_at: int = 0
    heartbeat_ms: int = 0
    policy: str = ""
    terms: Terms | None = None
    action: str = ""
    until: int = 0
    override: int = 0
    reserved: Reserved | None = None
    observed: tuple[str, ...] = ()
    asker: int = 0
    number: int = 0
    asked: str = ""
    park_at: int = 0
    code: str = ""
    candidates: tuple[str, ...] = ()
    confirms: bool = False


class AttemptStarted(Event):
    """An attempt was handed out; its token is the seq of this record.

    It was decided again before: `rules`, `policy` and those at the end as in `EffectRequested`. What people
    granted is used up by the first attempt, `granted` then. `reason` is why it was its turn, where others
    waited as well. Where it `confirms`, `AttemptBegun` tells when it begins; of `EffectRequested` too.
    """

    effect: int = 0
    attempt: int = 0
    task: str = ""
    deadline_at: int = 0
    rules: tuple[str, ...] = ()
    policy: str = ""
    granted: bool = False
    override: int = 0
    reserved: Reserved | None = None
    observed: tuple[str, ...] = ()
    reason: str = ""
    confirms: bool = False


class AttemptFailedBody(Body):
    """`log` is the end of what the attempt logged."""

    error: Error | None = None
    output: JSON = None
    log: tuple[str, ...] = ()


class AttemptFailed(Event):
    """An attempt failed and another will be made at `retry_at` (0: as soon as a slot is free).

    `took` is what is booked for it in place of what it held; one that was lost has none, where its key makes
    sure that it counts once: what it held stays held. Where it was the `final` one of this performer, the
    next record says what becomes of the effect.
    """

    BODY = AttemptFailedBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    status: str = "failed"
    retry_at: int = 0
    cost_nano: int = 0
    took: Amounts | None = None
    counted: Counted | None = None
    final: bool = False


class EffectSettledBody(Body):
    """`output` is the performer's; `result` the task's own, where `output.as` made it another. `captured` are
    the variables that the input of what undoes it will use. `log` is the end of what the attempt logged.
    """

    output: JSON = None
    result: JSON = None
    context: JSON = None
    error: Error | None = None
    why: str = ""
    provenance: dict[str, JSON] = {}
    captured: dict[str, JSON] = {}
    log: tuple[str, ...] = ()


class EffectSettled(Event):
    """An effect has its outcome: `succeeded` or `failed`.

    Where `completes`, the task ended with it: `next`, `exported` and `then` as in `TaskCompleted`,
    and the task's output is `result` if `transformed`, else `output`. `undo` is the task that undoes the
    effect, should that be asked for. `took` is what is booked in place of what it held. `labels` are those of
    the data that it gives, which the run has from now on. `counted`, here and in other records of attempts,
    is what it means for the circuit breaker of the performer.
    """

    BODY = EffectSettledBody
    effect: int = 0
    attempt: int = 1
    task: str = ""
    status: str = "succeeded"
    cost_nano: int = 0
    completes: bool = True
    transformed: bool = False
    exported: bool = False
    next: int = 0
    principal: str = ""
    via: str = ""
    undo: str = ""
    took: Amounts | None = None
    labels: tuple[str, ...] = ()
    counted: Counted | None = None


class StaleReplyBody(Body):
    output: JSON = None
    error: Error | None = None


class StaleReply(Event):
    """A reply came for an attempt that is no longer current; it was not applied, but for what it took."""

    BODY = StaleReplyBody
    effect: int = 0
    token: int = 0
    status: str = ""
    task: str = ""
    took: Amounts | None = None


EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        EpochStarted,
        CatalogAdvanced,
        ResourceApplied,
        ResourceDeleted,
        SubjectErased,
        ActNoted,
        WorkSuspended,
        WorkResumed,
        ScheduleSet,
        ScheduleRemoved,
        ScheduleFired,
        SchedulePassed,
        ScheduleHeard,
        SchedulePaused,
        ScheduleResumed,
        RunStarted,
        RunAdmitted,
        TaskStarted,
        TaskCompleted,
        TaskFaulted,
        ItemFailed,
        TaskResumed,
        EffectRequested,
        AttemptStarted,
        AttemptBegun,
        AttemptFailed,
        EffectSettled,
        EffectDecided,
        BudgetWarned,
        TargetPaused,
        ApprovalDecided,
        ApprovalDelegated,
        ApprovalEscalated,
        ApprovalExpired,
        ActionEdited,
        DecisionOverridden,
        DataDeclassified,
        AskRepeated,
        AskRefused,
        AttemptParked,
        ResultsUnclaimed,
        UndoFailed,
        EffectUndone,
        StaleReply,
        EffectInDoubt,
        EffectProbed,
        EffectResolved,
        EffectRerouted,
        EffectDeadLettered,
        EffectRedriven,
        BreakerOpened,
        BreakerHalfOpened,
        BreakerClosed,
        BreakerReset,
        EventReceived,
        EventConsumed,
        RunSuspended,
        RunResumed,
        RunCompleted,
        RunFaulted,
        RunCancelled,
    )
}
"""Every event type by the name it is stored under."""
