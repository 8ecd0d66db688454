"""A run, played again from its records with values that know where they came from.

The records are folded by the kernel's own `evolve`, so that values go exactly the ways that they went. What
stands in a record in place of an expression's result is followed back through that expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.events import Body, Record
from podium.facts.values import JSON
from podium.kernel.evolve import evolve, raw_input, variables_for
from podium.kernel.state import ROOT, Frame, Run, Shard
from podium.provenance.joining import given_by, joined
from podium.provenance.origins import (
    UNKNOWN,
    Composed,
    Constant,
    Given,
    Making,
    Mixed,
    Origin,
    Traced,
    known_as,
    traced,
)
from podium.provenance.reading import Reader
from podium.workflow import program as p
from podium.workflow.plan_terms import CallPlan
from podium.workflow.program import Expression, Node, Program


@dataclass(slots=True)
class Choice:
    """Where the document took one of several ways.

    Attributes:
        seq: position of the record.
        task: reference of the task.
        way: what was chosen, `case yes`, `skipped`, `repeated`.
        text: the conditions that were looked at.
        rest: what they looked at.
    """

    seq: int
    task: str
    way: str
    text: str
    rest: tuple[Traced, ...]


@dataclass(slots=True)
class Trail:
    """An effect: what it was given and gave, and every record about it.

    Attributes:
        number: of the effect in its run.
        input: what its performer got.
        output: what that gave; None as long as there is nothing.
        records: in the order of the log.
        choices: that led to its task.
        asker: the effect whose attempt asked for it; 0 where the document did.
    """

    number: int
    task: str
    kind: str
    input: Traced
    records: list[Record] = field(default_factory=list)
    output: Traced | None = None
    choices: tuple[Choice, ...] = ()
    asker: int = 0


@dataclass(slots=True)
class Ending:
    """The end of a task: what it gave, the record of that, and the choices that led there."""

    seq: int
    output: Traced
    choices: tuple[Choice, ...]


class Replay:
    """A run as its records tell it.

    Attributes:
        input: of the run.
        trails: its effects by number.
        endings: of tasks, by reference, oldest first.
        received: the records of events and errors that values come from, by position.
        choices: that led to where the run ended.
    """

    def __init__(self, program: Program, records: Iterable[Record]) -> None:
        self.program = program
        self.input: Traced = Constant(None)
        self.trails: dict[int, Trail] = {}
        self.endings: dict[str, list[Ending]] = {}
        self.received: dict[int, Record] = {}
        self.started: Record | None = None
        self.last: Record | None = None
        self.choices: tuple[Choice, ...] = ()
        self._ways: dict[int, list[Choice]] = {}
        self._errors: dict[int, Traced] = {}
        self._empty: dict[int, Traced] = {}
        self._reader = Reader()
        self._shard = Shard()
        for record in records:
            self._hear(record)

    @property
    def run(self) -> Run:
        """The run as it stands at the end, with values that know where they came from."""
        assert self.started is not None
        return self._shard.runs[self.started.run_id]

    @property
    def output(self) -> Traced | None:
        """What the run gave; None if it has not."""
        return traced(self.run.output) if self.run.status == "completed" else None

    def _hear(self, record: Record) -> None:
        self.last = record
        follow = _FOLLOWED.get(type(record.event))
        body = record.body
        if follow is not None:
            body = follow(self, record, record.event)
        number = getattr(record.event, "effect", 0)
        if number in self.trails:
            self.trails[number].records.append(record)
        self._shard.seq = record.seq - 1
        evolve(self._shard, Record(record.seq, record.run_id, record.at, record.event, body))
        if isinstance(record.event, e.ItemFailed):
            outputs = self.run.frames[record.event.frame].outputs
            if record.event.slot in outputs:
                outputs[record.event.slot] = {"error": self.error(record.event.frame)}

    # --- means ---------------------------------------------------------------------------------------

    def follow(
        self, expression: Expression | None, data: Traced, scope: Scope, making: Making, written: JSON = None
    ) -> Traced:
        """What an expression gives.

        Args:
            written: what the document says in its place, where the expression does not tell itself.
        """
        if expression is None:
            return data
        if expression.constant:
            return Constant(expression.native(None, {}) if expression.native is not None else None)
        source = expression.source if expression.source is not None else written
        if source is None:
            used = tuple(scope(name) for name in expression.arguments)
            return Mixed(UNKNOWN, (data, *used))
        return self._reader.value(source, data, scope, making)

    def recorded(self, one: Traced, body: Any, member: str) -> Traced:
        """The same with the value that a record holds."""
        return one if body is None else known_as(one, getattr(body, member))

    def ways(self, frame_id: int) -> tuple[Choice, ...]:
        """The choices that led to where a child of a frame begins."""
        found: list[Choice] = []
        frames = self.run.frames
        while frame_id:
            found += self._ways.get(frame_id, ())
            frame_id = frames[frame_id].parent if frame_id in frames else 0
        return tuple(sorted(found, key=lambda choice: choice.seq))

    def leave(self, record: Record, node: Node, parent: Frame, output: Traced) -> None:
        """Note the end of a task."""
        reference = getattr(record.event, "task", "") or node.reference
        ending = Ending(record.seq, output, self.ways(parent.id))
        self.endings.setdefault(reference, []).append(ending)

    def choose(self, record: Record, frame: int, choice: Choice) -> None:
        self._ways.setdefault(frame, []).append(choice)

    def fail(self, frame: int, record: Record, error: Any) -> None:
        """Note the error that a frame caught."""
        self.received[record.seq] = record
        value = msgspec.to_builtins(error) if error is not None else UNKNOWN
        self._errors[frame] = Given(value, Origin("error", record.seq))

    def go_over_nothing(self, frame: int, items: Traced) -> None:
        """Note what a task that goes over many had none of."""
        self._empty[frame] = items

    def nothing(self, frame: int) -> Traced | None:
        """What a `map` gives that had nothing to go over; None where it had, and for all others."""
        items = self._empty.get(frame)
        is_map = items is not None and self.run.frames[frame].spread is not None
        return Mixed([], (items,)) if items is not None and is_map else None

    def error(self, frame: int) -> Traced:
        return self._errors.get(frame, Constant(UNKNOWN))


class Scope:
    """The arguments of the expressions of one task, as the kernel gives them (`kernel.arguments`)."""

    def __init__(self, replay: Replay, parent: Frame | None, slot: int, raw: Traced) -> None:
        self._replay, self._parent, self._slot, self._raw = replay, parent, slot, raw
        self.input: Traced | None = None
        self.output: Traced | None = None
        self.raw_output: Traced | None = None
        self.variables: dict[str, Any] = {}

    def __call__(self, name: str) -> Traced:
        variables = {**(variables_for(self._parent, self._slot) if self._parent else {}), **self.variables}
        if name in variables:
            return traced(variables[name])
        if name == "context":
            return traced(self._replay.run.context)
        if name in ("input", "output"):
            return getattr(self, name) or Constant(None)
        if name == "workflow":
            return Composed(UNKNOWN, {"input": self._replay.input})
        if name == "task":
            given = self.raw_output if self.raw_output is not None else Constant(None)
            return Composed(UNKNOWN, {"input": self._raw, "output": given})
        if name == "secrets":
            return Given(UNKNOWN, Origin("secret"))
        if name == "needs" and self._parent is not None and self._parent.kind == "graph":
            return self._needs(self._parent)
        return Constant(UNKNOWN)

    def _needs(self, graph: Frame) -> Traced:
        detail = self._replay.program.nodes[graph.node].detail
        assert isinstance(detail, p.Graph)
        return traced({detail.names[need]: graph.outputs[need] for need in detail.needs[self._slot]})


# --- the run --------------------------------------------------------------------------------------------


def _run_started(replay: Replay, record: Record, event: e.RunStarted) -> Body:
    body = record.body if isinstance(record.body, e.RunStartedBody) else None
    replay.started = record
    replay.input = Given(body.input if body else UNKNOWN, Origin("input"))
    return msgspec.structs.replace(body or e.RunStartedBody(), input=replay.input)


def _run_completed(replay: Replay, record: Record, event: e.RunCompleted) -> Body | None:
    replay.choices = replay.ways(ROOT)
    if event.same:
        return None
    root = replay.run.frames[ROOT]
    scope = Scope(replay, None, 0, traced(root.input))
    scope.input = traced(root.input)
    making = Making(record.seq, "", "output.as", "")
    output = replay.follow(replay.program.output_as, traced(root.data), scope, making)
    return e.RunCompletedBody(replay.recorded(output, record.body, "output"))


# --- tasks ----------------------------------------------------------------------------------------------


def _entered(replay: Replay, record: Record, parent: Frame, node: Node, slot: int) -> tuple[Traced, Scope]:
    """The transformed input of a task, and its arguments."""
    raw = _raw(replay, parent, slot)
    scope = Scope(replay, parent, slot, raw)
    making = Making(record.seq, node.reference, "input.from", "")
    data = replay.follow(node.input_from, raw, scope, making)
    scope.input = data
    return data, scope


def _raw(replay: Replay, parent: Frame, slot: int) -> Traced:
    if parent.kind == "compensate":
        undo = replay.run.undos.get(slot or parent.cursor)
        if undo is not None:
            return traced({"input": traced(undo.input), "output": traced(undo.output)})
    if parent.spread is not None and parent.items is not None and slot >= len(parent.items):
        return Constant(None)
    return traced(raw_input(parent, slot))


def _task_started(replay: Replay, record: Record, event: e.TaskStarted) -> Body:
    body = record.body if isinstance(record.body, e.TaskStartedBody) else None
    if event.frame == ROOT:
        root = replay.run.frames[ROOT]
        scope = Scope(replay, None, 0, traced(root.input))
        data = replay.follow(
            replay.program.input_from, traced(root.input), scope, Making(record.seq, "", "input.from", "")
        )
        return e.TaskStartedBody(replay.recorded(data, body, "input"))
    parent = replay.run.frames[event.parent]
    node = replay.program.nodes[event.node]
    data, scope = _entered(replay, record, parent, node, event.slot)
    if not event.same:
        data = replay.recorded(data, body, "input")
        scope.input = data
    started = e.TaskStartedBody(data, why=body.why if body else "")
    if body is not None and body.variables:
        started.variables = {
            name: _variable(replay, parent, name, value) for name, value in body.variables.items()
        }
    if body is not None and body.items is not None:
        started.items = _items(replay, record, node, data, scope, body.items)
    return started


def _items(
    replay: Replay, record: Record, node: Node, data: Traced, scope: Scope, items: list[JSON]
) -> list[JSON]:
    """What a task goes over, one by one."""
    if not isinstance(node.detail, p.For | p.Map):
        return items
    making = Making(record.seq, node.reference, "for" if node.kind == "for" else "in", "")
    whole = replay.follow(node.detail.items, data, scope, making)
    if not items:
        replay.go_over_nothing(getattr(record.event, "frame", 0), whole)
    return [known_as(whole.member(number), item) for number, item in enumerate(items)]


def _variable(replay: Replay, parent: Frame, name: str, value: JSON) -> Traced:
    """What a frame adds to the scope of what it begins."""
    detail = replay.program.nodes[parent.node].detail
    if isinstance(detail, p.For) and name == detail.each and parent.items is not None:
        return traced(parent.items[parent.cursor])
    if isinstance(detail, p.Try):
        return replay.error(parent.id)
    if isinstance(detail, p.Listen) and detail.foreach is not None and name == detail.foreach.item:
        return traced(parent.data)
    return Constant(value)


def _task_completed(replay: Replay, record: Record, event: e.TaskCompleted) -> Body:
    run, body = replay.run, record.body
    parent, node = run.frames[event.parent], replay.program.nodes[event.node]
    if event.frame:
        frame = run.frames[event.frame]
        raw = _raw(replay, parent, frame.slot)
        scope = Scope(replay, parent, frame.slot, raw)
        scope.input = traced(frame.input)
        given = replay.nothing(event.frame) or joined(replay.program, frame, event.next)
    else:
        slot = max(event.next, 0) if parent.spread is not None or parent.kind in ("fork", "graph") else 0
        if event.skipped:
            raw = _raw(replay, parent, slot)
            _skipped(replay, record, node, parent, Scope(replay, parent, slot, raw), raw)
            replay.leave(record, node, parent, raw)
            return e.TaskCompletedBody(raw)
        data, scope = _entered(replay, record, parent, node, slot)
        given = data
        if isinstance(node.detail, p.Set):
            making = Making(record.seq, node.reference, "set", "")
            given = replay.follow(node.detail.value, data, scope, making)
        elif isinstance(node.detail, p.Switch):
            _chosen(replay, record, node, node.detail, data, scope)
        _admitted(replay, record, node, parent, scope)
    output = _leave(replay, record, node, scope, given, recorded=(not event.same, body, "output"))
    context = _context(replay, record, node, scope, output, event.exported)
    if event.same:
        output = traced(raw_input(parent, event.next))
    replay.leave(record, node, parent, output)
    return e.TaskCompletedBody(output, context)


def _leave(
    replay: Replay, record: Record, node: Node, scope: Scope, given: Traced, recorded: tuple[bool, Any, str]
) -> Traced:
    """What a task gives, of what its work gave."""
    scope.raw_output = given
    making = Making(record.seq, node.reference, "output.as", "")
    output = replay.follow(node.output_as, given, scope, making)
    is_recorded, body, member = recorded
    if is_recorded:
        output = replay.recorded(output, body, member)
    scope.output = output
    return output


def _context(
    replay: Replay, record: Record, node: Node, scope: Scope, output: Traced, exported: bool
) -> JSON:
    if not exported:
        return None
    making = Making(record.seq, node.reference, "export.as", "")
    context = replay.follow(node.export_as, output, scope, making)
    return replay.recorded(context, record.body, "context")


# --- ways -----------------------------------------------------------------------------------------------


def _chosen(replay: Replay, record: Record, node: Node, detail: p.Switch, data: Traced, scope: Scope) -> None:
    """Note which case of a switch applied: the first that leads where the record says."""
    onward = getattr(record.event, "next", 0)
    texts: list[str] = []
    rest: list[Traced] = []
    for case in detail.cases:
        if case.when is None:
            way = f"{case.name}, as no other case applies"
            break
        shown = _bare(case.when.text)
        texts.append(shown)
        decided = replay.follow(case.when, data, scope, Making(record.seq, node.reference, "when", shown))
        rest.append(decided)
        if _holds(decided.value, case.target == onward or case.target < 0 or onward < -1):
            way = case.name
            break
    else:
        way = "no case applies"
    parent = getattr(record.event, "parent", 0)
    replay.choose(record, parent, Choice(record.seq, node.reference, way, "; ".join(texts), tuple(rest)))


def _holds(value: JSON, leads_there: bool) -> bool:
    return leads_there if value is UNKNOWN else value is not None and value is not False


def _skipped(replay: Replay, record: Record, node: Node, parent: Frame, scope: Scope, raw: Traced) -> None:
    if node.condition is None:
        return
    shown = _bare(node.condition.text)
    decided = replay.follow(node.condition, raw, scope, Making(record.seq, node.reference, "if", shown))
    replay.choose(record, parent.id, Choice(record.seq, node.reference, "skipped", shown, (decided,)))


def _admitted(replay: Replay, record: Record, node: Node, parent: Frame, scope: Scope) -> Choice | None:
    """Note that the condition of a task held."""
    if node.condition is None:
        return None
    shown = _bare(node.condition.text)
    making = Making(record.seq, node.reference, "if", shown)
    decided = replay.follow(node.condition, scope("task").member("input"), scope, making)
    choice = Choice(record.seq, node.reference, "not skipped", shown, (decided,))
    replay.choose(record, parent.id, choice)
    return choice


def _bare(text: str) -> str:
    """An expression without its `${ }`."""
    text = text.strip()
    return text[2:-1].strip() if text.startswith("${") and text.endswith("}") else text


# --- effects --------------------------------------------------------------------------------------------


def _effect_requested(replay: Replay, record: Record, event: e.EffectRequested) -> Body | None:
    body = record.body if isinstance(record.body, e.EffectRequestedBody) else None
    if event.asker:
        return _asked(replay, event, body)
    parent = replay.run.frames[event.parent]
    node = replay.program.nodes[event.node]
    data, scope = _entered(replay, record, parent, node, event.slot)
    detail = node.detail
    if isinstance(detail, p.CallAgent) and detail.chosen_by:
        chosen = Choice(record.seq, event.task, event.agent, f"chosen by {detail.chosen_by}", (data,))
        replay.choose(record, parent.id, chosen)
        data = traced(parent.input)
        scope = Scope(replay, parent, event.slot, data)
    if not event.same:
        data = replay.recorded(data, body, "data")
    scope.input = data
    given = data
    if event.given:
        making = Making(record.seq, event.task, "with", "")
        written = node.definition.get("with")
        if isinstance(detail, p.CallAgent) and detail.chooses:
            wanted = given_by(replay.program.nodes[detail.chooses].detail)
            handed = replay.follow(wanted, data, scope, making)
            given = Composed(UNKNOWN, {"input": handed, "candidates": Constant(UNKNOWN)})
        elif isinstance(detail, CallPlan):
            asked = given_by(replay.program.nodes[detail.asked].detail)
            handed = replay.follow(asked, traced(parent.input), scope, making)
            given = Composed(UNKNOWN, {"document": data, "input": handed})
        else:
            given = replay.follow(given_by(detail), data, scope, making, written)
        given = replay.recorded(given, body, "input")
    _admitted(replay, record, node, parent, scope)
    replay.trails[event.effect] = Trail(
        event.effect, event.task, event.kind, given, choices=replay.ways(parent.id)
    )
    return msgspec.structs.replace(body or e.EffectRequestedBody(), data=data, input=given)


def _asked(replay: Replay, event: e.EffectRequested, body: e.EffectRequestedBody | None) -> Body | None:
    """An attempt of another effect asked for it; why, only its performer knows."""
    value = UNKNOWN if body is None else body.input if event.given else body.data
    given = Given(value, Origin("asker", event.asker))
    asker = replay.trails[event.asker]
    replay.trails[event.effect] = Trail(
        event.effect, event.task, event.kind, given, choices=asker.choices, asker=event.asker
    )
    # The kernel tells what is asked for again by its digest, and looks at what a probe answers.
    return body


def _effect_settled(replay: Replay, record: Record, event: e.EffectSettled) -> Body | None:
    body = record.body if isinstance(record.body, e.EffectSettledBody) else None
    run = replay.run
    effect = run.effects[event.effect]
    trail = replay.trails[event.effect]
    settled = msgspec.structs.replace(body or e.EffectSettledBody())
    if event.status != "succeeded":
        return settled
    frame = run.frames[effect.frame]
    parent, node = run.frames[frame.parent], replay.program.nodes[frame.node]
    detail = node.detail
    output: Traced = Given(body.output if body else UNKNOWN, Origin("effect", event.effect))
    if event.task in ("", effect.task) and isinstance(detail, p.Emit):
        output = traced(effect.input)
    elif isinstance(detail, p.RunWorkflow) and not detail.awaits:
        output = traced(frame.input)
    trail.output = output
    if trail.asker:
        return body
    scope = Scope(replay, parent, frame.slot, _raw(replay, parent, frame.slot))
    scope.input = traced(frame.input)
    settled.output = output
    settled.captured = {name: scope(name) for name in settled.captured}
    if not event.completes:
        return settled
    result = _leave(replay, record, node, scope, output, recorded=(event.transformed, body, "result"))
    settled.result = result
    settled.context = _context(replay, record, node, scope, result, event.exported)
    replay.leave(record, node, parent, result if event.transformed else output)
    return settled


def _action_edited(replay: Replay, record: Record, event: e.ActionEdited) -> Body:
    body = record.body if isinstance(record.body, e.ActionEditedBody) else None
    replay.received[record.seq] = record
    given = Given(body.input if body else UNKNOWN, Origin("person", record.seq))
    replay.trails[event.effect].input = given
    return msgspec.structs.replace(body or e.ActionEditedBody(), input=given)


# --- what comes from elsewhere --------------------------------------------------------------------------


def _event_received(replay: Replay, record: Record, event: e.EventReceived) -> Body:
    body = record.body if isinstance(record.body, e.EventReceivedBody) else e.EventReceivedBody()
    replay.received[record.seq] = record
    content: dict[str, Any] = {
        name: Given(value, Origin("event", record.seq, f"/{name}")) for name, value in body.event.items()
    }
    return msgspec.structs.replace(body, event=content)


def _task_faulted(replay: Replay, record: Record, event: e.TaskFaulted) -> Body | None:
    replay.fail(event.catcher, record, getattr(record.body, "error", None))
    return record.body


def _item_failed(replay: Replay, record: Record, event: e.ItemFailed) -> Body | None:
    replay.fail(event.frame, record, getattr(record.body, "error", None))
    return record.body


_FOLLOWED: dict[type[e.Event], Callable[[Replay, Record, Any], Body | None]] = {
    e.RunStarted: _run_started,
    e.RunCompleted: _run_completed,
    e.TaskStarted: _task_started,
    e.TaskCompleted: _task_completed,
    e.TaskFaulted: _task_faulted,
    e.ItemFailed: _item_failed,
    e.EffectRequested: _effect_requested,
    e.EffectSettled: _effect_settled,
    e.ActionEdited: _action_edited,
    e.EventReceived: _event_received,
}
