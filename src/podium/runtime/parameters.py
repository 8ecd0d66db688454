"""The parameters of the calls on the door, by which whatever else is given is refused."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from podium.facts.catalog import Declared
from podium.facts.sharing import Priority
from podium.facts.values import JSON
from podium.runtime.inquiry import Kind, decline
from podium.runtime.presenting import Shown

P = TypeVar("P", bound=msgspec.Struct)


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a call."""


class OfNothing(Parameters, frozen=True): ...


class OfRun(Parameters, frozen=True):
    run_id: str


class Since(Parameters, frozen=True):
    run_id: str
    after: int = 0


class Apply(Parameters, frozen=True):
    resources: tuple[Declared, ...]
    principal: str = ""
    prune: bool = False
    force: bool = False
    why: str = ""


Declarable = Literal["Agent", "Tool", "Policy", "Schedule", "Subscription", "Workflow"]


class Delete(Parameters, frozen=True):
    kind: Declarable
    name: str
    principal: str = ""
    force: bool = False
    why: str = ""


class Planned(Parameters, frozen=True):
    resources: tuple[Declared, ...]
    prune: bool = False


class OfReplay(Parameters, frozen=True):
    text: str = ""
    resources: tuple[Declared, ...] = ()
    since: int = 0
    alone: bool = False


class OfApprovals(Parameters, frozen=True):
    run_id: str = ""


class OfDeadLetters(Parameters, frozen=True):
    run_id: str = ""
    workflow: str = ""
    agent: str = ""
    task: str = ""
    error: str = ""
    before: int = 0


class OfResource(Parameters, frozen=True):
    name: str
    kind: Literal[""] | Declarable = ""


class OfRevision(OfResource, frozen=True):
    which: str = ""


class Submit(Parameters, frozen=True):
    workflow: str
    input: JSON = None
    key: str = ""
    labels: dict[str, str] = {}
    principal: str = ""
    subject: str = ""
    traceparent: str = ""
    priority: Priority | Literal[""] = ""


class Execute(Submit, frozen=True):
    trace: bool = False
    timeout_ms: int = -1


class Wait(Parameters, frozen=True):
    run_id: str
    timeout_ms: int = -1
    trace: bool = False


class Page(Parameters, frozen=True):
    status: str = ""
    workflow: str = ""
    parent: str = ""
    nested: bool = False
    limit: int = 100
    before: int = 0
    labels: dict[str, str] = {}
    after: int = -1


class Get(Page, frozen=True, kw_only=True):
    kind: Kind


class Unfinished(Parameters, frozen=True):
    workflow: str
    input: JSON = None


class Describe(Parameters, frozen=True):
    kind: str
    name: str


class SeeToSchedule(Parameters, frozen=True):
    schedule: str
    action: Literal["pause", "resume", "trigger"]
    key: str = ""
    why: str = ""
    principal: str = ""


class OfStuck(Parameters, frozen=True):
    run_id: str = ""
    limit: int = 100


class Rebuild(Parameters, frozen=True):
    timeout_ms: int = 60_000


class Activity(Parameters, frozen=True):
    run_id: str = ""


def convert(params: Shown, kind: type[P]) -> P:
    """The parameters of a call. Raises Declined where they are not."""
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise decline(
            "usage", "bad-parameter", "", f"the parameters are not as they must be: {error}"
        ) from None
