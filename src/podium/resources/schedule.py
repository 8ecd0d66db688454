"""Schedules: what a declared schedule may say, field by field."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from podium.resources.cron import CronInvalid, parse_cron
from podium.resources.durations import DurationInvalid, parse_duration
from podium.resources.kinds import (
    AgentName,
    LabelName,
    LabelValue,
    Model,
    Resource,
    Version,
    matching,
    refusal,
    unless,
)

MISSED_MOST = 1_000

_KINDS = ("every", "cron", "after", "on")

_NAME = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
WorkflowReference = Annotated[
    str,
    matching(
        "name", rf"({_NAME}/)?{_NAME}(@[0-9A-Za-z.+-]+)?",
        "a workflow; write `namespace/name` or `namespace/name@version`",
    ),
]  # fmt: skip


def _cron(text: str) -> str:
    try:
        parse_cron(text)
    except CronInvalid as invalid:
        raise refusal("cron", str(invalid)) from None
    return text


def _span(value: Any) -> Any:
    try:
        parse_duration(value)
    except DurationInvalid as invalid:
        raise refusal("duration", str(invalid)) from None
    return value


CronText = Annotated[str, AfterValidator(_cron)]


class ScheduleMetadata(Model):
    """What identifies a schedule."""

    name: AgentName = Field(description="unique among the schedules, `nightly-report`")
    labels: dict[LabelName, LabelValue] = Field(default={}, description="for people; its runs have them, too")


class ScheduleSpec(Model):
    """What runs, when, and what becomes of due times that were missed or come too soon."""

    version: Version = Field(description='semantic version as text, "1.0.0"')
    description: str = Field(default="", description="one line for people")
    workflow: WorkflowReference = Field(description="what runs, `namespace/name`, or with `@version`")
    input: Any = Field(
        default=None,
        description="what each run gets; expressions in `${ }` know `.due`, `.dueAt`, `.schedule`, `.events`",
    )
    every: Any = Field(default=None, description="a duration of a second or more, from when it is applied")
    cron: CronText | None = Field(
        default=None, description="`minute hour day-of-month month day-of-week`, or `@daily` and the like"
    )
    after: Any = Field(default=None, description="a duration, from the end of its last run")
    on: dict[str, Any] | None = Field(
        default=None, description="events, as in the workflow language: `one`, `any` or `all`"
    )
    read: Literal["data", "envelope", "raw"] = Field(
        default="data", description="what is given of the events that `on` waits for"
    )
    time_zone: str = Field(
        default="UTC", alias="timeZone", max_length=64, description="whose clock `cron` means, `Europe/Paris`"
    )
    missed: Literal["latest", "skip", "all"] = Field(
        default="latest",
        description="what becomes of due times that no hub was there for: the last, none, or all of them run",
    )
    missed_max: int = Field(
        default=100, alias="missedMax", ge=1, le=MISSED_MOST, description="of `all`, so many run, the latest"
    )
    overlap: Literal["allow", "skip", "queue", "cancelPrevious"] = Field(
        default="allow", description="what becomes of a due time while its run before is not over"
    )

    @field_validator("every", "after")
    @classmethod
    def _is_a_span(cls, value: Any) -> Any:
        return None if value is None else _span(value)

    @model_validator(mode="after")
    def _one_of(self) -> ScheduleSpec:
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise refusal("schedule", f"Give exactly one of {', '.join(f'`{name}`' for name in _KINDS)}.")
        if self.time_zone != "UTC" and self.cron is None:
            raise refusal("schedule", "`timeZone` goes with `cron`.")
        if self.read != "data" and self.on is None:
            raise refusal("schedule", "`read` goes with `on`.")
        if self.every is not None and parse_duration(self.every) < 1_000:
            raise refusal("duration", "`every` must be a second or more.")
        return self

    @property
    def when(self) -> dict[str, Any]:
        """As the workflow language writes it."""
        kind = next(name for name in _KINDS if getattr(self, name) is not None)
        return {kind: getattr(self, kind), **unless("data", read=self.read)}


class Schedule(Resource):
    """A declared schedule: runs of a workflow that begin by themselves."""

    KIND: ClassVar[str] = "Schedule"

    kind: Literal["Schedule"] = Field(description="always `Schedule`")
    metadata: ScheduleMetadata = Field(description="name and labels")
    spec: ScheduleSpec = Field(description="what runs, and when")

    def normalised(self, folder: str) -> dict[str, Any]:
        """The schedule version as JSON, as the catalog holds it; whatever has its default is left out.

        Args:
            folder: of no use to a schedule.
        Source: `facts.schedules.ScheduleVersion`.
        """
        spec = self.spec
        return {
            "name": self.name,
            "version": spec.version,
            "workflow": spec.workflow,
            "when": spec.when,
            **unless("UTC", zone=spec.time_zone),
            **unless("latest", missed=spec.missed),
            **unless(100, missed_max=spec.missed_max),
            **unless("allow", overlap=spec.overlap),
            **unless(None, input=spec.input),
            **unless({}, labels=self.metadata.labels),
            **unless("", description=spec.description),
        }
