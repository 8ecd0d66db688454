"""Limits of a policy, field by field: who is meant, how much, how often, when, where, and in what order."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from podium.resources.kinds import Money, refusal, unless
from podium.resources.policy_values import (
    ArgumentPath,
    Dates,
    Denies,
    Holds,
    Host,
    ItemName,
    OpenHours,
    Pattern,
    Percent,
    PolicyModel,
    Queues,
    Rate,
    Span,
    parts,
)

Scope = Literal[
    "run", "tree", "agent", "capability", "tenant", "tool", "host", "credential", "workflow", "principal"
]
Kind = Literal["agent", "tool", "http", "openapi", "process", "human", "emit", "workflow", "guard"]
SideEffect = Literal["none", "read", "write", "irreversible"]
Told = Annotated[str, StringConstraints(max_length=1024)]


class Match(PolicyModel):
    """Which actions are meant: each list must hold one that fits; what is left out fits anything."""

    kinds: list[Kind] = Field(default=[], description="kinds of effects")
    tools: list[Pattern] = Field(
        default=[], description="tools, `payments.*`, and `http.get`, `openapi.*`, `process.shell`"
    )
    tool_groups: list[Pattern] = Field(
        default=[], alias="toolGroups", description="groups of tools; `egress` is whatever reaches outside"
    )
    capabilities: list[Pattern] = Field(default=[], description="what agents are asked for")
    targets: list[Pattern] = Field(
        default=[], description="agents or workflows called, types of events, checks"
    )
    roles: list[Pattern] = Field(default=[], description="roles of the agent that acts")
    agents: list[Pattern] = Field(default=[], description="agents that act")
    workflows: list[Pattern] = Field(default=[], description="workflows whose runs act, `support/*`")
    tenants: list[Pattern] = Field(default=[], description="tenants whose runs act")
    principals: list[Pattern] = Field(default=[], description="who started the run")
    hosts: list[Host] = Field(default=[], description="what is reached")
    side_effects: list[SideEffect] = Field(
        default=[], alias="sideEffects", description="side effects of the tool"
    )
    risk_min: int = Field(default=0, alias="minRisk", ge=0, le=5, description="at least so much risk")
    external: bool | None = Field(default=None, description="whether its performer is outside this machine")

    @field_validator("*", mode="before")
    @classmethod
    def _meets_something(cls, value: Any) -> Any:
        if value == []:
            raise refusal("empty", "An empty list would match nothing; leave it out to match anything.")
        return value

    def normalised(self) -> dict[str, Any]:
        return self.model_dump(exclude_defaults=True)


class Target(PolicyModel):
    """What a rate is of; given as one, or as several by `match`."""

    host: Host | None = Field(default=None, description="a host, `api.github.com`")
    tool: Pattern | None = Field(default=None, description="a tool")
    capability: Pattern | None = Field(default=None, description="what agents are asked for")
    agent: Pattern | None = Field(default=None, description="an agent that is called")

    def normalised(self) -> dict[str, Any]:
        named = {
            "hosts": self.host,
            "tools": self.tool,
            "capabilities": self.capability,
            "targets": self.agent,
        }
        return {name: [value] for name, value in named.items() if value is not None}


class CalendarWindow(PolicyModel):
    """A stretch of the calendar."""

    per: Literal["minute", "hour", "day", "week", "month", "year"] = Field(description="its length")
    timezone: str = Field(default="UTC", description="whose calendar, `Europe/Paris`")

    def normalised(self) -> dict[str, Any]:
        return {"per": self.per, **unless("UTC", timezone=self.timezone)}


class BudgetLimit(PolicyModel):
    """Ceilings by unit; at least one."""

    usd: Money | None = Field(default=None, description='money as text, "25.00"')
    calls: int | None = Field(default=None, ge=0, description="effects of any kind")
    tool_calls: int | None = Field(default=None, alias="toolCalls", ge=0, description="calls of tools")
    agent_calls: int | None = Field(default=None, alias="agentCalls", ge=0, description="calls of agents")
    model_calls: int | None = Field(
        default=None, alias="modelCalls", ge=0, description="refused: not yet enforced"
    )
    input_tokens: int | None = Field(default=None, alias="inputTokens", ge=0, description="tokens given")
    output_tokens: int | None = Field(default=None, alias="outputTokens", ge=0, description="tokens made")
    tokens: int | None = Field(default=None, ge=0, description="tokens given and made")
    wall_time: Span | None = Field(
        default=None, alias="wallTime", description="time that attempts take in sum"
    )

    @field_validator("model_calls", mode="before")
    @classmethod
    def _is_counted(cls, value: Any) -> Any:
        raise refusal(
            "not-enforced",
            "`modelCalls` is not yet enforced; remove it. Agents call models where nobody counts it: limit"
            " `agentCalls`, `tokens` or `usd`.",
        )

    @model_validator(mode="after")
    def _limits_something(self) -> BudgetLimit:
        if not self.normalised():
            raise refusal("empty", 'A budget must limit something, `{usd: "5.00"}`.')
        return self

    def normalised(self) -> dict[str, int]:
        given = self.model_dump(exclude_none=True)
        return {{"usd": "nano", "wall_time": "ms"}.get(unit, unit): value for unit, value in given.items()}


class Budget(PolicyModel):
    """A ceiling, reserved before a call and settled after it."""

    name: ItemName = Field(description="unique among the budgets")
    scope: list[Scope] = Field(
        description="one counter for each distinct value of these; empty for one in all"
    )
    match: Match = Field(default=Match(), description="which actions it is about")
    limit: BudgetLimit = Field(description="ceilings by unit")
    window: CalendarWindow | None = Field(default=None, description="when it starts anew; never if left out")
    warn_at: list[Percent] = Field(default=[], alias="warnAt", description="thresholds, `80%`")
    on_exhausted: Queues = Field(
        default="deny", alias="onExhausted", description="what follows at the ceiling"
    )

    def normalised(self) -> dict[str, Any]:
        return {
            "name": self.name, "scope": self.scope, "limit": self.limit.normalised(),
            **unless({}, match=self.match.normalised()),
            **unless(None, window=self.window and self.window.normalised()),
            **unless([], warn_at=sorted(self.warn_at)),
            **unless("deny", on_exhausted=self.on_exhausted),
        }  # fmt: skip


class OutputTokens(PolicyModel):
    """How many tokens a model makes at worst."""

    default: int = Field(default=4096, ge=0, description="where nobody says how many")
    clamp_to_model: bool = Field(
        default=True,
        alias="clampToModelMax",
        description="never more than the model can make, where that is known",
    )


class Reservation(PolicyModel):
    """How the worst case is known before a call."""

    output_tokens: OutputTokens = Field(default=OutputTokens(), alias="outputTokens", description="of models")
    unknown_price: Denies = Field(
        default="deny", alias="unknownPrice", description="where a budget of money meets what has no price"
    )
    hold_ttl: Span | None = Field(
        default=None,
        alias="holdTTL",
        description="a hold in doubt whose attempt began longer ago is shown as lost; it stays",
    )
    when_held: Queues = Field(
        default="queue", alias="whenHeldNotSpent", description="where what is held reaches the ceiling"
    )

    def normalised(self) -> dict[str, Any]:
        return {
            **unless(4096, output_tokens=self.output_tokens.default),
            **unless(True, clamp_to_model=self.output_tokens.clamp_to_model),
            **unless("deny", unknown_price=self.unknown_price),
            **unless(None, hold_ms=self.hold_ttl),
            **unless("queue", when_held=self.when_held),
        }


class MaxWait(PolicyModel):
    """How long an action may wait."""

    max_wait: Span = Field(alias="maxWait", description="after that it is denied")


class Queueing(PolicyModel):
    """That actions wait."""

    queue: MaxWait = Field(description="how long")


class RateLimit(PolicyModel):
    """So many calls in a time, and so many at once."""

    name: ItemName = Field(description="unique among the rates")
    target: Target | None = Field(default=None, description="what it is of")
    match: Match | None = Field(
        default=None, description="which actions it is about, where a target is not enough"
    )
    scope: list[Scope] = Field(default=[], description="one bucket for each distinct value of these")
    limit: Rate = Field(default=None, description="calls in a time, `5000/h`: never more in any such time")
    burst: int = Field(default=1, ge=1, description="of these, how many may come at once")
    concurrency: int | None = Field(default=None, ge=1, description="calls in flight")
    on_limit: Queueing | Queues = Field(default="queue", alias="onLimit", description="what follows")
    honour_retry_after: bool = Field(
        default=True, alias="honourRetryAfter", description="whether a target that asks for a pause gets it"
    )

    @model_validator(mode="after")
    def _limits_something(self) -> RateLimit:
        if self.limit is None and self.concurrency is None:
            raise refusal("empty", "Give `limit`, `concurrency` or both.")
        if self.limit is not None and self.burst > self.limit[0]:
            raise refusal("burst", f"`burst` {self.burst} is more than the limit's {self.limit[0]} calls.")
        if self.target is not None and self.match is not None:
            raise refusal("target", "Give `target` or `match`, not both.")
        return self

    def normalised(self) -> dict[str, Any]:
        meant = self.target or self.match or Match()
        count, per_ms = self.limit or (0, 0)
        waits = self.on_limit if isinstance(self.on_limit, Queueing) else None
        return {
            "name": self.name, "scope": self.scope,
            **unless({}, match=meant.normalised()),
            **unless(0, count=count, per_ms=per_ms, concurrency=self.concurrency or 0),
            **unless(1, burst=self.burst),
            **unless(0, wait_ms=waits.queue.max_wait if waits else 0),
            **unless("queue", over="queue" if waits else self.on_limit),
            **unless(True, retry_after=self.honour_retry_after),
        }  # fmt: skip


class Quota(PolicyModel):
    """So many calls, or so much of an argument, in a time."""

    name: ItemName = Field(description="unique among the quotas")
    match: Match = Field(default=Match(), description="which actions count")
    scope: list[Scope] = Field(default=[], description="one counter for each distinct value of these")
    count: Rate = Field(default=None, description="calls in a time that moves along, `3/h`")
    sum: ArgumentPath | None = Field(default=None, description="argument that is summed up, `args.amount`")
    limit: int | None = Field(default=None, ge=0, description="of the sum, or of calls in the window")
    window: CalendarWindow | None = Field(default=None, description="in which it counts")
    over: Queues = Field(default="deny", description="what follows beyond it")
    message: Told = Field(default="", description="what people are told, in place of usual words")

    @model_validator(mode="after")
    def _is_whole(self) -> Quota:
        if (self.count is None) == (self.limit is None):
            raise refusal("quota", "Give `count`, such as `3/h`, or a `limit` with a `window`.")
        if self.count is not None and (self.window is not None or self.sum is not None):
            raise refusal("quota", "`count` has its own time and counts calls; use `limit` with these.")
        if self.limit is not None and self.window is None:
            raise refusal("quota", "`limit` needs a `window`, `{per: day}`.")
        return self

    def normalised(self) -> dict[str, Any]:
        window = self.window.normalised() if self.window is not None else {"last_ms": self.count[1]}
        return {
            "name": self.name, "scope": self.scope, "window": window,
            "limit": self.limit if self.limit is not None else self.count[0],
            **unless({}, match=self.match.normalised()),
            **unless([], sum=parts(self.sum) if self.sum else []),
            **unless("deny", over=self.over),
            **unless("", message=self.message),
        }  # fmt: skip


class Earlier(PolicyModel):
    """Something earlier in the same run: any of these."""

    tools: list[Pattern] = Field(default=[], description="tools that were used")
    tool_groups: list[Pattern] = Field(default=[], alias="toolGroups", description="groups of them")
    capabilities: list[Pattern] = Field(default=[], description="what agents were asked for")
    labels: list[Pattern] = Field(default=[], description="labels of data that was used")
    within: Span | None = Field(default=None, description="not longer ago")
    same: list[ArgumentPath] = Field(default=[], description="arguments that were the same")

    @model_validator(mode="after")
    def _looks_for_something(self) -> Earlier:
        if not (self.tools or self.tool_groups or self.capabilities or self.labels):
            raise refusal("empty", "Name `tools`, `toolGroups`, `capabilities` or `labels`.")
        if self.same and self.labels:
            raise refusal("same", "Labels have no arguments that could be the same.")
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            **unless(
                [], tools=self.tools, tool_groups=self.tool_groups, capabilities=self.capabilities,
                labels=self.labels, same=[parts(path) for path in self.same],
            ),
            **unless(0, within_ms=self.within or 0),
        }  # fmt: skip


class Sequence(PolicyModel):
    """What must have happened before in the run, or must not."""

    name: ItemName = Field(description="unique among the sequences")
    match: Match = Field(default=Match(), description="the actions that come later")
    require: Earlier | None = Field(default=None, description="what must have succeeded before")
    forbid_after: Earlier | None = Field(
        default=None, alias="forbidAfter", description="what must not have begun before"
    )
    otherwise: Denies = Field(default="deny", alias="else", description="what follows")
    message: Told = Field(default="", description="what people are told, in place of usual words")

    @model_validator(mode="after")
    def _one_of_both(self) -> Sequence:
        if (self.require is None) == (self.forbid_after is None):
            raise refusal("sequence", "Give either `require` or `forbidAfter`.")
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **unless({}, match=self.match.normalised()),
            **unless(None, require=self.require and self.require.normalised()),
            **unless(None, forbid_after=self.forbid_after and self.forbid_after.normalised()),
            **unless("deny", otherwise=self.otherwise),
            **unless("", message=self.message),
        }


class Window(PolicyModel):
    """When actions may be done."""

    name: ItemName = Field(description="unique among the windows")
    match: Match = Field(default=Match(), description="which actions")
    timezone: str = Field(default="UTC", description="whose clock, `Europe/Paris`")
    open: list[OpenHours] = Field(min_length=1, description="`Mon-Fri 08:00-18:00`; any of them")
    blackout: list[Dates] = Field(default=[], description="dates on which it is closed")
    closed: Holds = Field(default="deny", description="`deny`, or `hold` the action until it opens")
    message: Told = Field(default="", description="what people are told, in place of usual words")

    def normalised(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "open": [hours for line in self.open for hours in line],
            **unless({}, match=self.match.normalised()),
            **unless("UTC", timezone=self.timezone),
            **unless([], dates_closed=self.blackout),
            **unless("deny", closed=self.closed),
            **unless("", message=self.message),
        }


class Egress(PolicyModel):
    """What may be reached; anything else may not."""

    name: ItemName | None = Field(default=None, description="in place of its number")
    match: Match = Field(default=Match(), description="the actions that it bounds")
    domains: list[Host] = Field(default=[], description="hosts, and `*.name` for all below one")
    schemes: list[str] = Field(default=["https"], min_length=1, description="schemes of URLs")
    methods: list[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]] = Field(
        default=[], description="methods; any if left out"
    )
    ports: list[int] = Field(default=[], description="ports; the scheme's own if left out")
    deny_private: bool = Field(
        default=True, alias="denyPrivateRanges", description="refuse what is on a private network"
    )
    message: Told = Field(default="", description="what people are told, in place of usual words")

    def normalised(self, number: int) -> dict[str, Any]:
        return {
            "name": self.name or str(number),
            **unless({}, match=self.match.normalised()),
            **unless([], domains=self.domains, methods=self.methods, ports=self.ports),
            **unless(["https"], schemes=[scheme.lower() for scheme in self.schemes]),
            **unless(True, deny_private=self.deny_private),
            **unless("", message=self.message),
        }


class NeverTo(PolicyModel):
    """Where labelled data never goes."""

    external: bool = Field(default=False, description="off this machine")
    domains: list[Host] = Field(default=[], description="to these hosts")
    tools: list[Pattern] = Field(default=[], description="to these tools")


class Data(PolicyModel):
    """Where data with any of these labels may not go."""

    labels: list[ItemName] = Field(min_length=1, description="labels of data, `pii`")
    regions: list[ItemName] = Field(default=[], description="it stays in these")
    never_to: NeverTo = Field(default=NeverTo(), alias="neverTo", description="nor does it go there")
    message: Told = Field(default="", description="what people are told, in place of usual words")

    def normalised(self) -> dict[str, Any]:
        never = self.never_to
        return {
            "labels": self.labels,
            **unless([], regions=self.regions, never_domains=never.domains, never_tools=never.tools),
            **unless(False, never_external=never.external),
            **unless("", message=self.message),
        }
