"""Events: past facts, as the log holds them.

An event is a clear envelope (the class itself) and a sealable body (its `Body`, where it has one).
Whatever derives from payloads stands in the body, so that a body can be sealed or erased while the
envelope, and the hash over both, stay. Fields are added at the end with a default and never change
their meaning; a change of meaning is a new `VERSION` with an upcaster in `facts.stored`.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from podium.facts.approvals import Terms
from podium.facts.policy import Amounts, Count, Hold
from podium.facts.recovery import Counted
from podium.facts.values import AT_LEAST_ONCE, JSON, Delivery, Error


class Body(msgspec.Struct, omit_defaults=True):
    """The part of an event that derives from payloads."""


class Event(msgspec.Struct, omit_defaults=True):
    """The clear part of an event.

    Attributes:
        ordinal: place among the run's events, from 1.
        previous: seq of the run's event before this one; 0 for the first.
        torn: effects that held something and that nobody waits for any more, by this very event.
    """

    VERSION: ClassVar[int] = 1
    BODY: ClassVar[type[Body] | None] = None

    ordinal: int = msgspec.field(default=0, name="n")
    previous: int = msgspec.field(default=0, name="p")
    torn: tuple[int, ...] = msgspec.field(default=(), name="t")


class Record(msgspec.Struct):
    """An event in its place in the log.

    Attributes:
        seq: position in the shard, contiguous from 1.
        run_id: the run it belongs to; "" for the shard's own.
        at: kernel time in ms since 1970.
        body: None where the event has none, or where it was erased.
    """

    seq: int
    run_id: str
    at: int
    event: Event
    body: Body | None = None


# --- of a shard -------------------------------------------------------------------------------


class EpochStarted(Event):
    """A hub took the shard over; writers with a lower epoch are fenced out."""

    epoch: int = 0
    hub: str = ""


class CatalogAdvanced(Event):
    """From here on this shard decides by this revision of the catalog."""

    revision: int = 0
    digest: str = ""


class ResourceBody(Body):
    """Where it was forced, `why`, and what it `breaks`, in sentences."""

    spec: dict[str, JSON] = {}
    why: str = ""
    breaks: tuple[str, ...] = ()


class ResourceApplied(Event):
    """A resource was declared, or declared anew; `revision` counts the catalog's changes.

    Where `forced`, the plan said that it breaks something, and somebody gave a reason to do it all the same.
    """

    BODY = ResourceBody
    kind: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""
    revision: int = 0
    principal: str = ""
    forced: bool = False


class ResourceDeletedBody(Body):
    why: str = ""
    breaks: tuple[str, ...] = ()


class ResourceDeleted(Event):
    """A version of a resource was deleted: no name means it any more. Runs that are pinned to it keep it.

    `revision` and `forced` as in `ResourceApplied`.
    """

    BODY = ResourceDeletedBody
    kind: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""
    revision: int = 0
    principal: str = ""
    forced: bool = False


# --- of a run ---------------------------------------------------------------------------------


class RunStartedBody(Body):
    """`submitted` digests workflow name and input, so that a repeated key can be compared."""

    input: JSON = None
    labels: dict[str, str] = {}
    submitted: str = ""


class RunStarted(Event):
    """A run was accepted. `workflow` is `namespace/name@version`, pinned by `digest`.

    Its root scope is frame 1; where `prepares`, that scope starts with a `TaskStarted` of its own. `secrets`
    are the names of those that its effects may use. Where another run's task started it, `parent` is that
    run, with the task's reference and its effect; `depth` counts how many runs are above it. Where that task
    waits for it, `root` is the run at the top, which waits for all below. `deprecated` is the workflow's
    notice. `tree` is the run at the top of all that led to this one, "" for that itself; `labels` are those
    of the data that it begins with.
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


class Reserved(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt that starts under policy takes: amounts that it holds, what is counted, what its run
    remembers of it from now on (`marks`), or once it has succeeded (`proofs`). What is done under one key
    counts `once`, however many attempts it takes.
    """

    holds: tuple[Hold, ...] = ()
    counts: tuple[Count, ...] = ()
    marks: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    once: bool = False


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


class AttemptStarted(Event):
    """An attempt was handed out; its token is the seq of this record.

    It was decided again before: `rules`, `policy` and those at the end as in `EffectRequested`. What people
    granted is used up by the first attempt, `granted` then.
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


class EffectDecidedBody(Body):
    message: str = ""
    reads: dict[str, JSON] = {}


class EffectDecided(Event):
    """An effect that had not begun was decided again: after a wait, an approval or an edit.

    All fields as in `EffectRequested`. Of a `human` or a `workflow` that is allowed now, `kind` is that: it
    begins with this record.
    """

    BODY = EffectDecidedBody
    effect: int = 0
    task: str = ""
    verdict: str = "allow"
    rules: tuple[str, ...] = ()
    policy: str = ""
    terms: Terms | None = None
    action: str = ""
    until: int = 0
    kind: str = ""
    granted: bool = False
    override: int = 0
    reserved: Reserved | None = None
    observed: tuple[str, ...] = ()


class BudgetWarned(Event):
    """With what an effect holds, thresholds of budgets are crossed: a line for each."""

    effect: int = 0
    task: str = ""
    warnings: tuple[str, ...] = ()


class ApprovalDecidedBody(Body):
    why: str = ""


class ApprovalDecided(Event):
    """A person said yes or no to an action, or answered a question that several must answer.

    `action` is the digest of the action that the person decided on, `roles` are those that the person has,
    and `via` is how it is known who it is. `outcome` is `granted` or `denied` where that decides it.
    """

    BODY = ApprovalDecidedBody
    effect: int = 0
    task: str = ""
    verdict: str = ""
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    action: str = ""
    outcome: str = ""


class ApprovalDelegatedBody(Body):
    why: str = ""


class ApprovalDelegated(Event):
    """Somebody who may decide let another person, `to`, decide too."""

    BODY = ApprovalDelegatedBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    via: str = ""
    to: str = ""


class ApprovalEscalated(Event):
    """Nobody decided in time; others are asked, on new `terms`."""

    effect: int = 0
    task: str = ""
    terms: Terms | None = None


class ApprovalExpired(Event):
    """Nobody decided in time, and silence denies."""

    effect: int = 0
    task: str = ""


class ActionEditedBody(Body):
    input: JSON = None
    why: str = ""


class ActionEdited(Event):
    """Somebody who may decide made another action of the one that waits: it is decided afresh.

    `key` is its idempotency key from here on.
    """

    BODY = ActionEditedBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    via: str = ""
    key: str = ""


class DecisionOverriddenBody(Body):
    why: str = ""


class DecisionOverridden(Event):
    """Somebody broke the glass: one action goes through once, whatever policy says, until `expires_at`.

    `effect` waits for it, or was denied. Where it takes a second person, `outcome` is `granted` with the
    second such record, and "" with the first.
    """

    BODY = DecisionOverriddenBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    action: str = ""
    expires_at: int = 0
    outcome: str = ""


class AttemptFailedBody(Body):
    error: Error | None = None
    output: JSON = None


class AttemptFailed(Event):
    """An attempt failed and another will be made at `retry_at` (0: as soon as a slot is free).

    `took` is what is booked for it in place of what it held; one that was lost has none, where its key makes
    sure that it counts once: what it held stays held. Where it was the `final` one of this performer, the next
    record says what becomes of the effect.
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


class AskRepeated(Event):
    """An attempt asked for what an earlier one of the same effect had asked for: it gets what that gave.

    `call` is the effect that was asked for then; `number`, `task` and `park_at` as in `EffectRequested`.
    """

    effect: int = 0
    attempt: int = 0
    task: str = ""
    call: int = 0
    number: int = 0
    park_at: int = 0


class AskRefusedBody(Body):
    error: Error | None = None
    args: JSON = None


class AskRefused(Event):
    """An attempt asked for what it cannot have; nothing was done. `asked` as in `EffectRequested`."""

    BODY = AskRefusedBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    number: int = 0
    asked: str = ""


class AttemptParked(Event):
    """An attempt that waited long for what it asked for was stopped; another is made when that is there."""

    effect: int = 0
    attempt: int = 0
    task: str = ""


class ResultsUnclaimedBody(Body):
    output: JSON = None
    provenance: dict[str, JSON] = {}


class ResultsUnclaimed(Event):
    """An attempt succeeded without asking for what earlier ones had done: the effects `calls`.

    What becomes of that is `then`: `continue`, `fail`, `compensate` or `ask`. Of the last two the effect
    waits for what is done about it; its outcome is kept until then.
    """

    BODY = ResultsUnclaimedBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    calls: tuple[int, ...] = ()
    then: str = ""
    cost_nano: int = 0


class EffectSettledBody(Body):
    """`output` is the performer's; `result` the task's own, where `output.as` made it another. `captured` are
    the variables that the input of what undoes it will use.
    """

    output: JSON = None
    result: JSON = None
    context: JSON = None
    error: Error | None = None
    why: str = ""
    provenance: dict[str, JSON] = {}
    captured: dict[str, JSON] = {}


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


class UndoFailedBody(Body):
    error: Error | None = None


class UndoFailed(Event):
    """What undoes the effect `effect` raised an error, in the task `task`; a person is asked what to do.

    `frame` is the task that compensates; `child` the frame of what failed (0 if that had none), which ended
    with everything below it. `origin` is the innermost of those frames.
    """

    BODY = UndoFailedBody
    effect: int = 0
    task: str = ""
    frame: int = 0
    child: int = 0
    origin: int = 0


class EffectUndone(Event):
    """The effect `effect` of the task `task` is undone, and will not be again.

    `frame` is the task that compensates. The verdict is `succeeded`, or `done` where a person said so.
    """

    effect: int = 0
    task: str = ""
    frame: int = 0
    verdict: str = ""


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


class EffectInDoubt(Event):
    """An at-most-once attempt was lost in flight: it may or may not have been performed.

    `probe` is who is asked about it, if somebody can be.
    """

    effect: int = 0
    attempt: int = 0
    task: str = ""
    reason: str = ""
    counted: Counted | None = None
    probe: str = ""


class EffectProbedBody(Body):
    why: str = ""


class EffectProbed(Event):
    """Whoever was asked what became of an effect in doubt does not know: it is asked again at `next_at`.

    Where that is 0 it is not, and an operator must say.
    """

    BODY = EffectProbedBody
    effect: int = 0
    task: str = ""
    next_at: int = 0


class EffectResolvedBody(Body):
    output: JSON = None
    why: str = ""


class EffectResolved(Event):
    """A person, or a probe, said what became of an effect in doubt: `succeeded`, `failed` or `retry`."""

    BODY = EffectResolvedBody
    effect: int = 0
    task: str = ""
    verdict: str = ""
    principal: str = ""


class EffectRerouted(Event):
    """An effect goes to another agent: `before` failed for good, or its breaker is open.

    `candidates` are the others that offer the capability, each with why it is chosen or not. The idempotency
    key stays.
    """

    effect: int = 0
    task: str = ""
    before: str = ""
    agent: str = ""
    digest: str = ""
    delivery: Delivery = AT_LEAST_ONCE
    heartbeat_ms: int = 0
    reason: str = ""
    candidates: tuple[str, ...] = ()
    kind: str = "agent"
    capability: str = ""


class EffectDeadLetteredBody(Body):
    error: Error | None = None


class EffectDeadLettered(Event):
    """An effect failed for good, and is kept until an operator tries it again or drops it."""

    BODY = EffectDeadLetteredBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    took: Amounts | None = None


class EffectRedrivenBody(Body):
    why: str = ""


class EffectRedriven(Event):
    """Somebody lets a dead letter be tried again, by `agent`, which is chosen afresh."""

    BODY = EffectRedrivenBody
    effect: int = 0
    task: str = ""
    agent: str = ""
    digest: str = ""
    delivery: Delivery = AT_LEAST_ONCE
    heartbeat_ms: int = 0
    task_deadline_at: int = 0
    reason: str = ""
    principal: str = ""
    kind: str = "agent"
    capability: str = ""


class BreakerOpened(Event):
    """An agent version failed too often: nothing is asked of it until `until`.

    `digest` and `agent` (`name@version`) are its own. `run` and `effect` are those whose attempt was the last
    to fail.
    """

    digest: str = ""
    agent: str = ""
    until: int = 0
    reason: str = ""
    run: str = ""
    effect: int = 0


class BreakerHalfOpened(Event):
    """It is tried whether an agent version works again: `probes` attempts may run at once."""

    digest: str = ""
    agent: str = ""
    probes: int = 1


class BreakerClosed(Event):
    """An agent version works again."""

    digest: str = ""
    agent: str = ""


class BreakerResetBody(Body):
    why: str = ""


class BreakerReset(Event):
    """Somebody closed the breaker of an agent version."""

    BODY = BreakerResetBody
    digest: str = ""
    agent: str = ""
    principal: str = ""


class EventReceivedBody(Body):
    """`keys` are correlation keys that the event set for the task that took it."""

    event: dict[str, JSON] = {}
    keys: dict[str, JSON] = {}


class EventReceived(Event):
    """A CloudEvent reached the run; `frame` is the listening task that consumed it, 0 if buffered.

    `slot` is the filter it passed. Where `fleeting`, it was sent to all who want it now, and is buffered only
    until it is known who does. `use` is what becomes of it: "" the task gives it as it is; `given` it gives
    it as it `read`s it, and goes on; `each` it does something for it first; `until` it only counts towards
    the end. Where `last`, the task takes no more. `labels` are those of the data of the run that sent it.
    """

    BODY = EventReceivedBody
    frame: int = 0
    slot: int = 0
    id: str = ""
    source: str = ""
    principal: str = ""
    fleeting: bool = False
    use: str = ""
    last: bool = False
    read: str = ""
    labels: tuple[str, ...] = ()


class EventConsumedBody(Body):
    keys: dict[str, JSON] = {}


class EventConsumed(Event):
    """A buffered event was taken by the listening task `frame`; `index` is its place in the buffer.

    Where `frame` is 0, no task wants it, and it is gone. `use`, `last` and `read` as in `EventReceived`.
    """

    BODY = EventConsumedBody
    frame: int = 0
    slot: int = 0
    index: int = 0
    use: str = ""
    last: bool = False
    read: str = ""


class RunSuspendedBody(Body):
    why: str = ""


class RunSuspended(Event):
    BODY = RunSuspendedBody
    principal: str = ""


class RunResumedBody(Body):
    why: str = ""


class RunResumed(Event):
    BODY = RunResumedBody
    principal: str = ""


class RunCompletedBody(Body):
    output: JSON = None


class RunCompleted(Event):
    """The run ended well; `same` says that its output is the root scope's."""

    BODY = RunCompletedBody
    same: bool = False


class RunFaultedBody(Body):
    error: Error | None = None


class RunFaulted(Event):
    BODY = RunFaultedBody
    task: str = ""


class RunCancelledBody(Body):
    why: str = ""


class RunCancelled(Event):
    BODY = RunCancelledBody
    principal: str = ""


EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        EpochStarted,
        CatalogAdvanced,
        ResourceApplied,
        ResourceDeleted,
        RunStarted,
        TaskStarted,
        TaskCompleted,
        TaskFaulted,
        ItemFailed,
        TaskResumed,
        EffectRequested,
        AttemptStarted,
        AttemptFailed,
        EffectSettled,
        EffectDecided,
        BudgetWarned,
        ApprovalDecided,
        ApprovalDelegated,
        ApprovalEscalated,
        ApprovalExpired,
        ActionEdited,
        DecisionOverridden,
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
