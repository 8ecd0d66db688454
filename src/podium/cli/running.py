"""`run` and `follow`: find out what to run, start it, and watch it or leave it to the background."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say, short
from podium.cli.watching import Watch, show

if TYPE_CHECKING:
    from podium.resources.manifest import Document

Given = Annotated[Options, Parameter(parse=False)]

_PATH_ENDINGS = (".yaml", ".yml", ".json", ".py")


def run(
    target: str,
    /,
    *,
    input: Annotated[tuple[str, ...], Parameter(name=("--input", "-i"))] = (),
    key: str = "",
    label: tuple[str, ...] = (),
    subject: str = "",
    priority: Literal["high", "normal", "low"] | None = None,
    workflow: str = "",
    detach: bool = False,
    resume: bool = False,
    timeout: float | None = None,
    options: Given,
) -> int:
    """Run a workflow and show its output.

    Parameters
    ----------
    target
        A file or folder that declares the workflow and its agents, or the name of an applied workflow.
    input
        `key=value` (JSON or text; `a.b=1` goes one further in, `key=@file` reads a file), or `@file.json`.
    key
        Idempotency key: the same key with the same workflow and input is the same run.
    label
        `key=value`, for finding the run again.
    subject
        Whom the run is about: all that is kept of it is sealed, and `podium erase` makes it unreadable.
    priority
        What waits for a slot is taken in this order. Unless it is given the workflow says it.
    workflow
        Which one, where the target declares several.
    detach
        Leave the run to a hub in the background and print its id.
    resume
        If an unfinished run of this workflow has this input, go on with it instead of starting another.
    timeout
        Seconds to wait for the end; the run goes on afterwards in the background.
    """
    from podium.sdk.client import NotFoundError

    wait_s = values.seconds(timeout, "--timeout")
    given, labels = values.inputs(input), values.pairs(label, "the label")
    documents = declared(target)
    name = workflow_of(documents, workflow, target) if documents is not None else workflow or target
    if documents is None and hubs.is_new(options.state):
        message = f"no workflow is named {values.quoted(name)}: nothing was applied at {options.state} yet"
        raise Stop(Exit.NOT_FOUND, message, _unknown(target))
    unfinished = _unfinished(options.state, name, given) if resume else ""
    attached = hubs.attach_background(options.state) if detach else hubs.attach(options.state)
    watch = Watch(options, attached)
    if unfinished:
        say(f"run {short(unfinished)} goes on")
    try:
        run_id = unfinished or watch.submit(documents, name, given, key, labels, subject, priority or "")
    except NotFoundError as error:
        raise Stop(Exit.NOT_FOUND, str(error), "" if documents is not None else _unknown(name)) from None
    return watch.leave(run_id) if detach else watch.watch(run_id, wait_s)


def follow(run: str, /, *, timeout: float | None = None, options: Given) -> int:
    """Watch a run to its end and show its output, as `run` does.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    timeout
        Seconds to wait for the end.
    """
    wait_s = values.seconds(timeout, "--timeout")
    attached = hubs.find(options.state)
    if attached is None:
        with hubs.looked_at(options.state) as client:
            found = client.get_run(run)
        if found.ended:
            return show(found, options)
        attached = hubs.attach(options.state)
    return Watch(options, attached).watch(run, wait_s)


# --- what to run ------------------------------------------------------------------------------


def declared(target: str) -> list[Document] | None:
    """What the target declares; None if it is a name. Raises Stop."""
    path = Path(target)
    is_path = target.endswith(_PATH_ENDINGS) or target.startswith((".", "/", "~"))
    try:
        if path.is_dir() or (path.exists() and (is_path or os.sep in target)):
            from podium.cli.declaring import load

            return load([path])
        leads_nowhere = path.is_symlink() and not path.exists()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{values.quoted(target)} cannot be looked at: {error.strerror}") from None
    if leads_nowhere:
        raise Stop(Exit.NOT_FOUND, f"{target} is a link that leads nowhere")
    if is_path:
        raise Stop(Exit.NOT_FOUND, f"there is no file or folder {target}")
    return None


def _unknown(target: str) -> str:
    """What else a name that means nothing may have been meant for."""
    if Path(target).is_file():
        return f"the file {target} is no manifest by its name; known endings: {', '.join(_PATH_ENDINGS)}"
    return "nor is there a file or folder of that name"


def workflow_of(documents: list[Document], wanted: str, target: str) -> str:
    """The digest of the workflow to run. Raises Stop."""
    workflows = [document for document in documents if document.kind == "Workflow"]
    if wanted:
        workflows = [
            document
            for document in workflows
            if wanted
            in (document.name, document.name.rpartition("/")[2], f"{document.name}@{document.version}")
        ]
    if len(workflows) == 1:
        return workflows[0].digest
    if wanted:
        raise Stop(Exit.NOT_FOUND, f"{target} declares no workflow {wanted}")
    if not workflows:
        raise Stop(
            Exit.USAGE, f"{target} declares no workflow", "give a file that has `document:` at its top"
        )
    names = ", ".join(sorted(document.name for document in workflows))
    raise Stop(Exit.USAGE, f"{target} declares several workflows: {names}", "choose one with --workflow")


def _unfinished(state: Path, workflow: str, input: Any) -> str:
    """The newest unfinished run of a workflow with an input; "" if there is none.

    Found before a hub takes over: it might finish the run before anybody asked.
    """
    if hubs.is_new(state):
        return ""
    with hubs.looked_at(state) as client:
        found = client.unfinished(workflow, input)
    return str(found[0]["id"]) if found else ""
