"""Progress of a run on stderr: one screen where there is a terminal, else a line for each event."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from podium.cli.output import fit, money, say, short, span
from podium.views.spreads import Spread, Spreads

if TYPE_CHECKING:
    from rich.console import RenderableType

Record = dict[str, Any]

TASKS_SHOWN_MAX = 20
"""The screen shows the tasks that started last."""

_RETRY_SOON_MS = 1_000


class Progress(Protocol):
    """Who shows how a run comes along."""

    def hear(self, record: Record) -> None:
        """A record of the run was committed."""

    def close(self) -> None: ...


_HELD_BACK = {"approve": "waits for people", "defer": "is held back", "deny": "is denied"}


def describe(record: Record) -> str:
    """What a record means to somebody who watches; "" for those that mean nothing to them."""
    task, body = record.get("task", ""), record["body"] or {}
    match record["type"]:
        case "RunStarted":
            return f"{record['workflow']} started"
        case "EffectRequested" if record["kind"] == "human":
            return f"{task}: asks a person"
        case "EffectRequested" | "EffectDecided" if record["verdict"] != "allow":
            return f"{task}: {_HELD_BACK[record['verdict']]} ({', '.join(record['rules'])})"
        case "ApprovalDecided":
            return f"{task}: {record['principal']} said {record['verdict']}"
        case "DecisionOverridden":
            return f"{task}: {record['principal']} overrode the decision"
        case "TargetPaused":
            return f"{task}: who was called asks for a pause of {span(record['until'] - record['at'])}"
        case "BudgetWarned":
            return f"{task}: {'; '.join(record['warnings'])}"
        case "EffectRequested":
            waits = "" if record["started"] else ", waits for a slot"
            if record["kind"] == "workflow":
                waits = f", as run {short(record['key'])}"
            return f"{task} -> {record['agent'] or record['reason']}{waits}"
        case "AttemptStarted" if record["attempt"] > 1:
            return f"{task}: attempt {record['attempt']}"
        case "AttemptFailed":
            pause = record["retry_at"] - record["at"]
            again = f"again in {span(pause)}" if pause >= _RETRY_SOON_MS else "again"
            return f"{task}: {_title(body)}; {again}"
        case "EffectSettled" if record["status"] == "failed":
            return f"{task}: failed: {_title(body)}"
        case "EffectSettled":
            cost = money(record["cost_nano"])
            return f"{task}: done{f', cost {cost}' if cost else ''}"
        case "EffectInDoubt":
            return f"{task}: in doubt: {record['reason']}"
        case "TaskStarted" if record["kind"] == "fanout":
            return f"{task}: asks {record['spread']['size']} agents"
        case "TaskStarted" if record["kind"] == "map":
            return f"{task}: {record['spread']['size']} items"
        case "EffectUndone":
            return f"{task}: undone"
        case "EffectRerouted":
            return f"{task}: goes to {record['agent']}; {record['reason']}"
        case "EffectRedriven":
            return f"{task}: tried again by {record['principal']}"
        case "UndoFailed":
            return f"{task}: failed to undo: {_title(body)}"
        case "ItemFailed":
            return f"{task}: item {record['slot']}: {_title(body)}"
        case "TaskStarted" if record["kind"] in ("wait", "listen"):
            return f"{task}: {'waits' if record['kind'] == 'wait' else 'listens for events'}"
        case "TaskFaulted" if record["catcher"]:
            return f"{task}: {_title(body)}; caught"
        case "RunSuspended":
            return f"suspended by {record['principal']}"
        case "RunResumed":
            return f"resumed by {record['principal']}"
        case "RunCompleted" | "RunFaulted" | "RunCancelled":
            return str(record["type"]).removeprefix("Run").lower()
    return ""


def calls_for(record: Record) -> str:
    """The command that a person must give now, if a record calls for one; else ""."""
    if record["type"] == "EffectRequested" and record["kind"] == "human":
        asked = (record["body"] or {}).get("input") or {}
        decisions = "|".join(asked.get("decisions", ["approve"]))
        form = " --data '{…}'" if asked.get("form") else ""
        return (
            f"{asked.get('title', 'a person is asked')}\n"
            f"  podium answer {short(record['run_id'])} --task {record['task'].rsplit('/', 1)[-1]} "
            f"--decision {decisions}{form}"
        )
    if record["type"] in ("EffectRequested", "EffectDecided") and record["verdict"] == "approve":
        why = (record["body"] or {}).get("message") or ", ".join(record["rules"])
        id = f"{short(record['run_id'])}/{record['effect']}"
        return f"{record['task']} waits for people: {why}\n  podium approve {id}   or   podium deny {id}"
    if record["type"] == "EffectInDoubt":
        return (
            f"{record['task']} may or may not have been performed; look, then say which:\n"
            f"  podium resolve {short(record['run_id'])} --effect {record['effect']} "
            "--verdict succeeded|failed|retry"
        )
    if record["type"] == "EffectDeadLettered":
        return (
            f"{record['task']} failed for good and is kept: {_title(record['body'] or {})}\n"
            f"  podium dlq retry|drop {short(record['run_id'])} --effect {record['effect']} --why …"
        )
    return ""


def _title(body: Record) -> str:
    return str((body.get("error") or {}).get("title") or "it failed")


FAILURES_SHOWN_MAX = 5
"""Of the items that fail in a task that goes over many, so many get a line of their own."""


class Lines:
    """A line for each event; for what is done many times side by side one at every tenth of the way."""

    def __init__(self) -> None:
        self._spreads = Spreads()
        self._tenths: dict[int, int] = {}

    def hear(self, record: Record) -> None:
        spread = self._spreads.hear(record)
        text = describe(record) if spread is None else self._of_many(spread, record)
        if text:
            at = time.strftime("%H:%M:%S", time.localtime(record["at"] / 1000))
            say(f"{at} {short(record['run_id'])} {text}")
        if call := calls_for(record):
            say(call)

    def _of_many(self, spread: Spread, record: Record) -> str:
        if record["type"] == "ItemFailed" and spread.failed <= FAILURES_SHOWN_MAX:
            return describe(record)
        tenth = 10 * (spread.done + spread.failed) // spread.size
        if tenth <= self._tenths.get(spread.frame, 0):
            return ""
        self._tenths[spread.frame] = tenth
        return f"{spread.task}: {spread.said}"

    def close(self) -> None: ...


class _Row:
    """A task on the screen."""

    __slots__ = ("agent", "attempt", "cost_nano", "ended_at", "note", "started_at", "status", "task")

    def __init__(self, task: str, agent: str, status: str, at: int) -> None:
        self.task, self.agent, self.status, self.started_at = task, agent, status, at
        self.attempt, self.cost_nano, self.ended_at, self.note = 1, 0, 0, ""


class Screen:
    """A table of tasks that stays in its place.

    Args:
        activity: the attempts that are running now, for what they say of their progress.
    """

    def __init__(self, title: str, activity: Callable[[], list[Record]]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title, self._activity = title, activity
        self._rows: dict[int, _Row] = {}
        self._spreads = Spreads()
        self._calls: dict[int, str] = {}
        self._cost_nano = 0
        self._status = "running"
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, get_renderable=self._render, refresh_per_second=4, transient=False
        )
        self._live.start()

    def hear(self, record: Record) -> None:
        effect, at = record.get("effect", 0), record["at"]
        spread = self._spreads.hear(record)
        if spread is not None:
            self._note_spread(spread)
        row = self._rows.get(effect)
        match record["type"]:
            case "TaskStarted" if record["frame"] in self._spreads.open:
                size = record["spread"]["size"]
                self._rows[-record["frame"]] = _Row(record["task"], f"{size} times", "runs", at)
            case "TaskCompleted" if -record["frame"] in self._rows:
                ended = self._rows[-record["frame"]]
                ended.status, ended.ended_at = "done", at
            case "TaskFaulted":
                self._end_spreads(at)
            case "EffectRequested" if spread is not None and record["kind"] != "human":
                pass
            case "EffectRequested":
                status = "asks" if record["kind"] == "human" else "runs" if record["started"] else "queued"
                self._rows[effect] = _Row(record["task"], record["agent"] or record["kind"], status, at)
            case "AttemptStarted" if row:
                row.status, row.attempt = "runs", record["attempt"]
            case "AttemptFailed" if row:
                row.status, row.note = "retries", _title(record["body"] or {})
                self._cost_nano += record["cost_nano"]
            case "AttemptFailed" | "EffectSettled" if not row:
                self._cost_nano += record["cost_nano"]
            case "EffectSettled" if row:
                row.status = "done" if record["status"] == "succeeded" else "failed"
                row.note = "" if row.status == "done" else _title(record["body"] or {})
                row.cost_nano, row.ended_at = record["cost_nano"], at
                self._cost_nano += record["cost_nano"]
            case "EffectInDoubt" if row:
                row.status, row.note = "in doubt", record["reason"]
            case "TaskStarted" if record["kind"] in ("wait", "listen"):
                status = "waits" if record["kind"] == "wait" else "listens"
                self._rows[-record["frame"]] = _Row(record["task"], "", status, at)
            case "TaskCompleted" | "TaskFaulted" if task := self._rows.get(-record["frame"]):
                task.status, task.ended_at = "done" if record["type"] == "TaskCompleted" else "failed", at
            case "RunSuspended" | "RunResumed":
                self._status = str(record["type"]).removeprefix("Run").lower()
            case "RunCompleted" | "RunFaulted" | "RunCancelled":
                self._status = str(record["type"]).removeprefix("Run").lower()
                self._calls.clear()
                for left in (row for row in self._rows.values() if not row.ended_at):
                    left.status, left.ended_at = "stopped", at
        if call := calls_for(record):
            self._calls[effect] = call
        elif record["type"] in ("EffectSettled", "EffectResolved"):
            self._calls.pop(effect, None)

    def _note_spread(self, spread: Spread) -> None:
        row = self._rows.get(-spread.frame)
        if row is not None:
            row.note = spread.said

    def _end_spreads(self, at: int) -> None:
        """Of those that go on, some were torn down by an error."""
        for number, row in self._rows.items():
            if number < 0 and not row.ended_at and -number not in self._spreads.open:
                row.status, row.ended_at = "failed", at

    def close(self) -> None:
        self._activity = list
        with suppress(OSError):
            self._live.stop()

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        now = time.time_ns() // 1_000_000
        said = self._said()
        rows = list(self._rows.items())
        shown = [
            (
                row.status, name_of(row.task), row.agent, span((row.ended_at or now) - row.started_at),
                _noted(row, said.get(effect, "")),
            )
            for effect, row in rows[-TASKS_SHOWN_MAX:]
        ]  # fmt: skip
        widths = widths_of(shown, self._console.width)
        lines = []
        for status, *texts, took, note in shown:
            task, agent = (fit(text, width) for text, width in zip(texts, widths[1:3], strict=True))
            line = Text(fit(status, widths[0]), _STYLES.get(status, ""))
            line.append(f"  {task}  {agent}  {took.rjust(widths[3])}  ", "default not dim")
            lines.append(line.append(fit(note, widths[4]).rstrip(), "dim"))
        hidden = len(rows) - TASKS_SHOWN_MAX
        cost = f", cost {money(self._cost_nano)}" if self._cost_nano else ""
        more = f", {hidden} earlier tasks not shown" if hidden > 0 else ""
        head = Text(f"{self._title}: {self._status}{cost}{more}", "bold")
        return Group(head, *lines, *(Text(call, "yellow") for call in self._calls.values()))

    def _said(self) -> dict[int, str]:
        """What running attempts say of themselves, by effect. A screen never fails for it."""
        try:
            return {one["effect"]: _said(one) for one in self._activity()}
        except Exception:
            return {}


def name_of(task: str) -> str:
    """The name of a task by its reference; of one inside another with that one's name before it."""
    names = [part for part in task.split("/") if part and not part.isdigit() and part not in _STRUCTURE]
    return "/".join(names[-2:]) or task


_STRUCTURE = frozenset(("do", "fork", "branches", "try", "catch", "foreach"))
"""What stands in a reference beside the names that the author gave."""


def widths_of(rows: Sequence[tuple[str, ...]], total: int) -> list[int]:
    """Widths of status, task, agent, duration and note that fit a screen: the note gives way first."""
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    left = total - 1 - 4 * 2 - widths[0] - widths[3]
    widths[1] = min(widths[1], max(left - min(widths[2], left // 3), 8))
    widths[2] = min(widths[2], max(left - widths[1], 0))
    widths[4] = min(widths[4], max(left - widths[1] - widths[2], 0))
    return widths


def _noted(row: _Row, said: str) -> str:
    attempt = f"attempt {row.attempt}" if row.attempt > 1 else ""
    note = row.note or said or money(row.cost_nano)
    return " ".join(", ".join(filter(None, (attempt, note))).split())


_STYLES = {
    "done": "green",
    "failed": "red",
    "retries": "yellow",
    "in doubt": "red",
    "asks": "yellow",
    "runs": "cyan",
    "waits": "yellow",
    "listens": "yellow",
}


def _said(activity: Record) -> str:
    progress = activity.get("progress")
    if isinstance(progress, dict):
        return " ".join(f"{name} {value}" for name, value in progress.items())
    if progress is not None:
        return str(progress)
    lines = activity.get("lines") or [""]
    return str(lines[-1])
