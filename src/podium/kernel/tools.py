"""`call: tool`: a declared tool is asked for with its arguments, and what it did can be undone by another."""

from __future__ import annotations

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
    view = step.view
    digest = view.current("Tool", call.tool)
    if not digest:
        raise Faulted(standard_error("configuration", reference, f"no tool is named {call.tool}", "apply it"))
    tool = view.tools[digest]
    given = entry.data
    if call.args is not None:
        given = step.evaluation.value(call.args, entry.data, entry.arguments, reference)
    check_arguments(view, digest, given, reference)
    key = ""
    if call.key is not None:
        value = step.evaluation.value(call.key, entry.data, entry.arguments, reference)
        key = idempotency_key(value, call.key, reference)
    request(
        step, entry, given, key, tool.deadline_ms,
        kind="tool", agent=f"{tool.name}@{tool.version}", digest=digest, capability=tool.name,
        delivery=same_promise(tool.delivery), reason=view.noticed(digest, "named by the task"),
        hold_nano=tool.cost_nano, heartbeat_ms=tool.heartbeat_ms,
    )  # fmt: skip


def check_arguments(view: View, digest: str, given: JSON, reference: str) -> None:
    """Raise Faulted where a tool does not take what it is given."""
    tool = view.tools[digest]
    check, _ = view.contract(digest, tool.name)
    breaches = check(given)
    if breaches:
        title = f"the arguments break the schema of {tool.name}@{tool.version}"
        raise Faulted(validation_error(reference, title, breaches))
