"""Workflow documents as the typed tasks that make them: for tools that look at documents or change them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from podium.sdk import flow

_CALLS: dict[str, type[flow.Task]] = {
    "agent": flow.Agent, "tool": flow.Tool, "human": flow.Human, "policy": flow.Policy, "http": flow.Http,
    "openapi": flow.OpenApi, "map": flow.Map, "graph": flow.Graph, "compensate": flow.Compensate,
}  # fmt: skip
_KINDS: dict[str, type[flow.Task]] = {
    "for": flow.For, "try": flow.Try, "fork": flow.Fork, "switch": flow.Switch, "raise": flow.Raise,
    "set": flow.Set, "wait": flow.Wait, "listen": flow.Listen, "emit": flow.Emit, "run": flow.Run,
    "do": flow.Do,
}  # fmt: skip
"""By their member, in the order in which they are looked for: a `for` has a `do` too."""


def read_workflow(document: Mapping[str, Any]) -> flow.Workflow:
    """The workflow that a document describes; its `document()` is that document again.

    Raises:
        ValueError: the document has a part that the typed tasks do not; the message says where.
    """
    rest = copy.deepcopy(dict(document))
    about = rest["document"]
    told = {name: about.pop(name) for name in ("namespace", "name", "version", "dsl")}
    given = _taken(flow.Workflow, rest)
    tasks = _tasks(rest.pop("do"), "/do")
    _nothing_left(rest, "")
    return flow.Workflow(told["namespace"], told["name"], told["version"], *tasks, dsl=told["dsl"], **given)


def _tasks(items: Any, place: str) -> tuple[flow.Task, ...]:
    named = [next(iter(item.items())) for item in items]
    return tuple(_task(name, task, f"{place}/{number}/{name}") for number, (name, task) in enumerate(named))


def _task(name: str, task: dict[str, Any], place: str) -> flow.Task:
    kind = _CALLS.get(task.get("call", ""), flow.Call) if "call" in task else None
    kind = kind or next((kind for member, kind in _KINDS.items() if member in task), None)
    if kind is None:
        raise ValueError(f"{place} is no task that is known")
    for path, value in kind.FIXED.items():
        if _take(task, path) != value:
            raise ValueError(f"{place} has no {path}: {value}")
    given = _taken(kind, task)
    for member, value in given.items():
        given[member] = _typed(kind, member, value, place)
    _nothing_left(task, place)
    return kind(name, **given)


def _taken(kind: type[Any], rest: dict[str, Any]) -> dict[str, Any]:
    """The fields that the definition has, taken out of it; deeper ones before those that would hold them."""
    paths = {one.name: one.metadata["path"] for one in fields(kind) if "path" in one.metadata}
    given = {}
    for name in sorted(paths, key=lambda name: -paths[name].count("/")):
        value = _take(rest, paths[name])
        if value is not None:
            given[name] = _schema_or_span(paths[name], value)
    return given


def _take(rest: Any, path: str) -> Any:
    """Take a member out, and what is empty without it."""
    first, _, more = path.partition("/")
    if not isinstance(rest, dict) or first not in rest:
        return None
    if not more:
        return rest.pop(first)
    value = _take(rest[first], more)
    if value is not None and rest[first] == {}:
        del rest[first]
    return value


def _schema_or_span(path: str, value: Any) -> Any:
    if path.endswith("schema") and isinstance(value, dict) and set(value) == {"document"}:
        return value["document"]
    if path == "timeout" and isinstance(value, dict) and set(value) == {"after"}:
        return value["after"]
    return value


def _typed(kind: type[flow.Task], member: str, value: Any, place: str) -> Any:
    if kind is flow.Switch and member == "cases":
        cases = [next(iter(case.items())) for case in value]
        return tuple(flow.Case(name, case.get("when"), case.get("then")) for name, case in cases)
    if member in ("do", "branches", "try_"):
        return _tasks(value, f"{place}/{member.rstrip('_')}")
    return tuple(value) if member == "decisions" else value


def _nothing_left(rest: dict[str, Any], place: str) -> None:
    left = {name for name, value in rest.items() if value != {}}
    if left:
        raise ValueError(f"{place or '/'} has {', '.join(sorted(left))}, which has no field")
