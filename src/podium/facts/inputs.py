"""Inputs: everything that the kernel is ever told."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from podium.facts.catalog import Declared
from podium.facts.sharing import Priority
from podium.facts.values import JSON, Error


class Input(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """One thing the kernel is told.

    Attributes:
        ticket: the host's name for whoever waits for the reply; 0 if nobody does. Never logged.
    """

    ticket: int = msgspec.field(default=0, name="ticket")


class SubmitRun(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Start a run.

    Attributes:
        run_id: derived by the edge from tenant and idempotency key (`run_id_of`).
        workflow: `namespace/name`, `namespace/name@version`, `name`, or a `sha256:` digest.
        input: the run's raw input.
        key: the idempotency key; "" if the caller gave none.
        principal: who asks, as `kind:name`.
        labels: free, for finding the run again.
        subject: whoever the run is about; the host puts the key that seals it in its place. "" for nobody.
        trace: W3C traceparent of whoever asks; "" for none.
        priority: which of what waits for a slot comes first; "" for what the workflow says.
    """

    run_id: str
    workflow: str
    input: JSON = None
    key: str = ""
    principal: str = ""
    labels: dict[str, str] = {}
    subject: str = ""
    trace: str = ""
    priority: Priority | Literal[""] = ""


class Reported(Input, kw_only=True, frozen=True, omit_defaults=True):
    """What became of an attempt, as its performer saw it.

    Attributes:
        token: the fencing token the attempt carried; any other than the current one is stale.
        status: `succeeded`, `failed`, `lost` (performer died or was killed; the outcome is
            unknown), `unstarted` (it was certainly never performed) or `returned` (nor was it, and its
            performer is not to blame: it never began it, or went away before).
        output: of a success.
        error: of a failure: title, detail and kind; None otherwise.
        retryable: whether another attempt could do better.
        cost_nano: metered cost, if the performer knows it; -1 if it does not.
        provenance: what the performer adds: the process that did it, usage figures. Empty for what ran in
            the hub itself, which `EpochStarted` names.
        log: the last lines of what it logged.
    """

    run_id: str
    effect: int
    token: int
    status: Literal["succeeded", "failed", "lost", "unstarted", "returned"]
    output: JSON = None
    error: Error | None = None
    retryable: bool = True
    cost_nano: int = -1
    provenance: dict[str, JSON] = {}
    log: tuple[str, ...] = ()


class Asked(Input, kw_only=True, frozen=True, omit_defaults=True):
    """An attempt that is under way asks for something: it wants a tool called, or another agent asked.

    Attributes:
        effect: the effect whose attempt asks; `token` that of the attempt, any other than the current one is
            stale.
        number: by which the attempt knows the answer, from 1.
        kind: `tool` or `agent`.
        target: a tool's `name` or `name@version`; of agents the capability.
        args: what the tool or the agent gets.
        key: the attempt's own name for what it asks for, by which another attempt finds the answer again.
        agent: this agent, `name` or `name@version`; "" for any that offers the capability.
        code: digest of the code that asks; "" if nobody knows it.
    """

    run_id: str
    effect: int
    token: int
    number: int
    kind: Literal["tool", "agent"]
    target: str = ""
    args: JSON = None
    key: str = ""
    agent: str = ""
    code: str = ""


class Begun(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A worker elsewhere is about to begin an attempt.

    Attributes:
        token: the fencing token the attempt carried.
        worker: its id.
    """

    run_id: str
    effect: int
    token: int
    worker: str = ""


class Evaluated(Input, kw_only=True, frozen=True, omit_defaults=True):
    """The answer to an `Evaluate` query; never logged by itself.

    Attributes:
        program: the jq program that was asked.
        argument: the JSON bytes it was asked about.
        value: what it gave.
        failure: why it gave nothing; "" if it gave `value`.
    """

    run_id: str
    program: str
    argument: bytes
    value: JSON = None
    failure: str = ""


class AnswerHuman(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A person's answer to a `call: human`.

    Attributes:
        task: reference of the waiting task, its last name, or the number of its effect; "" if only one waits.
        decision: one of the request's decisions.
        data: what the form asks for.
        why: free text for the audit.
        via: how the caller was authenticated.
        identity: the person that the caller is found to be, whatever name is given as `principal`; "" if that
            is not known. A request that says who may answer goes by this.
        roles: those of `identity`.
    """

    run_id: str
    task: str = ""
    decision: str = "approve"
    data: JSON = None
    principal: str = ""
    why: str = ""
    via: str = ""
    identity: str = ""
    roles: tuple[str, ...] = ()


class Deciding(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Somebody does something about an action that waits for people.

    Attributes:
        effect: its number in the run; 0 if only one waits.
        action: keyed digest of the action as the person saw it.
        principal: who the caller is found to be, by whoever let him in; never what he says he is.
        roles: those of the principal.
        via: how the caller was authenticated.
        why: the reason, for the audit.
    """

    run_id: str
    effect: int = 0
    action: str = ""
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    why: str = ""


class DecideApproval(Deciding, kw_only=True, frozen=True, omit_defaults=True):
    """A person says yes or no to an action."""

    verdict: Literal["approve", "deny"] = "deny"


class DelegateApproval(Deciding, kw_only=True, frozen=True, omit_defaults=True):
    """A person who may decide lets another one decide too.

    Attributes:
        to: that person, `user:name`.
    """

    to: str = ""


class EditAction(Deciding, kw_only=True, frozen=True, omit_defaults=True):
    """A person who may decide makes another action of the one that waits.

    Attributes:
        input: what its performer gets instead.
    """

    input: JSON = None


class Declassify(Deciding, kw_only=True, frozen=True, omit_defaults=True):
    """A person says that the data of a run have not, or no longer, these labels.

    Attributes:
        labels: those that go.
    """

    labels: tuple[str, ...] = ()


class OverrideDecision(Deciding, kw_only=True, frozen=True, omit_defaults=True):
    """A person lets one action through once, whatever policy says of it.

    Attributes:
        expires_at: until when, ms since 1970.
    """

    expires_at: int = 0


class SendEvent(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A CloudEvent for one run (`run_id`) or, when empty, for every run that listens now.

    Attributes:
        event: CloudEvents 1.0 attributes and `data`, structured JSON form.
        labels: of its data.
    """

    run_id: str = ""
    event: dict[str, JSON]
    principal: str = ""
    labels: tuple[str, ...] = ()


class Emitted(Input, kw_only=True, frozen=True, omit_defaults=True):
    """An event that a run emits reaches every run that listens now, and with that its task is done.

    The host tells it for every order to perform an effect of kind `emit`, after the commit. That the event
    was received and that the effect succeeded become durable together, so it is received once.

    Attributes:
        effect: the effect; `token` that of its attempt, any other than the current one is stale.
        event: as in `SendEvent`.
    """

    run_id: str
    effect: int
    token: int
    event: dict[str, JSON]


class CancelRun(Input, kw_only=True, frozen=True, omit_defaults=True):
    """End a run now; attempts in flight are told to stop, late replies are stale."""

    run_id: str
    principal: str = ""
    why: str = ""


class SuspendRun(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Start nothing more in a run; what is in flight may settle."""

    run_id: str
    principal: str = ""
    why: str = ""


class ResumeRun(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Let a suspended run go on."""

    run_id: str
    principal: str = ""
    why: str = ""


class ResolveEffect(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A person's verdict on an effect in doubt.

    Attributes:
        effect: its number in the run; 0 if only one is in doubt.
        verdict: `succeeded` (with `output`), `failed`, or `retry` (it was not performed: do it).
        cost_nano: what it cost, in nano-units; -1 for what was held for it if it succeeded, and else nothing.
    """

    run_id: str
    effect: int = 0
    verdict: Literal["succeeded", "failed", "retry"]
    output: JSON = None
    principal: str = ""
    why: str = ""
    cost_nano: int = -1


class SettleDeadLetter(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A person decides what becomes of an effect that failed for good and was kept.

    Attributes:
        effect: its number in the run; 0 if only one is kept.
        verdict: `retry`, it is tried again; or `drop`, its task faults with the error.
        why: the reason, for the audit.
    """

    run_id: str
    effect: int = 0
    verdict: Literal["retry", "drop"]
    principal: str = ""
    why: str = ""


class ResetBreaker(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Close the open breaker of an agent version, because a person says that it works again.

    Attributes:
        agent: its name, `name@version` or digest.
        why: the reason; it must be given.
    """

    agent: str
    principal: str = ""
    why: str = ""


class TriggerSchedule(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Begin a run of a schedule now.

    Attributes:
        run_id: the run that is to begin, as of `SubmitRun`.
    """

    schedule: str
    run_id: str
    principal: str = ""


class PauseSchedule(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Let a schedule begin nothing until it is resumed."""

    schedule: str
    principal: str = ""
    why: str = ""


class ResumeSchedule(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Let a schedule that is paused go on."""

    schedule: str
    principal: str = ""
    why: str = ""


class SuspendWork(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Begin nothing until it is resumed.

    Attributes:
        agent: `name` or `name@version` of an agent or a tool; "" for whatever would begin.
        cancel: stop what is under way, too.
        why: the reason, for the audit.
    """

    agent: str = ""
    cancel: bool = False
    principal: str = ""
    why: str = ""


class ResumeWork(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Let go on what was suspended; `agent` as it was named then."""

    agent: str = ""
    principal: str = ""
    why: str = ""


class EraseSubject(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Cancel the unfinished runs that are sealed with a key; it is destroyed as soon as that is durable.

    Attributes:
        subject: the key, as in `RunStarted`.
        why: the reason; it must be given, and stays readable.
    """

    subject: str
    principal: str = ""
    why: str = ""


class Apply(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Declare resources; those already there with the same digest are left alone.

    Attributes:
        prune: delete whatever is declared beside them.
        force: do so even if something breaks; then `why` says why.
    """

    resources: tuple[Declared, ...]
    principal: str = ""
    prune: bool = False
    force: bool = False
    why: str = ""


class Delete(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Delete a resource, so that no name means it any more.

    Attributes:
        kind: `Agent` or `Workflow`.
        name: as declared; with `@version` only that version goes.
        force: do so even if it is in use; then `why` says why.
    """

    kind: str
    name: str
    principal: str = ""
    force: bool = False
    why: str = ""


class NoteAct(Input, kw_only=True, frozen=True, omit_defaults=True):
    """A person is about to do something; it is to be in the log who, and how that is known.

    Attributes:
        via: how the caller was authenticated.
        act: the call, `cancel`; or `sign-in` and the like.
        target: what it is about, `8c1f…/4` or `Agent/greeter`.
        why: the reason that was given.
    """

    principal: str
    via: str
    act: str
    target: str = ""
    why: str = ""


class CatalogChanged(Input, kw_only=True, frozen=True, omit_defaults=True):
    """The catalog has a new revision, durable in the system shard."""

    revision: int
    digest: str


class FleetChanged(Input, kw_only=True, frozen=True, omit_defaults=True):
    """Workers came, went, or took on more or less; never logged.

    Attributes:
        capacity: attempts that live workers take at once, by digest of the version that they host.
    """

    capacity: dict[str, int] = {}


class Tick(Input, frozen=True):
    """Time has passed; whatever is due happens."""


Any_: TypeAlias = (
    SubmitRun
    | Reported
    | Asked
    | Begun
    | Evaluated
    | AnswerHuman
    | SendEvent
    | Emitted
    | CancelRun
    | SuspendRun
    | ResumeRun
    | ResolveEffect
    | SettleDeadLetter
    | NoteAct
    | ResetBreaker
    | SuspendWork
    | ResumeWork
    | EraseSubject
    | TriggerSchedule
    | PauseSchedule
    | ResumeSchedule
    | DecideApproval
    | DelegateApproval
    | EditAction
    | OverrideDecision
    | Declassify
    | Apply
    | Delete
    | CatalogChanged
    | FleetChanged
    | Tick
)
