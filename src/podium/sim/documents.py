"""How agents and workflows of a simulated world are written."""

from __future__ import annotations

from typing import Any

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import JSON

COST_NANO = 1_000
"""What every attempt costs."""

OUTPUT = {
    "type": "object",
    "required": ["token"],
    "properties": {"token": {"type": "integer"}, "padding": {"type": "string"}},
}


def agent(name: str, version: str = "1.0.0", **fields: Any) -> Declared:
    """An agent that the world itself plays."""
    spec = {
        "name": name,
        "version": version,
        "capabilities": [{"name": f"{name}.do", "output": OUTPUT}],
        "runtime": {"type": "http", "url": "http://127.0.0.1/sim", "headers": {}},
        "cost_nano": COST_NANO,
        "priced": True,
        **fields,
    }
    return Declared("Agent", name, version, digest_of(spec), spec)


def tool(name: str, version: str = "1.0.0", **fields: Any) -> Declared:
    """A tool that the world itself plays."""
    spec = {
        "name": name,
        "version": version,
        "runtime": {"type": "http", "url": "http://127.0.0.1/sim", "headers": {}},
        "side_effect": "none",
        "result": OUTPUT,
        "cost_nano": COST_NANO,
        "priced": True,
        **fields,
    }
    return Declared("Tool", name, version, digest_of(spec), spec)


def use(name: str, args: JSON = None, **given: Any) -> dict[str, Any]:
    return {"call": "tool", "with": {"tool": name, "args": args, **given}}


def workflow(
    name: str, tasks: list[dict[str, Any]], version: str = "1.0.0", *, on_conflict: str = "", **fields: Any
) -> Declared:
    """A workflow of these tasks; `fields` are further members of its document.

    Args:
        on_conflict: what becomes of a run for a group that another one is at work for; "" lets both.
    """
    identity: dict[str, Any] = {"dsl": "1.0.3", "namespace": "sim", "name": name, "version": version}
    if on_conflict:
        identity["metadata"] = {"concurrency": {"key": "${ .group }", "onConflict": on_conflict}}
    document = {
        "document": identity,
        "do": tasks,
        **fields,
    }
    spec = {"namespace": "sim", "name": name, "version": version, "document": document}
    return Declared("Workflow", f"sim/{name}", version, digest_of(spec), spec)


def call(name: str, **fields: Any) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": f"{name}.do"}, **fields}


def human(title: str, **fields: Any) -> dict[str, Any]:
    return {"call": "human", "with": {"title": title}, **fields}


def http(method: str, path: str) -> dict[str, Any]:
    return {"call": "http", "with": {"method": method, "endpoint": f"https://sim.example/{path}"}}


def described(operation: str) -> dict[str, Any]:
    """A call of an operation of the API that a document describes."""
    document = {"endpoint": "https://sim.example/api.json"}
    return {"call": "openapi", "with": {"document": document, "operationId": operation}}


def shell(command: str, **environment: str) -> dict[str, Any]:
    return {"run": {"shell": {"command": command, "environment": environment}}}


def event(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"with": {"type": kind, **attributes}}


def emit(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"emit": {"event": {"with": {"type": kind, "of": "${ $workflow.id }", **attributes}}}}


def run(name: str, input: JSON = None, *, waits: bool = True, **fields: Any) -> dict[str, Any]:
    asked = {"namespace": "sim", "name": name, "version": "latest"}
    if input is not None:
        asked["input"] = input
    return {"run": {"workflow": asked, "await": waits}, **fields}


def kin(kind: str) -> dict[str, Any]:
    """An event whose data are for the same as those before it."""
    return {**event(kind), "correlate": {"whom": {"from": ".data.for"}}}


def catch_all() -> dict[str, Any]:
    return {"errors": {}, "do": [{"handled": {"set": {"handled": "${ $error.status }"}}}]}


def safe(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose failure is caught."""
    return {"try": [{"call": task}], "catch": catch_all()}


SLOW_JQ = '${ tostring | test("a") | tostring }'
"""An expression that has no native form."""

SLOW_TIME_JQ = '${ $task.startedAt.epoch.milliseconds | tostring | test("1") | tostring }'
"""The same, and what it asks depends on when its task began."""


def handled_or_token(output: JSON) -> bool:
    return isinstance(output, dict) and ("token" in output or "handled" in output)
