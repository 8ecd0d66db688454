"""The story of a run: its records as lines that a person reads, in the order in which things happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from podium.resources.quantities import money_text
from podium.views import asking, verdicts
from podium.views.spreads import Spread, Spreads
from podium.views.verdicts import verdict

Record = dict[str, Any]

SHORT = 160
"""Payloads are cut to so many characters."""

NAMED = "named by the task"
"""Why a tool was taken, where that is not worth a line."""

TOLD = {**verdicts.TOLD, **asking.TOLD}
"""What tells of records that others write about, by their type."""

FAILURES_TOLD_MAX = 5
"""Of the items that fail in a task that goes over many, so many are told one by one."""


class Line(msgspec.Struct, frozen=True):
    """One line.

    Attributes:
        at: ms since 1970; 0 for one that only adds to the line before.
        depth: how far in it stands.
        kind: what it tells of: `run`, `task`, `asked`, `routed`, `policy`, `attempt`, `answer`, `error`,
            `cost`, `person`, `event`, `waiting`.
        text: the sentence.
        task: reference of the task it is about; "".
        seq: position of the record it was made from.
    """

    at: int
    depth: int
    kind: str
    text: str
    task: str = ""
    seq: int = 0


def tell(records: Iterable[Record], now: int) -> list[Line]:
    """The story of a run.

    Args:
        records: all of them, oldest first, as the door shows them.
        now: ms since 1970, for how long something has been waiting.
    """
    teller = _Teller(now)
    for record in records:
        teller.hear(record)
    return teller.end()


class _Open:
    """An effect without an outcome yet."""

    __slots__ = ("agent", "attempt", "kind", "since", "started_at", "status", "task")

    def __init__(self, record: Record) -> None:
        self.kind, self.task, self.agent = record["kind"], record["task"], record["agent"]
        self.since, self.started_at = record["at"], record["at"] if record["started"] else 0
        self.attempt = 1 if record["started"] else 0
        self.status = "is running" if record["started"] else "waits for a free slot"
        if self.kind == "human":
            self.status = "waits for a person"
        elif self.kind == "workflow":
            self.status = f"waits for run {record['key']}"
        self.status = _held_back(record["verdict"], self.status)

    @classmethod
    def in_doubt(cls, record: Record) -> _Open:
        """An effect that was not told of before it came to be in doubt."""
        return cls({**record, "kind": "agent", "agent": "", "started": True, "verdict": "allow"})


class _Teller:
    """Makes lines of records, and remembers what is not over yet."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._lines: list[Line] = []
        self._open: dict[int, _Open] = {}
        self._waits: dict[int, tuple[str, str, int]] = {}
        self._spreads = Spreads()
        self._record: Record = {}
        self._started_at = 0
        self._cost_nano = 0
        self._calls = 0
        self._ended = False

    def hear(self, record: Record) -> None:
        self._record = record
        spread = self._spreads.open.get(record.get("frame", 0))
        within = self._spreads.hear(record)
        if within is not None and self._passes_over(record, within):
            return
        if spread is not None and record["type"] == "TaskCompleted":
            took = _span(record["at"] - spread.started_at)
            self._say("task", f"{record['task']} ended after {took}: {spread.said}")
            return
        if record["type"] in TOLD:
            self._tell_verdict(record, record["body"] or {})
            return
        tell = getattr(self, "_" + record["type"], None)
        if tell is not None:
            before = len(self._lines)
            tell(record, record["body"] or {})
            if record.get("erased"):
                self._lines[before:] = map(_without_nothing, self._lines[before:])

    def end(self) -> list[Line]:
        """All lines; of a run that goes on, what it waits for comes last."""
        if self._started_at and not self._ended:
            for effect in self._open.values():
                who = f" ({effect.agent})" if effect.agent else ""
                since = f"since {_span(self._now - effect.since)}"
                self._lines.append(
                    Line(
                        self._now,
                        0,
                        "waiting",
                        f"{effect.task}{who} {effect.status}, {since}",
                        effect.task,
                    )
                )
            for spread in self._spreads.open.values():
                text = f"{spread.task} goes on, since {_span(self._now - spread.started_at)}: {spread.said}"
                self._lines.append(Line(self._now, 0, "waiting", text, spread.task))
            for task, what, at in self._waits.values():
                text = f"{task} {what}, since {_span(self._now - at)}"
                self._lines.append(Line(self._now, 0, "waiting", text, task))
        return self._lines

    def _passes_over(self, record: Record, spread: Spread) -> bool:
        """Whether a record of one of many is only counted."""
        match record["type"]:
            case "EffectRequested":
                if record["kind"] == "human" or record["verdict"] != "allow" or record["override"]:
                    return False
                self._calls += 1
            case "AttemptStarted":
                return record["effect"] not in self._open
            case kind if kind in verdicts.TOLD:
                return False
            case "AttemptFailed" | "EffectSettled":
                if record["effect"] in self._open:
                    return False
                self._cost_nano += record["cost_nano"]
            case "EffectInDoubt":
                self._open[record["effect"]] = _Open.in_doubt(record)
                return False
            case "EffectResolved":
                return False
            case "ItemFailed":
                return spread.failed > FAILURES_TOLD_MAX or record["frame"] != spread.frame
        return True

    def _say(self, kind: str, text: str, depth: int = 0, *, at: bool = True) -> None:
        record = self._record
        self._lines.append(
            Line(record["at"] if at else 0, depth, kind, text, record.get("task", ""), record["seq"])
        )

    def _add(self, kind: str, text: str) -> None:
        self._say(kind, text, 1, at=False)

    # --- the run -------------------------------------------------------------------------------------

    def _RunStarted(self, record: Record, body: Record) -> None:
        self._started_at = record["at"]
        by = f" by {record['principal']}" if record["principal"] else ""
        self._say("run", f"run {record['run_id']} of {record['workflow']} was started{by}")
        if record["tenant"] or record["priority"] != "normal":
            whose = f"for the tenant {record['tenant']} " if record["tenant"] else ""
            self._add("run", f"{whose}with priority {record['priority']}")
        if record["key"]:
            self._add("run", f"under the key {record['key']}")
        if record["parent"]:
            how = "waits for it" if record["root"] else "went on without it"
            self._add("run", f"by {record['parent_task']} of run {record['parent']}, which {how}")
        if record["deprecated"]:
            self._add("run", f"the workflow is deprecated: {record['deprecated']}")
        self._add("asked", f"input {_short(body.get('input'))}")

    def _RunCompleted(self, record: Record, body: Record) -> None:
        self._end("completed")
        if not record["same"]:
            self._add("answer", f"output {_short(body.get('output'))}")

    def _RunFaulted(self, record: Record, body: Record) -> None:
        self._end("faulted")
        self._error(body.get("error"))

    def _RunCancelled(self, record: Record, body: Record) -> None:
        self._end(f"was cancelled by {record['principal'] or 'somebody'}")
        self._why(body)

    def _end(self, how: str) -> None:
        self._ended = True
        took = _span(self._record["at"] - self._started_at)
        calls = f"{self._calls} call" if self._calls == 1 else f"{self._calls} calls"
        cost = f", cost {money_text(self._cost_nano)}" if self._cost_nano else ""
        self._say("run", f"the run {how} after {took}: {calls}{cost}")

    def _RunSuspended(self, record: Record, body: Record) -> None:
        self._say("person", f"{record['principal'] or 'somebody'} suspended the run")
        self._why(body)

    def _RunResumed(self, record: Record, body: Record) -> None:
        self._say("person", f"{record['principal'] or 'somebody'} resumed the run")
        self._why(body)

    # --- tasks ---------------------------------------------------------------------------------------

    def _TaskStarted(self, record: Record, body: Record) -> None:
        kind, task = record["kind"], record["task"]
        if kind == "wait":
            until = _span(record["wake_at"] - record["at"])
            self._say("task", f"{task} waits for {until}")
            self._waits[record["frame"]] = (task, "waits for time to pass", record["at"])
        elif kind == "listen":
            self._say("task", f"{task} listens for events")
            self._waits[record["frame"]] = (task, "listens for events", record["at"])
        elif kind == "for":
            items = body.get("items")
            self._say("task", f"{task} goes over {len(items) if items is not None else 'its'} items")
        elif kind == "fork":
            self._say("task", f"{task} forks")
        elif kind == "fanout":
            asked = ", ".join(one["agent"] for one in body.get("items") or [])
            self._say("task", f"{task} asks {record['spread']['size']} agents: {asked or 'who was erased'}")
        elif kind == "compensate":
            self._say("task", f"{task} undoes what was done")
            self._why(body)
        elif kind == "graph":
            self._say("task", f"{task} begins its graph")
        elif kind == "map":
            spread = record["spread"]
            self._say("task", f"{task} goes over {spread['size']} items, {spread['limit']} at once")

    def _TaskCompleted(self, record: Record, body: Record) -> None:
        self._waits.pop(record["frame"], None)
        if record["skipped"]:
            self._say("task", f"{record['task']} was skipped: its condition does not hold")
        elif record["frame"] == 0 and not record["same"]:
            self._say("task", f"{record['task']} gave {_short(body.get('output'))}")

    def _TaskFaulted(self, record: Record, body: Record) -> None:
        self._waits.pop(record["frame"], None)
        what = "was caught" if record["catcher"] else "ends the run"
        if record["retry_at"]:
            what += f"; it is tried again in {_span(record['retry_at'] - record['at'])}"
        self._say("error", f"{record['task']} failed; that {what}")
        self._error(body.get("error"))

    def _ItemFailed(self, record: Record, body: Record) -> None:
        self._waits.pop(record["child"], None)
        self._say("error", f"{record['task']} failed for item {record['slot']}; the others go on")
        self._error(body.get("error"))

    def _TaskResumed(self, record: Record, body: Record) -> None:
        self._say("task", f"{record['task']} is tried again")

    # --- effects -------------------------------------------------------------------------------------

    def _EffectRequested(self, record: Record, body: Record) -> None:
        self._open[record["effect"]] = _Open(record)
        given = body.get("input") if record["given"] else body.get("data")
        match record["kind"]:
            case "human":
                asked = body.get("input") or {}
                self._say("person", f"{record['task']} asks a person: {asked.get('title', '')}")
                self._add("asked", f"decisions: {', '.join(asked.get('decisions', []))}")
            case "workflow":
                self._say("asked", f"{record['task']} runs {record['agent']} as run {record['key']}")
                self._add("routed", f"and {record['reason']}")
            case "guard":
                self._say("asked", f"{record['task']} puts data to policy: the check {record['reason']}")
            case "emit":
                self._say("event", f"{record['task']} emits an event {record['reason']}")
            case "process":
                self._calls += 1
                self._say("asked", f"{record['task']} runs {record['reason']}")
            case "http" | "openapi":
                self._calls += 1
                self._say("asked", f"{record['task']} calls {record['reason']}")
            case "tool":
                self._calls += 1
                self._say("asked", f"{record['task']} calls the tool {record['agent']}")
                if record["reason"] != NAMED:
                    self._add("routed", record["reason"])
            case _:
                self._calls += 1
                self._say("asked", f"{record['task']} asks for {record['capability']}")
                self._add("routed", f"routed to {record['agent']}: {record['reason']}")
        if given is not None and record["kind"] != "human":
            self._add("asked", f"input {_short(given)}")
        for line in verdict(record, body):
            self._add("policy", line)
        if record["hold_nano"] and record["started"]:
            self._add("cost", f"{money_text(record['hold_nano'])} held for it")

    def _tell_verdict(self, record: Record, body: Record) -> None:
        kind, line, below = TOLD[record["type"]](record, body)
        self._say(kind, line)
        for more in below:
            self._add(kind, more)
        effect = self._open.get(record.get("effect", 0))
        if effect is not None:
            effect.status = _held_back(record.get("verdict", ""), effect.status)

    def _AttemptStarted(self, record: Record, body: Record) -> None:
        effect = self._open.get(record["effect"])
        if effect is not None:
            effect.attempt, effect.started_at, effect.status = record["attempt"], record["at"], "is running"
            waited = record["at"] - effect.since
            queued = f" after {_span(waited)}" if record["attempt"] == 1 else ""
            self._say("attempt", f"{record['task']}: attempt {record['attempt']} started{queued}")
            if record["reason"]:
                self._add("attempt", record["reason"])
            if record["override"]:
                self._add("policy", f"OVERRIDDEN by what record {record['override']} says")

    def _AttemptFailed(self, record: Record, body: Record) -> None:
        self._cost_nano += record["cost_nano"]
        effect = self._open.get(record["effect"])
        if effect is not None:
            effect.status = "waits for its next attempt"
        pause = max(record["retry_at"] - record["at"], 0)
        again = f"tried again in {_span(pause)}" if pause else "tried again as soon as it can be"
        if record["final"]:
            again = "it is not tried again so"
        self._say(
            "attempt", f"{record['task']}: attempt {record['attempt']} {_outcome(record['status'])}; {again}"
        )
        self._error(body.get("error"))

    def _EffectSettled(self, record: Record, body: Record) -> None:
        self._cost_nano += record["cost_nano"]
        effect = self._open.pop(record["effect"], None)
        if record["principal"]:
            self._answered(record, body)
            return
        took = f" in {_span(record['at'] - effect.started_at)}" if effect and effect.started_at else ""
        attempt = f", attempt {record['attempt']}" if record["attempt"] > 1 else ""
        cost = f", cost {money_text(record['cost_nano'])}" if record["cost_nano"] else ""
        if record["status"] == "succeeded":
            self._say("answer", f"{record['task']} succeeded{took}{attempt}{cost}")
            self._add("answer", f"output {_short(body.get('output'))}")
            if record["undo"]:
                self._add("answer", f"it can be undone by {record['undo']}")
        else:
            self._say("error", f"{record['task']} failed{took}{attempt}{cost}")
            self._error(body.get("error"))

    def _answered(self, record: Record, body: Record) -> None:
        output = body.get("output")
        via = f" ({record['via']})" if record["via"] else ""
        if isinstance(output, dict) and "decision" in output:
            self._say("person", f"{record['principal']}{via} answered {record['task']}: {output['decision']}")
            if output.get("data") is not None:
                self._add("answer", f"data {_short(output['data'])}")
        else:
            self._say(
                "person", f"{record['task']} {record['status']}, by the word of {record['principal']}{via}"
            )
        self._why(body)

    def _UndoFailed(self, record: Record, body: Record) -> None:
        self._waits.pop(record["child"], None)
        self._say("error", f"{record['task']} failed, which undoes effect {record['effect']}")
        self._error(body.get("error"))

    def _EffectUndone(self, record: Record, body: Record) -> None:
        how = "" if record["verdict"] == "succeeded" else ", by the word of a person"
        self._say("task", f"{record['task']} is undone{how}")

    def _StaleReply(self, record: Record, body: Record) -> None:
        self._say("attempt", f"a reply came too late and was not applied ({record['status']})")

    def _EffectInDoubt(self, record: Record, body: Record) -> None:
        effect = self._open.get(record["effect"])
        if effect is not None:
            effect.status = "is in doubt and waits for a verdict"
        self._say("error", f"{record['task']} is in doubt: {record['reason']}")

    def _EffectProbed(self, record: Record, body: Record) -> None:
        pause = max(record["next_at"] - record["at"], 0)
        then = f"asked again in {_span(pause)}" if pause else "an operator must say"
        self._say("error", f"nobody knows yet what became of {record['task']}: {then}")
        self._why(body)

    def _EffectResolved(self, record: Record, body: Record) -> None:
        self._say(
            "person", f"{record['principal'] or 'somebody'} resolved {record['task']}: {record['verdict']}"
        )
        self._why(body)

    def _EffectRerouted(self, record: Record, body: Record) -> None:
        self._goes_to(record)
        self._say("attempt", f"{record['task']} goes to {record['agent']} instead of {record['before']}")
        self._add("attempt", record["reason"])
        for candidate in record["candidates"]:
            self._add("attempt", candidate)

    def _EffectDeadLettered(self, record: Record, body: Record) -> None:
        effect = self._open.get(record["effect"])
        if effect is not None:
            effect.status = "failed for good and waits for an operator"
        self._say("error", f"{record['task']} failed for good and is kept for an operator")

    def _EffectRedriven(self, record: Record, body: Record) -> None:
        self._goes_to(record)
        by = f" by {record['agent']}" if record["agent"] else ""
        who = record["principal"] or "somebody"
        self._say("person", f"{who} let {record['task']} be tried again{by}")
        self._why(body)

    def _goes_to(self, record: Record) -> None:
        effect = self._open.get(record["effect"])
        if effect is not None:
            effect.agent, effect.status = record["agent"], "waits for a free slot"

    # --- events --------------------------------------------------------------------------------------

    def _EventReceived(self, record: Record, body: Record) -> None:
        event = body.get("event") or {}
        source = f" from {record['source']}" if record["source"] else ""
        kept = "" if record["frame"] else "; it is kept until a task takes it"
        ends = "; it ends the listening" if record["use"] == "until" and record["last"] else ""
        self._say("event", f"an event {event.get('type', '')}{source} arrived{kept or ends}")
        if "data" in event:
            self._add("event", f"data {_short(event['data'])}")

    def _EventConsumed(self, record: Record, body: Record) -> None:
        self._say("event", "an event that was kept found the task that listens for it")

    # --- parts ---------------------------------------------------------------------------------------

    def _error(self, error: Record | None) -> None:
        if error is None:
            self._add("error", "why was erased")
            return
        kind = str(error.get("type", "")).rpartition("/")[2]
        self._add("error", f"{kind}: {error.get('title', '')}")
        for line in str(error.get("detail", "")).splitlines()[:10]:
            self._add("error", f"  {line}")

    def _why(self, body: Record) -> None:
        if body.get("why"):
            self._add("person", f"because: {body['why']}")


def _held_back(verdict: str, otherwise: str) -> str:
    return {"approve": "waits for people to agree", "defer": "is held back by policy"}.get(verdict, otherwise)


def _outcome(status: str) -> str:
    return {"lost": "was lost", "unstarted": "could not be started"}.get(status, "failed")


def _without_nothing(line: Line) -> Line:
    """A line of a record whose body was erased: what it would show is not null but gone."""
    text, null, rest = line.text.rpartition("null")
    return msgspec.structs.replace(line, text=f"{text}(erased)") if null and not rest else line


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}… ({len(text)} characters)"


def _span(ms: int) -> str:
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.1f} s"
    minutes, seconds = divmod(ms // 1_000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
