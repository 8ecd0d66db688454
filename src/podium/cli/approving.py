"""`approvals`, `approve`, `deny`, `approval …`, `override`, `whoami`: what waits for people; their word."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, say, short, show_json, show_one, show_rows, span

if TYPE_CHECKING:
    from podium.sdk.client import Client

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def approvals(run: str = "", /, *, options: Given) -> int:
    """List what waits for people: actions that policy holds back, and questions.

    Parameters
    ----------
    run
        Only those of this run: its id, or the beginning of it.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.approvals(run)
    now = time.time_ns() // 1_000_000
    columns = (
        ("id", _id),
        ("task", lambda row: row["task"].rpartition("/")[2]),
        ("does", lambda row: row["target"] if row["kind"] == "approval" else "asks"),
        ("who", _who),
        ("since", lambda row: span(now - row["since"])),
        ("until", lambda row: moment(row["deadline_at"])),
        ("why", lambda row: row["message"] or ", ".join(row["rules"])),
    )
    show_rows(rows, options.format or "table", columns, "nothing waits for people")
    return Exit.OK


def approve(id: str, /, *, reason: str = "", action: str = "", options: Given) -> int:
    """Say yes to an action that waits for people.

    It is done once, exactly as it is shown.

    Parameters
    ----------
    id
        As `podium approvals` shows it; the run's id alone where only one action of it waits.
    reason
        For the audit.
    action
        Digest of the action that you saw: if it is another one by now, nothing is approved.
    """
    return _decide(id, "approve", reason, action, options)


def deny(id: str, /, *, reason: str = "", action: str = "", options: Given) -> int:
    """Say no to an action that waits for people.

    Parameters
    ----------
    id
        As `podium approvals` shows it; the run's id alone where only one action of it waits.
    reason
        For the audit, and for whoever asked.
    action
        Digest of the action that you saw.
    """
    return _decide(id, "deny", reason, action, options)


def show(id: str, /, *, options: Given) -> int:
    """Show all that is known of something that waits for people.

    Parameters
    ----------
    id
        As `podium approvals` shows it.
    """
    with hubs.looked_at(options.state) as client:
        found = _found(client, id)
    if options.format in ("json", "jsonl"):
        show_one(found, options.format)
    else:
        _tell(found)
        show_json(found["input"])
    return Exit.OK


def delegate(id: str, /, *, to: str, reason: str = "", options: Given) -> int:
    """Let another person decide, too.

    Parameters
    ----------
    id
        As `podium approvals` shows it.
    to
        Name of a user of this machine.
    reason
        For the audit.
    """
    person = to if ":" in to else f"user:{to}"
    with hubs.asked(options.state) as client:
        found = _found(client, id)
        detail = client.delegate(found["run_id"], found["effect"], found["action"], to=person, why=reason)
    return _done(options, detail)


def edit(id: str, /, *, input: str, reason: str = "", options: Given) -> int:
    """Make another action of one that waits; it is decided afresh.

    Parameters
    ----------
    id
        As `podium approvals` shows it.
    input
        What its performer gets instead: JSON, or `@file.json`. `podium approval show` prints what it is now.
    reason
        For the audit.
    """
    given = values.document(input)
    with hubs.asked(options.state) as client:
        found = _found(client, id)
        detail = client.edit(found["run_id"], found["effect"], found["action"], input=given, why=reason)
    return _done(options, detail)


def override(id: str, /, *, reason: str, minutes: int = 30, options: Given) -> int:
    """Break the glass: let one action through once, whatever policy says of it.

    Parameters
    ----------
    id
        Run and effect, `3f2a/4`: one that policy holds back or denied.
    reason
        Why; it stays in the log, and stands out.
    minutes
        How long the override holds, if it is not used at once.
    """
    with hubs.asked(options.state) as client:
        run, effect = _parts(id)
        held = client.held_back(run)
        named = [one for one in held if effect in (0, one["effect"])]
        if len(named) != 1:
            listed = ", ".join(f"{short(one['run_id'])}/{one['effect']}" for one in held) or "nothing"
            raise Stop(Exit.USAGE, f"policy holds back or denied in that run: {listed}", "name one of these")
        found = named[0]
        say(f"{found['task']}: {found['status']} by {', '.join(found['rules'])}")
        expires_at = time.time_ns() // 1_000_000 + minutes * 60_000
        detail = client.override(
            found["run_id"], found["effect"], found["action"], expires_at=expires_at, why=reason
        )
    return _done(options, detail)


def declassify(run: str, labels: str, /, *, reason: str, options: Given) -> int:
    """Take labels from the data of a run.

    What policies hold for these labels holds no more for what the run does from now on.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    labels
        Those that go, `pii,secret`.
    reason
        Why; it stays in the log.
    """
    with hubs.asked(options.state) as client:
        detail = client.declassify(run, [one.strip() for one in labels.split(",")], why=reason)
    return _done(options, detail)


def whoami(*, options: Given) -> int:
    """Show who you are to the hub, and which roles you have."""
    with hubs.asked(options.state, begins=True) as client:
        found = client.whoami()
    if options.format in ("json", "jsonl"):
        show_one(found, options.format)
    else:
        print(f"{found['principal']}  {', '.join(found['roles']) or 'no roles'}")
        if found["trouble"]:
            say(found["trouble"])
    return Exit.OK


def _decide(id: str, verdict: str, reason: str, action: str, options: Options) -> int:
    with hubs.asked(options.state) as client:
        found = _found(client, id)
        _tell(found)
        detail = client.decide(
            found["run_id"], found["effect"], action or found["action"], verdict=verdict, why=reason
        )
    return _done(options, detail)


def _found(client: Client, id: str) -> Row:
    """What waits under an id. Raises Stop."""
    run, effect = _parts(id)
    waiting = client.approvals(run)
    named = [one for one in waiting if effect in (0, one["effect"])]
    if len(named) == 1:
        return named[0]
    if not waiting:
        raise Stop(Exit.REFUSED, f"nothing in run {run} waits for people", "see `podium approvals`")
    listed = ", ".join(map(_id, waiting))
    raise Stop(Exit.USAGE, f"{id} is none of these, or several: {listed}", "see `podium approvals`")


def _parts(id: str) -> tuple[str, int]:
    run, slash, effect = id.partition("/")
    if not run or (slash and not effect.isdecimal()):
        raise Stop(Exit.USAGE, f"{values.quoted(id)} is no id of this kind", "it looks like `3f2a91c0/4`")
    return run, int(effect) if effect else 0


def _id(row: Row) -> str:
    return f"{short(row['run_id'])}/{row['effect']}"


def _who(row: Row) -> str:
    who = " or ".join(row["roles"]) or "anybody"
    if row["quorum"] > 1:
        who += f" ({len(row['votes'])} of {row['quorum']})"
    return who


def _tell(found: Row) -> None:
    """Say what somebody is about to decide on."""
    say(f"{found['task']} of run {found['run_id']}: {found['target']}")
    why = found["message"] or ("a task asks" if found["kind"] == "human" else "policy asks people first")
    say(f"  why      {why}" + (f" ({', '.join(found['rules'])})" if found["rules"] else ""))
    say(f"  who      {_who(found)}" + (", not the requester" if found["not_requester"] else ""))
    say(f"  if yes   {found['if_yes']}")
    say(f"  if no    {found['if_no']}")
    say(f"  silence  {found['if_silent']}")


def _done(options: Options, detail: str) -> int:
    if options.format in ("json", "jsonl"):
        show_one({"detail": detail}, options.format)
    else:
        say(detail)
    return Exit.OK
