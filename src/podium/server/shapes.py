"""What answers look like, for the description of the API; and bodies that are asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

JSONValue = Any

Name = Annotated[str, Field(max_length=300)]
Why = Annotated[str, Field(max_length=10_000, description="The reason, for the audit.")]


class Shape(BaseModel):
    """What an answer holds at least."""

    model_config = ConfigDict(extra="allow")


class Body(BaseModel):
    """What a request may say, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Health(Shape):
    status: Literal["starting", "serving", "read-only", "stopped", "broken"]


class Submission(Body):
    """A run to be started."""

    workflow: Annotated[str, Field(min_length=1, max_length=300)]
    input: JSONValue = None
    labels: dict[str, str] = {}
    subject: str = ""
    key: Annotated[str, Field(max_length=1_000, description="As the header `Idempotency-Key`.")] = ""


class Submitted(Shape):
    run_id: str
    created: bool
    notices: list[str]


class RunListed(Shape):
    """A run as a line of a list: as `Run`, without payloads."""

    id: str
    workflow: str
    status: str
    phase: str
    key: str
    principal: str
    labels: dict[str, str]
    started_at: int
    ended_at: int
    cost_nano: int
    waiting_for: list[dict[str, JSONValue]]
    parent: str


class RunPage(Shape):
    """Runs, newest first; `next` is the URL of the page after it, "" on the last."""

    items: list[RunListed]
    next: str
    position: int


class Run(RunListed):
    digest: str
    input: JSONValue = None
    output: JSONValue = None
    error: dict[str, JSONValue] | None = None
