"""Tasks: each becomes a node, with the nodes of its body after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, pointer, shown
from podium.workflow.calls import call_agent, call_http, call_human
from podium.workflow.catching import caught, raised, referenced
from podium.workflow.draft import NOTHING, TASK_ARGUMENTS, Draft, Place, Scope
from podium.workflow.emitting import emitted
from podium.workflow.fanning import fanned
from podium.workflow.listening import listened
from podium.workflow.nesting import nested
from podium.workflow.openapi_calls import call_openapi
from podium.workflow.processes import ran
from podium.workflow.program import (
    END,
    EXIT,
    Case,
    Detail,
    Do,
    Duration,
    Expression,
    For,
    Fork,
    Node,
    Set,
    Switch,
    Try,
    Undo,
    Wait,
)
from podium.workflow.spreading import Compiler, Feed, call_graph, call_map
from podium.workflow.undoing import UNDOABLE, call_compensate, undo

COMMON = ("if", "input", "output", "export", "timeout", "then", "metadata")
DIRECTIVES = {"end": END, "exit": EXIT}
DEPTH_MAX = 50
"""Tasks inside tasks, deeper than anyone reads."""
TASKS_MAX = 10_000
"""Functions that call functions multiply; a document that unfolds beyond this is refused."""

_CALLS: dict[str, Callable[[Draft, JSON, Place, Scope], Detail]] = {
    "agent": call_agent,
    "human": call_human,
    "http": call_http,
    "openapi": call_openapi,
}
_COMPOSED: dict[str, Callable[[Compiler, JSON, Place, Scope], Detail]] = {
    "graph": call_graph,
    "map": call_map,
}
"""Podium's functions that run other tasks."""
_OWN = (*_CALLS, *_COMPOSED, "compensate")
"""Everything that `call` may name but functions."""
_USE_AGENT = "put it behind an agent and use `call: agent`"
_UNSUPPORTED_CALLS = {
    **dict.fromkeys(("grpc", "asyncapi"), "use `call: http`, or put it behind an agent"),
    **dict.fromkeys(("a2a", "mcp", "tool", "policy"), _USE_AGENT),
    "plan": "write the tasks down, or let an agent do the whole work",
}
_RUNS: dict[str, tuple[str, Callable[[Draft, JSON, Place, Scope], Detail]]] = {
    "workflow": ("workflow", nested),
    "script": ("process", ran),
    "shell": ("process", ran),
}
"""What a `run` may run: the kind of its node, and what compiles it."""
_UNSUPPORTED_RUNS = {"container": _USE_AGENT}
_UNSUPPORTED_TASKS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Uses:
    """What the document defines for reuse, under `use`."""

    functions: dict[str, JSON]
    retries: dict[str, JSON]
    errors: dict[str, JSON]
    timeouts: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Siblings:
    """The scope a task stands in: names to indexes, and the task's own index. Branches have no names."""

    names: Mapping[str, int]
    own: int


class TaskCompiler:
    """Compiles the tasks of one document into a draft."""

    def __init__(self, draft: Draft, uses: Uses) -> None:
        self._draft, self._uses = draft, uses
        self._open_functions: list[str] = []
        self._tries: list[str] = []
        self._undo: Undo | None = None  # of the call that is compiled next, as its caller says
        self._undos = 0
        self._free = 0
        self._depth = 0
        self._tasks = 0

    def body(self, tasks: JSON, place: Place, scope: Scope) -> int:
        """A list of tasks that has no name of its own; gives the index of its node."""
        index = self._draft.reserve()
        detail = self._sequence(tasks, place, scope)
        self._draft.nodes[index] = Node(index, "do", "", place.reference, detail)
        return index

    def function(self, name: str) -> None:
        """Check a function of `use.functions`, whether it is called or not; it leaves no nodes."""
        place = Place("/use/functions" + pointer((name,)), "")
        nodes = len(self._draft.nodes)
        if name in _OWN or name in _UNSUPPORTED_CALLS:
            self._draft.refuse("wrong-value", place, f"A function cannot be called `{name}`: Podium has one.")
        self._open_functions.append(name)
        self._task(name, self._uses.functions[name], place, Siblings({}, 0), TASK_SCOPE)
        self._open_functions.pop()
        del self._draft.nodes[nodes:]

    @property
    def draft(self) -> Draft:
        return self._draft

    def part(self, name: str, function: JSON, place: Place, scope: Scope, feed: Feed | None = None) -> int:
        """A function of `use.functions`, or a task written in its place, that another task runs.

        Args:
            feed: what it gets as its input, if not what the other task hands it.
        """
        if isinstance(function, str) and self._function_name(function, place) is not None:
            function = {"call": function}
        if not isinstance(function, dict):
            if not isinstance(function, str):
                message = "`function` must name one of `use.functions`, or be a task."
                self._draft.refuse("wrong-type", place, message)
            return self._draft.reserve()
        # The language leaves open what stands in the arguments of functions that it does not know.
        self._free += 1
        index = self._task(name, function, place, Siblings({}, 0), scope)
        self._free -= 1
        node = self._draft.nodes[index]
        if feed is None or node is None:
            return index
        if node.condition is None and node.input_schema is None and node.input_from is None:
            self._draft.nodes[index] = replace(node, input_from=feed.value)
            return index
        # What the task itself says of its input counts from what it is given.
        wrapper = self._draft.reserve()
        self._draft.nodes[wrapper] = Node(
            wrapper, "do", "", feed.place.reference, Do((index,), {"": 0}), input_from=feed.value, target=1
        )
        return wrapper

    def timeout(self, value: JSON, place: Place, scope: Scope) -> Duration | None:
        """`timeout`, inline or by name."""
        if isinstance(value, str):
            found = referenced(self._draft, value, self._uses.timeouts, place, "timeouts")
            if found is None:
                return None
            value, place = found
        given = self._draft.table(value, place, "A timeout", ("after",), required=("after",))
        return self._draft.duration(given["after"], place / "after", scope) if "after" in given else None

    # --- lists of tasks -------------------------------------------------------------------------

    def _sequence(self, tasks: JSON, place: Place, scope: Scope) -> Do:
        items = self._items(tasks, place)
        names: dict[str, int] = {}
        for index, (name, _, at) in enumerate(items):
            if name in names:
                message = f"`{shown(name)}` is there twice in this list; rename one, so that `then` can tell."
                self._draft.refuse("duplicate-name", at, message)
            names.setdefault(name, index)
        children = tuple(
            self._task(name, task, at, Siblings(names, index), scope)
            for index, (name, task, at) in enumerate(items)
        )
        return Do(children, names)

    def _items(self, tasks: JSON, place: Place) -> list[tuple[str, JSON, Place]]:
        """Name, definition and place of each task of a list."""
        items = []
        for number, item in enumerate(self._draft.sequence(tasks, place, "A list of tasks")):
            at = place / number
            if not isinstance(item, dict) or len(item) != 1:
                message = "Each item of a list of tasks is an object of one member: the task under its name."
                self._draft.refuse("wrong-type", at, message)
                continue
            name, task = next(iter(item.items()))
            if not name or name in (*DIRECTIVES, "continue"):
                self._draft.refuse("wrong-value", at, f"A task cannot be named `{name}`.")
            items.append((name, task, at / name))
        return items

    # --- one task -------------------------------------------------------------------------------

    def _task(self, name: str, task: JSON, place: Place, siblings: Siblings, scope: Scope) -> int:
        index = self._draft.reserve()
        self._tasks += 1
        if self._depth >= DEPTH_MAX or self._tasks > TASKS_MAX:
            self._draft.refuse("too-large", place, "The tasks nest too deep, or are too many.")
            return index
        self._depth += 1
        self._draft.nodes[index] = self._node(index, name, task, place, siblings, scope)
        self._depth -= 1
        return index

    def _node(
        self, index: int, name: str, task: JSON, place: Place, siblings: Siblings, scope: Scope
    ) -> Node | None:
        kind = self._kind(task, place)
        if kind is None:
            return None
        flow = self._flow(task, place, siblings, scope)
        if kind == "call" and not _is_own(task["call"]):
            return self._called(index, name, task, place, scope, flow)
        if kind == "try":
            self._tries.append(name)
        arguments = task.get("with", {})
        if kind == "call":
            arguments = self._without_undo(task["call"], arguments, place / "with", scope, flow)
            if _fans_out(task["call"], arguments):
                kind, detail = fanned(
                    self._draft, arguments, place / "with", scope, task, flow.pop("undo", None)
                )
                return Node(index, kind, name, place.reference, detail, definition=task, **flow)
        kind, detail = self._detail(kind, {**task, "with": arguments}, place, siblings, scope)
        if kind == "try":
            self._tries.pop()
        return Node(index, kind, name, place.reference, detail, definition=task, **flow)

    def _kind(self, task: JSON, place: Place) -> str | None:
        """The member that says what kind of task this is; None, and a problem noted, if nothing does."""
        if not isinstance(task, dict):
            self._draft.refuse("wrong-type", place, "A task must be an object.")
            return None
        kinds = [kind for kind in KINDS if kind in task and not (kind == "do" and "for" in task)]
        for kind in set(_UNSUPPORTED_TASKS) & set(task):
            self._draft.unsupported(place / kind, f"`{kind}`", _UNSUPPORTED_TASKS[kind])
            return None
        if len(kinds) != 1:
            self._draft.refuse("unknown-task", place, _which_kind(task, kinds))
            return None
        kind = kinds[0]
        known = (*KINDS[kind], *COMMON)
        required = [field for field in KINDS[kind] if field not in _OPTIONAL]
        self._draft.table(task, place, f"`{kind}`", known, required=required)
        return kind if all(field in task for field in required) else None

    def _flow(self, task: dict[str, JSON], place: Place, siblings: Siblings, scope: Scope) -> dict[str, Any]:
        """What every kind of task may have."""
        draft = self._draft
        before, after = scope.without("input"), scope.with_names("output")
        flow: dict[str, Any] = {}
        if "if" in task:
            flow["condition"] = draft.expression(task["if"], place / "if", "`if`", before)
        given = draft.table(task.get("input", {}), place / "input", "`input`", ("schema", "from"))
        flow["input_schema"] = draft.optional_schema(given, place / "input")
        if "from" in given:
            at = place / "input" / "from"
            flow["input_from"] = draft.mutation(
                given["from"], at, "`input.from`", before.with_names("secrets")
            )
        for field, seen in (("output", scope), ("export", after)):
            given = draft.table(task.get(field, {}), place / field, f"`{field}`", ("schema", "as"))
            flow[f"{field}_schema"] = draft.optional_schema(given, place / field)
            if "as" in given:
                at = place / field / "as"
                flow[f"{field}_as"] = draft.mutation(given["as"], at, f"`{field}.as`", seen)
        if "timeout" in task:
            flow["timeout"] = self.timeout(task["timeout"], place / "timeout", scope)
        if "metadata" in task:
            draft.named(task["metadata"], place / "metadata", "`metadata`")
        flow["then"], flow["target"] = self._directive(task.get("then", "continue"), place / "then", siblings)
        flow["beyond"] = siblings.own + 1
        return flow

    def _directive(self, then: JSON, place: Place, siblings: Siblings) -> tuple[str, int]:
        """Where control goes: the directive, and the index of the sibling or what stands for the end."""
        if then == "continue":
            return then, siblings.own + 1
        if isinstance(then, str) and then in DIRECTIVES:
            return then, DIRECTIVES[then]
        if isinstance(then, str) and then in siblings.names:
            return then, siblings.names[then]
        names = [*siblings.names, "continue", "exit", "end"]
        hint = did_you_mean(then, names) if isinstance(then, str) else ""
        message = f"`then` leads nowhere: no task `{shown(then)}` in the same list.{hint}"
        self._draft.refuse("unknown-target", place, message)
        return "continue", siblings.own + 1

    # --- kinds ----------------------------------------------------------------------------------

    def _detail(
        self, kind: str, task: dict[str, JSON], place: Place, siblings: Siblings, scope: Scope
    ) -> tuple[str, Detail]:
        draft, value, at = self._draft, task[kind], place / kind
        if kind == "call" and value == "compensate":
            return value, self._compensate(task["with"], place, scope)
        if kind == "call" and value in _COMPOSED:
            return value, _COMPOSED[value](self, task["with"], place / "with", scope)
        if kind == "call":
            return value, _CALLS[value](draft, task["with"], place / "with", scope)
        if kind == "do":
            return kind, self._sequence(value, at, scope)
        if kind == "for":
            return kind, self._for(task, place, scope)
        if kind == "fork":
            return kind, self._fork(value, at, scope)
        if kind == "try":
            return kind, self._try(task, place, siblings, scope)
        if kind == "switch":
            return kind, self._switch(value, at, siblings, scope)
        if kind == "set":
            return kind, self._set(value, at, scope)
        if kind == "raise":
            return kind, raised(draft, value, self._uses.errors, at, scope)
        if kind == "run":
            return self._run(value, at, scope)
        if kind == "emit":
            return kind, emitted(draft, value, at, scope)
        if kind == "listen":
            return kind, listened(draft, task, place, scope, self._sequence)
        return kind, Wait(draft.duration(value, at, scope))

    def _run(self, value: JSON, place: Place, scope: Scope) -> tuple[str, Detail]:
        given = self._draft.named(value, place, "`run`")
        named = [process for process in (*_RUNS, *_UNSUPPORTED_RUNS) if process in given]
        if len(named) != 1:
            if isinstance(value, dict):
                known = " or ".join(f"`{process}`" for process in _RUNS)
                self._draft.refuse("wrong-value", place, f"`run` needs exactly one thing to run: {known}.")
            return "set", Set(NOTHING)
        if named[0] in _UNSUPPORTED_RUNS:
            self._draft.unsupported(place / named[0], f"`run: {named[0]}`", _UNSUPPORTED_RUNS[named[0]])
            return "set", Set(NOTHING)
        kind, compiled = _RUNS[named[0]]
        return kind, compiled(self._draft, value, place, scope)

    def _set(self, value: JSON, place: Place, scope: Scope) -> Set:
        if isinstance(value, dict) and not value:
            self._draft.refuse("missing-field", place, "`set` needs at least one member.")
        elif not isinstance(value, dict) and not (isinstance(value, str) and "${" in value):
            message = "`set` must be an object, or an expression in `${ }` that gives the data."
            self._draft.refuse("wrong-type", place, message)
        return Set(self._draft.template(value, place, scope))

    def _for(self, task: dict[str, JSON], place: Place, scope: Scope) -> For:
        draft, at = self._draft, place / "for"
        given = draft.table(task["for"], at, "`for`", ("each", "in", "at"), required=("in",))
        each = draft.variable(given.get("each", "item"), at / "each", "`each`")
        position = draft.variable(given.get("at", "index"), at / "at", "`at`")
        if each == position:
            draft.refuse("wrong-value", at, f"`each` and `at` cannot both be `{each}`.")
        inner = scope.with_names(each, position)
        condition = None
        if "while" in task:
            condition = draft.expression(task["while"], place / "while", "`while`", inner)
        items = self._items_expression(given.get("in", []), at / "in", scope)
        return For(each, items, position, condition, self.body(task["do"], place / "do", inner))

    def _items_expression(self, value: JSON, place: Place, scope: Scope) -> Expression:
        if not isinstance(value, list):
            return self._draft.expression(value, place, "`in`", scope)
        for number, item in enumerate(value):
            if not isinstance(item, dict):
                message = "An inline list holds objects; write other values as an expression, `${ [1, 2] }`."
                self._draft.refuse("wrong-type", place / number, message)
        return self._draft.template(value, place, scope)

    def _fork(self, value: JSON, place: Place, scope: Scope) -> Fork:
        given = self._draft.table(value, place, "`fork`", ("branches", "compete"), required=("branches",))
        at = place / "branches"
        items = self._items(given.get("branches", []), at)
        if given.get("branches") == []:
            self._draft.refuse("missing-field", at, "`branches` needs at least one.")
        names = tuple(name for name, _, _ in items)
        if len(set(names)) != len(names):
            self._draft.refuse("duplicate-name", at, "Two branches have the same name.")
        compete = self._draft.flag(given.get("compete", False), place / "compete", "`compete`")
        branches = tuple(self._task(name, task, at, Siblings({}, 0), scope) for name, task, at in items)
        return Fork(branches, names, compete)

    def _try(self, task: dict[str, JSON], place: Place, siblings: Siblings, scope: Scope) -> Try:
        body = self.body(task["try"], place / "try", scope)
        at, given = place / "catch", task["catch"]
        catch = caught(self._draft, given, self._uses.retries, at, scope)
        if isinstance(given, dict) and "do" in given:
            tasks = self.body(given["do"], at / "do", scope.with_names(catch.variable))
            catch = replace(catch, body=tasks)
        if isinstance(given, dict) and "then" in given:
            _, target = self._directive(given["then"], at / "then", siblings)
            catch = replace(catch, target=target)
        return Try(body, catch)

    def _switch(self, value: JSON, place: Place, siblings: Siblings, scope: Scope) -> Switch:
        items = self._items(value, place)
        if value == []:
            self._draft.refuse("missing-field", place, "`switch` needs at least one case.")
        cases = [self._case(name, case, at, siblings, scope) for name, case, at in items]
        defaults = [case for case in cases if case.when is None]
        if len(defaults) > 1:
            message = "Only one case of a `switch` may go without `when`."
            self._draft.refuse("conflicting-fields", place, message)
        # The case without a condition stands for all others, wherever it is written.
        return Switch((*(case for case in cases if case.when is not None), *defaults))

    def _case(self, name: str, value: JSON, place: Place, siblings: Siblings, scope: Scope) -> Case:
        given = self._draft.table(value, place, "A case", ("when", "then"), required=("then",))
        when = None
        if "when" in given:
            when = self._draft.expression(given["when"], place / "when", "`when`", scope)
        then, target = self._directive(given.get("then", "continue"), place / "then", siblings)
        return Case(name, when, then, target)

    # --- undoing --------------------------------------------------------------------------------

    def _without_undo(
        self, call: str, arguments: JSON, place: Place, scope: Scope, flow: dict[str, Any]
    ) -> JSON:
        """The arguments of a call but for what undoes it, which is the task's."""
        if call not in UNDOABLE:
            return arguments
        flow["undo"], self._undo = self._undo, None
        if not isinstance(arguments, dict) or "compensate" not in arguments:
            return arguments
        at = place / "compensate"
        if flow["undo"] is not None:
            self._draft.refuse("conflicting-fields", at, "Whoever calls this function says what undoes it.")
        elif call != "agent" and not self._free:
            message = (
                f"The language has no `compensate` in the `with` of `call: {call}`. Make the call a function"
                " under `use.functions`, and write `compensate` in the `with` where that is called."
            )
            self._draft.refuse("unknown-field", at, message)
        flow["undo"] = undo(self._draft, arguments["compensate"], at, scope, self._undo_function)
        return _without(arguments, "compensate")

    def _with_undo(self, function: str, arguments: dict[str, JSON], place: Place, scope: Scope) -> JSON:
        """The arguments for a function but for what undoes it."""
        at = place / "compensate"
        if not self._is_plain_call(function) or self._uses.functions[function]["call"] not in UNDOABLE:
            message = f"`{shown(function)}` is more than one call; write `compensate` at a call inside of it."
            self._draft.refuse("unknown-field", at, message)
        else:
            self._undo = undo(self._draft, arguments["compensate"], at, scope, self._undo_function)
        return _without(arguments, "compensate")

    def _undo_function(self, function: JSON, place: Place) -> int:
        self._undos += 1
        outer, self._undo = self._undo, None
        index = self.part("", function, place, TASK_SCOPE)
        self._undo = outer
        self._undos -= 1
        return index

    def _compensate(self, arguments: JSON, place: Place, scope: Scope) -> Detail:
        if self._undos:
            self._draft.refuse("circular", place / "call", "What undoes a call cannot compensate itself.")
        return call_compensate(self._draft, arguments, place / "with", scope, self._tries)

    # --- functions ------------------------------------------------------------------------------

    def _called(
        self, index: int, name: str, task: dict[str, JSON], place: Place, scope: Scope, flow: dict[str, Any]
    ) -> Node | None:
        """A call of a function of `use.functions`: the arguments become the input of the function's task."""
        function = self._function_name(task["call"], place / "call")
        if function is None:
            return None
        arguments = None
        given, has_arguments = task.get("with"), "with" in task
        if isinstance(given, dict) and "compensate" in given:
            given = self._with_undo(function, given, place / "with", scope)
            has_arguments = bool(given)
        if has_arguments:
            self._draft.named(given, place / "with", "`with`")
            # Seen as the data; `$input` would be the input of another task than the one written here.
            arguments = self._draft.template(given, place / "with", scope.without("input"))
        filtered = arguments is not None and "input_from" in flow
        if not filtered and self._is_plain_call(function):
            kind, detail = self._plain_call(function, place, flow)
            flow["input_from"] = arguments if arguments is not None else flow.get("input_from")
            return Node(index, kind, name, place.reference, detail, definition=task, **flow)
        body = self._nested(function, place.reference, arguments, flow)
        return Node(index, "do", name, place.reference, body, definition=task, **flow)

    def _is_plain_call(self, function: str) -> bool:
        """Whether a function is a call and nothing else, so that it needs no task of its own."""
        definition = self._uses.functions[function]
        return (
            isinstance(definition, dict)
            and definition.keys() <= {"call", "with", "metadata"}
            and isinstance(definition.get("call"), str)
            and definition["call"] in _CALLS
        )

    def _plain_call(self, function: str, place: Place, flow: dict[str, Any]) -> tuple[str, Detail]:
        definition = self._uses.functions[function]
        at = Place("/use/functions" + pointer((function, "with")), place.reference)
        kind: str = definition["call"]
        free, self._free = self._free, 0
        self._open_functions.append(function)
        given = self._without_undo(kind, definition.get("with", {}), at, TASK_SCOPE, flow)
        self._open_functions.pop()
        self._free = free
        if _fans_out(kind, given):
            return fanned(self._draft, given, at, TASK_SCOPE, definition, flow.pop("undo", None))
        return kind, _CALLS[kind](self._draft, given, at, TASK_SCOPE)

    def _nested(
        self, function: str, reference: str, arguments: Expression | None, flow: dict[str, Any]
    ) -> Do:
        """The function's task; around it one that passes the arguments, where the call filters its input."""
        place = Place("/use/functions" + pointer((function,)), f"{reference}/call" + pointer((function,)))
        wrapper = None
        if arguments is not None and "input_from" in flow:
            wrapper = self._draft.reserve()
        elif arguments is not None:
            flow["input_from"] = arguments
        tries, self._tries = self._tries, []
        free, self._free = self._free, 0
        self._open_functions.append(function)
        child = self._task(function, self._uses.functions[function], place, Siblings({}, 0), TASK_SCOPE)
        self._open_functions.pop()
        self._tries, self._free = tries, free
        body = Do((child,), {function: 0})
        if wrapper is None:
            return body
        self._draft.nodes[wrapper] = Node(
            wrapper, "do", "", f"{reference}/with", body, input_from=arguments, target=1
        )
        return Do((wrapper,), {"": 0})

    def _function_name(self, value: JSON, place: Place) -> str | None:
        if not isinstance(value, str):
            self._draft.refuse("wrong-type", place, "`call` must name a function.")
            return None
        if value in _UNSUPPORTED_CALLS:
            self._draft.unsupported(place, f"`call: {value}`", _UNSUPPORTED_CALLS[value])
            return None
        if value in self._open_functions:
            self._draft.refuse("circular", place, f"The function `{shown(value)}` calls itself.")
            return None
        if value in self._uses.functions:
            return value
        if "://" in value or "@" in value:
            self._draft.unsupported(place, "a function of a catalog", "define it under `use.functions`")
            return None
        known = [*_OWN, *self._uses.functions]
        hint = did_you_mean(value, known) or f" Known: {', '.join(known)}."
        message = f"There is no function `{shown(value)}`; define it under `use.functions`.{hint}"
        self._draft.refuse("unknown-function", place, message)
        return None


KINDS: dict[str, tuple[str, ...]] = {
    "call": ("call", "with"),
    "for": ("for", "while", "do"),
    "do": ("do",),
    "emit": ("emit",),
    "fork": ("fork",),
    "listen": ("listen", "foreach"),
    "raise": ("raise",),
    "run": ("run",),
    "set": ("set",),
    "switch": ("switch",),
    "try": ("try", "catch"),
    "wait": ("wait",),
}
"""Kinds of tasks: the member that tells it, and those that belong to it."""
_OPTIONAL = ("with", "while", "foreach")

TASK_SCOPE = Scope(TASK_ARGUMENTS)


def _fans_out(call: str, arguments: JSON) -> bool:
    return call == "agent" and isinstance(arguments, dict) and "fanout" in arguments


def _without(given: dict[str, JSON], name: str) -> dict[str, JSON]:
    return {field: value for field, value in given.items() if field != name}


def _is_own(call: JSON) -> bool:
    return isinstance(call, str) and call in _OWN


def _which_kind(task: dict[str, JSON], kinds: list[str]) -> str:
    if kinds:
        return f"A task is one thing, but this is {' and '.join(f'`{kind}`' for kind in kinds)}."
    for name in task:
        if name not in COMMON and (hint := did_you_mean(name, KINDS)):
            return f"Nothing says what this task does.{hint}"
    return f"Nothing says what this task does; it needs one of {', '.join(KINDS)}."
