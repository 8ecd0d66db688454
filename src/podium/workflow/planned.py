"""Planned: a document that an agent made, compiled like any other, under the name of who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from podium.facts.identity import digest_of
from podium.facts.values import JSON, Problem
from podium.workflow.compile import compile_workflow
from podium.workflow.program import Do, Node, Program

SUFFIX = ".plan"
"""Behind a workflow's name, where a plan runs for it: no workflow that is declared can be called so."""

TASKS_MAX = 2_000
"""So many tasks are compiled of a plan, functions checked and unfolded, before it is taken for endless."""

_HEADER = ("dsl", "namespace", "name", "version", "title", "summary", "tags")


ERASED = Program("", "", "", "", {}, (Node(0, "do", "", "/do", Do((), {})),))
"""In place of a plan of which nothing is left."""


def as_document(answer: JSON, of: Program) -> tuple[dict[str, JSON], list[Problem]]:
    """The document of what a planner answered, under the name of the workflow that it is for.

    A planner writes `do` and what belongs to it. It cannot choose under whose name that runs: policies go by
    that. Nor may it say of the run what its caller must say, as `metadata` does.

    Args:
        answer: the document, or `{workflow: document}`.
        of: the workflow in which it was asked for.
    """
    document = answer.get("workflow", answer) if isinstance(answer, dict) else answer
    if not isinstance(document, dict) or "do" not in document:
        message = "This is no plan: give `{do: [tasks]}`, or that as `{workflow: {do: [tasks]}}`."
        return {}, [Problem("wrong-type", "", message)]
    header = document.get("document", {})
    if not isinstance(header, dict):
        return {}, [Problem("wrong-type", "/document", "`document` must be an object; a plan needs none.")]
    problems = [
        Problem("not-allowed", f"/document/{name}", "The `document` of a plan cannot say that.")
        for name in header
        if name not in _HEADER
    ]
    if "schedule" in document:
        problems.append(Problem("not-allowed", "/schedule", "A plan runs once, and when it is asked for."))
    named = {
        **header, "dsl": header.get("dsl", "1.0.3"), "namespace": of.namespace,
        "name": of.name.removesuffix(SUFFIX), "version": of.version,
    }  # fmt: skip
    return {**document, "document": named}, problems


def digest_of_plan(document: dict[str, JSON]) -> str:
    """The digest of a document that was planned; never that of one that is declared."""
    return digest_of({"plan": document})


def compile_plan(
    document: dict[str, JSON],
    digest: str,
    syntax_check: Callable[[list[str]], list[str | None]] | None = None,
) -> tuple[Program | None, list[Problem]]:
    """Compile a document as `as_document` makes it; the rest as of `compile_workflow`."""
    program, problems = compile_workflow(document, digest, syntax_check=syntax_check, tasks_max=TASKS_MAX)
    if program is None:
        return None, problems
    return replace(program, name=program.name + SUFFIX), []
