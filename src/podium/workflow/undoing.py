"""`with.compensate` and `call: compensate`: what undoes a call, and when that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.expressions import compile_template
from podium.workflow.program import CallHuman, CallTool, Compensate, Do, Node, Switch, Try, Undo

UNDOABLE = frozenset({"agent", "tool", "http", "openapi"})
"""Calls that may say what undoes them."""

WHOLE = "workflow"
"""As the scope of a `compensate`: all that the run has done."""

DECISIONS = ("retry", "done")
"""What a person may say of an undo that failed."""


def undo(
    draft: Draft, value: JSON, place: Place, scope: Scope, part: Callable[[JSON, Place], int]
) -> Undo | None:
    """`compensate: {function, input?}`; `part` compiles the function."""
    given = draft.table(value, place, "`compensate`", ("function", "input"), required=("function",))
    expression = draft.template(given["input"], place / "input", scope) if "input" in given else None
    if "function" not in given:
        return None
    first = len(draft.nodes)
    index = part(given["function"], place / "function")
    _refuse_ways_back(draft, draft.nodes[first:], place / "function")
    return Undo(index, expression)


def _refuse_ways_back(draft: Draft, nodes: Iterable[Node | None], place: Place) -> None:
    """What is done twice would be told by one and the same idempotency key."""
    by_index = {node.index: node for node in nodes if node is not None}
    for node in by_index.values():
        if not isinstance(node.detail, Do):
            continue
        for own, child in enumerate(node.detail.children):
            task = by_index.get(child)
            if task is not None and any(0 <= target <= own for target in _targets(task)):
                message = f"An undo goes forward only, but `{shown(task.name)}` leads back; use `for`."
                draft.refuse("wrong-value", place, message)
                return


def _targets(node: Node) -> list[int]:
    targets = [node.target]
    if isinstance(node.detail, Switch):
        targets += [case.target for case in node.detail.cases]
    if isinstance(node.detail, Try) and node.detail.catch.target is not None:
        targets.append(node.detail.catch.target)
    return targets


def undoing(draft: Draft) -> int:
    """The node of the call that undoes what a tool has done, by what the tool itself declares; 0 for none.

    With the one that undoes what an agent had done in vain it comes last, so that the numbers of the others
    are as they would be without them.
    """
    kinds = {node.kind for node in draft.nodes if node is not None}
    if not kinds & {"agent", "tool"}:
        return 0
    index = draft.reserve()
    draft.nodes[index] = Node(index, "tool", "", "/undo", CallTool(""))
    place = Place("/unclaimed", "/unclaimed")
    left = draft.reserve()
    detail = Compensate(WHOLE, None, _escalation(draft, place))
    draft.nodes[left] = Node(left, "compensate", "", place.reference, detail)
    return index


def call_compensate(
    draft: Draft, arguments: JSON, place: Place, scope: Scope, tries: Sequence[str]
) -> Compensate:
    """The arguments of `call: compensate`. `tries` are the names of the `try` tasks around it."""
    given = draft.table(arguments, place, "`call: compensate`", ("scope", "reason"))
    named = draft.text(given.get("scope", ""), place / "scope", "`scope`")
    if "scope" in given and named != WHOLE and named not in tries:
        hint = did_you_mean(named, (WHOLE, *tries))
        message = (
            f"`scope` must be `{WHOLE}` or the name of a `try` around this task, not `{shown(named)}`.{hint}"
        )
        draft.refuse("unknown-name", place / "scope", message)
    reason = None
    if "reason" in given:
        if not isinstance(given["reason"], str):
            draft.refuse("wrong-type", place / "reason", "`reason` must be a text.")
        reason = draft.template(given["reason"], place / "reason", scope)
    return Compensate(named, reason, _escalation(draft, place))


def _escalation(draft: Draft, place: Place) -> int:
    """The node of the request to a person, for when an undo fails."""
    index = draft.reserve()
    asks = CallHuman(compile_template({"title": "An undo failed"}), DECISIONS)
    draft.nodes[index] = Node(index, "human", "", f"{place.reference}/escalation", asks)
    return index
