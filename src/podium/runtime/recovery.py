"""What failed and waits for operators: dead letters, and with all else that waits for them, escalations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from podium.facts.recovery import BREAKER_CLOSED, Breaker
from podium.kernel.state import Effect, Run
from podium.runtime import approvals
from podium.runtime.inquiry import Inquiry
from podium.runtime.presenting import Shown, error_shown


class Wanted(Protocol):
    """Which dead letters; "" and 0 are any."""

    @property
    def run_id(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def before(self) -> int: ...


def dead_letters(about: Inquiry, wanted: Wanted) -> list[Shown]:
    """Effects that failed for good and were kept, longest first. Raises Declined."""
    if wanted.run_id:
        found = about.of_run(about.run_id(wanted.run_id), lambda run: list(_dead_letters(run)))
    else:
        found = [one for batch in about.all_waiting(lambda run: list(_dead_letters(run))) for one in batch]
    found = [one for one in found if _is_wanted(one, wanted)]
    return sorted(found, key=lambda one: (one["since"], one["id"]))


def _dead_letters(run: Run) -> Iterator[Shown]:
    for effect in run.effects.values():
        if effect.status == "dead":
            yield {
                **_identity(run, effect), "since": effect.dead_at, "capability": effect.capability,
                "attempts": effect.attempt, "error": error_shown(effect.error), "input": effect.input,
                "cost_nano": effect.cost_nano, "tried": len(effect.tried) + 1,
            }  # fmt: skip


def _identity(run: Run, effect: Effect) -> Shown:
    return {
        "id": f"{run.id}/{effect.id}", "run_id": run.id, "effect": effect.id, "workflow": run.workflow,
        "task": effect.task, "does": effect.kind, "agent": effect.agent,
    }  # fmt: skip


def _is_wanted(one: Shown, wanted: Wanted) -> bool:
    workflow = one["workflow"]
    names = (workflow, workflow.partition("@")[0], workflow.partition("@")[0].rpartition("/")[2])
    error = one["error"] or {}
    return (
        wanted.workflow in ("", *names)
        and wanted.agent in ("", one["agent"], one["agent"].partition("@")[0])
        and wanted.task in ("", one["task"], one["task"].rpartition("/")[2])
        and (not wanted.error or any(wanted.error in error.get(name, "") for name in ("type", "title")))
        and (not wanted.before or one["since"] < wanted.before)
    )


def escalations(about: Inquiry) -> list[Shown]:
    """All that waits for an operator, longest first.

    Each has `kind` (`approval`, `question`, `undo`, `in_doubt`, `dead_letter` or `breaker`), `since`,
    `run_id` ("" of a breaker), `task`, `agent`, `what`, `why`, and `command`, which settles it.
    """
    found = [one for batch in about.all_waiting(lambda run: list(_of_run(run))) for one in batch]
    found += [_of_breaker(one) for one in about.sight.breakers().values() if one.status != BREAKER_CLOSED]
    return sorted(found, key=lambda one: (one["since"], one["id"]))


def _of_run(run: Run) -> Iterator[Shown]:
    for effect in run.effects.values():
        what = f"{run.id[:8]} --effect {effect.id}"
        match effect.status:
            case "approval" | "waiting":
                yield _of_approval(run, effect)
            case "in_doubt":
                yield {
                    **_identity(run, effect), "kind": "in_doubt", "since": effect.requested_at,
                    "what": f"attempt {effect.attempt} of {approvals.target_of(effect)}",
                    "why": _why_in_doubt(effect),
                    "command": f"podium resolve {what} --verdict succeeded|failed|retry",
                }  # fmt: skip
            case "dead":
                yield {
                    **_identity(run, effect), "kind": "dead_letter", "since": effect.dead_at,
                    "what": approvals.target_of(effect),
                    "why": effect.error.title if effect.error else "it failed for good",
                    "command": f"podium dlq retry|drop {what} --why …",
                }  # fmt: skip


def _why_in_doubt(effect: Effect) -> str:
    why = "it was lost, and may or may not have been performed"
    if effect.probe or effect.retry_at:
        return f"{why}; its probe is being asked"
    return f"{why}; its probe does not know: {effect.message}" if effect.message else why


def _of_approval(run: Run, effect: Effect) -> Shown:
    shown = approvals.shown(run, effect)
    given = effect.input if isinstance(effect.input, dict) else {}
    asks = effect.status == "waiting"
    decisions = "|".join(shown["decisions"])
    answer = f"podium answer {run.id[:8]} --task {effect.id} --decision {decisions}"
    return {
        **_identity(run, effect), "since": shown["since"],
        "kind": ("undo" if "undo" in given else "question") if asks else "approval",
        "what": shown["target"],
        "why": shown["message"] if not asks else str(given.get("description", "")),
        "command": answer if asks else f"podium approve|deny {run.id[:8]}/{effect.id} --reason …",
    }  # fmt: skip


def _of_breaker(breaker: Breaker) -> Shown:
    return {
        "id": breaker.agent, "run_id": "", "effect": 0, "workflow": "", "task": "", "does": "",
        "agent": breaker.agent, "kind": "breaker", "since": breaker.at,
        "what": f"the breaker of {breaker.agent} is {breaker.status.replace('_', ' ')}",
        "why": breaker.reason, "command": f"podium breaker reset {breaker.agent} --why …",
    }  # fmt: skip
