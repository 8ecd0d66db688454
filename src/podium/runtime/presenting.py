"""Runs, records and resources as the door shows them: plain JSON, every field there, defaults too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
from typing import Any

import msgspec

from podium.facts.catalog import AgentVersion, SubscriptionVersion, ToolVersion, WorkflowVersion
from podium.facts.events import EVENTS, Event, Record
from podium.facts.policy_version import PolicyVersion
from podium.facts.recovery import BREAKER_CLOSED, BREAKER_OPEN, Breaker
from podium.facts.schedules import ScheduleVersion
from podium.facts.sharing import TENANT
from podium.facts.values import JSON, Error, Refused
from podium.kernel.asked import askers
from podium.kernel.state import Effect, Frame, Run

Shown = dict[str, JSON]
"""A JSON object."""


def record_shown(record: Record) -> Shown:
    """A record of the log: `seq`, `at`, `run_id`, `type`, the fields of its event, and `body`.

    `body` is null for an event without one, and where it was erased; then `erased` is true.
    """
    event = record.event
    shown: Shown = {
        "seq": record.seq, "at": record.at, "run_id": record.run_id, "type": type(event).__name__,
        "version": event.VERSION,
    }  # fmt: skip
    for name in event.__struct_fields__:
        shown[name] = msgspec.to_builtins(getattr(event, name))
    body = record.body
    shown["body"] = _fields(body) if body is not None else None
    if record.erased:
        shown["erased"] = True
    return shown


def record_from(shown: Shown) -> Record:
    """The record that was shown: the inverse of `record_shown`."""
    kind = EVENTS[shown["type"]]
    envelope = {encoded: shown[name] for name, encoded in _names(kind)}
    body = None
    if shown["body"] is not None and kind.BODY is not None:
        body = msgspec.convert(shown["body"], kind.BODY)
    event = msgspec.convert(envelope, kind)
    return Record(shown["seq"], shown["run_id"], shown["at"], event, body)


@cache
def _names(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """The fields of an event: as they are shown, and as they are stored."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(kind))


def run_shown(run: Run) -> Shown:
    """A run as it stands: identity, status, output or error, cost, and what it waits for.

    Times are ms since 1970, 0 for not yet; `cost_nano` counts nano-units. `input` is null once the run
    ended: its first record has it. `parent` and `parent_task` say which task started it, "" if none did; it
    is `nested` if that task waits for it, and `sealed` if it is about somebody. `tenant` and `priority` say
    what it waits before, and behind, where much waits.
    """
    return {
        "id": run.id, "workflow": run.workflow, "digest": run.digest, "status": run.status, "key": run.key,
        "principal": run.principal, "labels": run.labels, "input": run.input, "output": run.output,
        "error": error_shown(run.error), "started_at": run.started_at, "ended_at": run.ended_at,
        "cost_nano": run.cost_nano, "waiting_for": list(waiting_for(run)), "progress": list(progress(run)),
        "phase": phase(run), "parent": run.parent, "parent_task": run.parent_task, "nested": run.root != "",
        "undoable": len(run.undos), "sealed": run.subject != "", "tenant": run.tenant or TENANT,
        "priority": run.priority,
    }  # fmt: skip


def phase(run: Run) -> str:
    """The phase of a run, as the language has them: its status, or `waiting` for time, people or events.

    Source: workflow DSL 1.0.3, "Status Phases".
    """
    if run.status != "running":
        return "pending" if run.status == "queued" else run.status
    kinds = {awaited["kind"] for awaited in _awaited(run)}
    return "waiting" if kinds and kinds <= _PAUSES else "running"


_PAUSES = frozenset({"human", "approval", "deferred", "in_doubt", "dead_letter", "retry", "event", "timer"})


def progress(run: Run) -> Iterator[Shown]:
    """How far the tasks are that run another many times: `total`, `done`, `failed` and `running` of each."""
    for frame in run.frames.values():
        if frame.spread is not None:
            failed = frame.tries
            done = len(frame.outputs) - (0 if frame.spread.quorum else failed)
            yield {
                "task": frame.task, "since": frame.entered_at, "total": frame.spread.size, "done": done,
                "failed": failed, "running": frame.open,
            }  # fmt: skip


def waiting_for(run: Run) -> Iterator[Shown]:
    """What keeps a run from going on, one object each: `kind`, `task`, `since`, and what the kind needs.

    Kinds: `human` (title, decisions, form), `approval` (rules, message, roles, until), `deferred` (rules,
    message, until), `in_doubt` (effect, agent), `dead_letter` (effect, agent, message), `attempt` (agent,
    attempt), `run` (run, workflow), `queue` (agent; where nobody begins it `message`, with `until` of a
    breaker, and `command` of what is suspended), `retry` (until), `event`, `timer` (until). Where a task runs
    many times side by side, what needs nobody is shown once, with a `count`.
    """
    shown: dict[tuple[str, str], Shown] = {}
    for one in _awaited(run):
        kind = one["kind"]
        if kind in ("human", "approval", "in_doubt", "dead_letter"):
            yield one
            continue
        first = shown.setdefault((kind, one["task"]), one)
        if first is not one:
            first["count"] = first.get("count", 1) + 1
    yield from shown.values()


def _awaited(run: Run) -> Iterator[Shown]:
    for effect in run.effects.values():
        shown = _effect_awaited(effect)
        if effect.asker:
            shown["askers"] = [run.effects[number].agent for number in askers(run, effect)]
        yield shown
    for frame in run.frames.values():
        if frame.kind == "listen":
            yield {"kind": "event", "task": frame.task, "since": frame.entered_at}
        elif frame.kind == "wait" or (frame.phase == "backoff" and frame.wake_at):
            yield _timer_awaited(frame)


def _effect_awaited(effect: Effect) -> Shown:
    shown: Shown = {"task": effect.task, "since": effect.requested_at, "effect": effect.id}
    match effect.status:
        case "waiting":
            asked = effect.input or {}
            shown.update(
                kind="human", title=asked.get("title", ""), description=asked.get("description", ""),
                decisions=asked.get("decisions", []), form=asked.get("form"),
            )  # fmt: skip
        case "approval":
            terms = effect.approval.terms if effect.approval else None
            shown.update(
                kind="approval", agent=effect.agent or effect.kind, rules=list(effect.rules),
                message=effect.message, roles=list(terms.roles) if terms else [],
                until=terms.deadline_at if terms else 0,
            )  # fmt: skip
        case "deferred":
            shown.update(
                kind="deferred", agent=effect.agent or effect.kind, rules=list(effect.rules),
                message=effect.message, until=effect.retry_at,
            )  # fmt: skip
        case "in_doubt":
            shown.update(kind="in_doubt", agent=effect.agent, attempt=effect.attempt)
        case "dead":
            title = effect.error.title if effect.error else ""
            shown.update(kind="dead_letter", agent=effect.agent or effect.kind, message=title)
        case "backoff":
            shown.update(kind="retry", agent=effect.agent, until=effect.retry_at)
        case "nested":
            shown.update(kind="run", run=effect.key, workflow=effect.agent)
        case "queued":
            shown.update(kind="queue", agent=effect.agent)
        case _:
            shown.update(kind="attempt", agent=effect.agent or effect.kind, attempt=effect.attempt)
    return shown


def _timer_awaited(frame: Frame) -> Shown:
    return {"kind": "timer", "task": frame.task, "since": frame.entered_at, "until": frame.wake_at}


def run_listed(run: Run) -> Shown:
    """A run as a line of a list: without payloads."""
    shown = run_shown(run)
    for payload in ("input", "output", "digest"):
        del shown[payload]
    shown["waiting_for"] = [
        {name: awaited[name] for name in ("kind", "task", "run", "agent", "askers") if name in awaited}
        for awaited in shown["waiting_for"]
    ]
    return shown


def agent_listed(digest: str, agent: AgentVersion) -> Shown:
    """An agent version as a line of a list."""
    return {
        "name": agent.name, "version": agent.version, "digest": digest, "description": agent.description,
        "capabilities": [capability.name for capability in agent.capabilities],
        "runtime": agent.runtime.get("type", ""), "delivery": agent.delivery,
        "concurrency": agent.concurrency, "labels": agent.labels, "deprecated": agent.deprecated,
        **({"breaker": BREAKER_CLOSED} if agent.breaker is not None else {}),
    }  # fmt: skip


def breaker_shown(breakers: Mapping[str, Breaker], shown: Shown) -> Shown:
    """How the breaker of an agent version is: `status`; where it is not closed `since`, `until`, `reason`."""
    breaker = breakers.get(shown["digest"])
    if breaker is None or breaker.status == BREAKER_CLOSED:
        return {"status": BREAKER_CLOSED}
    told = {"status": breaker.status, "since": breaker.at, "reason": breaker.reason}
    return {**told, "until": breaker.until} if breaker.until else told


def show_breaker(shown: Shown, breakers: Mapping[str, Breaker]) -> None:
    """Say in a line of a list how a breaker is, if there is one."""
    if "breaker" in shown:
        shown["breaker"] = breaker_shown(breakers, shown)["status"]


def show_breakers(waits: list[Shown], breakers: Mapping[str, Breaker]) -> None:
    """Say of what waits for a slot that it waits for a breaker, where it does."""
    shut = {one.agent: one for one in breakers.values() if one.status != BREAKER_CLOSED}
    for one in waits:
        breaker = shut.get(one.get("agent", ""))
        if one["kind"] == "queue" and breaker is not None:
            trying = "is being tried again" if breaker.status != BREAKER_OPEN else "is open"
            one["message"] = f"the breaker of {breaker.agent} {trying}: {breaker.reason}"
            one["until"] = breaker.until


def show_unstaffed(waits: list[Shown], unstaffed: Set[str]) -> None:
    """Say of what waits for a slot that it waits for a worker, where it does."""
    for one in waits:
        if one.get("agent") in unstaffed:
            one["message"] = f"no live worker hosts {one['agent']}"


def tool_listed(digest: str, tool: ToolVersion) -> Shown:
    """A tool version as a line of a list."""
    return {
        "name": tool.name, "version": tool.version, "digest": digest, "description": tool.description,
        "side_effect": tool.side_effect, "risk": tool.risk, "groups": list(tool.groups),
        "undo": tool.undo.tool if tool.undo is not None else "",
        "runtime": tool.runtime.get("type", ""), "delivery": tool.delivery,
        "concurrency": tool.concurrency, "labels": tool.labels, "deprecated": tool.deprecated,
    }  # fmt: skip


def policy_listed(digest: str, policy: PolicyVersion) -> Shown:
    """A policy version as a line of a list."""
    limits = ("budgets", "rates", "quotas", "sequences", "windows", "egress", "data")
    return {
        "name": policy.name, "version": policy.version, "digest": digest, "description": policy.description,
        "mode": policy.mode, "rules": len(policy.rules), "tests": len(policy.tests),
        "limits": [name for name in limits if getattr(policy, name)], "labels": policy.labels,
    }  # fmt: skip


def schedule_listed(digest: str, schedule: ScheduleVersion) -> Shown:
    """A schedule version as a line of a list."""
    return {
        "name": schedule.name, "version": schedule.version, "digest": digest, "workflow": schedule.workflow,
        "description": schedule.description, "labels": schedule.labels,
    }  # fmt: skip


def subscription_listed(digest: str, version: SubscriptionVersion) -> Shown:
    """A subscription version as a line of a list; how it stands only a hub can say that is at work."""
    return {
        "name": version.name, "version": version.version, "digest": digest, "sink": version.sink,
        "types": list(version.types), "workflows": list(version.workflows), "match": version.match,
        "mode": version.mode, "signed": bool(version.secret), "description": version.description,
        "labels": version.labels, "status": "", "position": 0, "unfinished": 0, "trouble": "",
    }  # fmt: skip


def workflow_listed(digest: str, workflow: WorkflowVersion) -> Shown:
    """A workflow as a line of a list."""
    document = workflow.document.get("document", {})
    return {
        "name": f"{workflow.namespace}/{workflow.name}", "version": workflow.version, "digest": digest,
        "title": document.get("title", ""), "summary": document.get("summary", ""),
        "deprecated": workflow.deprecated,
    }  # fmt: skip


LISTED: dict[str, Callable[[str, Any], Shown]] = {
    "Agent": agent_listed,
    "Tool": tool_listed,
    "Policy": policy_listed,
    "Schedule": schedule_listed,
    "Subscription": subscription_listed,
    "Workflow": workflow_listed,
}
"""What makes a line of a list of a resource, by its kind."""


def resource_shown(kind: str, digest: str, version: Any) -> Shown:
    """All that is declared of a version of a resource."""
    return {"kind": kind, "digest": digest, **_fields(version)}


def error_shown(error: Error | None) -> Shown | None:
    """An error as RFC 7807 problem details."""
    return _fields(error) if error is not None else None


def refusal_shown(refused: Refused) -> Shown:
    """A refusal: `code` and `problems`."""
    return {"code": refused.code, "problems": [_fields(problem) for problem in refused.problems]}


def _fields(struct: Any) -> Shown:
    return {name: msgspec.to_builtins(getattr(struct, name)) for name in struct.__struct_fields__}
