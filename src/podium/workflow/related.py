"""What a tool says of others that are called for it: the one that undoes a call, the one that probes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from podium.facts.catalog import Related, ToolVersion
from podium.facts.values import Problem
from podium.workflow.compile import check_syntax
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.expressions import compile_template
from podium.workflow.program import Expression

_NO_VARIABLES = Scope(frozenset())


def related(tool: ToolVersion) -> Iterator[tuple[str, Related]]:
    """The tools that a tool names, with the fields that name them."""
    for field, other in (("undo", tool.undo), ("probe", tool.probe)):
        if other is not None:
            yield field, other


def arguments_of(other: Related) -> Expression | None:
    """What the other tool gets, made of what it is told; None for just that."""
    return None if other.args is None else compile_template(other.args)


def faults_of(
    tool: ToolVersion, syntax_check: Callable[[list[str]], list[str | None]] | None = None
) -> list[Problem]:
    """What is wrong with what a tool says of others.

    Args:
        syntax_check: as of `compile_workflow`.
    """
    draft = Draft()
    for field, other in related(tool):
        place = Place(f"/spec/{field}", "")
        if other.tool.partition("@")[0] == tool.name:
            draft.refuse("circular", place / "tool", f"`{tool.name}` cannot be called for itself.")
        if other.args is not None:
            draft.template(other.args, place / "args", _NO_VARIABLES)
    if syntax_check is not None and not draft.problems:
        check_syntax(draft, syntax_check)
    return draft.problems
