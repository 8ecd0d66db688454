"""Tools: what a declared tool may say, field by field."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from podium.resources.kinds import (
    CONCURRENCY_DEFAULT,
    Breaker,
    CapabilityName,
    Cost,
    LabelName,
    LabelValue,
    Model,
    Places,
    Resource,
    Retry,
    Runtime,
    SchemaReference,
    Timing,
    Version,
    matching,
    refusal,
    unless,
)
from podium.resources.troubles import shown

RISK_MAX = 5
"""The highest risk that a tool can declare; 0 is the lowest."""

RESERVED = ("http", "openapi", "process", "subscriptions")
"""Tools that are not declared have names that start with these: `call: http` counts as `http.get`."""

REPEATABLE = frozenset({"none", "read"})
"""Side effects of tools that may be called again after a crash unless they say otherwise."""

GroupName = Annotated[
    str, matching("name", r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", "a group's name, `payments`")
]
ToolReference = Annotated[
    str,
    matching("name", r"[a-z][a-z0-9._-]*(@[0-9A-Za-z.+-]+)?", "a tool; write `name` or `name@version`"),
]
Pointer = Annotated[str, matching("pointer", r"(/[^/]+)+", "a JSON pointer into the arguments, `/url`")]


class ToolMetadata(Model):
    """What identifies a tool."""

    name: CapabilityName = Field(description="unique among the tools, `payments.refund`")
    labels: dict[LabelName, LabelValue] = Field(default={}, description="for selection and for people")

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name.partition(".")[0] in RESERVED:
            raise refusal(
                "reserved-name",
                f"`{shown(name)}` looks like a call that needs no tool; names must not start with "
                f"{', '.join(f'`{word}`' for word in RESERVED)}.",
            )
        return name


class Egress(Model):
    """Somewhere outside that the tool reaches: a host, or whatever URL stands in an argument."""

    host: str = Field(default="", max_length=253, description="name or address of a host, `api.example.com`")
    scheme: str = Field(default="https", pattern=r"^[a-z][a-z0-9+.-]*$", description="scheme of the URLs")
    port: int = Field(default=0, ge=0, le=65535, description="port; 0 for the scheme's own")
    method: str = Field(default="", pattern=r"^[A-Z]*$", description="HTTP method, if always the same")
    region: str = Field(default="", max_length=64, description="where the host stands, `eu`")
    argument: Pointer | None = Field(
        default=None,
        description="JSON pointer to the argument with the URL; if `scheme` is `mailto`, with a mail address",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Egress:
        if bool(self.host) == (self.argument is not None):
            raise refusal(
                "egress", "Give either `host`, or as `argument` where in the arguments the URL stands."
            )
        if self.host and (self.host != self.host.strip() or any(letter in self.host for letter in "/:@?# ")):
            raise refusal("egress", f"`{shown(self.host)}` is no host; write a name, `api.example.com`.")
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            **unless("", host=self.host, method=self.method, region=self.region),
            **unless(None, argument=self.argument),
            **unless("https", scheme=self.scheme),
            **unless(0, port=self.port),
        }


class Related(Model):
    """Another tool that is called for this one."""

    tool: ToolReference = Field(description="`name` or `name@version`")
    args: Any = Field(default=None, description="its arguments; may hold expressions in `${ }`")

    def normalised(self) -> dict[str, Any]:
        return {"tool": self.tool, **unless(None, args=self.args)}


class ToolSpec(Model):
    """What the tool takes and gives, what it does to the world, and how it is reached."""

    version: Version = Field(description='semantic version as text, "1.0.0"')
    description: str = Field(default="", description="one line for people and planners")
    args: SchemaReference = Field(default=None, description="what all arguments keep")
    result: SchemaReference = Field(default=None, description="what every result keeps")
    side_effect: Literal["none", "read", "write", "irreversible"] = Field(
        alias="sideEffect", description="what a call does to the world outside"
    )
    risk: int = Field(default=0, ge=0, le=RISK_MAX, description=f"0, harmless, to {RISK_MAX}")
    groups: list[GroupName] = Field(default=[], description="groups that policies can name")
    result_labels: list[GroupName] = Field(
        default=[], alias="resultLabels", description="labels that everything it gives carries, `pii`"
    )
    egress: list[Egress] = Field(default=[], description="what it reaches outside")
    delivery: Literal["at-least-once", "at-most-once"] | None = Field(
        default=None,
        description="whether a call may be repeated after a crash; if not said, one that changes nothing may",
    )
    undo: Related | None = Field(default=None, description="the tool that undoes a call of this one")
    probe: Related | None = Field(default=None, description="the tool that tells what became of a call")
    timing: Timing = Field(default=Timing(), description="deadline and heartbeat of an attempt")
    retry: Retry = Field(default=Retry(), description="attempts and the pauses between them")
    concurrency: int | None = Field(
        default=None, ge=1, le=100_000, description="attempts that may run at once"
    )
    cost: Cost | None = Field(default=None, description="what a call is expected to cost")
    breaker: Breaker | None = Field(
        default=None, description="when it is not used for a while, as it keeps failing; never, unless given"
    )
    runtime: Runtime = Field(description="exactly one of `function`, `process`, `http` and `worker`")
    deprecated: str = Field(default="", description="why not to use it any more, and what to use")

    @field_validator("delivery", "undo", "probe", "concurrency", "cost", "breaker", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        if value is None:
            raise refusal("wrong-type", "It is empty; give it a value or leave it out.")
        return value

    @field_validator("groups", "result_labels")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        for number, name in enumerate(names):
            if name in names[:number]:
                raise refusal("duplicate-name", f"`{shown(name)}` stands there twice.")
        return names


class Tool(Resource):
    """A declared tool: one function that agents and workflows reach only through the hub."""

    KIND: ClassVar[str] = "Tool"
    SCHEMAS: ClassVar[Places] = (("args",), ("result",))

    kind: Literal["Tool"] = Field(description="always `Tool`")
    metadata: ToolMetadata = Field(description="name and labels")
    spec: ToolSpec = Field(description="contract, danger and runtime binding")

    def normalised(self, folder: str) -> dict[str, Any]:
        """The tool version as JSON, as the catalog holds it; whatever has its default is left out.

        Args:
            folder: absolute folder that relative paths start from.
        Source: `facts.catalog.ToolVersion`.
        """
        spec = self.spec
        return {
            "name": self.name,
            "version": spec.version,
            "runtime": spec.runtime.binding.normalised(folder),
            "side_effect": spec.side_effect,
            **unless(None, args=spec.args, result=spec.result),
            **unless(0, risk=spec.risk),
            **unless([], groups=spec.groups, result_labels=spec.result_labels, egress=self._egress()),
            **unless(None, undo=spec.undo and spec.undo.normalised()),
            **unless(None, probe=spec.probe and spec.probe.normalised()),
            **unless("at-least-once", delivery=self._delivery()),
            **unless(60_000, deadline_ms=spec.timing.deadline),
            **unless(0, heartbeat_ms=spec.timing.heartbeat, cost_nano=self._cost_nano()),
            **unless({}, retry=spec.retry.normalised(), labels=self.metadata.labels),
            **unless(CONCURRENCY_DEFAULT, concurrency=self._concurrency()),
            **unless("", description=spec.description, folder=folder, deprecated=spec.deprecated),
            **unless(False, priced=spec.cost is not None),
            **unless(None, breaker=spec.breaker.normalised() if spec.breaker else None),
        }

    def _delivery(self) -> str:
        spec = self.spec
        return spec.delivery or ("at-least-once" if spec.side_effect in REPEATABLE else "at-most-once")

    def _cost_nano(self) -> int:
        return self.spec.cost.per_call.usd if self.spec.cost else 0

    def _concurrency(self) -> int:
        if self.spec.concurrency is not None:
            return self.spec.concurrency
        return self.spec.runtime.concurrency

    def _egress(self) -> list[dict[str, Any]]:
        """What it reaches; the host of an HTTP binding is among that, said or not."""
        egress = [place.normalised() for place in self.spec.egress]
        if self.spec.runtime.http is None:
            return egress
        url = urlsplit(self.spec.runtime.http.url)
        own = Egress(host=url.hostname or "", scheme=url.scheme, port=url.port or 0, method="POST")
        same = [one for one in self.spec.egress if (one.host, one.scheme) == (own.host, own.scheme)]
        return egress if same else [*egress, own.normalised()]
