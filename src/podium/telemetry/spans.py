"""Spans: runs, effects and attempts, folded from the records that tell of them.

A run is `invoke_workflow`, a call of an agent `invoke_agent`, of a tool `execute_tool`; each attempt is a
span below its effect, with the id that its traceparent carries, so that what the agent itself traces stands
below it. Nothing of payloads is in them: what people or models said stays in the log.

Source: OpenTelemetry semantic conventions for generative AI (development), agent and workflow spans.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.identity import trace_id
from podium.telemetry.span import (
    CLIENT,
    ERROR,
    INTERNAL,
    OK,
    PRODUCER,
    SERVER,
    Moment,
    Span,
    effect_span,
    run_span,
)

RUNS_MAX = 20_000
"""So many runs that go on are kept in memory; the spans of others are made from the log when they end."""

MOMENTS_MAX = 100
"""So much that happens is told of one span."""

History = Callable[[int, Record], Iterable[Record]]
"""Shard and a record to all records of its run up to that one, oldest first."""

_OPERATIONS = {
    "agent": ("invoke_agent", CLIENT), "tool": ("execute_tool", INTERNAL), "human": ("ask_human", PRODUCER),
    "http": ("call_http", CLIENT), "openapi": ("call_openapi", CLIENT), "process": ("run_process", INTERNAL),
    "workflow": ("invoke_workflow", INTERNAL), "emit": ("emit_event", PRODUCER),
}  # fmt: skip


class _Effect:
    """An effect that goes on: its span, and that of its attempt."""

    __slots__ = ("attempt", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.attempt: Span | None = None


class _Run:
    __slots__ = ("effects", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.effects: dict[int, _Effect] = {}


class Spans:
    """Folds records into spans; those that ended are given.

    Args:
        history: finds what happened in a run before; it is asked where that is not in memory.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def take(self, shard: int, records: Iterable[Record]) -> list[Span]:
        """The spans that ended with these records."""
        ended: list[Span] = []
        for record in records:
            if record.run_id:
                ended += self._hear(shard, record)
        return ended

    def _hear(self, shard: int, record: Record) -> Iterator[Span]:
        run = self._runs.get(record.run_id)
        if run is None:
            if not isinstance(record.event, e.RunStarted):
                run = self._recalled(shard, record)
                if run is None:
                    return
            else:
                run = _Run(_of_run(record, record.event))
            self._runs[record.run_id] = run
            if len(self._runs) > RUNS_MAX:
                self._runs.popitem(last=False)
        yield from _fold(run, record)
        if run.span.end:
            self._runs.pop(record.run_id, None)

    def _recalled(self, shard: int, record: Record) -> _Run | None:
        """A run as it was before a record; None if it had ended."""
        run: _Run | None = None
        for former in self._history(shard, record):
            if former.seq >= record.seq:
                break
            if isinstance(former.event, e.RunStarted):
                run = _Run(_of_run(former, former.event))
            elif run is not None:
                for _ in _fold(run, former):
                    pass
        return run if run is not None and not run.span.end else None


def _of_run(record: Record, event: e.RunStarted) -> Span:
    name, _, version = event.workflow.partition("@")
    trace = trace_id(record.run_id, event.tree, event.trace)
    parent = effect_span(event.parent, event.parent_effect) if event.parent else event.trace[36:52]
    span = Span(
        trace, run_span(record.run_id), parent, f"invoke_workflow {name}",
        INTERNAL if event.parent else SERVER, record.at,
    )  # fmt: skip
    span.attributes = {
        "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name,
        "gen_ai.conversation.id": record.run_id, "podium.run.id": record.run_id,
        "podium.workflow.version": version, "podium.workflow.digest": event.digest,
        "podium.principal": event.principal,
    }  # fmt: skip
    return span


def _fold(run: _Run, record: Record) -> Iterator[Span]:
    event: Any = record.event
    kind = type(event)
    if kind is e.EffectRequested:
        _requested(run, record, event)
    elif kind is e.AttemptStarted:
        if (effect := run.effects.get(event.effect)) is not None:
            _begin(run, effect, record, event.attempt)
    elif kind is e.AttemptFailed:
        if (effect := run.effects.get(event.effect)) is not None:
            yield from _end_attempt(effect, record, event.status, getattr(record.body, "error", None))
    elif kind is e.EffectSettled:
        yield from _settled(run, record, event)
    elif kind in _ENDS:
        yield from _ended(run, record, _ENDS[kind], getattr(record.body, "error", None))
    elif (name := _TOLD.get(kind)) is not None:
        _tell(run, record, event, name)


def _requested(run: _Run, record: Record, event: e.EffectRequested) -> None:
    operation, kind = _OPERATIONS.get(event.kind, (event.kind, INTERNAL))
    asker = run.effects.get(event.asker) if event.asker else None
    above = run.span.id
    if asker is not None:
        above = asker.attempt.id if asker.attempt is not None else asker.span.id
    name, _, version = event.agent.partition("@")
    span = Span(
        run.span.trace, effect_span(record.run_id, event.effect), above,
        f"{operation} {event.capability if event.kind == 'tool' else name or event.reason}".strip(), kind,
        record.at,
    )  # fmt: skip
    span.attributes = {
        "gen_ai.operation.name": operation, "gen_ai.conversation.id": record.run_id,
        "podium.run.id": record.run_id, "podium.effect": event.effect, "podium.task": event.task,
        "podium.capability": event.capability, "podium.routing.reason": event.reason,
        "podium.policy.verdict": event.verdict, "podium.policy.rules": event.rules,
    }  # fmt: skip
    if event.kind == "agent":
        span.attributes |= {
            "gen_ai.agent.name": name, "gen_ai.agent.version": version, "gen_ai.agent.id": event.digest,
        }  # fmt: skip
    elif event.kind == "tool":
        span.attributes |= {"gen_ai.tool.name": event.capability, "gen_ai.tool.type": "function"}
    elif event.kind == "workflow":
        span.attributes["gen_ai.workflow.name"] = name
    if event.verdict != "allow":
        span.moments.append(
            Moment(record.at, f"policy.{event.verdict}", {"podium.policy.rules": event.rules})
        )
    effect = run.effects[event.effect] = _Effect(span)
    if event.started:
        _begin(run, effect, record, 1)


def _begin(run: _Run, effect: _Effect, record: Record, number: int) -> None:
    attempt = Span(
        run.span.trace, f"{record.seq:016x}", effect.span.id, f"attempt {number}", INTERNAL, record.at
    )
    told = effect.span.attributes
    attempt.attributes = {
        "podium.run.id": record.run_id, "podium.attempt": number, "podium.attempt.token": record.seq,
        **{of: told[of] for of in ("podium.effect", "podium.task", "gen_ai.agent.name") if of in told},
    }  # fmt: skip
    effect.attempt = attempt


def _end_attempt(effect: _Effect, record: Record, status: str, error: Any) -> Iterator[Span]:
    attempt, effect.attempt = effect.attempt, None
    if attempt is None:
        return
    _end(attempt, record.at, "" if status == "succeeded" else _type(error, status))
    yield attempt


def _settled(run: _Run, record: Record, event: e.EffectSettled) -> Iterator[Span]:
    effect = run.effects.pop(event.effect, None)
    if effect is None:
        return
    error = getattr(record.body, "error", None)
    yield from _end_attempt(effect, record, event.status, error)
    span = effect.span
    if event.cost_nano:
        span.attributes["podium.cost"] = event.cost_nano / 1e9
    if event.took is not None and event.took.input_tokens + event.took.output_tokens:
        span.attributes["gen_ai.usage.input_tokens"] = event.took.input_tokens
        span.attributes["gen_ai.usage.output_tokens"] = event.took.output_tokens
    if event.principal:
        span.attributes["podium.principal"] = event.principal
    _end(span, record.at, "" if event.status == "succeeded" else _type(error, event.status))
    yield span


def _ended(run: _Run, record: Record, status: str, error: Any) -> Iterator[Span]:
    for effect in run.effects.values():
        yield from _end_attempt(effect, record, "abandoned", None)
        _end(effect.span, record.at, "abandoned")
        yield effect.span
    run.effects.clear()
    run.span.attributes["podium.run.status"] = status
    _end(run.span, record.at, "" if status == "completed" else _type(error, status))
    yield run.span


def _end(span: Span, at: int, failure: str) -> None:
    span.end = at
    span.status = ERROR if failure else OK
    if failure:
        span.attributes["error.type"] = failure


def _type(error: Any, status: str) -> str:
    """What kind of failure it was: the type of the error, never its text, which may tell of payloads."""
    return error.type if error is not None else status


def _tell(run: _Run, record: Record, event: Any, name: str) -> None:
    """Note what happened in the span that it is about."""
    effect = run.effects.get(getattr(event, "effect", 0))
    span = effect.span if effect is not None else run.span
    if len(span.moments) >= MOMENTS_MAX:
        return
    known = (("verdict", "verdict"), ("outcome", "outcome"), ("principal", "principal"), ("reason", "reason"))
    told = {f"podium.{to}": str(getattr(event, of)) for of, to in known if getattr(event, of, "")}
    if (task := getattr(event, "task", "")) and effect is None:
        told["podium.task"] = task
    span.moments.append(Moment(record.at, name, dict(told)))


_ENDS: dict[type, str] = {
    e.RunCompleted: "completed", e.RunFaulted: "faulted", e.RunCancelled: "cancelled",
}  # fmt: skip

_TOLD: dict[type, str] = {
    e.EffectDecided: "policy.decided", e.ApprovalDecided: "approval.decided",
    e.ApprovalEscalated: "approval.escalated", e.ApprovalExpired: "approval.expired",
    e.BudgetWarned: "budget.warned", e.EffectInDoubt: "effect.in_doubt",
    e.EffectResolved: "effect.resolved", e.EffectRerouted: "effect.rerouted",
    e.EffectDeadLettered: "effect.dead_lettered", e.EffectRedriven: "effect.redriven",
    e.StaleReply: "reply.stale", e.RunSuspended: "run.suspended", e.RunResumed: "run.resumed",
    e.RunAdmitted: "run.admitted", e.TaskFaulted: "task.caught", e.EventReceived: "event.received",
}  # fmt: skip
