"""Calls of functions: of the document's own, and of Podium's that run other tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, pointer, shown
from podium.workflow.calls import call_agent, call_http, call_human, call_policy, call_tool
from podium.workflow.draft import TASK_ARGUMENTS, Draft, Place, Scope
from podium.workflow.extending import Extension
from podium.workflow.fanning import fanned
from podium.workflow.openapi_calls import call_openapi
from podium.workflow.program import Detail, Do, Expression, Node, Undo
from podium.workflow.proposing import proposed
from podium.workflow.selecting import dispatched
from podium.workflow.spreading import Compiler, Feed, call_graph, call_map
from podium.workflow.undoing import UNDOABLE, call_compensate, undo

CALLS: dict[str, Callable[[Draft, JSON, Place, Scope], Detail]] = {
    "agent": call_agent,
    "tool": call_tool,
    "human": call_human,
    "policy": call_policy,
    "http": call_http,
    "openapi": call_openapi,
}
COMPOSED: dict[str, Callable[[Compiler, JSON, Place, Scope], Detail]] = {
    "graph": call_graph,
    "map": call_map,
}
"""Podium's functions that run other tasks."""
OWN = (*CALLS, *COMPOSED, "compensate", "plan")
"""Everything that `call` may name but functions."""
OWN_CALLS = ("agent", "tool", "policy")
"""Calls that the language does not know, so that it leaves open what stands in their `with`."""
USE_AGENT = "put it behind an agent and use `call: agent`"
UNSUPPORTED_CALLS = {
    **dict.fromkeys(("grpc", "asyncapi"), "use `call: http`, or put it behind an agent"),
    **dict.fromkeys(("a2a", "mcp"), USE_AGENT),
}


@dataclass(frozen=True, slots=True)
class Uses:
    """What the document defines for reuse, under `use`."""

    functions: dict[str, JSON]
    retries: dict[str, JSON]
    errors: dict[str, JSON]
    timeouts: dict[str, JSON]
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class Siblings:
    """The scope a task stands in: names to indexes, and the task's own index. Branches have no names."""

    names: Mapping[str, int]
    own: int


TASK_SCOPE = Scope(TASK_ARGUMENTS)


class CallCompiler(ABC):
    """Compiles calls; the tasks that they run are compiled by `_task`."""

    def __init__(self, draft: Draft, uses: Uses) -> None:
        self._draft, self._uses = draft, uses
        self._open_functions: list[str] = []
        self._tries: list[str] = []
        self._undo: Undo | None = None  # of the call that is compiled next, as its caller says
        self._undos = 0
        self._free = 0

    @abstractmethod
    def _task(self, name: str, task: JSON, place: Place, siblings: Siblings, scope: Scope) -> int:
        """Compile a task; gives the index of its node."""

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
        elif call not in OWN_CALLS and not self._free:
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
            and definition["call"] in CALLS
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
        several = of_several(kind, given)
        if several is not None:
            return several(self._draft, given, at, TASK_SCOPE, definition, flow.pop("undo", None))
        return kind, CALLS[kind](self._draft, given, at, TASK_SCOPE)

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
        if value in UNSUPPORTED_CALLS:
            self._draft.unsupported(place, f"`call: {value}`", UNSUPPORTED_CALLS[value])
            return None
        if value in self._open_functions:
            self._draft.refuse("circular", place, f"The function `{shown(value)}` calls itself.")
            return None
        if value in self._uses.functions:
            return value
        if "://" in value or "@" in value:
            self._draft.unsupported(place, "a function of a catalog", "define it under `use.functions`")
            return None
        known = [*OWN, *self._uses.functions]
        hint = did_you_mean(value, known) or f" Known: {', '.join(known)}."
        message = f"There is no function `{shown(value)}`; define it under `use.functions`.{hint}"
        self._draft.refuse("unknown-function", place, message)
        return None


Several: TypeAlias = Callable[
    [Draft, dict[str, JSON], Place, Scope, Mapping[str, JSON], Undo | None], tuple[str, Detail]
]


def of_several(call: str, arguments: JSON) -> Several | None:
    """What compiles a call in which several agents have a part; None for any other."""
    if call == "plan":
        return proposed
    if call != "agent" or not isinstance(arguments, dict):
        return None
    if "fanout" in arguments:
        return fanned
    select = arguments.get("select")
    return dispatched if isinstance(select, dict) and "by" in select else None


def _without(given: dict[str, JSON], name: str) -> dict[str, JSON]:
    return {field: value for field, value in given.items() if field != name}


def is_own(call: JSON) -> bool:
    return isinstance(call, str) and call in OWN
