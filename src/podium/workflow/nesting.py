"""`run: workflow`: another workflow as a task."""

from __future__ import annotations

from podium.facts.values import JSON
from podium.resources.troubles import shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.program import RunWorkflow

_RETURNS = ("stdout", "stderr", "code", "all", "none")


def nested(draft: Draft, value: JSON, place: Place, scope: Scope) -> RunWorkflow:
    """`run: {workflow: {namespace, name, version, input}, await, return}`"""
    given = draft.table(value, place, "`run`", ("workflow", "await", "return"))
    at = place / "workflow"
    asked = draft.table(
        given["workflow"], at, "`workflow`", ("namespace", "name", "version", "input"),
        required=("namespace", "name", "version"),
    )  # fmt: skip
    names = {field: _name(draft, asked, field, at) for field in ("namespace", "name", "version")}
    name = f"{names['namespace']}/{names['name']}"
    if names["version"] != "latest":
        name += f"@{names['version']}"
    if "input" in asked and not isinstance(asked["input"], dict):
        message = "`input` must be an object; without it the workflow gets the task's own input."
        draft.refuse("wrong-type", at / "input", message)
    return RunWorkflow(
        name,
        draft.template(asked["input"], at / "input", scope) if "input" in asked else None,
        draft.flag(given.get("await", True), place / "await", "`await`"),
        _gives_output(draft, given.get("return", "stdout"), place / "return"),
    )


def _name(draft: Draft, given: dict[str, JSON], field: str, place: Place) -> str:
    if field not in given:
        return ""
    name = draft.text(given[field], place / field, f"`{field}`")
    if given[field] == "" or "/" in name or "@" in name:
        draft.refuse("wrong-value", place / field, f"`{shown(name)}` is no {field} of a workflow.")
    return name


def _gives_output(draft: Draft, value: JSON, place: Place) -> bool:
    """Whether the task gives what the workflow gives, or nothing."""
    returned = draft.choice(value, place, "`return`", _RETURNS)
    if returned not in ("stdout", "none"):
        instead = "leave it out for the workflow's output, or write `none`"
        draft.unsupported(place, f"`return: {returned}` of a workflow", instead)
    return bool(returned != "none")
