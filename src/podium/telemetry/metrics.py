"""Metrics: what there is to count, and what committed records add to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.notices import NOTIFIER
from podium.telemetry.registry import COUNTER, GAUGE, HISTOGRAM, About, Registry
from podium.telemetry.spans import History

RUNS_MAX = 50_000
"""Of so many unfinished runs it is kept when they and their effects began; of others the log is asked."""

KNOWN: dict[str, About] = {
    "podium_records_total": About(COUNTER, ("shard",), "Records committed to the log."),
    "podium_runs_started_total": About(COUNTER, ("workflow",), "Runs that began."),
    "podium_runs_ended_total": About(COUNTER, ("workflow", "status"), "Runs that ended, by how."),
    "gen_ai_workflow_duration_seconds": About(
        HISTOGRAM, ("workflow", "status"), "How long runs took, from their acceptance to their end.", "s"
    ),
    "podium_effects_requested_total": About(
        COUNTER, ("kind", "agent", "verdict"), "Effects that were decided, by what policy said."
    ),
    "podium_effects_settled_total": About(
        COUNTER, ("kind", "agent", "status"), "Effects that have their outcome."
    ),
    "podium_effect_duration_seconds": About(
        HISTOGRAM, ("kind", "agent"), "How long effects took, from their decision to their outcome.", "s"
    ),
    "podium_attempts_started_total": About(COUNTER, ("kind", "agent"), "Attempts that were handed out."),
    "podium_attempts_failed_total": About(
        COUNTER, ("kind", "agent", "status"), "Attempts that failed, and were followed by another."
    ),
    "podium_cost_total": About(COUNTER, ("kind", "agent"), "What effects cost, in units of the account."),
    "podium_tokens_total": About(COUNTER, ("agent", "direction"), "Tokens that effects took."),
    "podium_approvals_total": About(COUNTER, ("outcome",), "Decisions of people on actions, by outcome."),
    "podium_approvals_expired_total": About(COUNTER, (), "Approvals that nobody gave in time."),
    "podium_in_doubt_total": About(COUNTER, ("agent",), "Effects of which nobody knew the outcome."),
    "podium_dead_letters_total": About(COUNTER, ("agent",), "Effects that failed for good and were kept."),
    "podium_breakers_opened_total": About(COUNTER, ("agent",), "Circuit breakers that opened."),
    "podium_budget_warnings_total": About(COUNTER, (), "Times that an effect came near to a ceiling."),
    "podium_stale_replies_total": About(COUNTER, (), "Replies of attempts that no longer counted."),
    "podium_schedules_fired_total": About(COUNTER, ("schedule", "cause"), "Runs that schedules began."),
    "podium_schedules_passed_total": About(
        COUNTER, ("schedule", "reason"), "Due times of schedules that began no run."
    ),
    "podium_hub_serving": About(GAUGE, (), "1 while the hub takes work, 0 while it only reads or has ended."),
    "podium_hub_starts_total": About(COUNTER, (), "Hubs that took the shard over since this process began."),
    "podium_log_position": About(GAUGE, ("shard",), "Seq of the last record that is durable."),
    "podium_views_lag_records": About(GAUGE, (), "Records that the tables for queries do not reflect yet."),
    "podium_runs_unfinished": About(GAUGE, ("status",), "Runs that are not over, by status."),
    "podium_runs_in_memory": About(GAUGE, (), "Runs that are in memory."),
    "podium_effects_open": About(GAUGE, ("status",), "Effects of runs in memory, by status."),
    "podium_approvals_waiting": About(GAUGE, (), "Actions and questions that wait for people."),
    "podium_escalations_waiting": About(GAUGE, (), "What waits for an operator."),
    "podium_budget_used_ratio": About(
        GAUGE, ("policy", "budget", "unit", "scope"), "Part of a ceiling that is spent or held."
    ),
    "podium_workers": About(GAUGE, ("status",), "Workers elsewhere, by status."),
    "podium_worker_slots": About(GAUGE, ("status",), "Attempts that workers elsewhere could make, or make."),
    "podium_suspended_timestamp_seconds": About(
        GAUGE, ("agent",), "Since when people hold an agent still; `*` is everything."
    ),
    "podium_schedule_next_timestamp_seconds": About(
        GAUGE, ("schedule",), "When a schedule is due next, since 1970."
    ),
    "podium_subscription_behind_records": About(
        GAUGE, ("subscription",), "Records that a subscription has not come to yet."
    ),
    "podium_subscription_unfinished": About(
        GAUGE, ("subscription",), "Deliveries of a subscription that are not over, dead letters included."
    ),
    "podium_telemetry_lag_records": About(GAUGE, (), "Records that are not counted here yet."),
    "podium_telemetry_dropped_total": About(COUNTER, ("signal",), "What could not be exported, and is gone."),
    "podium_notifications_total": About(COUNTER, ("channel", "status"), "Notifications, by what became."),
    "process_resident_memory_bytes": About(GAUGE, (), "Memory of the hub's process.", "By"),
    "process_cpu_seconds_total": About(COUNTER, (), "Processor time of the hub's process.", "s"),
    "process_start_time_seconds": About(GAUGE, (), "When the hub's process began, since 1970.", "s"),
}  # fmt: skip


class _Began:
    """What must be known of a run to count how it goes on."""

    __slots__ = ("at", "effects", "tells", "workflow")

    def __init__(self, workflow: str, at: int, tells: bool) -> None:
        self.workflow, self.at, self.tells = workflow, at, tells
        self.effects: dict[int, tuple[str, str, int]] = {}


class Metrics:
    """Counts what records tell.

    Args:
        history: as of `Spans`.
    Attributes:
        registry: where it is counted.
    """

    def __init__(self, history: History) -> None:
        self.registry = Registry(KNOWN)
        self._history = history
        self._began: OrderedDict[str, _Began] = OrderedDict()

    def take(self, shard: int, records: Iterable[Record]) -> None:
        """Count records that were committed."""
        number = 0
        for record in records:
            number += 1
            self._hear(shard, record)
        self.registry.count("podium_records_total", str(shard), by=float(number))

    def _hear(self, shard: int, record: Record) -> None:
        event: Any = record.event
        kind = type(event)
        if not record.run_id:
            if (of_shard := _OF_SHARD.get(kind)) is not None:
                of_shard(self.registry, event)
            return
        if kind is e.RunStarted:
            self._begin(record.run_id, event, record.at)
            self.registry.count("podium_runs_started_total", event.workflow.partition("@")[0])
            return
        handler = _OF_RUN.get(kind)
        if handler is None:
            return
        began = self._began.get(record.run_id) or self._recalled(shard, record)
        if began is not None:
            handler(self.registry, began, record, event)
        if kind in _ENDS:
            self._began.pop(record.run_id, None)

    def _begin(self, run_id: str, event: e.RunStarted, at: int) -> _Began:
        began = self._began[run_id] = _Began(
            event.workflow.partition("@")[0], at, event.principal == NOTIFIER
        )
        if len(self._began) > RUNS_MAX:
            self._began.popitem(last=False)
        return began

    def _recalled(self, shard: int, record: Record) -> _Began | None:
        began = None
        for former in self._history(shard, record):
            event: Any = former.event
            if former.seq >= record.seq:
                break
            if isinstance(event, e.RunStarted):
                began = self._begin(record.run_id, event, former.at)
            elif began is not None and isinstance(event, e.EffectRequested):
                began.effects[event.effect] = (event.kind, _who(event), former.at)
        return began


def _who(event: e.EffectRequested) -> str:
    if event.kind == "tool":
        return event.capability
    return event.agent.partition("@")[0]


def _requested(registry: Registry, began: _Began, record: Record, event: e.EffectRequested) -> None:
    kind, agent = event.kind, _who(event)
    began.effects[event.effect] = (kind, agent, record.at)
    registry.count("podium_effects_requested_total", kind, agent, event.verdict)
    if event.started:
        registry.count("podium_attempts_started_total", kind, agent)


def _about(began: _Began, event: Any) -> tuple[str, str, int]:
    return began.effects.get(event.effect, ("unknown", "", 0))


def _started(registry: Registry, began: _Began, record: Record, event: e.AttemptStarted) -> None:
    kind, agent, _ = _about(began, event)
    registry.count("podium_attempts_started_total", kind, agent)


def _failed(registry: Registry, began: _Began, record: Record, event: e.AttemptFailed) -> None:
    kind, agent, _ = _about(began, event)
    registry.count("podium_attempts_failed_total", kind, agent, event.status)
    _spend(registry, kind, agent, event)


def _settled(registry: Registry, began: _Began, record: Record, event: e.EffectSettled) -> None:
    kind, agent, at = _about(began, event)
    began.effects.pop(event.effect, None)
    registry.count("podium_effects_settled_total", kind, agent, event.status)
    if at:
        registry.observe("podium_effect_duration_seconds", (record.at - at) / 1000, kind, agent)
    _spend(registry, kind, agent, event)


def _spend(registry: Registry, kind: str, agent: str, event: Any) -> None:
    if event.cost_nano > 0:
        registry.count("podium_cost_total", kind, agent, by=event.cost_nano / 1e9)
    if event.took is not None:
        for direction, tokens in (("input", event.took.input_tokens), ("output", event.took.output_tokens)):
            if tokens:
                registry.count("podium_tokens_total", agent, direction, by=float(tokens))


def _ended(registry: Registry, began: _Began, record: Record, event: e.Event) -> None:
    status = _ENDS[type(event)]
    registry.count("podium_runs_ended_total", began.workflow, status)
    seconds = (record.at - began.at) / 1000
    registry.observe("gen_ai_workflow_duration_seconds", seconds, began.workflow, status)
    if began.tells:
        registry.count("podium_notifications_total", began.workflow, _TOLD[status])


def _by_agent(name: str) -> Callable[[Registry, _Began, Record, Any], None]:
    def counted(registry: Registry, began: _Began, record: Record, event: Any) -> None:
        registry.count(name, _about(began, event)[1])

    return counted


def _plainly(name: str) -> Callable[[Registry, _Began, Record, Any], None]:
    def counted(registry: Registry, began: _Began, record: Record, event: Any) -> None:
        registry.count(name)

    return counted


def _decided(registry: Registry, began: _Began, record: Record, event: e.ApprovalDecided) -> None:
    registry.count("podium_approvals_total", event.outcome or event.verdict)


_TOLD = {"completed": "sent", "faulted": "failed", "cancelled": "cancelled"}

_ENDS: dict[type, str] = {
    e.RunCompleted: "completed", e.RunFaulted: "faulted", e.RunCancelled: "cancelled",
}  # fmt: skip

_OF_RUN: dict[type, Callable[[Registry, _Began, Record, Any], None]] = {
    e.EffectRequested: _requested,
    e.AttemptStarted: _started,
    e.AttemptFailed: _failed,
    e.EffectSettled: _settled,
    e.EffectInDoubt: _by_agent("podium_in_doubt_total"),
    e.EffectDeadLettered: _by_agent("podium_dead_letters_total"),
    e.ApprovalDecided: _decided,
    e.ApprovalExpired: _plainly("podium_approvals_expired_total"),
    e.BudgetWarned: _plainly("podium_budget_warnings_total"),
    e.StaleReply: _plainly("podium_stale_replies_total"),
    **dict.fromkeys(_ENDS, _ended),
}

_OF_SHARD: dict[type, Callable[[Registry, Any], None]] = {
    e.EpochStarted: lambda registry, event: registry.count("podium_hub_starts_total"),
    e.BreakerOpened: lambda registry, event: registry.count(
        "podium_breakers_opened_total", event.agent.partition("@")[0]
    ),
    e.ScheduleFired: lambda registry, event: registry.count(
        "podium_schedules_fired_total", event.schedule, event.cause
    ),
    e.SchedulePassed: lambda registry, event: registry.count(
        "podium_schedules_passed_total", event.schedule, event.reason, by=float(event.count or 1)
    ),
}
