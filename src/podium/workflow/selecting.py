"""`select.by` of `call: agent`: an agent is asked which agent is to do it, and that one does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from podium.facts.values import JSON
from podium.workflow.calls import asked_agent, call_agent
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.program import Detail, Do, Node, Undo


def dispatched(
    draft: Draft, arguments: Mapping[str, JSON], place: Place, scope: Scope, task: Mapping[str, JSON],
    undo: Undo | None,
) -> tuple[str, Detail]:  # fmt: skip
    """Kind and detail of a `call: agent` with `select.by`: whoever chooses, and then the call.

    Args:
        task: its definition.
        undo: what undoes the call.
    """
    select = arguments["select"]
    assert isinstance(select, dict)
    rest = {name: value for name, value in select.items() if name != "by"}
    call = asked_agent(draft, {**arguments, "select": rest}, place, scope)
    if call.agent:
        message = "`agent` says already which one it is; name a `capability`, or leave `select.by` out."
        draft.refuse("conflicting-fields", place / "agent", message)
    elif not call.capability:
        message = "`call: agent` needs `capability`, of which `select.by` is to choose an agent."
        draft.refuse("missing-field", place, message)
    chooser, own = draft.reserve(), draft.reserve()
    at = place / "select" / "by"
    asked = select["by"]
    given = {"capability": asked} if isinstance(asked, str) else asked
    known = draft.table(given, at, "`by`", ("capability", "agent"))
    by = call_agent(draft, known, at, scope)
    draft.nodes[chooser] = Node(
        chooser, "agent", "", at.reference, replace(by, chooses=own), definition=task, target=1
    )
    named = replace(call, chosen_by=by.agent or by.capability)
    reference = (place / "capability").reference
    draft.nodes[own] = Node(own, "agent", "", reference, named, definition=task, undo=undo, target=2)
    return "do", Do((chooser, own), {})
