"""Declaring: whether resources may be applied or deleted now, and the events that say so.

Asked inside the hub, at the place in the log where it would happen: what the plan says is true then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import NamedTuple

import msgspec

from podium.facts.catalog import VERSIONS, Declared, ToolVersion, WorkflowVersion
from podium.facts.events import (
    Body,
    Event,
    ResourceApplied,
    ResourceBody,
    ResourceDeleted,
    ResourceDeletedBody,
)
from podium.facts.inputs import Apply, Delete
from podium.facts.policy_version import PolicyVersion
from podium.facts.schedules import ScheduleVersion
from podium.facts.values import Problem, Refused
from podium.planning.declarations import Declarations, Entry, Programs
from podium.planning.plan import Plan, left_out, plan
from podium.planning.reviewing import Remark
from podium.planning.scheduling import unsound as unsound_schedule
from podium.policy.rehearsing import unsound as policy_unsound
from podium.workflow.processes import forbidden
from podium.workflow.related import faults_of
from podium.workflow.scheduling import own_schedule

Runs = Callable[[], Mapping[str, int]]
"""Unfinished runs by the digest of their workflow; asked only where something is changed or deleted."""

REFUSED_MAX = 50
"""No more reasons than this are given."""


_ABOUT_SOMEBODY = Problem(
    "subject", "/schedule", "the workflow is about somebody, and a schedule cannot say about whom"
)


class Declaration(NamedTuple):
    """What is to be recorded.

    Attributes:
        changes: in order.
        notices: what whoever asked should know.
    """

    changes: list[tuple[Event, Body]]
    notices: tuple[str, ...]


def apply(
    before: Declarations, programs: Programs, revision: int, told: Apply, runs: Runs
) -> Declaration | Refused:
    """What applying resources changes: all of it, or nothing and the reasons."""
    gone = left_out(before, told.resources) if told.prune else []
    return _decided(before, programs, revision, told.resources, gone, told, runs)


def unsound(
    before: Declarations, programs: Programs, resources: Iterable[Declared], allowed: Set[str]
) -> Refused | None:
    """Why resources do not compile, or run what the hub does not allow: that cannot be forced."""
    problems = [problem for one in resources for problem in _unsound(one, before, programs, allowed)]
    return Refused("refused", tuple(problems)) if problems else None


def delete(
    before: Declarations, programs: Programs, revision: int, told: Delete, runs: Runs
) -> Declaration | Refused:
    """What deleting a resource changes."""
    gone = meant(before, told.kind, told.name)
    if not gone:
        kind = told.kind.lower()
        message = f"no {kind} is named {told.name}; `podium get {kind}s` lists them"
        return Refused("not-found", (Problem(f"unknown-{kind}", "/name", message),))
    return _decided(before, programs, revision, (), gone, told, runs)


def meant(declared: Declarations, kind: str, name: str) -> list[Entry]:
    """The versions that deleting a name concerns: one, if it names one; else all of the resource."""
    newest = declared.current(kind, name) if kind in VERSIONS else None
    if newest is None:
        return []
    if "@" in name:
        return [newest]
    return [entry for entry in declared.entries if (entry.kind, entry.name) == (kind, newest.name)]


def _unsound(one: Declared, before: Declarations, programs: Programs, allowed: Set[str]) -> list[Problem]:
    if one.kind == "Tool":
        return faults_of(msgspec.convert(one.spec, ToolVersion))
    if one.kind == "Policy":
        return policy_unsound(msgspec.convert(one.spec, PolicyVersion), one.digest)
    if one.kind == "Schedule":
        return unsound_schedule(msgspec.convert(one.spec, ScheduleVersion))
    if one.kind != "Workflow":
        return []
    known = before.workflows.get(one.digest)
    program, problems = programs.of(one.digest, known or msgspec.convert(one.spec, WorkflowVersion))
    if program is None:
        return problems
    own = own_schedule(program.document)
    if own is None:
        return list(forbidden(program, allowed))
    about = [_ABOUT_SOMEBODY] if program.subject is not None else []
    return [*forbidden(program, allowed), *unsound_schedule(own), *about]


def _decided(
    before: Declarations, programs: Programs, revision: int, resources: tuple[Declared, ...],
    gone: list[Entry], told: Apply | Delete, runs: Runs,
) -> Declaration | Refused:  # fmt: skip
    if told.force and not told.why.strip():
        problem = Problem("missing-reason", "/why", "what is forced needs a reason: it stays in the log")
        return Refused("usage", (problem,))
    touches = gone or any(before.newest(one.kind).get(one.name) is not None for one in resources)
    found = plan(before, resources, gone, runs=runs() if touches else {}, programs=programs)
    if found.breaks and not told.force:
        return Refused("refused", tuple(remark.problem for remark in found.breaks[:REFUSED_MAX]))
    broken = tuple(_sentence(remark) for remark in found.breaks)
    changes: list[tuple[Event, Body]] = []
    for entry in gone:
        deleted = ResourceDeleted(
            kind=entry.kind, name=entry.name, version=entry.version, digest=entry.digest,
            revision=revision + len(changes) + 1, principal=told.principal, forced=bool(broken),
        )  # fmt: skip
        changes.append((deleted, ResourceDeletedBody(told.why, broken)))
    for one in _to_apply(found, resources):
        applied = ResourceApplied(
            kind=one.kind, name=one.name, version=one.version, digest=one.digest,
            revision=revision + len(changes) + 1, principal=told.principal, forced=bool(broken),
        )  # fmt: skip
        changes.append((applied, ResourceBody(one.spec, told.why, broken)))
    notices = [_sentence(remark) for remark in found.remarks if remark.rule == "deprecated"]
    return Declaration(changes, tuple(notices))


def _to_apply(found: Plan, resources: Iterable[Declared]) -> list[Declared]:
    """What has to be recorded; the newest of a resource once more where an older one would come after it."""
    changing = {
        (change.kind, change.name, change.version) for change in found.changes if change.action != "none"
    }
    names = {key[:2] for key in changing}
    newest = {(one.kind, one.name): one for one in resources}
    return [
        one
        for one in resources
        if (one.kind, one.name, one.version) in changing
        or ((one.kind, one.name) in names and newest[one.kind, one.name] is one)
    ]


def _sentence(remark: Remark) -> str:
    return f"{remark.resource}{remark.path}: {remark.message}"
