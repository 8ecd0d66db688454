"""Attempts that came back: settled, tried again, in doubt, or too late to count."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from podium.facts import events as e
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Faulted, Waiting
from podium.kernel.catching import DOUBLINGS_MAX, PAUSE_MAX_MS, jitter
from podium.kernel.flow import flow_out, scope_of
from podium.kernel.outcome import Outcome
from podium.kernel.requests import DEADLINES_MS, attempt_deadline
from podium.kernel.state import GRACE_MS, Effect, Shard
from podium.kernel.step import Step, View, following, validation_error
from podium.kernel.undoing import is_undoing

LOSSES_MAX = 20
"""After so many attempts lost to crashes an effect fails: what it does may be what crashes them."""


def report(step: Step, reported: Reported) -> None:
    """Take in what a performer says of an attempt."""
    effect = step.run.effects.get(reported.effect)
    if effect is None or effect.token != reported.token or effect.status != "running":
        stale(step, reported)
    elif reported.status == "succeeded":
        _succeeded(step, effect, reported)
    elif reported.status == "lost" and effect.delivery == "at-most-once":
        reason = reported.error.title if reported.error else "its performer was lost"
        step.emit(e.EffectInDoubt(effect=effect.id, attempt=effect.attempt, task=effect.task, reason=reason))
    else:
        _failed(step, effect, reported, reported.error or _lost_error(effect), cost(effect, reported))


def stale(step: Step, reported: Reported) -> None:
    """Record a reply that no longer counts."""
    body = None
    if reported.output is not None or reported.error is not None:
        body = e.StaleReplyBody(reported.output, reported.error)
    effect = step.run.effects.get(reported.effect)
    late = e.StaleReply(
        effect=reported.effect,
        token=reported.token,
        status=reported.status,
        task=effect.task if effect else "",
    )
    step.emit(late, body)


def overdue(step: Step) -> None:
    """Give up on attempts whose performer has not even said that their deadline passed."""
    now = step.shard.now
    for effect in list(step.run.effects.values()):
        if effect.status == "running" and effect.deadline_at and effect.deadline_at + GRACE_MS <= now:
            error = standard_error("timeout", effect.task, "no word from the performer past the deadline")
            silent = Reported(
                run_id=step.run.id, effect=effect.id, token=effect.token, error=error,
                status="lost" if effect.delivery == "at-most-once" else "failed",
            )  # fmt: skip
            report(step, silent)


def _lost_error(effect: Effect) -> Error:
    return standard_error("runtime", effect.task, "the attempt was lost before it gave an answer")


def cost(effect: Effect, reported: Reported) -> int:
    """The metered cost of an attempt, in nano-units; 0 where its performer does not know."""
    return max(reported.cost_nano, 0)


def _succeeded(step: Step, effect: Effect, reported: Reported) -> None:
    if effect.kind == "agent":
        _, check = step.view.contract(effect.digest, effect.capability)
        breaches = check(reported.output)
        if breaches:
            title = f"{effect.agent} broke its contract: the output of {effect.capability} is not as promised"
            error = validation_error(effect.task, title, breaches)
            _failed(step, effect, reported, error, cost(effect, reported))
            return
    settle(step, effect, reported.output, cost(effect, reported), reported.provenance)


def settle(
    step: Step, effect: Effect, output: JSON, cost_nano: int, provenance: Mapping[str, JSON], *,
    principal: str = "", via: str = "", why: str = "",
) -> None:  # fmt: skip
    """Record an effect's success, and its task's end with it where nothing has to be waited for."""
    run = step.run
    frame = run.frames[effect.frame]
    node = step.node(frame)
    parent = run.frames[frame.parent]
    settled = e.EffectSettled(
        effect=effect.id, attempt=effect.attempt, task=effect.task, cost_nano=cost_nano,
        principal=principal, via=via,
    )  # fmt: skip
    body = e.EffectSettledBody(output, why=why, provenance=dict(provenance))
    if node.undo is not None and not is_undoing(step, frame):
        settled.undo = step.program.nodes[node.undo.node].reference
        if node.undo.input is not None:
            arguments = step.arguments(frame, node)
            body.captured = {name: arguments[name] for name in node.undo.input.arguments}
    try:
        if node.output_as is not None or node.export_as is not None or node.output_schema is not None:
            result, settled.exported, body.context = flow_out(step, node, output, step.arguments(frame, node))
            settled.transformed = result is not output
            body.result = result if settled.transformed else None
        settled.next = following(parent, node, frame.slot, node.target, scope_of(step, parent))
    except (Waiting, Faulted):
        # The outcome must be durable before anything is asked about it; the task ends later.
        settled.completes = settled.exported = settled.transformed = False
        body.context = body.result = None
    step.emit(settled, body)


def _failed(step: Step, effect: Effect, reported: Reported, error: Error, cost_nano: int) -> None:
    retry_at = _retry_at(step, effect, reported)
    if retry_at is None:
        fail(step, effect, error, cost_nano, reported.provenance, output=reported.output)
        return
    # An output that breaks the contract makes a failure of what its performer calls a success.
    status = "failed" if reported.status == "succeeded" else reported.status
    step.emit(
        e.AttemptFailed(
            effect=effect.id, attempt=effect.attempt, task=effect.task, status=status, retry_at=retry_at,
            cost_nano=cost_nano,
        ),
        e.AttemptFailedBody(error, reported.output),
    )  # fmt: skip


def fail(
    step: Step,
    effect: Effect,
    error: Error,
    cost_nano: int = 0,
    provenance: Mapping[str, JSON] | None = None,
    *,
    output: JSON = None,
    principal: str = "",
    why: str = "",
) -> None:
    """Record an effect's failure; its task faults with the error. `output` is what broke the contract."""
    step.emit(
        e.EffectSettled(
            effect=effect.id, attempt=effect.attempt, task=effect.task, status="failed",
            completes=False,
            cost_nano=cost_nano, principal=principal,
        ),
        e.EffectSettledBody(output, error=error, why=why, provenance=dict(provenance or {})),
    )  # fmt: skip


def _retry_at(step: Step, effect: Effect, reported: Reported) -> int | None:
    """When the contract's next attempt is due; None if there is none."""
    now = step.shard.now
    if reported.status == "lost":
        return now if effect.losses + 1 < LOSSES_MAX else None
    if effect.delivery == "at-most-once" and reported.status != "unstarted":
        return None
    agent = step.view.agents.get(effect.digest)
    if agent is None or not reported.retryable or effect.failures + 1 >= agent.retry.attempts:
        return None
    return now + _pause(step.run.id, effect, agent)


def _pause(run_id: str, effect: Effect, agent: AgentVersion) -> int:
    retry = agent.retry
    pause = retry.delay_ms
    if retry.backoff == "exponential":
        pause *= 2 ** min(effect.failures, DOUBLINGS_MAX)
    elif retry.backoff == "linear":
        pause *= effect.failures + 1
    pause = min(pause, retry.delay_max_ms or PAUSE_MAX_MS)
    return pause + jitter(run_id, effect.task, effect.attempt, retry.jitter_ms)


def start_queued(shard: Shard, view: View, out: Outcome) -> None:
    """Hand freed slots to whoever queued for them first."""
    while shard.freed:
        digest = shard.freed.pop()
        queue = shard.queues.get(digest)
        while queue and shard.running.get(digest, 0) < view.limit(digest):
            run_id, effect_id = queue.popleft()
            run = shard.runs.get(run_id)
            effect = run.effects.get(effect_id) if run is not None else None
            if (
                run is not None
                and effect is not None
                and run.status == "running"
                and _may_start(shard, effect)
            ):
                agent = view.agents.get(digest)
                frame = run.frames[effect.frame]
                own = 0 if frame.deadline_at else DEADLINES_MS.get(effect.kind, 0)
                if agent is not None:
                    own = agent.deadline_ms
                out.emit(
                    shard, run,
                    e.AttemptStarted(
                        effect=effect_id, attempt=effect.attempt + 1, task=effect.task,
                        deadline_at=attempt_deadline(shard.now, own, frame.deadline_at),
                    ),
                )  # fmt: skip


def _may_start(shard: Shard, effect: Effect) -> bool:
    return effect.status == "queued" or (effect.status == "backoff" and effect.retry_at <= shard.now)


def requeue_due(step: Step) -> None:
    """Put effects whose pause is over in line for a slot."""
    for effect in step.run.effects.values():
        if effect.status == "backoff" and effect.retry_at <= step.shard.now:
            queue = step.shard.queues.setdefault(effect.digest, deque())
            if (step.run.id, effect.id) not in queue:
                queue.append((step.run.id, effect.id))
            step.shard.freed.append(effect.digest)
