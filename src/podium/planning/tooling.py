"""Reviewing a tool: what it says of others that are called for it, to undo a call or to look into it."""

from __future__ import annotations

from collections.abc import Iterator

from podium.contracts.certainty import handed
from podium.contracts.fragments import Fragment, Library
from podium.facts.catalog import Related, ToolVersion
from podium.planning.declarations import Declarations
from podium.planning.expressions import Reader
from podium.planning.knowledge import Knowledge
from podium.planning.reviewing import Remark
from podium.workflow.related import arguments_of, faults_of, related

_TOLD = {"undo": ("input", "output"), "probe": ("input", "key")}
"""What each of the others is told of a call."""


def review_tool(tool: ToolVersion, resource: str, declared: Declarations) -> list[Remark]:
    """What breaks in one tool, or cannot be told.

    Args:
        resource: how to call it.
        declared: what is declared, the tool itself included.
    """
    faults = [Remark("breaks", p.rule, resource, p.path, p.message) for p in faults_of(tool)]
    if faults:
        return faults
    found: list[Remark] = []
    for field, other in related(tool):
        entry = declared.current("Tool", other.tool)
        if entry is None:
            message = f"no tool is named {other.tool}; declare it"
            found.append(Remark("breaks", "missing-tool", resource, f"/spec/{field}/tool", message))
        else:
            found += _handed(tool, field, other, declared.tools[entry.digest], resource)
    return found


def _handed(
    tool: ToolVersion, field: str, other: Related, taker: ToolVersion, resource: str
) -> Iterator[Remark]:
    """Whether the other tool takes what it would get."""
    if taker.args is None:
        return
    library = Library()
    knowledge = Knowledge(library)
    known: dict[str, Fragment] = {
        "input": library.embed(tool.args), "output": library.embed(tool.result), "key": {"type": "string"},
    }  # fmt: skip
    told = knowledge.object_of({name: known[name] for name in _TOLD[field]})
    expression = arguments_of(other)
    given = told if expression is None else Reader(knowledge).value(expression.source, told, {})
    verdict = handed(library, given, library.embed(taker.args))
    path = f"/spec/{field}/args" if other.args is not None else f"/spec/{field}"
    name = f"{taker.name}@{taker.version}"
    for finding in verdict.findings if verdict.verdict == "breaks" else ():
        where = f"at {finding.path}: " if finding.path else ""
        message = f"what comes does not suit {name}: {where}{finding.message}"
        yield Remark(
            "breaks", "handoff", resource, path, message, finding.path, finding.keyword, finding.witness
        )
    if verdict.verdict == "unknown":
        first = verdict.findings[0]
        message = f"whether what comes suits {name} could not be shown"
        yield Remark("unknown", "handoff", resource, path, message, first.path, first.keyword)
