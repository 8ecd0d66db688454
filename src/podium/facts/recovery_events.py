"""Events of what went wrong, and of what is done about it: asking others, keeping it, undoing it."""

from __future__ import annotations

from podium.facts.event import Body, Event
from podium.facts.recovery import Counted
from podium.facts.values import AT_LEAST_ONCE, JSON, Delivery, Error


class AttemptBegun(Event):
    """A worker elsewhere is about to begin an attempt that must not be made twice, and was let.

    Only once this is durable it is told so: an attempt that `confirms` and has no such record was not begun.
    """

    effect: int = 0
    attempt: int = 0
    task: str = ""
    worker: str = ""


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
