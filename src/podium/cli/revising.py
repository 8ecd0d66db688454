"""`delete`, and `get` of one resource: its life."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.declaring import reason_given, tell_notices, told
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, say, show_json, show_line, show_rows

Given = Annotated[Options, Parameter(parse=False)]


Kind = Literal["agent", "tool", "policy", "schedule", "subscription", "workflow"]


def delete(
    kind: Kind, name: str, /, *, force: bool = False, reason: str = "",
    options: Given,
) -> int:  # fmt: skip
    """Delete an agent, tool, policy, schedule, subscription or workflow that nothing uses.

    Parameters
    ----------
    kind
        What it is.
    name
        Its name; with `@version` only that version goes.
    force
        Delete it even if something uses it.
    reason
        Why; it stays in the log.
    """
    from podium.sdk.client import RefusedError

    reason_given(force, reason)
    with hubs.asked(options.state) as client:
        try:
            gone = client.delete(kind, name, force=force, why=reason)
        except RefusedError as error:
            hint = "`--force --reason TEXT` deletes it all the same"
            raise Stop(Exit.REFUSED, told(error.problems) or str(error), hint) from None
    if options.format == "json":
        show_json(list(gone))
    elif options.format == "jsonl":
        for one in gone:
            show_line(one)
    else:
        for one in gone:
            print(one)
    tell_notices(gone.notices)
    say(f"{len(gone)} deleted; the log keeps what it was")
    return Exit.OK


def agent(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one agent, or what became of it.

    Parameters
    ----------
    name
        Of the agent.
    history
        List its revisions, newest first.
    """
    return _show("agent", name, history, options)


def tool(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one tool, or what became of it.

    Parameters
    ----------
    name
        Of the tool.
    history
        List its revisions, newest first.
    """
    return _show("tool", name, history, options)


def policy(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one policy, or what became of it.

    Parameters
    ----------
    name
        Of the policy.
    history
        List its revisions, newest first.
    """
    return _show("policy", name, history, options)


def schedule(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one schedule, or what became of it.

    Parameters
    ----------
    name
        Of the schedule.
    history
        List its revisions, newest first.
    """
    return _show("schedule", name, history, options)


def subscription(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one subscription, or what became of it.

    Parameters
    ----------
    name
        Of the subscription.
    history
        List its revisions, newest first.
    """
    return _show("subscription", name, history, options)


def workflow(name: str, /, *, history: bool = False, options: Given) -> int:
    """Show one workflow, or what became of it.

    Parameters
    ----------
    name
        Of the workflow.
    history
        List its revisions, newest first.
    """
    return _show("workflow", name, history, options)


def _show(kind: Kind, name: str, history: bool, options: Options) -> int:
    with hubs.looked_at(options.state) as client:
        found = client.history(name, kind)
    rows = found if history else [row for row in found if row["current"]]
    if not rows:
        message = f"{kind} {name} was deleted"
        raise Stop(Exit.NOT_FOUND, message, f"`podium get {kind} {name} --history` tells when")
    show_rows(rows, options.format or "table", _COLUMNS, "")
    return Exit.OK


def _remark(row: dict[str, Any]) -> str:
    words = ["current"] if row["current"] else []
    if row["forced"]:
        words.append(f"forced: {row['why']}")
    return ", ".join(words)


_COLUMNS = (
    ("revision", lambda row: row["revision"]),
    ("version", lambda row: row["version"]),
    ("digest", lambda row: row["digest"].removeprefix("sha256:")[:12]),
    ("when", lambda row: moment(row["at"])),
    ("by", lambda row: row["principal"]),
    ("what", lambda row: row["action"]),
    ("remark", _remark),
)
