"""Subscriptions: what a declared subscription may say, field by field."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from podium.resources.kinds import (
    DurationAboveZero,
    HeaderName,
    HeaderValue,
    LabelName,
    LabelValue,
    Model,
    PostedTo,
    Resource,
    Retry,
    Version,
    matching,
    refusal,
    unless,
)
from podium.resources.troubles import did_you_mean, shown

_RUNS = (
    "started", "suspended", "resumed", "correlation-started", "correlation-completed", "cancelled", "faulted",
    "completed", "status-changed",
)  # fmt: skip
_TASKS = (
    "created", "started", "suspended", "resumed", "retried", "cancelled", "faulted", "completed",
    "status-changed",
)  # fmt: skip

TYPES = (
    *(f"io.serverlessworkflow.workflow.{kind}.v1" for kind in _RUNS),
    *(f"io.serverlessworkflow.task.{kind}.v1" for kind in _TASKS),
)
"""The types of lifecycle events. Source: workflow DSL 1.0.3, "Lifecycle Events"."""

_NAME = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"


def _type(text: str) -> str:
    begins = text.removesuffix("*")
    if not any(one == text or (begins != text and one.startswith(begins)) for one in TYPES):
        hint = did_you_mean(text, TYPES) or f" Known are `{TYPES[0]}` and the like, or a beginning and `*`."
        raise refusal("unknown-type", f"No lifecycle event is a `{shown(text)}`.{hint}")
    return text


EventType = Annotated[str, AfterValidator(_type)]
Workflows = Annotated[
    str, matching("name", rf"{_NAME}/({_NAME}|\*)", "a workflow; write `namespace/name` or `namespace/*`")
]
SubscriptionName = Annotated[
    str, matching("name", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "letters, digits and inner hyphens, `crm`")
]
SecretName = Annotated[str, matching("name", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "the name of a secret")]


_RETRY = Retry.model_validate({"attempts": 30, "delay": "PT5S", "maxDelay": "PT10M", "jitter": "PT5S"})


class SubscriptionMetadata(Model):
    """What identifies a subscription."""

    name: SubscriptionName = Field(description="unique among the subscriptions, `crm`")
    labels: dict[LabelName, LabelValue] = Field(default={}, description="for people")


class SubscriptionSpec(Model):
    """Which events are sent, where, and what is done when that fails."""

    version: Version = Field(description='semantic version as text, "1.0.0"')
    description: str = Field(default="", description="one line for people")
    sink: PostedTo = Field(description="where each event is posted to")
    types: list[EventType] = Field(
        min_length=1, max_length=50,
        description="[types](lifecycle-events.md) of events; with `*` at its end, all that begin so",
    )  # fmt: skip
    workflows: list[Workflows] = Field(
        default=[], max_length=1_000, description="of runs of these only, `namespace/name` or `namespace/*`"
    )
    labels: dict[LabelName, LabelValue] = Field(
        default={}, description="of runs only that were submitted with all of these"
    )
    mode: Literal["structured", "binary"] = Field(
        default="structured", description="whether the attributes stand in the body, or in headers"
    )
    secret: SecretName | None = Field(
        default=None, description="the secret that signs each, as Standard Webhooks has it"
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, description="headers sent with each; `${NAME}` is a variable of the hub"
    )
    deadline: DurationAboveZero = Field(default=30_000, description="an attempt that takes longer has failed")
    retry: Retry = Field(
        default=_RETRY,
        description="attempts and pauses, until it is a dead letter; for about four hours, unless given",
    )
    concurrency: int = Field(default=8, ge=1, le=100, description="so many are sent at once")


class Subscription(Resource):
    """A declared subscription: lifecycle events of runs are sent to somebody."""

    KIND: ClassVar[str] = "Subscription"

    kind: Literal["Subscription"] = Field(description="always `Subscription`")
    metadata: SubscriptionMetadata = Field(description="name and labels")
    spec: SubscriptionSpec = Field(description="which events, and where they go")

    def normalised(self, folder: str) -> dict[str, Any]:
        """The subscription version as JSON, as the catalog holds it; whatever has its default is left out.

        Args:
            folder: of no use to a subscription.
        Source: `facts.catalog.SubscriptionVersion`.
        """
        spec = self.spec
        return {
            "name": self.name,
            "version": spec.version,
            "sink": spec.sink,
            "types": spec.types,
            **unless([], workflows=spec.workflows),
            **unless({}, match=spec.labels, headers=spec.headers, labels=self.metadata.labels),
            **unless("structured", mode=spec.mode),
            **unless(None, secret=spec.secret),
            **unless(30_000, deadline_ms=spec.deadline),
            **unless({}, retry=spec.retry.normalised()),
            **unless(8, concurrency=spec.concurrency),
            **unless("", description=spec.description),
        }
