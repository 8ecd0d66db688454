"""Scheduling: what there is to know about a schedule before it is applied."""

from __future__ import annotations

from collections.abc import Iterator

from podium.contracts.checking import compile_schema
from podium.facts.schedules import ScheduleVersion
from podium.facts.values import Problem
from podium.planning.declarations import Declarations, ends_of
from podium.planning.reviewing import Remark
from podium.policy.zones import zone
from podium.workflow.scheduling import timing_of


def unsound(version: ScheduleVersion) -> list[Problem]:
    """Why a schedule can never be gone by."""
    timing, problems = timing_of(version)
    if timing is not None and zone(version.zone) is None:
        message = f"No time zone is named `{version.zone[:64]}`; write one as `Europe/Paris`."
        problems = [Problem("unknown-zone", "/spec/timeZone", message)]
    return problems


def review_schedule(version: ScheduleVersion, resource: str, declared: Declarations) -> Iterator[Remark]:
    """What is wrong with a schedule among the things that are declared."""
    yield from (Remark("breaks", one.rule, resource, one.path, one.message) for one in unsound(version))
    entry = declared.current("Workflow", version.workflow)
    if entry is None:
        message = f"no workflow is named {version.workflow}; declare it"
        yield Remark("breaks", "missing-workflow", resource, "/spec/workflow", message)
        return
    workflow = declared.workflows[entry.digest]
    if workflow.document.get("schedule"):
        message = f"{version.workflow} has a schedule of its own, which holds beside this one"
        yield Remark("warns", "own-schedule", resource, "/spec/workflow", message)
    metadata = workflow.document.get("document", {}).get("metadata") or {}
    if "subject" in metadata:
        message = f"{version.workflow} is about somebody, and a schedule cannot say about whom"
        yield Remark("breaks", "subject", resource, "/spec/workflow", message)
    timing, _ = timing_of(version)
    taken, _ = ends_of(workflow)
    if timing is None or taken is None:
        return
    if timing.input is None or timing.input.constant:
        given = version.input if timing.events is None else []
        for breach in compile_schema(taken)(given)[:5] if timing.events is None else ():
            message = f"its input does not keep the schema of {version.workflow}: {breach.message}"
            yield Remark("breaks", "input-schema", resource, f"/spec/input{breach.path}", message)
