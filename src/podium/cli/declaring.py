"""`apply`, `validate` and `schema`: what is declared in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import plural, say, show_json, show_line, show_one

if TYPE_CHECKING:
    from podium.facts.values import Problem
    from podium.resources.manifest import Document
    from podium.sdk.client import Applied, Client

Given = Annotated[Options, Parameter(parse=False)]

_PROBLEMS_SHOWN_MAX = 50
_PATH_SHOWN_MAX = 200
_NOT_OF_DOCUMENTS = ("storage-full", "hub-stopped", "missing-reason")


def apply(
    *paths: Path, prune: bool = False, force: bool = False, reason: str = "", options: Given
) -> int:  # fmt: skip
    """Declare agents, tools, policies and workflows.

    Parameters
    ----------
    paths
        Manifests, Python files with decorated functions, or folders of them.
    prune
        Take them for everything there is: delete whatever is declared beside them.
    force
        Declare them even if that breaks something.
    reason
        Why; it stays in the log.
    """
    reason_given(force, reason)
    documents = load(named(paths))
    with hubs.asked(options.state, begins=True) as client:
        changed = apply_to(client, documents, prune=prune, force=force, why=reason)
    rows = [
        {"kind": d.kind, "name": d.name, "version": d.version, "changed": label(d) in changed}
        for d in documents
    ]
    _show(rows, options)
    tell_notices(changed.notices)
    gone = len(set(changed) - {label(document) for document in documents})
    deleted = f", {gone} deleted" if gone else ""
    say(f"{plural(len(documents), 'resource')}, {len(changed) - gone} changed{deleted}")
    return Exit.OK


def validate(*paths: Path, options: Given) -> int:
    """Check agents, tools, policies and workflows without declaring them.

    Parameters
    ----------
    paths
        Manifests, Python files with decorated functions, or folders of them.
    """
    documents = load(named(paths))
    _show(
        [{"kind": d.kind, "name": d.name, "version": d.version, "digest": d.digest} for d in documents],
        options,
    )
    say(f"{plural(len(documents), 'resource')}, no problems")
    return Exit.OK


def schema(
    kind: Literal["agent", "tool", "policy", "schedule", "subscription", "workflow"] = "agent", /, *,
    options: Given,
) -> int:  # fmt: skip
    """Print the JSON Schema of a kind of manifest.

    Parameters
    ----------
    kind
        Of agents, tools or policies, or of workflow documents as far as Podium runs them.
    """
    if kind == "workflow":
        from podium.resources.workflow_schema import workflow_schema

        found = workflow_schema()
    else:
        from podium.resources.known import KINDS

        found = KINDS[kind.capitalize()].model_json_schema(by_alias=True)
    show_one(found, options.format or "json")
    return Exit.OK


# --- loading ----------------------------------------------------------------------------------


def load(paths: Sequence[Path]) -> list[Document]:
    """Everything that the paths declare, checked. Raises Stop with every problem at its place."""
    from podium.sdk.manifests import load as read

    loaded = read(paths)
    documents = list(loaded.documents)
    problems = [*loaded.problems, *_compile_problems(documents)]
    if problems:
        missing = all(problem.rule == "file" for problem in problems) and not any(map(Path.exists, paths))
        raise Stop(Exit.NOT_FOUND if missing else Exit.USAGE, told(problems))
    if not documents:
        raise Stop(Exit.USAGE, f"{', '.join(map(str, paths))}: nothing is declared there")
    return documents


def apply_to(
    client: Client, documents: Iterable[Document], *, prune: bool = False, force: bool = False, why: str = ""
) -> Applied:
    """Declare documents; gives the names of what changed. Raises Stop, with the places of what is refused."""
    from podium.facts.catalog import Declared
    from podium.sdk.client import PodiumError, RefusedError

    documents = list(documents)
    declared = [Declared(d.kind, d.name, d.version, d.digest, d.spec) for d in documents]
    try:
        return client.apply(declared, prune=prune, force=force, why=why)
    except PodiumError as error:
        by_label = {label(document): document for document in documents}
        if len(documents) == 1:
            by_label[""] = documents[0]
        problems = [
            placed(problem, by_label[problem.resource]) if problem.resource in by_label else problem
            for problem in error.problems
        ]
        if not problems or all(problem.rule in _NOT_OF_DOCUMENTS for problem in problems):
            raise
        if isinstance(error, RefusedError):
            hint = "`podium plan` shows what would change; `--force --reason TEXT` applies it all the same"
            raise Stop(Exit.REFUSED, told(problems), hint) from None
        error.args = (told(problems),)
        raise


def reason_given(force: bool, reason: str) -> None:
    """Raises Stop where one of `--force` and `--reason` goes without the other."""
    if force and not reason.strip():
        raise Stop(
            Exit.USAGE, "`--force` needs a reason: it stays in the log", "say why with `--reason TEXT`"
        )
    if reason and not force:
        raise Stop(Exit.USAGE, "`--reason` says why something is forced, but nothing is", "add `--force`")


def tell_notices(notices: Iterable[str]) -> None:
    """Say what is worth knowing, on stderr."""
    for notice in notices:
        say(f"note: {notice}")


def _compile_problems(documents: Iterable[Document]) -> list[Problem]:
    """What is wrong with workflows, tools and policies, expressions included."""
    import msgspec

    from podium.facts.catalog import ToolVersion
    from podium.workflow.compile import compile_workflow
    from podium.workflow.related import faults_of

    found = []
    for document in documents:
        if document.kind == "Tool":
            faults = faults_of(msgspec.convert(document.spec, ToolVersion), _check_syntax)
            found += [placed(problem, document) for problem in faults]
        if document.kind == "Policy":
            found += [placed(problem, document) for problem in _policy_problems(document)]
        if document.kind == "Workflow":
            _, problems = compile_workflow(
                document.spec["document"], document.digest, syntax_check=_check_syntax
            )
            found += [placed(problem, document) for problem in problems]
    return found


def _policy_problems(document: Document) -> list[Problem]:
    import msgspec

    from podium.facts.policy_version import PolicyVersion
    from podium.policy.rehearsing import unsound

    return unsound(msgspec.convert(document.spec, PolicyVersion), document.digest)


def _check_syntax(programs: list[str]) -> list[str | None]:
    from podium.runtime.evaluator import Evaluator

    evaluator = Evaluator(lambda _: None)
    try:
        return evaluator.check_syntax(programs)
    finally:
        evaluator.close()


def placed(problem: Problem, document: Document) -> Problem:
    """A problem with its place in the document's file."""
    import msgspec

    if problem.file:
        return problem
    line, column = document.place(problem.path)
    return msgspec.structs.replace(problem, file=document.file, line=line, column=column)


# --- telling ----------------------------------------------------------------------------------


def told(problems: Sequence[Problem]) -> str:
    """Problems as lines: `file:line:column: message (rule, path)`; what has no place is named."""
    from podium.resources.troubles import shown

    lines = []
    for problem in problems[:_PROBLEMS_SHOWN_MAX]:
        place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part)
        place = place or problem.resource
        what = ", ".join(filter(None, (problem.rule, shown(problem.path, _PATH_SHOWN_MAX))))
        lines.append(f"{place}: {problem.message} ({what})" if place else f"{problem.message} ({what})")
    if len(problems) > _PROBLEMS_SHOWN_MAX:
        lines.append(f"and {len(problems) - _PROBLEMS_SHOWN_MAX} more problems")
    return "\n".join(lines)


def named(paths: Sequence[Path]) -> Sequence[Path]:
    """The paths of a command line. Raises Stop where there are none."""
    if not paths:
        raise Stop(Exit.USAGE, "no file is named", "give the files or folders that hold the manifests")
    return paths


def label(document: Document) -> str:
    """A document's resource as the hub calls it."""
    return f"{document.kind}/{document.name}@{document.version}"


def _show(rows: list[dict[str, Any]], options: Options) -> None:
    if options.format == "json":
        show_json(rows)
    elif options.format == "jsonl":
        for row in rows:
            show_line(row)
    else:
        for row in rows:
            mark = "" if row.get("changed", True) else " (unchanged)"
            print(f"{row['kind']}/{row['name']}@{row['version']}{mark}")
