"""`call: plan`: an agent writes the tasks, within what its caller allows, and they run on their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.facts.values import JSON
from podium.resources.quantities import QuantityInvalid, parse_money
from podium.workflow.calls import askers, call_agent
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.plan_terms import Allowance, CallPlan, Limits
from podium.workflow.program import Detail, Do, Node, Undo

REACHES = {
    "capabilities": "agent", "agents": "agent", "tools": "tool", "workflows": "workflow", "hosts": "http",
}  # fmt: skip
"""What names the things that a plan may use, and by which kind of call it uses them."""
NAMELESS = ("human", "emit", "listen", "policy")
"""Calls for which a plan needs nothing but leave."""
CALLS = (*dict.fromkeys(REACHES.values()), *NAMELESS)
TASKS_MAX, DEPTH_MAX, STEPS_MAX = 500, 20, 1_000_000

_PLANNER = ("capability", "agent", "input", "select")


def proposed(
    draft: Draft, arguments: Mapping[str, JSON], place: Place, scope: Scope, task: Mapping[str, JSON],
    undo: Undo | None,
) -> tuple[str, Detail]:  # fmt: skip
    """Kind and detail of a `call: plan`: whoever plans, and then what is planned.

    Args:
        task: its definition.
    """
    given = draft.table(
        arguments, place, "`call: plan`", (*_PLANNER, "allow", "limits", "approval"), required=("allow",)
    )
    planner, own = draft.reserve(), draft.reserve()
    call = call_agent(draft, {name: given[name] for name in _PLANNER if name in given}, place, scope)
    at = place / ("agent" if call.agent else "capability")
    draft.nodes[planner] = Node(planner, "agent", "", at.reference, call, definition=task, target=1)
    detail = CallPlan(
        planner=call.agent or call.capability,
        asked=planner,
        allow=_allowance(draft, given.get("allow", {}), place / "allow"),
        limits=_limits(draft, given.get("limits", {}), place / "limits"),
        **_approval(draft, given, place / "approval"),
    )
    draft.nodes[own] = Node(own, "plan", "", (place / "plan").reference, detail, definition=task, target=2)
    return "do", Do((planner, own), {})


def _allowance(draft: Draft, value: JSON, place: Place) -> Allowance:
    given = draft.table(value, place, "`allow`", ("calls", *REACHES), required=("calls",))
    calls = {
        draft.choice(one, place / "calls" / number, "A call", CALLS)
        for number, one in enumerate(draft.sequence(given.get("calls", []), place / "calls", "`calls`"))
    }
    names = {field: _names(draft, given, field, place) for field in REACHES}
    for field, call in REACHES.items():
        if field in given and call not in calls:
            message = f"`{field}` are used by `{call}`, which `calls` does not name."
            draft.refuse("conflicting-fields", place / field, message)
    for call in sorted(calls & set(REACHES.values())):
        fields = [field for field, by in REACHES.items() if by == call]
        if not any(field in given for field in fields):
            needed = " or ".join(f"`{field}`" for field in fields)
            draft.refuse("missing-field", place, f"`calls` allows `{call}`; say of which {needed}.")
    return Allowance(frozenset(calls), **names)


def _names(draft: Draft, given: dict[str, JSON], field: str, place: Place) -> tuple[str, ...]:
    listed = draft.sequence(given.get(field, []), place / field, f"`{field}`")
    return tuple(draft.text(one, place / field / number, "A name") for number, one in enumerate(listed))


def _limits(draft: Draft, value: JSON, place: Place) -> Limits:
    given = draft.table(value, place, "`limits`", ("tasks", "depth", "steps", "money"))
    counts = {}
    for field, most in (("tasks", TASKS_MAX), ("depth", DEPTH_MAX), ("steps", STEPS_MAX)):
        if field in given:
            counts[field] = draft.count(given[field], place / field, f"`{field}`")
            if not 1 <= counts[field] <= most:
                draft.refuse("wrong-value", place / field, f"`{field}` must be from 1 to {most}.")
    if "money" not in given:
        return Limits(**counts)
    return Limits(money_nano=_money(draft, given["money"], place / "money"), **counts)


def _money(draft: Draft, value: JSON, place: Place) -> int:
    given = draft.table(value, place, "`money`", ("usd",), required=("usd",))
    try:
        return parse_money(given.get("usd", "0"))
    except QuantityInvalid as invalid:
        draft.refuse("wrong-value", place / "usd", str(invalid))
        return 0


def _approval(draft: Draft, given: Mapping[str, JSON], place: Place) -> dict[str, Any]:
    """Who is asked before a plan runs; nobody, if nobody is named."""
    if "approval" not in given:
        return {}
    fields = draft.table(given["approval"], place, "`approval`", ("tier", "roles", "quorum", "escalate"))
    if not fields.get("tier") and not fields.get("roles"):
        draft.refuse("missing-field", place, "`approval` needs a `tier`, or `roles`: somebody must be asked.")
    return askers(draft, fields, place)
