"""Tasks: each becomes a node, with the nodes of its body after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, pointer, shown
from podium.workflow.calling import (
    CALLS,
    COMPOSED,
    OWN,
    TASK_SCOPE,
    UNSUPPORTED_CALLS,
    USE_AGENT,
    CallCompiler,
    Siblings,
    Uses,
    is_own,
    of_several,
)
from podium.workflow.catching import caught, raised, referenced
from podium.workflow.draft import NOTHING, Draft, Place, Scope
from podium.workflow.emitting import emitted
from podium.workflow.extending import Extension, woven
from podium.workflow.listening import listened
from podium.workflow.nesting import nested
from podium.workflow.processes import ran
from podium.workflow.program import (
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
    Wait,
)
from podium.workflow.targets import END, EXIT

COMMON = ("if", "input", "output", "export", "timeout", "then", "metadata")
DIRECTIVES = {"end": END, "exit": EXIT}
DEPTH_MAX = 120
"""Tasks inside tasks, deeper than anyone reads."""
TASKS_MAX = 10_000
"""Functions that call functions multiply; a document that unfolds beyond this is refused."""

_RUNS: dict[str, tuple[str, Callable[[Draft, JSON, Place, Scope], Detail]]] = {
    "workflow": ("workflow", nested),
    "script": ("process", ran),
    "shell": ("process", ran),
}
"""What a `run` may run: the kind of its node, and what compiles it."""
_UNSUPPORTED_RUNS = {"container": USE_AGENT}
_UNSUPPORTED_TASKS: dict[str, str] = {}


class TaskCompiler(CallCompiler):
    """Compiles the tasks of one document into a draft."""

    def __init__(self, draft: Draft, uses: Uses, tasks_max: int = TASKS_MAX) -> None:
        super().__init__(draft, uses)
        self._tasks_max = tasks_max
        self._depth = 0
        self._tasks = 0
        self._extending = 0

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
        if name in OWN or name in UNSUPPORTED_CALLS:
            self._draft.refuse("wrong-value", place, f"A function cannot be called `{name}`: Podium has one.")
        self._open_functions.append(name)
        self._task(name, self._uses.functions[name], place, Siblings({}, 0), TASK_SCOPE)
        self._open_functions.pop()
        del self._draft.nodes[nodes:]

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
        # Plain loops here: tasks nest, and with them the calls.
        children = []
        for index, (name, task, at) in enumerate(items):
            children.append(self._task(name, task, at, Siblings(names, index), scope))
        return Do(tuple(children), names)

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
        if self._depth >= DEPTH_MAX or self._tasks > self._tasks_max:
            self._draft.refuse("too-large", place, "The tasks nest too deep, or are too many.")
            return index
        self._depth += 1
        around = self._extensions_of(task)
        places = [index, *(self._draft.reserve() for _ in around)]
        node = self._node(places[-1], name, task, place, siblings, scope)
        if around and node is not None:
            node = self._extended(node, around, places)
        self._draft.nodes[index] = node
        self._depth -= 1
        return index

    def _extensions_of(self, task: JSON) -> list[Extension]:
        """The extensions that are for a task, in their order."""
        if not self._uses.extensions or self._extending:
            return []
        kinds = _kinds_of(task)
        return [extension for extension in self._uses.extensions if kinds and extension.extends(kinds[0])]

    def _extended(self, node: Node, around: list[Extension], places: list[int]) -> Node:
        """A task with its extensions around it, the first one outermost. `places` are theirs, and its own."""
        for own, extension in zip(reversed(places[:-1]), reversed(around), strict=True):
            self._draft.nodes[node.index] = node
            node = woven(self._draft, own, extension, node, places[0], self._extension_body)
        return node

    def extension(self, extension: Extension) -> None:
        """Check an extension, whether there are tasks for it or not; it leaves no nodes."""
        nodes = len(self._draft.nodes)
        for field, tasks in (("before", extension.before), ("after", extension.after)):
            if tasks is not None:
                self._extension_body(tasks, Place(extension.path, "") / field)
        del self._draft.nodes[nodes:]

    def _extension_body(self, tasks: JSON, place: Place) -> int:
        """What an extension does stands apart from the task, and is not extended itself."""
        kept = self._open_functions, self._tries, self._undo, self._free
        self._open_functions, self._tries, self._undo, self._free = [], [], None, 0
        self._extending += 1
        index = self.body(tasks, place, TASK_SCOPE)
        self._extending -= 1
        self._open_functions, self._tries, self._undo, self._free = kept
        return index

    def _node(
        self, index: int, name: str, task: JSON, place: Place, siblings: Siblings, scope: Scope
    ) -> Node | None:
        kind = self._kind(task, place)
        if kind is None:
            return None
        flow = self._flow(task, place, siblings, scope)
        if kind == "call" and not is_own(task["call"]):
            return self._called(index, name, task, place, scope, flow)
        if kind == "try":
            self._tries.append(name)
        arguments = task.get("with", {})
        if kind == "call":
            arguments = self._without_undo(task["call"], arguments, place / "with", scope, flow)
            several = of_several(task["call"], arguments)
            if several is not None:
                kind, detail = several(
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
        kinds = _kinds_of(task)
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
        if kind == "call" and value in COMPOSED:
            return value, COMPOSED[value](self, task["with"], place / "with", scope)
        if kind == "call":
            return value, CALLS[value](draft, task["with"], place / "with", scope)
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
        branches = []
        for name, task, at in items:
            branches.append(self._task(name, task, at, Siblings({}, 0), scope))
        return Fork(tuple(branches), names, compete)

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


def _kinds_of(task: JSON) -> list[str]:
    """The members that say what kind of task it is; one, if it is right."""
    if not isinstance(task, dict):
        return []
    return [kind for kind in KINDS if kind in task and not (kind == "do" and "for" in task)]


def _which_kind(task: dict[str, JSON], kinds: list[str]) -> str:
    if kinds:
        return f"A task is one thing, but this is {' and '.join(f'`{kind}`' for kind in kinds)}."
    for name in task:
        if name not in COMMON and (hint := did_you_mean(name, KINDS)):
            return f"Nothing says what this task does.{hint}"
    return f"Nothing says what this task does; it needs one of {', '.join(KINDS)}."
