"""Errors: which `try` catches one, and whether its body is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON, Error
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.flow import holds
from podium.kernel.state import Frame
from podium.kernel.step import Step
from podium.workflow.program import Node, RetryPolicy, Try

PAUSE_MAX_MS = 366 * 24 * 3600 * 1000
"""No pause before another try is longer: growing without a bound, it would leave the calendar."""
DOUBLINGS_MAX = 64
UNLIMITED_PAUSE_MS = 1_000
"""The pause of a retry that has neither pause nor limit: it may go on for ever, but not as fast as it can."""

_STANDARD = (
    ERRORS,
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://open-workflow-specification.org/dsl/errors/types/",
)


def fault(
    step: Step, start: Frame, task: str, error: Error, origin: Frame | None = None, slot: int = 0
) -> None:  # fmt: skip
    """Raise an error in a run: the nearest enclosing `try` that catches it does, or the run faults.

    On the way there a task that runs many side by side may take it for the failure of one of them, and one
    that compensates takes it for the failure of an undo.

    Args:
        start: the innermost frame that encloses the faulted task.
        task: reference of the faulted task.
        origin: its frame, if it has one; else `slot` is its place in `start`.
    Raises:
        Waiting: a condition of a catch needs the evaluator.
    """
    if not error.instance:
        error = msgspec.structs.replace(error, instance=task)
    frame: Frame | None = start
    child = origin
    while frame is not None:
        if frame.kind == "try" and frame.phase == "":
            try:
                caught = _catch(step, frame, error)
            except Faulted as faulted:
                error, caught = faulted.error, None
            if caught is not None:
                step.emit(
                    e.TaskFaulted(
                        frame=origin.id if origin else 0, parent=start.id, task=task, catcher=frame.id,
                        retry_at=caught,
                    ),
                    e.TaskFaultedBody(error),
                )  # fmt: skip
                return
        elif frame.spread is not None and frame.spread.tolerant:
            step.emit(
                e.ItemFailed(
                    frame=frame.id, child=child.id if child else 0, slot=child.slot if child else slot,
                    task=task, origin=(origin or start).id if child else 0,
                ),
                e.ItemFailedBody(error),
            )  # fmt: skip
            return
        elif frame.kind == "compensate":
            step.emit(
                e.UndoFailed(
                    frame=frame.id, child=child.id if child else 0, effect=child.slot if child else slot,
                    task=task, origin=(origin or start).id if child else 0,
                ),
                e.UndoFailedBody(error),
            )  # fmt: skip
            return
        child = frame
        frame = step.run.frames.get(frame.parent)
    step.emit(e.RunFaulted(task=task), e.RunFaultedBody(error))


def is_caught(step: Step, start: Frame, error: Error) -> bool:
    """Whether something in a run takes an error that is raised below `start`, or may: where it takes the
    evaluator to say, this says yes.
    """
    frame: Frame | None = start
    while frame is not None:
        if frame.kind == "try" and frame.phase == "":
            try:
                if _catch(step, frame, error) is not None:
                    return True
            except Waiting:
                return True
            except Faulted:
                pass
        elif frame.kind == "compensate" or (frame.spread is not None and frame.spread.tolerant):
            return True
        frame = step.run.frames.get(frame.parent)
    return False


def _catch(step: Step, frame: Frame, error: Error) -> int | None:
    """When this try runs its body again; 0 if its catch goes on instead; None if it does not catch."""
    node = step.node(frame)
    assert isinstance(node.detail, Try)
    catch = node.detail.catch
    if not _matches(catch.matches, error):
        return None
    value: JSON = msgspec.to_builtins(error)
    arguments = step.arguments(frame, node).with_variable(catch.variable, value)
    if catch.when is not None and not holds(step, catch.when, value, arguments, frame.task):
        return None
    if catch.except_when is not None and holds(step, catch.except_when, value, arguments, frame.task):
        return None
    if catch.retry is None:
        return 0
    retry_at = _retry_at(step, frame, node, catch.retry, value, arguments)
    if retry_at:
        return retry_at
    return 0 if catch.body or catch.target is not None else None


def _matches(wanted: Mapping[str, JSON], error: Error) -> bool:
    for name, value in wanted.items():
        present = getattr(error, name, None)
        if name == "type":
            if not same_type(str(value), error.type):
                return False
        elif type(present) is not type(value) or present != value:
            return False
    return True


def same_type(one: str, other: str) -> bool:
    """Whether two error types are the same; the standard ones have several hosts and an older path."""
    return one == other or (_standard_name(one) != "" and _standard_name(one) == _standard_name(other))


def _standard_name(uri: str) -> str:
    return next((uri[len(start) :] for start in _STANDARD if uri.startswith(start)), "")


def _retry_at(
    step: Step, frame: Frame, node: Node, policy: RetryPolicy, error: JSON, arguments: Arguments
) -> int:
    """When the next try is due by the policy; 0 if there is none."""
    task, now = frame.task, step.shard.now
    if policy.when is not None and not holds(step, policy.when, error, arguments, task):
        return 0
    if policy.except_when is not None and holds(step, policy.except_when, error, arguments, task):
        return 0
    if policy.attempts is not None and frame.tries >= policy.attempts:
        return 0
    pause = _pause(step, frame, policy, error, arguments)
    limit = step.duration(policy.duration, error, arguments, task)
    if limit and now + pause > frame.entered_at + limit:
        return 0
    if not pause and not limit and policy.attempts is None:
        pause = UNLIMITED_PAUSE_MS
    return now + pause


def _pause(step: Step, frame: Frame, policy: RetryPolicy, error: JSON, arguments: Arguments) -> int:
    task = frame.task
    delay = step.duration(policy.delay, error, arguments, task)
    if policy.backoff == "exponential":
        growth = policy.multiplier ** min(frame.tries, DOUBLINGS_MAX)
        delay = int(delay * growth)
    elif policy.backoff == "linear":
        increment = step.duration(policy.increment, error, arguments, task) or delay
        delay += increment * frame.tries
    delay = min(delay, step.duration(policy.delay_max, error, arguments, task) or PAUSE_MAX_MS)
    low = step.duration(policy.jitter_from, error, arguments, task)
    high = step.duration(policy.jitter_to, error, arguments, task)
    return delay + low + jitter(step.run.id, task, frame.tries, max(high - low, 0))


def jitter(run_id: str, task: str, attempt: int, span_ms: int) -> int:
    """A pause in [0, span_ms] that depends on run, task and attempt alone, so that replay agrees."""
    if span_ms <= 0:
        return 0
    drawn = sha256(f"{run_id} {task} {attempt} jitter".encode()).digest()
    return int.from_bytes(drawn[:8]) % (span_ms + 1)
