"""Data flow: what is known of the data along the tasks of a workflow, and who takes it.

The tasks are walked as they may run, branches apart and loops until nothing new is learnt. What a task takes
is a handoff: who judges it looks at what is known of the value, and at the schema that it must keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from podium.contracts.certainty import guessed, handed
from podium.contracts.compatibility import Compatibility
from podium.contracts.fragments import Fragment, Library, canonical
from podium.facts.values import JSON
from podium.planning.expressions import Reader, Scope
from podium.planning.knowledge import ANYTHING, NULL, Knowledge
from podium.workflow import program as p
from podium.workflow.program import END, EXIT, CallAgent, Expression, Node, Program, Schema

VISITS_MAX = 3
"""A task that is come back to more often is taken to get anything."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An agent that a call may reach: its contract for what is asked."""

    agent: str
    capability: str
    input: JSON
    output: JSON


class Lookup(Protocol):
    """What names in a document mean."""

    def offers(self, call: CallAgent) -> Sequence[Offer]:
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
class Flow:
    """What a walk found: the handoffs, and references of tasks that nothing leads to.

    Attributes:
        library: what the schemas of the handoffs refer to.
    """

    handoffs: tuple[Handoff, ...]
    unreachable: tuple[str, ...]
    library: Library
    _verdicts: dict[bytes, Compatibility] = field(default_factory=dict, repr=False)

    def verdict(self, handoff: Handoff) -> Compatibility:
        """Whether what comes suits who takes it."""
        key = canonical([handoff.given, handoff.wanted])
        if key not in self._verdicts:
            self._verdicts[key] = handed(self.library, handoff.given, handoff.wanted)
        return self._verdicts[key]


@dataclass(frozen=True, slots=True)
class State:
    """What is known between two tasks."""

    data: Fragment
    context: Fragment


Way: TypeAlias = tuple[int, State]
"""Where a task goes on, and with what."""


def flow_of(program: Program, lookup: Lookup) -> Flow:
    """Walk a workflow."""
    library = Library()
    walk = _Walk(program, lookup, Knowledge(library))
    walk.run()
    return Flow(tuple(walk.handoffs.values()), tuple(walk.unreachable()), library)


@dataclass(slots=True)
class _Walk:
    program: Program
    lookup: Lookup
    knowledge: Knowledge
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
        work = _KINDS.get(node.kind, _Walk.unknown)
        scope = {**scope, "input": data}
        for target, result in work(self, node, State(data, state.context), scope):
            if node.undo is not None:
                self.undo(node, node.undo, data, result, scope)
            ways.append((target, self.leave(node, result, scope)))
        return ways

    def undo(self, node: Node, undo: p.Undo, data: Fragment, result: State, scope: Scope) -> None:
        """Walk what undoes a call; what it gives is nobody's."""
        call = node.detail
        given = self.made(call.input, data, scope) if isinstance(call, CallAgent) else ANYTHING
        done = self.knowledge.object_of({"input": given, "output": result.data})
        inner = _inner(scope)
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

    # --- kinds ---------------------------------------------------------------------------------------

    def unknown(self, node: Node, state: State, scope: Scope) -> list[Way]:
        return [(node.target, State(ANYTHING, ANYTHING))]

    def outside(self, node: Node, state: State, scope: Scope) -> list[Way]:
        """What comes from where nothing is promised."""
        return [(node.target, replace(state, data=ANYTHING))]

    def same(self, node: Node, state: State, scope: Scope) -> list[Way]:
        return [(node.target, state)]

    def do(self, node: Node, state: State, scope: Scope) -> list[Way]:
        state_at_end = self.met(self.scope(node, state, _inner(scope)))
        return [] if state_at_end is None else [(node.target, state_at_end)]

    def set(self, node: Node, state: State, scope: Scope) -> list[Way]:
        assert isinstance(node.detail, p.Set)
        return [(node.target, replace(state, data=self.made(node.detail.value, state.data, scope)))]

    def switch(self, node: Node, state: State, scope: Scope) -> list[Way]:
        assert isinstance(node.detail, p.Switch)
        cases = node.detail.cases
        state = replace(state, data=guessed(state.data))
        targets = [case.target for case in cases]
        if all(case.when is not None for case in cases):
            targets.append(node.target)
        return [(target, state) for target in targets]

    def stop(self, node: Node, state: State, scope: Scope) -> list[Way]:
        return []

    def loop(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.For)
        items = self.made(detail.items, state.data, scope)
        count: Fragment = {"type": "integer", "minimum": 0}
        inner = {**_inner(scope), detail.each: self.knowledge.items(items), detail.at: guessed(count)}
        entry, after = state, None
        for visit in range(VISITS_MAX + 1):
            after = self.body(detail.body, entry, inner)
            more = self.entered(entry, after, visit) if after is not None else None
            if more is None:
                break
            entry = more
        ways = [] if after is None else [after]
        if not self.knowledge.is_never_empty(items) or detail.while_ is not None:
            ways.append(State(guessed(state.data), state.context))
        met = self.met(ways)
        return [] if met is None else [(node.target, met)]

    def spread(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Map)
        items = self.knowledge.items(self.made(detail.items, state.data, scope))
        inner = {**_inner(scope), detail.each: items, detail.at: guessed({"type": "integer", "minimum": 0})}
        after = self.body(detail.body, State(items if detail.fed else state.data, state.context), inner)
        if after is None:
            return []
        output = after.data
        if detail.on_error == "collect":
            output = self.knowledge.either((output, {"type": "object", "required": ["error"]}))
        context = self.knowledge.either((state.context, after.context))
        return [(node.target, State({"type": "array", "items": output}, context))]

    def graph(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Graph)
        ends: dict[int, State] = {}
        waiting = list(range(len(detail.nodes)))
        while waiting:
            place = next(one for one in waiting if all(need in ends for need in detail.needs[one]))
            waiting.remove(place)
            needs = {detail.names[need]: ends[need].data for need in detail.needs[place]}
            inner = {**_inner(scope), "needs": self.knowledge.object_of(needs)}
            end = self.body(detail.nodes[place], State(state.data, ANYTHING), inner)
            if end is None:
                return []
            ends[place] = end
        output = {name: ends[place].data for place, name in enumerate(detail.names)}
        return [(node.target, State(self.knowledge.object_of(output), ANYTHING))]

    def nested(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.RunWorkflow)
        given = self.made(detail.input, state.data, scope)
        taken, output = self.lookup.ends(detail.workflow)
        wanted = None if taken is None else Schema(taken, _unchecked)
        path = f"{node.reference}/run/workflow"
        path += "/input" if detail.input is not None else ""
        self.hand(node.reference, path, f"workflow {detail.workflow}", given, wanted)
        if not detail.awaits:
            return [(node.target, state)]
        known = self.knowledge.library.embed(output) if detail.gives_output else NULL
        return [(node.target, replace(state, data=known))]

    def fork(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Fork)
        ends = [self.body(branch, state, _inner(scope)) for branch in detail.branches]
        there = [end for end in ends if end is not None]
        if not there or (len(there) < len(ends) and not detail.compete):
            return []
        context = self.knowledge.either([state.context, *(end.context for end in there)])
        if detail.compete:
            return [(node.target, State(self.knowledge.either(end.data for end in there), context))]
        return [(node.target, State(self.knowledge.array_of([end.data for end in there]), context))]

    def attempt(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Try)
        ways: list[Way] = []
        well = self.body(detail.body, state, _inner(scope))
        if well is not None:
            ways.append((node.target, well))
        caught = State(guessed(state.data), ANYTHING)
        if detail.catch.body:
            after = self.body(detail.catch.body, caught, {**_inner(scope), detail.catch.variable: _ERROR})
            if after is None:
                return ways
            caught = replace(after, data=guessed(after.data))
        target = node.target if detail.catch.target is None else detail.catch.target
        return [*ways, (target, caught)]

    def agent(self, node: Node, state: State, scope: Scope) -> list[Way]:
        call = node.detail
        assert isinstance(call, CallAgent)
        given = self.made(call.input, state.data, scope)
        outputs = []
        for offer in self.lookup.offers(call):
            wanted = None if offer.input is None else Schema(offer.input, _unchecked)
            path = f"{node.reference}/with/input" if call.input is not None else node.reference
            self.hand(node.reference, path, f"{offer.agent} ({offer.capability})", given, wanted, offer)
            outputs.append(self.knowledge.library.embed(offer.output))
        output = self.knowledge.either(outputs) if outputs else ANYTHING
        return [(node.target, replace(state, data=output))]

    def human(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.CallHuman)
        answered = detail.form is not None and "deny" not in detail.decisions
        data = self.embedded(detail.form) if answered and detail.form is not None else ANYTHING
        output = {
            "decision": {"enum": list(detail.decisions)}, "by": {"type": "string"}, "at": {"type": "string"},
            "data": data,
        }  # fmt: skip
        return [(node.target, replace(state, data=self.knowledge.object_of(output)))]

    def listen(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Listen)
        context = state.context
        if detail.foreach is not None:
            item = {detail.foreach.item: ANYTHING, detail.foreach.at: ANYTHING}
            self.body(detail.foreach.body, State(ANYTHING, ANYTHING), {**_inner(scope), **item})
            context = ANYTHING
        return [] if detail.endless else [(node.target, State({"type": "array"}, context))]

    def fan_out(self, node: Node, state: State, scope: Scope) -> list[Way]:
        detail = node.detail
        assert isinstance(detail, p.Fanout)
        ends = [self.body(body, state, _inner(scope)) for body in detail.bodies]
        answer = self.knowledge.either([end.data for end in ends if end is not None])
        if not detail.reconciles:
            return [(node.target, replace(state, data={"type": "array", "items": answer}))]
        one = self.knowledge.object_of({"agent": {"type": "string"}, "output": answer})
        told = {"input": state.data, "answers": {"type": "array", "items": one}}
        return [(node.target, replace(state, data=self.knowledge.object_of(told)))]

    def compensate(self, node: Node, state: State, scope: Scope) -> list[Way]:
        return [(node.target, State({"type": "array"}, ANYTHING))]

    def extended(self, node: Node, state: State, scope: Scope) -> list[Way]:
        """What an extension does leaves no trace in the data, unless it leaves the task."""
        detail = node.detail
        assert isinstance(detail, p.Extended)
        ways: list[Way] = []
        if detail.before:
            known = self.body(detail.before, state, _inner(scope))
            if self._leaves(detail.before):
                ways.append((node.target, State(ANYTHING, ANYTHING)))
            if known is None:
                return ways
            state = replace(state, context=self.knowledge.either((state.context, known.context)))
        for target, result in self.task(self.program.nodes[detail.task], state, _inner(scope)):
            if detail.after:
                known = self.body(detail.after, result, _inner(scope))
                if known is None:
                    continue
                result = replace(result, context=self.knowledge.either((result.context, known.context)))
            ways.append((target, result))
        return ways

    def _leaves(self, index: int) -> bool:
        """Whether a task in this list leads out of it."""
        detail = self.program.nodes[index].detail
        assert isinstance(detail, p.Do)
        targets: list[int] = []
        for child in detail.children:
            node = self.program.nodes[child]
            targets.append(node.target)
            if isinstance(node.detail, p.Switch):
                targets += [case.target for case in node.detail.cases]
            if isinstance(node.detail, p.Try) and node.detail.catch.target is not None:
                targets.append(node.detail.catch.target)
        return EXIT in targets

    def foreach(self, node: Node, state: State, scope: Scope) -> list[Way]:
        return [(node.target, one) for one in self.scope(node, state, _inner(scope))]


_KINDS: dict[str, Callable[[_Walk, Node, State, Scope], list[Way]]] = {
    "do": _Walk.do,
    "for": _Walk.loop,
    "fork": _Walk.fork,
    "try": _Walk.attempt,
    "set": _Walk.set,
    "switch": _Walk.switch,
    "raise": _Walk.stop,
    "wait": _Walk.same,
    "listen": _Walk.listen,
    "foreach": _Walk.foreach,
    "map": _Walk.spread,
    "graph": _Walk.graph,
    "fanout": _Walk.fan_out,
    "compensate": _Walk.compensate,
    "extended": _Walk.extended,
    "before": _Walk.do,
    **dict.fromkeys(("emit", "http", "openapi", "process"), _Walk.outside),
    "workflow": _Walk.nested,
    "agent": _Walk.agent,
    "human": _Walk.human,
}
"""What each kind of task makes of its data; of any other nothing is known."""

_TEXT: Fragment = guessed({"type": "string"})
_ERROR: Fragment = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": {"type": "string"}, "status": {"type": "integer"}, "title": _TEXT, "detail": _TEXT,
        "instance": _TEXT,
    },
}  # fmt: skip


def _inner(scope: Scope) -> Scope:
    """The arguments that tasks inside a task see too."""
    return {name: known for name, known in scope.items() if name not in ("context", "input", "output")}


def _unchecked(payload: JSON) -> list[Any]:
    return []
