"""Decorators by which a Python function declares itself an agent or a tool, its types being its contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from podium.agents.asking import CallFailed
from podium.agents.calling import Context, Shape, Uncallable, shape_of
from podium.resources.kinds import API_VERSION
from podium.resources.manifest import Document, document_of
from podium.resources.places import Tree
from podium.resources.troubles import Trouble
from podium.sdk.schemas import schema_of

__all__ = ["CallFailed", "Context", "Declaration", "agent", "declared", "tool"]

_MARK = "__podium_agent__"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the decorator was told.

    Attributes:
        name: the agent's name, or the tool's.
        capability: name of the one capability that an agent offers; "" of a tool.
        labels: its labels.
        spec: the fields of a manifest's `spec` that the decorator was given.
        runtime: likewise of `spec.runtime.function`.
    """

    name: str
    capability: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    runtime: Mapping[str, Any]


def agent(
    *,
    name: str,
    version: str,
    capability: str = "",
    description: str = "",
    deadline: str | Mapping[str, int] | None = None,
    heartbeat: str | Mapping[str, int] | None = None,
    delivery: Literal["at-least-once", "at-most-once"] | None = None,
    retry: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    cost: Mapping[str, Any] | None = None,
    calls: Mapping[str, Any] | None = None,
    roles: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    isolation: Literal["none", "process"] | None = None,
    memory: str | None = None,
    deprecated: str = "",
) -> Callable[[Function], Function]:
    """Declare a function an agent; the function stays what it is and can be called as before.

    The options are those of a manifest and take the same values. What the function takes and gives, by its
    annotations, becomes the input and output schema. Nothing is checked until the module is declared.

    Args:
        name: unique among the agents, `surveyor`.
        version: semantic version, `1.0.0`.
        capability: what it offers, `repo.survey`; the agent's name if not given.
        description: one line for people and planners; the first line of the docstring if not given.
        deadline: an attempt that takes longer has failed: `PT30S` or `{"seconds": 30}`.
        heartbeat: an attempt silent for longer has failed.
        delivery: whether a call may be repeated after a crash.
        retry: `{"attempts": 3, "delay": "PT1S", "backoff": "exponential", "maxDelay": "PT1M"}`.
        concurrency: attempts that may run at once.
        cost: `{"perCall": {"usd": "0.002"}}`.
        calls: how it asks for tools and agents: `{"replay": "strict", "onDivergence": "ask"}`.
        roles: what policies know it by.
        labels: for selection and for people.
        isolation: `process` for a process of its own; a function that is not async has one anyway.
        memory: what that process may use, `512Mi`.
        deprecated: why not to use it any more, and what to use.
    """
    timing = _given(deadline=deadline, heartbeat=heartbeat)
    spec = _given(
        version=version,
        timing=timing or None,
        delivery=delivery,
        retry=retry,
        concurrency=concurrency,
        cost=cost,
        calls=calls,
        roles=None if roles is None else list(roles),
        description=description or None,
        deprecated=deprecated or None,
    )
    runtime = _given(isolation=isolation, memory=memory)
    declaration = Declaration(name, capability or name, {} if labels is None else labels, spec, runtime)

    def declare(function: Function) -> Function:
        setattr(function, _MARK, declaration)
        return function

    return declare


def tool(
    *,
    name: str,
    version: str,
    side_effect: Literal["none", "read", "write", "irreversible"],
    description: str = "",
    risk: int | None = None,
    groups: Sequence[str] | None = None,
    result_labels: Sequence[str] | None = None,
    egress: Sequence[Mapping[str, Any]] | None = None,
    undo: Mapping[str, Any] | None = None,
    probe: Mapping[str, Any] | None = None,
    deadline: str | Mapping[str, int] | None = None,
    delivery: Literal["at-least-once", "at-most-once"] | None = None,
    retry: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    cost: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    isolation: Literal["none", "process"] | None = None,
    memory: str | None = None,
    deprecated: str = "",
) -> Callable[[Function], Function]:
    """Declare a function a tool, as `agent` declares one an agent.

    Args:
        name: unique among the tools, `payments.refund`.
        side_effect: what a call does to the world outside.
        risk: from 0, harmless, to 5.
        groups: groups that policies can name.
        result_labels: labels that everything it gives carries, `["pii"]`.
        egress: what it reaches outside: `[{"host": "api.example.com"}]`.
        undo: the tool that undoes a call: `{"tool": "payments.cancel", "args": {"id": "${ .output.id }"}}`.
        probe: likewise the tool that tells what became of a call.
        version, description, deadline, delivery, retry, concurrency, cost, labels, isolation, memory,
            deprecated: as of an agent.
    """
    spec = _given(
        version=version,
        sideEffect=side_effect,
        risk=risk,
        groups=None if groups is None else list(groups),
        resultLabels=None if result_labels is None else list(result_labels),
        egress=None if egress is None else [_plain(place) for place in egress],
        undo=undo,
        probe=probe,
        timing=_given(deadline=deadline) or None,
        delivery=delivery,
        retry=retry,
        concurrency=concurrency,
        cost=cost,
        description=description or None,
        deprecated=deprecated or None,
    )
    runtime = _given(isolation=isolation, memory=memory)
    declaration = Declaration(name, "", {} if labels is None else labels, spec, runtime)

    def declare(function: Function) -> Function:
        setattr(function, _MARK, declaration)
        return function

    return declare


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def declared(module: ModuleType) -> tuple[list[Document], list[Trouble]]:
    """The agents and tools that a module's functions declare, and what stops those that fail to.

    Functions that the module imports from others count too: a module may be the list of a team. They are in
    the order in which they are defined.
    """
    documents: list[Document] = []
    troubles: list[Trouble] = []
    functions = {id(value): value for value in vars(module).values() if _declaration(value) is not None}
    for function in functions.values():
        document, more = _document(function, module)
        troubles += more
        if document is not None:
            documents.append(document)
    return documents, troubles


def _declaration(value: Any) -> Declaration | None:
    found = inspect.getattr_static(value, _MARK, None) if callable(value) else None
    return found if isinstance(found, Declaration) else None


def _document(function: Callable[..., Any], module: ModuleType) -> tuple[Document | None, list[Trouble]]:
    declaration = _declaration(function)
    assert declaration is not None, "only functions with a declaration get here"
    file, line = _place(function, module)
    if "<locals>" in function.__qualname__:
        message = (
            f"`{function.__qualname__}` is made inside another function, where no worker can import it; "
            "define it at the top of the module (a decorator around it needs `functools.wraps`)."
        )
        return None, [Trouble("callable", "", message, file, line, 1)]
    name, folder = _import_place(function, module, file)
    try:
        resource = _resource(function, declaration, f"{name}:{function.__qualname__}")
    except Uncallable as error:
        return None, [Trouble("annotation", "", error.title, file, line, 1)]
    except _AnnotationMeaningless as error:
        return None, [Trouble("annotation", "", str(error), file, line, 1)]
    return document_of(Tree(resource, line, 1), file, folder)


def _place(function: Callable[..., Any], module: ModuleType) -> tuple[str, int]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return str(getattr(module, "__file__", "")), 0
    return code.co_filename, code.co_firstlineno


def _import_place(function: Callable[..., Any], module: ModuleType, file: str) -> tuple[str, str]:
    """The name that a function's module is imported by, and the absolute folder that import starts from."""
    path = Path(file).absolute()
    name = function.__module__
    if name == "__main__":
        name = path.stem
    depth = name.count(".") + (1 if path.stem == "__init__" else 0)
    return name, str(path.parents[depth])


def _resource(function: Callable[..., Any], declaration: Declaration, callable_: str) -> dict[str, Any]:
    shape = shape_of(function)
    taken, given = _input_schema(function, shape), _schema(function, shape.returns, "serialization")
    if declaration.capability:
        offered = _given(name=declaration.capability, input=taken, output=given)
        kind, contract = "Agent", {"capabilities": [offered]}
    else:
        kind, contract = "Tool", _given(args=taken, result=given)
    isolation = {} if inspect.iscoroutinefunction(inspect.unwrap(function)) else {"isolation": "process"}
    runtime = {"callable": callable_, **isolation, **declaration.runtime}
    described = (inspect.getdoc(function) or "").partition("\n")[0]
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": declaration.name, "labels": _plain(declaration.labels)},
        "spec": {
            "description": described,
            **_plain(declaration.spec),
            **contract,
            "runtime": {"function": runtime},
        },
    }


def _plain(value: Any) -> Any:
    return {name: _plain(member) for name, member in value.items()} if isinstance(value, Mapping) else value


# --- types to schemas -------------------------------------------------------------------------


class _AnnotationMeaningless(Exception):
    """An annotation is of a type that JSON Schema has no words for; the message says which and why."""


def _input_schema(function: Callable[..., Any], shape: Shape) -> Any:
    if shape.takes == "nothing":
        return None
    schema = _schema(function, shape.input_type(), "validation")
    if shape.takes == "fields":
        schema.pop("title", None)
        for name, default in shape.optional.items():
            _add_default(schema["properties"][name], default)
    return schema


def _add_default(schema: dict[str, Any], default: Any) -> None:
    try:
        schema.setdefault("default", to_jsonable_python(default))
    except PydanticSerializationError:
        pass  # A default that JSON cannot say is the function's own affair.


def _schema(
    function: Callable[..., Any], annotation: Any, mode: Literal["validation", "serialization"]
) -> Any:
    if annotation is Any:
        return None
    try:
        return schema_of(annotation, mode)
    except (PydanticUserError, NameError, TypeError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        what = "input" if mode == "validation" else "output"
        raise _AnnotationMeaningless(
            f"The annotations of `{function.__qualname__}` give no schema for its {what}: {why}."
        ) from None
