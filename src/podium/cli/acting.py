"""`answer`, `send`, `cancel`, `suspend`, `resume` and `resolve`: stepping in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say, show_one

Given = Annotated[Options, Parameter(parse=False)]


def answer(
    run: str, /, *, task: str = "", decision: str = "approve", data: str = "", why: str = "", options: Given
) -> int:
    """Answer a question that a run asks a person.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    task
        The task that asks, where several do: its name or reference.
    decision
        One of the decisions that the question allows.
    data
        What its form asks for: JSON, or `@file.json`.
    why
        For the audit.
    """
    given = values.document(data) if data else None
    with hubs.asked(options.state) as client:
        detail = client.answer(run, task=task, decision=decision, data=given, why=why)
    return _done(options, detail)


def send(
    run: str = "", /, *, type: str, data: str = "", source: str = "podium:cli", id: str = "", options: Given
) -> int:
    """Send an event to a run, or to every run that listens.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it; without it every run that listens for such an event gets it.
    type
        The event's type.
    data
        Its data: JSON, or `@file.json`.
    source
        Where it comes from.
    id
        Its id; a run takes an event of the same source and id once.
    """
    from uuid import uuid4

    event: dict[str, Any] = {"specversion": "1.0", "id": id or str(uuid4()), "source": source, "type": type}
    if data:
        event.update(datacontenttype="application/json", data=values.document(data))
    with hubs.asked(options.state) as client:
        detail = client.send(event, run)
    return _done(options, detail or "sent")


def cancel(run: str, /, *, why: str = "", options: Given) -> int:
    """End a run now.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    why
        For the audit.
    """
    with hubs.asked(options.state) as client:
        detail = client.cancel(run, why)
    return _done(options, detail)


def suspend(
    run: str = "", /, *, agent: str = "", all: bool = False, cancel: bool = False, why: str = "",
    options: Given,
) -> int:  # fmt: skip
    """Start nothing more in a run, at an agent, or at all.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    agent
        Rather this agent or tool, `name` or `name@version`, in whatever run.
    all
        Rather everything: nothing more is handed to agents and tools until `podium resume --all`.
    cancel
        Of an agent, or of everything: stop what is under way, too.
    why
        For the audit, and for those who wait.
    """
    target = _target(run, agent, all)
    if run and cancel:
        raise Stop(Exit.USAGE, "`--cancel` is of an agent, or of everything", "`podium cancel` ends a run")
    with hubs.asked(options.state, begins=all) as client:
        detail = client.suspend(run, why) if run else client.suspend_work(target, cancel=cancel, why=why)
    return _done(options, detail)


def resume(
    run: str = "", /, *, agent: str = "", all: bool = False, why: str = "", options: Given
) -> int:  # fmt: skip
    """Let a run, an agent, or everything go on that was suspended.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    agent
        Rather this agent or tool, as it was named when it was suspended.
    all
        Rather everything that `podium suspend --all` holds. Runs and agents that were suspended stay so.
    why
        For the audit.
    """
    target = _target(run, agent, all)
    with hubs.asked(options.state) as client:
        detail = client.resume(run, why) if run else client.resume_work(target, why=why)
    return _done(options, detail)


def _target(run: str, agent: str, everything: bool) -> str:
    """The agent that is meant; "" for everything. Raises Stop where it is not clear what is."""
    if (run != "") + (agent != "") + everything != 1:
        raise Stop(Exit.USAGE, "name one thing", "a run, or `--agent NAME`, or `--all`")
    return agent


def resolve(
    run: str, /, *, verdict: Literal["succeeded", "failed", "retry"], effect: int = 0, output: str = "",
    why: str = "", options: Given,
) -> int:  # fmt: skip
    """Say what became of an effect in doubt.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    verdict
        It was performed (`succeeded`, with its output), it was and failed, or it was not: do it (`retry`).
    effect
        Its number, where several are in doubt.
    output
        What it gave: JSON, or `@file.json`.
    why
        For the audit.
    """
    given = values.document(output) if output else None
    with hubs.asked(options.state) as client:
        detail = client.resolve(run, verdict, effect=effect, output=given, why=why)
    return _done(options, detail)


def _done(options: Options, detail: str) -> int:
    if options.format in ("json", "jsonl"):
        show_one({"detail": detail}, options.format)
    else:
        say(detail)
    return Exit.OK
