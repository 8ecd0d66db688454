"""Walking a workflow: its tasks as they may run, and what is known of the data between them.

Branches are walked apart, and loops until nothing new is learnt. What each kind of task makes of its data is
told to the walk (`planning.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from podium.contracts.certainty import guessed
from podium.contracts.fragments import Fragment, canonical
from podium.facts.values import JSON
from podium.planning.expressions import Reader, Scope
from podium.planning.knowledge import ANYTHING, Knowledge
from podium.workflow import program as p
from podium.workflow.program import CallAgent, CallTool, Expression, Node, Program, Schema
from podium.workflow.targets import END, EXIT

VISITS_MAX = 3
"""A task that is come back to more often is taken to get anything."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An agent or a tool that a call may reach: its contract for what is asked."""

    agent: str
    capability: str
    input: JSON
    output: JSON


class Lookup(Protocol):
    """What names in a document mean."""

    def offers(self, call: CallAgent | CallTool) -> Sequence[Offer]:
        """Who may perform a call; nobody if nobody can."""

    def ends(self, workflow: str) -> tuple[JSON, JSON]:
        """The schemas of a workflow's input and output; None where it has none."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """Data that goes over to who asks something of it.

    Attributes:
        task: reference of the task.
        path: where in the document it is taken: the task's reference, and what follows.
        taker: who takes it, for people: `greeter@1.0.0 (greet)`, `the task's input`.
        offer: the agent's, where it is one.
        given: what is known of it.
        wanted: what it must keep.
    """

    task: str
    path: str
    taker: str
    offer: Offer | None
    given: Fragment
    wanted: Fragment

    @property
    def taken_by_others(self) -> bool:
        """Whether an agent or another workflow takes it, and not this one."""
        return self.offer is not None or "/run/workflow" in self.path[len(self.task) :]


@dataclass(frozen=True, slots=True)
class State:
    """What is known between two tasks."""

    data: Fragment
    context: Fragment


Way: TypeAlias = tuple[int, State]
"""Where a task goes on, and with what."""


@dataclass(slots=True)
class Walk:
    """One walk, and what it has found.

    Attributes:
        kinds: what each kind of task makes of its data.
        handoffs: by place and taker.
        ends: how the workflow ended by `then: end`.
        reached: indexes of the nodes that were come to.
    """

    program: Program
    lookup: Lookup
    knowledge: Knowledge
    kinds: Mapping[str, Kind]
    handoffs: dict[tuple[str, str], Handoff] = field(default_factory=dict)
    ends: list[State] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    reader: Reader = field(init=False)
    base: dict[str, Fragment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = Reader(self.knowledge)

    def run(self) -> None:
        program = self.program
        raw = self.embedded(program.input_schema) if program.input_schema is not None else ANYTHING
        self.base["workflow"] = {"type": "object", "properties": {"input": raw}, "required": ["input"]}
        data = self.made(program.input_from, raw, self.base)
        ways = self.scope(program.nodes[0], State(data, {"const": {}}), self.base)
        state = self.met([*ways, *self.ends])
        if state is None:
            return
        scope = {**self.base, "context": state.context, "input": data}
        output = self.made(program.output_as, state.data, scope)
        self.hand("", "/output/schema", "the workflow's output", output, program.output_schema)

    def unreachable(self) -> Iterable[str]:
        for node in self.program.nodes:
            if node.index in self.reached and isinstance(node.detail, p.Do):
                lost = (self.program.nodes[child] for child in node.detail.children)
                yield from (child.reference for child in lost if child.index not in self.reached)

    # --- means ---------------------------------------------------------------------------------------

    def embedded(self, schema: Schema) -> Fragment:
        return self.knowledge.library.embed(schema.document)

    def made(self, expression: Expression | None, data: Fragment, scope: Scope) -> Fragment:
        return data if expression is None else self.reader.value(expression.source, data, scope)

    def met(self, states: Sequence[State]) -> State | None:
        """What is known where ways meet."""
        if not states:
            return None
        data = self.knowledge.either(state.data for state in states)
        return State(data, self.knowledge.either(state.context for state in states))

    def hand(
        self,
        task: str,
        path: str,
        taker: str,
        given: Fragment,
        wanted: Schema | None,
        offer: Offer | None = None,
    ) -> Fragment:
        """Note a handoff; gives what is known once it was checked."""
        if wanted is None:
            return given
        schema = self.embedded(wanted)
        self.handoffs[path, taker] = Handoff(task, path, taker, offer, given, schema)
        return self.knowledge.narrowed(given, schema)

    # --- scopes --------------------------------------------------------------------------------------

    def scope(self, node: Node, state: State, variables: Scope) -> list[State]:
        """Walk a list of tasks; gives the states in which it ends."""
        self.reached.add(node.index)
        assert isinstance(node.detail, p.Do)
        children = node.detail.children
        entries: dict[int, State] = {}
        visits = dict.fromkeys(range(len(children)), 0)
        waiting: list[Way] = [(0, state)]
        done: list[State] = []
        while waiting:
            place, arriving = waiting.pop()
            if place == END:
                self.ends.append(arriving)
            elif place == EXIT or place >= len(children):
                done.append(arriving)
            elif (entry := self.entered(entries.get(place), arriving, visits[place])) is not None:
                entries[place] = entry
                visits[place] += 1
                waiting += self.task(self.program.nodes[children[place]], entry, variables)
        return done

    def entered(self, known: State | None, arriving: State, visits: int) -> State | None:
        """What is known of a task that is come to again; None if nothing new."""
        if known is None:
            return arriving
        met = self.met((known, arriving))
        assert met is not None
        if canonical([met.data, met.context]) == canonical([known.data, known.context]):
            return None
        return met if visits < VISITS_MAX else State(ANYTHING, ANYTHING)

    def body(self, index: int, state: State, variables: Scope) -> State | None:
        """Walk a node that is not in a list; what is known at its end, if it has one."""
        return self.met([one for _, one in self.task(self.program.nodes[index], state, variables)])

    # --- one task ------------------------------------------------------------------------------------

    def task(self, node: Node, state: State, variables: Scope) -> list[Way]:
        """Walk one task; gives where it goes on."""
        self.reached.add(node.index)
        ways: list[Way] = []
        if node.condition is not None:
            state = replace(state, data=guessed(state.data))
            ways.append((node.beyond, state))
        reference = node.reference
        raw = self.hand(
            reference, f"{reference}/input/schema", "the task's input", state.data, node.input_schema
        )
        scope = {**variables, "context": state.context}
        data = self.made(node.input_from, raw, scope)
        work = self.kinds.get(node.kind, _unknown)
        scope = {**scope, "input": data}
        for target, result in work(self, node, State(data, state.context), scope):
            if node.undo is not None:
                self.undo(node, node.undo, data, result, scope)
            ways.append((target, self.leave(node, result, scope)))
        return ways

    def undo(self, node: Node, undo: p.Undo, data: Fragment, result: State, scope: Scope) -> None:
        """Walk what undoes a call; what it gives is nobody's."""
        call = node.detail
        given: Fragment = ANYTHING
        if isinstance(call, CallAgent | CallTool):
            given = self.made(call.args if isinstance(call, CallTool) else call.input, data, scope)
        done = self.knowledge.object_of({"input": given, "output": result.data})
        inner = inside(scope)
        self.body(undo.node, State(self.made(undo.input, done, inner), ANYTHING), inner)

    def leave(self, node: Node, result: State, scope: Scope) -> State:
        """What is known once a task's output is made."""
        reference = node.reference
        scope = {**scope, "context": result.context}
        output = self.made(node.output_as, result.data, scope)
        output = self.hand(
            reference, f"{reference}/output/schema", "the task's output", output, node.output_schema
        )
        if node.export_as is None:
            return State(output, result.context)
        context = self.made(node.export_as, output, {**scope, "output": output})
        context = self.hand(
            reference, f"{reference}/export/schema", "the context", context, node.export_schema
        )
        return State(output, context)


Kind: TypeAlias = Callable[[Walk, Node, State, Scope], list[Way]]
"""What a kind of task makes of its data: where it goes on, and with what."""


def inside(scope: Scope) -> Scope:
    """The arguments that tasks inside a task see too."""
    return {name: known for name, known in scope.items() if name not in ("context", "input", "output")}


def _unknown(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    return [(node.target, State(ANYTHING, ANYTHING))]
