"""Notices: what there is to tell people now, each with a key by which it is told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from podium.facts.notices import NOTIFIER
from podium.facts.recovery import BREAKER_OPEN, Breaker
from podium.facts.values import JSON
from podium.kernel.state import Effect, Run
from podium.runtime import approvals
from podium.runtime.members import Worker
from podium.runtime.presenting import Shown

BUDGET_NEAR = (80, 100)
"""At these per cents of a ceiling it is told, once for each and window."""

DEADLINE_PART = 4
"""The last quarter of the time that people have counts as its end."""

SEALED = "it is about somebody; what it is stays sealed"


class Notice(msgspec.Struct, frozen=True):
    """Something to tell.

    Attributes:
        cause: one of `facts.notices.CAUSES`.
        id: what it is about; no other notice of the cause ever has it.
        severity: `info`, `warning` or `critical`.
        title: in a line; text: a sentence or two, what to do included.
        command: what settles it; "" if nothing does.
        run_id, task, workflow: what it is about, if it is about a run.
        since: since when it is so, ms since 1970.
    """

    cause: str
    id: str
    severity: str
    title: str
    text: str = ""
    command: str = ""
    run_id: str = ""
    task: str = ""
    workflow: str = ""
    since: int = 0

    def told(self, link: str) -> JSON:
        """The notice as a workflow gets it. `link` is where the hub is found, "" for nowhere."""
        about: dict[str, JSON] = {name: getattr(self, name) for name in self.__struct_fields__}
        about["link"] = f"{link}/runs/{self.run_id}" if link and self.run_id else link
        return about


def of_run(run: Run, now: int) -> list[Notice]:
    """What of a run waits for people or operators."""
    if run.principal == NOTIFIER:
        # What cannot be told must not be told of in turn.
        return []
    return [one for effect in run.effects.values() for one in _of_effect(run, effect, now)]


def _of_effect(run: Run, effect: Effect, now: int) -> Iterator[Notice]:
    about = {"run_id": run.id, "task": effect.task, "workflow": run.workflow}
    name = f"{run.id[:8]}/{effect.id}"
    if effect.status in ("approval", "waiting"):
        yield from _waiting(run, effect, now, name, about)
    elif effect.status == "in_doubt":
        yield Notice(
            "escalation", f"in-doubt {run.id}/{effect.id}/{effect.attempt}", "critical",
            f"Nobody knows what became of {_target(run, effect)}",
            "It was lost, and may or may not have been performed.",
            f"podium resolve {run.id[:8]} --effect {effect.id} --verdict succeeded|failed|retry",
            since=effect.requested_at, **about,
        )  # fmt: skip
    elif effect.status == "dead":
        why = effect.error.title if effect.error is not None and not run.subject else ""
        yield Notice(
            "escalation", f"dead-letter {run.id}/{effect.id}/{effect.attempt}", "warning",
            f"{_target(run, effect)} failed for good", why,
            f"podium dlq retry|drop {run.id[:8]} --effect {effect.id} --why …", since=effect.dead_at, **about,
        )  # fmt: skip


def _waiting(run: Run, effect: Effect, now: int, name: str, about: dict[str, str]) -> Iterator[Notice]:
    shown = approvals.shown(run, effect)
    asks = effect.status == "waiting"
    command = (
        f"podium answer {run.id[:8]} --task {effect.id} --decision {'|'.join(shown['decisions'])}"
        if asks
        else f"podium approve|deny {name} --reason …"
    )
    what = f"{'A question' if asks else 'An action'} waits: {_target(run, effect)}"
    who = f"It is for {', '.join(shown['roles'])}." if shown["roles"] else ""
    why = "" if asks or run.subject else str(shown["message"])
    text = " ".join(filter(None, (why, who, f"If nobody answers, {shown['if_silent']}.")))
    of = f"{run.id}/{effect.id}/{shown['since']}"
    yield Notice("approval", of, "info", what, text, command, since=shown["since"], **about)
    deadline_at, asked_at = shown["deadline_at"] or _deadline(run, effect), shown["since"]
    if deadline_at and now >= deadline_at - (deadline_at - asked_at) // DEADLINE_PART:
        title = f"The time for it is nearly over: {_target(run, effect)}"
        yield Notice(
            "deadline", f"{of}/{deadline_at}", "warning", title, text, command, since=asked_at, **about
        )


def _deadline(run: Run, effect: Effect) -> int:
    frame = run.frames.get(effect.frame)
    return frame.deadline_at if frame is not None else 0


def _target(run: Run, effect: Effect) -> str:
    if run.subject:
        return f"{effect.task} of {run.workflow} ({SEALED})"
    return f"{approvals.target_of(effect) or effect.task} in {run.workflow}"


def of_breakers(breakers: Iterable[Breaker]) -> Iterator[Notice]:
    """Agents that are not asked any more for a while."""
    for one in breakers:
        if one.status == BREAKER_OPEN:
            yield Notice(
                "escalation", f"breaker {one.agent}/{one.seq}", "warning",
                f"The breaker of {one.agent} is open", one.reason,
                f"podium breaker reset {one.agent} --why …", since=one.at,
            )  # fmt: skip


def of_budgets(rows: Iterable[Shown]) -> Iterator[Notice]:
    """Budgets that are near their ceiling, or at it."""
    for row in rows:
        used = 100 * (row["spent"] + row["held"]) // row["ceiling"] if row["ceiling"] > 0 else 0
        reached = [per_cent for per_cent in BUDGET_NEAR if used >= per_cent]
        if not reached or not row["policy"]:
            continue
        scope = " ".join(f"{name}={value}" for name, value in row["scope"].items())
        name = f"{row['policy']}/{row['budget']}"
        yield Notice(
            "budget", f"{name} {row['unit']} {scope} {row['ends_at']} {row['ceiling']} {reached[-1]}",
            "critical" if reached[-1] >= 100 else "warning",
            f"{reached[-1]} % of the budget {name} {f'({scope}) ' if scope else ''}is taken",
            "What it does not hold any more waits or fails, as the policy says.", "podium get budgets",
        )  # fmt: skip


def of_fleet(workers: Iterable[Worker]) -> Iterator[Notice]:
    """Workers of which nothing was heard for longer than they may be silent; none left is worse."""
    workers = list(workers)
    live = {agent for one in workers if one.standing == "live" for agent in one.hosts}
    for one in workers:
        if one.standing != "stale":
            continue
        alone = sorted(hosted.agent for digest, hosted in one.hosts.items() if digest not in live)
        text = f"Nobody else hosts {', '.join(alone)}: runs wait for it." if alone else ""
        yield Notice(
            "fleet", f"stale {one.id}/{one.heard_at}", "critical" if alone else "warning",
            f"The worker {one.told.name or one.id} is not heard of any more", text, "podium get workers",
            since=one.heard_at,
        )  # fmt: skip
