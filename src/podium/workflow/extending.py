"""`use.extensions`: tasks that are woven in before and after others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from podium.facts.values import JSON
from podium.workflow.draft import TASK_ARGUMENTS, Draft, Place, Scope
from podium.workflow.program import Expression, Extended, Node
from podium.workflow.targets import AFTER_OVER, BEFORE_OVER

ALL = "all"
TARGETS = ("call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", ALL)
_COMPOSITE = frozenset({"do", "fork"})

Body = Callable[[JSON, Place], int]
"""Compiles a list of tasks into a node."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What is done before and after each task of a kind, where it stands in the document, and when.

    Attributes:
        target: one of `TARGETS`.
    """

    name: str
    path: str
    target: str
    when: Expression | None
    before: JSON
    after: JSON

    def extends(self, kind: str) -> bool:
        """Whether it is for tasks of this kind, by the member that tells it."""
        return self.target in (ALL, "composite" if kind in _COMPOSITE else kind)


def extensions(draft: Draft, value: JSON, place: Place) -> tuple[Extension, ...]:
    """What `use.extensions` holds, in its order."""
    found: list[Extension] = []
    for number, item in enumerate(draft.sequence(value, place, "`use.extensions`")):
        at = place / number
        if not isinstance(item, dict) or len(item) != 1:
            message = (
                "Each item of `use.extensions` is an object of one member: the extension under its name."
            )
            draft.refuse("wrong-type", at, message)
            continue
        name, definition = next(iter(item.items()))
        at = at / name
        if not name or any(name == other.name for other in found):
            draft.refuse("duplicate-name", at, "Each extension needs a name of its own.")
        extension = _extension(draft, name, definition, at)
        if extension is not None:
            found.append(extension)
    return tuple(found)


def _extension(draft: Draft, name: str, value: JSON, place: Place) -> Extension | None:
    given = draft.table(
        value, place, "An extension", ("extend", "when", "before", "after"), required=("extend",)
    )
    if "extend" not in given:
        return None
    when = None
    if "when" in given:
        when = draft.expression(given["when"], place / "when", "`when`", Scope(TASK_ARGUMENTS))
    return Extension(
        name=name,
        path=place.path,
        target=draft.choice(given["extend"], place / "extend", "`extend`", TARGETS),
        when=when,
        before=_tasks(draft, given, "before", place),
        after=_tasks(draft, given, "after", place),
    )


def _tasks(draft: Draft, given: dict[str, JSON], field: str, place: Place) -> JSON:
    return draft.sequence(given[field], place / field, f"`{field}`") if field in given else None


def woven(
    draft: Draft, index: int, extension: Extension, node: Node, outermost: int, body: Body
) -> Node:  # fmt: skip
    """Put an extension around a task.

    Args:
        index: the place of what is made.
        node: the task, which has its place already; what is said of its data is moved to what is made.
        outermost: the place of what stands around all its extensions: the task as the others know it.
        body: compiles a list of tasks.
    """
    draft.nodes[node.index] = replace(
        node, condition=None, input_schema=None, input_from=None, output_as=None, output_schema=None,
        export_as=None, export_schema=None, extends=outermost,
    )  # fmt: skip
    at = Place(extension.path, (Place("", f"{node.reference}/extensions") / extension.name).reference)
    made = Extended(
        when=extension.when,
        before=_scope(draft, extension.before, at / "before", "before", BEFORE_OVER, outermost, body),
        task=node.index,
        after=_scope(draft, extension.after, at / "after", "do", AFTER_OVER, outermost, body),
    )
    return replace(node, index=index, kind="extended", detail=made, timeout=None, undo=None)


def _scope(
    draft: Draft, tasks: JSON, place: Place, kind: str, target: int, outermost: int, body: Body
) -> int:  # fmt: skip
    """The node of a list of tasks; 0 where there is none."""
    if tasks is None:
        return 0
    first = len(draft.nodes)
    index = body(tasks, place)
    for at in range(first, len(draft.nodes)):
        inner = draft.nodes[at]
        if inner is not None:
            draft.nodes[at] = replace(inner, extends=outermost)
    scope = draft.nodes[index]
    if scope is not None:
        draft.nodes[index] = replace(scope, kind=kind, target=target)
    return index
