"""Attempts that came back: settled, tried again, in doubt, or too late to count."""

from __future__ import annotations

from collections.abc import Mapping

from podium.facts import events as e
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.recovery import Counted
from podium.facts.values import JSON, Error, standard_error
from podium.kernel import breaking
from podium.kernel.arguments import Faulted, Waiting
from podium.kernel.booking import UNPERFORMED, cost, held_by, took, took_late, worst_of
from podium.kernel.catching import DOUBLINGS_MAX, PAUSE_MAX_MS, jitter
from podium.kernel.doubts import probe_of
from podium.kernel.flow import flow_out, scope_of
from podium.kernel.rerouting import LOSSES_MAX, after_failure
from podium.kernel.state import GRACE_MS, IN_FLIGHT, PROMISED, Effect
from podium.kernel.step import Step, following, validation_error
from podium.kernel.suspensions import of_agent
from podium.kernel.unclaimed import error_of, left_over, note
from podium.kernel.undoing import is_undoing, own_undo


def report(step: Step, reported: Reported) -> None:
    """Take in what a performer says of an attempt."""
    effect = step.run.effects.get(reported.effect)
    if effect is None or effect.token != reported.token or effect.status not in IN_FLIGHT:
        stale(step, reported)
    elif reported.status == "succeeded":
        _succeeded(step, effect, reported)
    elif reported.status == "lost" and effect.delivery == "at-most-once":
        reason = reported.error.title if reported.error else "its performer was lost"
        counted = breaking.failed(step, effect, reported)
        step.emit(
            e.EffectInDoubt(
                effect=effect.id, attempt=effect.attempt, task=effect.task, reason=reason, counted=counted,
                probe=probe_of(step.view, effect),
            )
        )  # fmt: skip
        if counted is not None:
            breaking.judge(step, effect, counted)
    elif reported.status == "lost" and effect.status == "asking":
        # Nothing that it did was under way: it only waited, and can as well be made again when it need not.
        step.emit(e.AttemptParked(effect=effect.id, attempt=effect.attempt, task=effect.task))
    else:
        _failed(
            step,
            effect,
            reported,
            reported.error or _lost_error(effect),
            cost(step.shard, step.run, effect, reported),
        )


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
        took=took_late(step.shard, step.run, reported),
    )
    step.emit(late, body)


RETURN_MS = 30_000
"""So long after a takeover workers elsewhere may still say what became of attempts whose time is over."""


def overdue(step: Step) -> None:
    """Give up on attempts whose performer has not even said that their deadline passed."""
    now, back_at = step.shard.now, step.shard.epoch_at + RETURN_MS
    for effect in list(step.run.effects.values()):
        if effect.status == "running" and effect.deadline_at and effect.deadline_at + GRACE_MS <= now:
            if now < back_at and effect.digest in step.view.fleet:
                step.shard.wake(step.run.id, back_at)
                continue
            error = standard_error("timeout", effect.task, "no word from the performer past the deadline")
            silent = Reported(
                run_id=step.run.id, effect=effect.id, token=effect.token, error=error,
                status="lost" if effect.delivery == "at-most-once" else "failed",
            )  # fmt: skip
            report(step, silent)


def _lost_error(effect: Effect) -> Error:
    return standard_error("runtime", effect.task, "the attempt was lost before it gave an answer")


def _succeeded(step: Step, effect: Effect, reported: Reported) -> None:
    cost_nano = cost(step.shard, step.run, effect, reported)
    if effect.kind in PROMISED:
        _, check = step.view.contract(effect.digest, effect.capability)
        breaches = check(reported.output)
        if breaches:
            title = f"{effect.agent} broke its contract: the output of {effect.capability} is not as promised"
            _failed(step, effect, reported, validation_error(effect.task, title, breaches), cost_nano)
            return
    calls = left_over(step, effect) if effect.calls else ()
    then = note(step, effect, calls, reported, cost_nano) if calls else "continue"
    if then == "continue":
        settle(step, effect, reported.output, cost_nano, reported.provenance, log=reported.log)
    elif then == "fail":
        error = error_of(effect, calls)
        fail(
            step, effect, error, cost_nano, reported.provenance, output=reported.output, log=reported.log
        )  # fmt: skip


def settle(
    step: Step, effect: Effect, output: JSON, cost_nano: int, provenance: Mapping[str, JSON], *,
    principal: str = "", via: str = "", why: str = "", labels: tuple[str, ...] = (),
    log: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Record an effect's success, and its task's end with it where nothing has to be waited for.

    Args:
        labels: of the data that it gives, beside those that its tool declares.
        log: the end of what its attempt logged.
    """
    if effect.kind == "tool":
        labels += new_labels(step, effect)
    if effect.asker:
        _settle_asked(step, effect, output, cost_nano, provenance, labels, log)
        return
    run = step.run
    frame = run.frames[effect.frame]
    node = step.node(frame)
    parent = run.frames[frame.parent]
    settled = e.EffectSettled(
        effect=effect.id, attempt=effect.attempt, task=effect.task, cost_nano=cost_nano,
        principal=principal, via=via, labels=labels,
        took=took(step.shard, run, effect, cost_nano, provenance),
    )  # fmt: skip
    body = e.EffectSettledBody(output, why=why, provenance=dict(provenance), log=log)
    if node.undo is None:
        if effect.kind == "tool" and not is_undoing(step, frame):
            settled.undo = own_undo(step.view, effect.digest)
    elif not is_undoing(step, frame):
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
    if step.shard.breakers:
        settled.counted = breaking.succeeded(step, effect)
    step.emit(settled, body)
    if settled.counted is not None:
        breaking.judge(step, effect, settled.counted)


def _settle_asked(
    step: Step, effect: Effect, output: JSON, cost_nano: int, provenance: Mapping[str, JSON],
    labels: tuple[str, ...], log: tuple[str, ...],
) -> None:  # fmt: skip
    """The same of what an attempt asked for: no task ends with it."""
    undo = ""
    if effect.kind == "tool" and not is_undoing(step, step.run.frames[effect.frame]):
        undo = own_undo(step.view, effect.digest)
    settled = e.EffectSettled(
        effect=effect.id, attempt=effect.attempt, task=effect.task, cost_nano=cost_nano, completes=False,
        undo=undo, took=took(step.shard, step.run, effect, cost_nano, provenance), labels=labels,
    )  # fmt: skip
    step.emit(settled, e.EffectSettledBody(output, provenance=dict(provenance), log=log))


def _failed(step: Step, effect: Effect, reported: Reported, error: Error, cost_nano: int) -> None:
    retry_at = _retry_at(step, effect, reported)
    counted = None
    if of_agent(step.shard, effect.agent) is None:
        counted = breaking.failed(step, effect, reported)
    elsewhere = None
    if retry_at is None:
        elsewhere = after_failure(step, effect, reported, error)
        if elsewhere is None:
            fail(
                step, effect, error, cost_nano, reported.provenance, output=reported.output, counted=counted,
                log=reported.log,
            )  # fmt: skip
            return
        retry_at = step.shard.now
    once = _counts_once(step, effect, reported)
    # An output that breaks the contract makes a failure of what its performer calls a success.
    status = "failed" if reported.status == "succeeded" else reported.status
    step.emit(
        e.AttemptFailed(
            effect=effect.id, attempt=effect.attempt, task=effect.task, status=status, retry_at=retry_at,
            cost_nano=0 if once else cost_nano, counted=counted, final=elsewhere is not None,
            took=None if once else took(step.shard, step.run, effect, cost_nano, reported.provenance),
        ),
        e.AttemptFailedBody(error, reported.output, reported.log),
    )  # fmt: skip
    if elsewhere is not None:
        step.emit(*elsewhere)
    if counted is not None:
        breaking.judge(step, effect, counted)


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
    counted: Counted | None = None,
    log: tuple[str, ...] = (),
) -> None:
    """Record an effect's failure; its task faults with the error. `output` is what broke the contract."""
    taken = took(step.shard, step.run, effect, cost_nano, provenance or {})
    held = held_by(step.shard, step.run, effect.id) if taken is not None else None
    if held is not None and not held.token and not held.doubtful:
        # An attempt was lost whose cost nobody knows, and no other will tell.
        taken = worst_of(held.holds)
        cost_nano = taken.cost_nano
    step.emit(
        e.EffectSettled(
            effect=effect.id, attempt=effect.attempt, task=effect.task, status="failed",
            completes=False,
            cost_nano=cost_nano, principal=principal, counted=counted, took=taken,
        ),
        e.EffectSettledBody(output, error=error, why=why, provenance=dict(provenance or {}), log=log),
    )  # fmt: skip
    if counted is not None:
        breaking.judge(step, effect, counted)


def _counts_once(step: Step, effect: Effect, reported: Reported) -> bool:
    """Whether what was held for an attempt that was lost is kept for the next one, which has the same key."""
    held = held_by(step.shard, step.run, effect.id)
    return held is not None and held.once and reported.status == "lost"


def new_labels(step: Step, effect: Effect) -> tuple[str, ...]:
    """Labels of what a tool gives that its run has not yet."""
    tool = step.view.tools.get(effect.digest)
    known = step.run.data_labels
    return tuple(one for one in tool.result_labels if one not in known) if tool is not None else ()


def _retry_at(step: Step, effect: Effect, reported: Reported) -> int | None:
    """When the contract's next attempt is due; None if there is none."""
    now = step.shard.now
    if reported.status in ("lost", "returned"):
        return now if effect.losses + 1 < LOSSES_MAX else None
    if effect.delivery == "at-most-once" and reported.status not in UNPERFORMED:
        return None
    if of_agent(step.shard, effect.agent) is not None:
        # It may have failed for want of what it was refused: it is made again when its agent is resumed.
        return now
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
