"""`explain`: what a result rests on, from the log alone; and with `--stuck` what runs wait for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, short, show_json, show_one, show_rows

if TYPE_CHECKING:
    from podium.provenance.deeds import Evidence
    from podium.provenance.explaining import Target
    from podium.sdk.client import Client

Given = Annotated[Options, Parameter(parse=False)]
As = Literal["text", "prov", "openlineage"]

_THING = re.compile(r"(?P<run>[^/:]+)(?:/(?P<effect>[0-9]+)|:(?P<place>.+))?")


def explain(
    thing: str = "", /, *, path: str = "", as_: Annotated[As, Parameter(name="--as")] = "text",
    stuck: bool = False, limit: int = 100, options: Given,
) -> int:  # fmt: skip
    """Tell what a result rests on, and what that cost.

    Parameters
    ----------
    thing
        `RUN`; `RUN:/output/total` for a place in its output; `RUN:TASK` for a task, by its name or reference;
        `RUN/7` for the effect of that number. RUN is the run's id, or the beginning of it.
    path
        A place in what that gave, as a JSON pointer: `/total`.
    as_
        `prov` is W3C PROV-JSON; `openlineage` are run events of OpenLineage, a line each.
    stuck
        Tell instead what each unfinished run waits for, or just RUN, and who can let it go on.
    limit
        Of `--stuck`: so many at most.
    """
    if stuck:
        return _stuck(thing, limit, options)
    from podium.provenance.explaining import Unexplained
    from podium.provenance.explaining import explain as explained

    found = _THING.fullmatch(thing)
    if found is None:
        raise Stop(
            Exit.USAGE, f"{thing!r} is nothing to explain", "give RUN, RUN:/output/…, RUN:TASK or RUN/7"
        )
    with hubs.looked_at(options.state) as client:
        evidence = _evidence(client, found["run"])
        target = _target(evidence, found["effect"] or "", found["place"] or "", path)
        try:
            explanation = explained(evidence, target, lambda run_id: _other(client, run_id))
        except Unexplained as unexplained:
            raise Stop(Exit.REFUSED, str(unexplained), f"`podium story {found['run']}` tells all") from None
    return _show(explanation, as_, options)


def _stuck(run: str, limit: int, options: Options) -> int:
    with hubs.looked_at(options.state) as client:
        rows = client.stuck(run, limit)
    columns: Any = (
        ("run", lambda row: short(row["run_id"])),
        ("task", lambda row: row["task"].rpartition("/")[2]),
        ("since", lambda row: moment(row["since"])),
        ("waits for", lambda row: row["waits"]),
        ("who", lambda row: row["who"]),
        ("until", lambda row: moment(row["until"])),
        ("command", lambda row: row["command"]),
    )
    show_rows(rows, options.format or "table", columns, "nothing waits: no run is unfinished")
    return Exit.OK


def _show(explanation: Any, as_: As, options: Options) -> int:
    if as_ == "prov":
        from podium.provenance.prov import document

        show_one(document(explanation), options.format)
    elif as_ == "openlineage":
        from podium.provenance.openlineage import run_events

        events = run_events(explanation)
        if options.format == "json":
            show_json(events)
        else:
            for event in events:
                show_one(event, "jsonl")
    elif options.format in ("json", "jsonl"):
        import msgspec

        show_one(msgspec.to_builtins(explanation), options.format)
    else:
        from podium.cli.explanation_text import lines

        for line in lines(explanation):
            print(line)
    return Exit.OK


def _evidence(client: Client, run_id: str) -> Evidence:
    """The evidence of a run, as the log has it."""
    from podium.provenance.deeds import Evidence
    from podium.runtime.presenting import record_from
    from podium.workflow.compile import compile_workflow

    shown: Any = client.evidence(run_id)
    workflow = shown["workflow"]
    program, _ = compile_workflow(workflow["document"], workflow["digest"])
    if program is None:
        raise Stop(Exit.FAILED, "the workflow that the run is pinned to does not compile any more")
    records = [record_from(record) for record in shown["records"]]
    return Evidence(shown["run_id"], program, records, shown["performers"])


def _other(client: Client, run_id: str) -> Evidence | None:
    from podium.sdk.client import NotFoundError

    try:
        return _evidence(client, run_id)
    except NotFoundError:
        return None


def _target(evidence: Evidence, effect: str, place: str, path: str) -> Target:
    from podium.provenance.explaining import Target

    if path and not path.startswith("/"):
        path = f"/{path}"
    if effect:
        return Target(effect=int(effect), path=path)
    if place == "/output" or place.startswith("/output/"):
        return Target(path=place.removeprefix("/output") + path)
    tasks = {node.reference for node in evidence.program.nodes}
    if place.startswith("/") and place not in tasks and not place.startswith("/do/"):
        return Target(path=place + path)
    return Target(task=place, path=path)
