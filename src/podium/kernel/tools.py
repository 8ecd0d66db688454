"""`call: tool`: a declared tool is asked for with its arguments, and what it did can be undone by another."""

from __future__ import annotations

from typing import Any

from podium.facts.values import JSON, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.flow import Entry
from podium.kernel.requests import idempotency_key, request, same_promise
from podium.kernel.step import Step, View, validation_error
from podium.workflow.program import CallTool


def request_tool(step: Step, entry: Entry) -> None:
    """Ask for a tool. Faults the task where there is none, or where the arguments break its schema."""
    call = entry.node.detail
    assert isinstance(call, CallTool)
    reference = entry.node.reference
    given = entry.data
    if call.args is not None:
        given = step.evaluation.value(call.args, entry.data, entry.arguments, reference)
    digest, fields = tool_fields(step.view, call.tool, given, reference, "named by the task")
    key = ""
    if call.key is not None:
        value = step.evaluation.value(call.key, entry.data, entry.arguments, reference)
        key = idempotency_key(value, call.key, reference)
    request(step, entry, given, key, step.view.tools[digest].deadline_ms, **fields)


def tool_fields(
    view: View, name: str, given: JSON, reference: str, reason: str
) -> tuple[str, dict[str, Any]]:
    """The digest of a tool, and what `EffectRequested` says of a call.

    Raises:
        Faulted: there is no such tool, or it does not take what it is given.
    """
    digest = view.current("Tool", name)
    if not digest:
        raise Faulted(standard_error("configuration", reference, f"no tool is named {name}", "apply it"))
    check_arguments(view, digest, given, reference)
    tool = view.tools[digest]
    return digest, {
        "kind": "tool", "agent": f"{tool.name}@{tool.version}", "digest": digest, "capability": tool.name,
        "delivery": same_promise(tool.delivery), "reason": view.noticed(digest, reason),
        "hold_nano": tool.cost_nano, "heartbeat_ms": tool.heartbeat_ms,
    }  # fmt: skip


def check_arguments(view: View, digest: str, given: JSON, reference: str) -> None:
    """Raise Faulted where a tool does not take what it is given."""
    tool = view.tools[digest]
    check, _ = view.contract(digest, tool.name)
    breaches = check(given)
    if breaches:
        title = f"the arguments break the schema of {tool.name}@{tool.version}"
        raise Faulted(validation_error(reference, title, breaches))
