"""Policies: what a declared policy may say, field by field."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field, StringConstraints, field_validator, model_validator

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
from podium.resources.policy_limits import (
    Budget,
    BudgetLimit,
    Data,
    Egress,
    Match,
    Quota,
    RateLimit,
    Reservation,
    Sequence,
    Window,
)
from podium.resources.policy_values import Denies, ItemName, Pattern, PolicyModel, Span
from podium.resources.troubles import did_you_mean, shown

TierNumber = Annotated[str, matching("tier", r"[1-9]\d{0,2}", "a tier's number, from 1")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]

_TEXT, _TEXTS, _WHOLE, _YES_NO = "text", "a list of texts", "a whole number", "true or false"
TEST_VALUES = {
    "kind": _TEXT, "tool": _TEXT, "target": _TEXT, "capability": _TEXT, "args": "an object",
    "agent.name": _TEXT, "agent.version": _TEXT, "agent.roles": _TEXTS, "agent.state": _TEXT,
    "agent.attested": _TEXT, "agent.depth": _WHOLE,
    "tool.groups": _TEXTS, "tool.side_effect": "true, false or a side effect", "tool.risk": _WHOLE,
    "tool.external": _YES_NO,
    "dest.url": _TEXT, "dest.domain": _TEXT, "dest.scheme": _TEXT, "dest.method": _TEXT, "dest.port": _WHOLE,
    "dest.region": _TEXT,
    "data.labels": _TEXTS, "result.labels": _TEXTS, "cost.usd": "an amount of money, or null if unknown",
    "run.workflow": _TEXT, "run.tenant": _TEXT, "run.principal": _TEXT,
    "now": "a moment, `2026-03-09T12:00:00`", "now.year": _WHOLE, "now.month": _WHOLE, "now.day": _WHOLE,
    "now.hour": _WHOLE, "now.minute": _WHOLE,
}  # fmt: skip
"""What a test may say of its action, and what each must be."""


class PolicyMetadata(Model):
    """What identifies a policy."""

    name: AgentName = Field(description="unique among the policies")
    description: str = Field(default="", description="one line for people")
    labels: dict[LabelName, LabelValue] = Field(default={}, description="for selection and for people")


class RequireAttested(PolicyModel):
    """That agents are known to be what they say."""

    min_tool_risk: int = Field(
        alias="minToolRisk", ge=0, le=5, description="for tools of this risk and above"
    )
    level: Literal["attested", "measured"] = Field(
        default="attested", description="`measured` is started and hashed by the hub"
    )


class Agents(PolicyModel):
    """Which agents may act at all."""

    states: list[ItemName] = Field(default=[], description="states of their versions")
    require_attested: RequireAttested | None = Field(
        default=None, alias="requireAttested", description="when an agent must be attested"
    )
    depth_max: int | None = Field(
        default=None, alias="maxDelegationDepth", ge=0, description="agents that may have asked each other"
    )

    def normalised(self) -> dict[str, Any]:
        required = self.require_attested
        return {
            **unless([], states=self.states),
            **unless(None, attested_from_risk=required and required.min_tool_risk, depth_max=self.depth_max),
            **unless("attested", attested_level=required.level if required else "attested"),
        }


class Approvers(PolicyModel):
    """Who may decide."""

    roles: list[Pattern] = Field(default=[], description="any of these")


class BreakGlass(PolicyModel):
    """How a decision at this tier is overridden."""

    second_person: bool = Field(alias="secondPerson", description="whether it takes two people")


class Tier(PolicyModel):
    """Who is asked for approval, and how."""

    approvers: Approvers = Field(default=Approvers(), description="who may decide; anybody if left out")
    quorum: int = Field(default=1, ge=1, le=100, description="distinct people who must agree")
    timeout: Span | None = Field(default=None, description="how long they have")
    on_timeout: Annotated[
        str, matching("on-timeout", r"deny|ask:[1-9]\d{0,2}", "what silence means; write `deny` or `ask:2`")
    ] = Field(default="deny", alias="onTimeout", description="what silence means")
    bind: Literal["exactArgs"] = Field(default="exactArgs", description="what a yes is good for")
    not_requester: bool = Field(
        default=False, alias="notRequester", description="whoever asked for it may not decide"
    )
    step_up: Literal["webauthn"] | None = Field(
        default=None, alias="stepUp", description="refused: it is not yet enforced"
    )
    break_glass: BreakGlass | None = Field(
        default=None, alias="breakGlass", description="how it is overridden"
    )

    @field_validator("step_up", mode="before")
    @classmethod
    def _is_left_out(cls, value: Any) -> Any:
        raise refusal(
            "not-enforced",
            "`stepUp` is not yet enforced; remove it. Who approves is known by the operating system alone.",
        )

    def normalised(self) -> dict[str, Any]:
        return {
            **unless([], approvers=self.approvers.roles),
            **unless(1, quorum=self.quorum),
            **unless(None, timeout_ms=self.timeout),
            **unless("deny", on_timeout=self.on_timeout.removeprefix("ask:")),
            **unless(False, not_requester=self.not_requester),
            **unless(False, second_person=self.break_glass is not None and self.break_glass.second_person),
        }


class Rule(PolicyModel):
    """Allow, ask or deny what it matches."""

    id: ItemName = Field(description="unique among the rules")
    effect: Literal["allow", "approve", "deny"] = Field(description="what follows")
    match: Match = Field(default=Match(), description="which actions")
    when: Text | None = Field(default=None, description="CEL; the rule holds where it is true")
    tier: int | None = Field(default=None, ge=1, le=999, description="of an approval")
    message: str = Field(default="", max_length=1024, description="what people are told")
    message_expression: Text | None = Field(
        default=None, alias="messageExpr", description="CEL that makes what people are told"
    )

    @model_validator(mode="after")
    def _has_its_tier(self) -> Rule:
        if (self.effect == "approve") != (self.tier is not None):
            raise refusal("rule-tier", "A rule has a `tier` if, and only if, its effect is `approve`.")
        if self.message and self.message_expression is not None:
            raise refusal("rule-message", "Give `message` or `messageExpr`, not both.")
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            "id": self.id, "effect": self.effect,
            **unless({}, match=self.match.normalised()),
            **unless(None, when=self.when, tier=self.tier, message_expression=self.message_expression),
            **unless("", message=self.message),
        }  # fmt: skip


class Expected(PolicyModel):
    """What a test expects."""

    decision: Literal["allow", "deny", "approve", "defer"] = Field(description="the verdict")
    tier: int | None = Field(default=None, ge=1, description="of an approval")
    by: list[str] | None = Field(default=None, description="exactly these rules, `windows/payment-hours`")
    stage: Literal["call", "list"] = Field(
        default="call", description="`list` asks whether it could be allowed, whatever its arguments"
    )

    def normalised(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            **unless(None, tier=self.tier, by=self.by),
            **unless("call", stage=self.stage),
        }


class Test(PolicyModel):
    """An action, and the decision that it must get before the policy may be applied."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(description="unique")
    given: dict[str, Any] = Field(alias="with", description="what the action is")
    after: list[dict[str, Any]] = Field(default=[], description="what was done before in the same run")
    spent: dict[ItemName, BudgetLimit] = Field(default={}, description="what budgets have spent already")
    expect: Expected = Field(description="what must come of it")

    @model_validator(mode="after")
    def _is_an_action(self) -> Test:
        for action in (self.given, *self.after):
            for name, value in action.items():
                _check_value(name, value)
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            "name": self.name, "action": self.given, "expect": self.expect.normalised(),
            **unless([], after=self.after),
            **unless({}, spent={name: limit.normalised() for name, limit in self.spent.items()}),
        }  # fmt: skip


def _check_value(name: str, value: Any) -> None:
    what = TEST_VALUES.get(name)
    if what is None:
        raise refusal(
            "unknown-value",
            f"`{shown(name)}` is nothing that an action has; known: {', '.join(TEST_VALUES)}."
            + did_you_mean(name, TEST_VALUES),
        )
    if not _fits(value, what):
        raise refusal("wrong-type", f"`{name}` must be {what}, not {shown(value)}.")


def _fits(value: Any, what: str) -> bool:
    if what == _TEXT:
        return isinstance(value, str)
    if what == _TEXTS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if what == _WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if what == _YES_NO:
        return isinstance(value, bool)
    if what.startswith("true, false"):
        return isinstance(value, bool) or value in ("none", "read", "write", "irreversible")
    if what.startswith("an amount"):
        return value is None or isinstance(value, str)
    if what.startswith("a moment"):
        return isinstance(value, str) and _is_moment(value)
    return isinstance(value, dict)


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class PolicySpec(PolicyModel):
    """What is allowed, asked for and denied, and how much of it."""

    version: Version | None = Field(
        default=None, description="semantic version; made from the content if left out"
    )
    mode: Literal["enforce", "observe"] = Field(default="enforce", description="`observe` only records")
    applies_to: Match = Field(default=Match(), alias="appliesTo", description="which actions it is about")
    on_error: Denies = Field(default="deny", alias="onError", description="where a rule cannot be evaluated")
    timezone: str = Field(default="UTC", description="of `now` in rules")
    agents: Agents = Field(default=Agents(), description="which agents may act at all")
    budgets: list[Budget] = Field(default=[], description="ceilings, reserved before and settled after")
    reservation: Reservation = Field(default=Reservation(), description="how the worst case is known")
    rate_limits: list[RateLimit] = Field(
        default=[], alias="rateLimits", description="calls in a time, and at once"
    )
    quotas: list[Quota] = Field(default=[], description="calls, or sums of an argument, in a time")
    sequences: list[Sequence] = Field(default=[], description="what comes before what in a run")
    windows: list[Window] = Field(default=[], description="when actions may be done")
    egress: list[Egress] = Field(default=[], description="what may be reached outside")
    data: list[Data] = Field(default=[], description="where labelled data may not go")
    tiers: dict[TierNumber, Tier] = Field(default={}, description="who is asked for approval")
    rules: list[Rule] = Field(default=[], description="what is allowed, asked for and denied; in any order")
    tests: list[Test] = Field(default=[], description="decisions that must come out before it may be applied")

    def normalised(self) -> dict[str, Any]:
        return {
            **unless("enforce", mode=self.mode),
            **unless("deny", on_error=self.on_error),
            **unless("UTC", timezone=self.timezone),
            **unless(
                {}, applies_to=self.applies_to.normalised(), agents=self.agents.normalised(),
                reservation=self.reservation.normalised(),
                tiers={number: tier.normalised() for number, tier in self.tiers.items()},
            ),
            **unless(
                [], budgets=_each(self.budgets), rates=_each(self.rate_limits), quotas=_each(self.quotas),
                sequences=_each(self.sequences), windows=_each(self.windows), data=_each(self.data),
                rules=_each(self.rules), tests=_each(self.tests),
                egress=[entry.normalised(number) for number, entry in enumerate(self.egress)],
            ),
        }  # fmt: skip


def _each(items: list[Any]) -> list[dict[str, Any]]:
    return [item.normalised() for item in items]


class Policy(Resource):
    """What agents and workflows may do outside the hub, how much of it, and who is asked."""

    KIND: ClassVar[str] = "Policy"

    kind: Literal["Policy"] = Field(description="always `Policy`")
    metadata: PolicyMetadata = Field(description="name, description and labels")
    spec: PolicySpec = Field(description="rules, limits, tiers and tests")

    @cached_property
    def version(self) -> str:
        """The version that is declared; else one that each content has for itself."""
        if self.spec.version is not None:
            return self.spec.version
        content = msgspec.json.encode(self.spec.normalised(), order="deterministic")
        return f"0.0.0+{hashlib.sha256(content).hexdigest()[:12]}"

    def normalised(self, folder: str) -> dict[str, Any]:
        """The policy version as JSON, as the catalog holds it; whatever has its default is left out.

        Args:
            folder: unused: a policy names no files.
        Source: `facts.policy_version.PolicyVersion`.
        """
        return {
            "name": self.name,
            "version": self.version,
            **unless("", description=self.metadata.description),
            **unless({}, labels=self.metadata.labels),
            **self.spec.normalised(),
        }
