"""`dlq`, `breaker` and `escalations`: what failed, and what operators do about it."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, plural, say, short, show_one, show_rows
from podium.cli.progress import name_of

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def escalations(*, options: Given) -> int:
    """List all that waits for an operator, with the command that settles each."""
    with hubs.looked_at(options.state) as client:
        rows = client.escalations()
    columns = (
        ("kind", lambda row: row["kind"].replace("_", " ")),
        ("since", lambda row: moment(row["since"])),
        ("run", lambda row: short(row["run_id"])),
        ("task", lambda row: name_of(row["task"]) if row["task"] else ""),
        ("what", lambda row: row["what"]),
        ("why", lambda row: row["why"]),
        ("command", lambda row: row["command"]),
    )
    show_rows(rows, options.format or "table", columns, "nothing waits for an operator")
    return Exit.OK


def listed(
    run: str = "", /, *, workflow: str = "", agent: str = "", task: str = "", error: str = "",
    older_than: str = "", options: Given,
) -> int:  # fmt: skip
    """List effects that failed for good and were kept.

    Parameters
    ----------
    run
        Only those of a run: its id, or the beginning of it.
    workflow
        Only those of a workflow: `name`, `namespace/name` or `namespace/name@version`.
    agent
        Only those that an agent failed at: `name` or `name@version`.
    task
        Only those of a task: its name or reference.
    error
        Only those with this in the error's type or title.
    older_than
        Only those that wait for longer: `PT2H`.
    """
    with hubs.looked_at(options.state) as client:
        rows = client.dead_letters(**_wanted(run, workflow, agent, task, error, older_than))
    columns = (
        ("letter", lambda row: f"{short(row['run_id'])}/{row['effect']}"),
        ("workflow", lambda row: row["workflow"]),
        ("task", lambda row: name_of(row["task"])),
        ("performer", lambda row: row["agent"] or row["does"]),
        ("since", lambda row: moment(row["since"])),
        ("attempts", lambda row: row["attempts"]),
        ("error", lambda row: (row["error"] or {}).get("title", "")),
    )
    show_rows(rows, options.format or "table", columns, "no dead letters")
    return Exit.OK


def retry(
    run: str = "", /, *, effect: int = 0, workflow: str = "", agent: str = "", task: str = "",
    error: str = "", older_than: str = "", all: bool = False, why: str, yes: bool = False, options: Given,
) -> int:  # fmt: skip
    """Try effects that failed for good again, each in its place.

    Parameters
    ----------
    run
        Only those of a run: its id, or the beginning of it.
    effect
        Only this one of the run.
    workflow
        Only those of a workflow: `name`, `namespace/name` or `namespace/name@version`.
    agent
        Only those that an agent failed at: `name` or `name@version`.
    task
        Only those of a task: its name or reference.
    error
        Only those with this in the error's type or title.
    older_than
        Only those that wait for longer: `PT2H`.
    all
        Whatever there is.
    why
        For the audit.
    yes
        Do not ask.
    """
    wanted = _wanted(run, workflow, agent, task, error, older_than)
    return _settle("retry", wanted, effect, all, why, yes, options)


def drop(
    run: str = "", /, *, effect: int = 0, workflow: str = "", agent: str = "", task: str = "",
    error: str = "", older_than: str = "", all: bool = False, why: str, yes: bool = False, options: Given,
) -> int:  # fmt: skip
    """Give up effects that failed for good: their tasks fault with the error that they had.

    Parameters
    ----------
    run
        Only those of a run: its id, or the beginning of it.
    effect
        Only this one of the run.
    workflow
        Only those of a workflow: `name`, `namespace/name` or `namespace/name@version`.
    agent
        Only those that an agent failed at: `name` or `name@version`.
    task
        Only those of a task: its name or reference.
    error
        Only those with this in the error's type or title.
    older_than
        Only those that wait for longer: `PT2H`.
    all
        Whatever there is.
    why
        For the audit.
    yes
        Do not ask.
    """
    wanted = _wanted(run, workflow, agent, task, error, older_than)
    return _settle("drop", wanted, effect, all, why, yes, options)


def reset(agent: str, /, *, why: str, options: Given) -> int:
    """Close the open breaker of an agent, because it works again.

    Parameters
    ----------
    agent
        Its `name`, or `name@version` where breakers of several versions are open.
    why
        For the audit.
    """
    with hubs.asked(options.state) as client:
        detail = client.reset_breaker(agent, why)
    if options.format in ("json", "jsonl"):
        show_one({"detail": detail}, options.format)
    else:
        say(detail)
    return Exit.OK


def _wanted(run: str, workflow: str, agent: str, task: str, error: str, older_than: str) -> Row:
    from podium.resources.durations import DurationInvalid, parse_duration

    before = 0
    if older_than:
        try:
            before = time.time_ns() // 1_000_000 - parse_duration(older_than)
        except DurationInvalid as invalid:
            raise Stop(Exit.USAGE, f"--older-than: {invalid}") from None
    given = {"run_id": run, "workflow": workflow, "agent": agent, "task": task, "error": error}
    wanted: Row = {name: value for name, value in given.items() if value}
    return {**wanted, "before": before} if before else wanted


def _settle(
    verdict: str, wanted: Row, effect: int, everything: bool, why: str, yes: bool, options: Options
) -> int:
    """Settle the dead letters that are wanted, one by one, having said how many."""
    from podium.sdk.client import ConflictError, NotFoundError, RefusedError

    if not wanted and not everything:
        raise Stop(Exit.USAGE, "nothing says which dead letters", "name a run, give a filter, or `--all`")
    if effect and "run_id" not in wanted:
        raise Stop(Exit.USAGE, "`--effect` is a number in a run", "name the run, too")
    with hubs.asked(options.state) as client:
        letters = client.dead_letters(**wanted)
        if effect:
            letters = [one for one in letters if one["effect"] == effect]
        if not letters:
            raise Stop(Exit.NOT_FOUND, "there are no such dead letters", "`podium dlq list` lists them")
        if len(letters) > 1 or not wanted.get("run_id"):
            _ask(verdict, letters, yes, options)
        done, failures = 0, []
        for one in letters:
            try:
                client.settle_dead_letter(str(one["run_id"]), verdict, effect=int(one["effect"]), why=why)
                done += 1
            except (ConflictError, NotFoundError, RefusedError) as error:
                failures.append({"id": one["id"], "reason": str(error)})
    return _tell(verdict, done, failures, options)


def _ask(verdict: str, letters: list[Row], yes: bool, options: Options) -> None:
    """Say how many there are, and go on only if that is meant. Raises Stop."""
    many = plural(len(letters), "dead letter")
    runs = plural(len({one["run_id"] for one in letters}), "run")
    say(f"{many} of {runs} will be {'tried again' if verdict == 'retry' else 'dropped'}")
    if yes:
        return
    if options.no_input or not sys.stdin.isatty():
        raise Stop(Exit.USAGE, "nothing was done: nobody is there to be asked", "add `--yes` if you mean it")
    say(f"type {len(letters)} to go on")
    if sys.stdin.readline().strip() != str(len(letters)):
        raise Stop(Exit.USAGE, "nothing was done")


def _tell(verdict: str, done: int, failures: list[dict[str, Any]], options: Options) -> int:
    if options.format in ("json", "jsonl"):
        show_one({"verdict": verdict, "done": done, "failed": failures}, options.format)
    else:
        for one in failures:
            say(f"{one['id']}: {one['reason']}")
        say(f"{done} {'tried again' if verdict == 'retry' else 'dropped'}")
    return Exit.REFUSED if failures else Exit.OK
