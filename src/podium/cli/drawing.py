"""`graph`: a picture of a workflow, or of how far a run is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import colours, say

if TYPE_CHECKING:
    from podium.pictures.outline import Line
    from podium.pictures.progress import Progress
    from podium.pictures.sketch import Sketch

Given = Annotated[Options, Parameter(parse=False)]
Form = Literal["lines", "svg", "mermaid"]

_COLOURS = {
    "running": "36", "queued": "34", "waiting": "33", "retrying": "33", "in doubt": "35",
    "done": "32", "failed": "31", "skipped": "2", "stopped": "2",
}  # fmt: skip
_ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid"}


def graph(
    target: str, /, *, form: Form | None = None, to: Path | None = None,
    workflow: str = "", full: bool = False, options: Given,
) -> int:  # fmt: skip
    """Draw a workflow, or a run with how each of its tasks does.

    Parameters
    ----------
    target
        Id of a run, name of a workflow, or a file or folder that declares one.
    form
        `lines` for the terminal, `svg` for a picture, `mermaid` for pages that draw it themselves.
    to
        The file to write; its ending says the form, unless `--form` does.
    workflow
        Which workflow, where the file or folder declares several.
    full
        Show every task; else the inner ones of more than 60 are hidden.
    """
    from podium.pictures.folding import folded

    form = form or _form(to)
    drawn, states, status = _found(target, workflow, options)
    if not full:
        drawn = replace(drawn, steps=folded(drawn.steps, states))
    text = _drawn(drawn, states, status, form, sys.stdout if to is None else None)
    if to is None:
        sys.stdout.write(text)
        return Exit.OK
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{to} cannot be written: {error.strerror}") from error
    say(f"drew {drawn.title} into {to}")
    return Exit.OK


def _form(to: Path | None) -> Form:
    if to is None:
        return "lines"
    found = _ENDINGS.get(to.suffix.lower(), "lines")
    return "svg" if found == "svg" else "mermaid" if found == "mermaid" else "lines"


# --- what to draw -----------------------------------------------------------------------------


def _found(target: str, workflow: str, options: Options) -> tuple[Sketch, dict[str, Progress], str]:
    """The workflow, how each task of it does, and how the run does. Raises Stop."""
    from podium.cli.running import declared, workflow_of
    from podium.pictures.sketch import sketch

    documents = declared(target)
    if documents is not None:
        digest = workflow_of(documents, workflow, target)
        spec = next(document.spec for document in documents if document.digest == digest)
        return sketch(spec["document"]), {}, ""
    with hubs.looked_at(options.state) as client:
        return _known(client, target)


def _known(client: Any, target: str) -> tuple[Sketch, dict[str, Progress], str]:
    from podium.pictures.progress import progress
    from podium.pictures.sketch import sketch
    from podium.sdk.client import NotFoundError

    try:
        of = client.describe("workflow", target)
        return sketch(of["document"]), {}, ""
    except NotFoundError:
        pass
    try:
        run = client.describe("run", target)
    except NotFoundError:
        message = f"there is neither a run nor a workflow {target}"
        hint = "`podium get runs` and `podium get workflows` list them"
        raise Stop(Exit.NOT_FOUND, message, hint) from None
    try:
        of = client.describe("workflow", run["digest"])
    except NotFoundError:
        of = client.evidence(run["id"])["workflow"]  # it was planned, not declared
    return sketch(of["document"]), progress(client.events(run["id"])), str(run["status"])


# --- drawing it -------------------------------------------------------------------------------


def _drawn(drawn: Sketch, states: dict[str, Progress], status: str, form: Form, stream: Any) -> str:
    if form == "svg":
        from podium.pictures.svg import svg

        return svg(drawn, states, status)
    if form == "mermaid":
        from podium.pictures.mermaid import mermaid

        return mermaid(drawn, states)
    from podium.pictures.outline import outline

    lines = outline(drawn, states)
    widest = max((len(line.tree) + len(line.name) for line in lines), default=0)
    is_coloured = stream is not None and colours(stream)
    title = f"{drawn.title}  {status}".rstrip()
    return "\n".join([title, *(_line(line, widest, is_coloured) for line in lines)]) + "\n"


def _line(line: Line, widest: int, is_coloured: bool) -> str:
    told = line.status + (f" ×{line.times}" if line.times > 1 else "")
    name = (line.tree + line.name).ljust(widest)
    if is_coloured and line.status:
        told = f"\x1b[{_COLOURS[line.status]}m{told}\x1b[0m"
    return "  ".join(part for part in (name, line.about, told) if part).rstrip()
