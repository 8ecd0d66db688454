"""A declared policy in the form that the hub decides by: durations in ms, money in nano-units."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from podium.facts.values import JSON

Consequence: TypeAlias = str
"""What follows: `deny`, `queue`, `hold` or `approve:<tier>`, as far as the field allows them."""

Scope: TypeAlias = Literal[
    "run", "tree", "agent", "capability", "tenant", "tool", "host", "credential", "workflow", "principal"
]


class Match(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which actions: each list that is not empty must hold one that fits. Names may end in `*`.

    Attributes:
        kinds: of effects.
        tools: names of tools, and what counts as one: `http.get`, `openapi.*`, `process.shell`.
        tool_groups: groups of tools.
        capabilities: what agents are asked for.
        targets: names of the agents or workflows that are called, types of the events that are emitted.
        roles, agents: of the agent that acts.
        workflows: `namespace/name` of the run's.
        tenants, principals: whose run it is.
        hosts: what it reaches.
        side_effects: of the tool.
        risk_min: at least so much risk.
        external: whether whoever performs it is outside this machine.
    """

    kinds: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tool_groups: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    side_effects: tuple[str, ...] = ()
    risk_min: int = 0
    external: bool | None = None


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of the calendar, or of time that moves along: then `last_ms` is its length."""

    per: Literal["", "minute", "hour", "day", "week", "month", "year"] = ""
    timezone: str = "UTC"
    last_ms: int = 0


class Agents(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which agents may act at all.

    Attributes:
        states: those their versions may be in; empty for any.
        attested_from_risk: tools of this risk and above take an attested agent; None for none of them.
        attested_level: `attested` or `measured`.
        depth_max: agents that may have asked each other; None for any number.
    """

    states: tuple[str, ...] = ()
    attested_from_risk: int | None = None
    attested_level: str = "attested"
    depth_max: int | None = None


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ceiling, reserved before and settled after: one for each distinct value of its scope.

    Attributes:
        limit: by unit: `nano`, `calls`, `tool_calls`, `agent_calls`, `model_calls`, `input_tokens`,
            `output_tokens`, `tokens`, `ms`.
        window: None for as long as the scope lasts.
        warn_at: thresholds, in percent.
    """

    name: str
    scope: tuple[Scope, ...]
    limit: dict[str, int]
    match: Match = Match()
    window: Window | None = None
    warn_at: tuple[int, ...] = ()
    on_exhausted: Consequence = "deny"


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the worst case is known before a call.

    Attributes:
        output_tokens: where nobody said how many.
        clamp_to_model: never more than the model can give.
        unknown_price: what follows where a budget of money meets an action without a price.
        hold_ms: a hold in doubt whose attempt began longer ago is shown as lost; 0 for never. It stays all
            the same.
        when_held: what follows where what is held, not what is spent, reaches the ceiling.
    """

    output_tokens: int = 4096
    clamp_to_model: bool = True
    unknown_price: Consequence = "deny"
    hold_ms: int = 0
    when_held: Consequence = "queue"


class Rate(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many calls in a time, and so many at once, by a bucket of tokens.

    Attributes:
        count: calls in `per_ms`; 0 for no rate.
        burst: calls that may come at once after a pause.
        concurrency: calls in flight; 0 for any number.
        wait_ms: an action waits no longer than this; 0 denies at once.
        over: `queue`, `deny` or `approve:<tier>`.
        retry_after: whether a target that asks for a pause gets it.
    """

    name: str
    scope: tuple[Scope, ...]
    match: Match = Match()
    count: int = 0
    per_ms: int = 0
    burst: int = 1
    concurrency: int = 0
    wait_ms: int = 0
    over: Consequence = "queue"
    retry_after: bool = True


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many calls, or so much of an argument's sum, in a window.

    Attributes:
        sum: path of the argument, its parts; empty counts calls.
    """

    name: str
    scope: tuple[Scope, ...]
    limit: int
    window: Window
    match: Match = Match()
    sum: tuple[str, ...] = ()
    over: Consequence = "deny"
    message: str = ""


class Earlier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something earlier in the same run.

    Attributes:
        tools, tool_groups, capabilities: any of these was used.
        labels: data with any of these was used or given.
        within_ms: not longer ago than this; 0 for any time.
        same: paths of arguments that were the same, each its parts.
    """

    tools: tuple[str, ...] = ()
    tool_groups: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    within_ms: int = 0
    same: tuple[tuple[str, ...], ...] = ()


class Sequence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must have happened before in the run, or must not: one of both."""

    name: str
    match: Match = Match()
    require: Earlier | None = None
    forbid_after: Earlier | None = None
    otherwise: Consequence = "deny"
    message: str = ""


class Hours(msgspec.Struct, frozen=True, omit_defaults=True):
    """Days of the week, 0 for Monday, and minutes of the day; `until` 1440 is midnight."""

    days: tuple[int, ...]
    start: int
    until: int


class OpenHours(msgspec.Struct, frozen=True, omit_defaults=True):
    """When actions may be done.

    Attributes:
        open: any of these.
        dates_closed: `2026-12-25`, or `2026-12-24..2026-12-26`, on which nothing is open.
        closed: `deny`, `hold` until it opens, or `approve:<tier>`.
    """

    name: str
    match: Match = Match()
    timezone: str = "UTC"
    open: tuple[Hours, ...] = ()
    dates_closed: tuple[str, ...] = ()
    closed: Consequence = "deny"
    message: str = ""


class Egress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may be reached by the actions it matches; anything else may not.

    Attributes:
        domains: names, `*.name` for all below one, or addresses.
        methods: empty for any.
        ports: empty for the scheme's own.
        deny_private: refuse addresses that are not public, and names for them.
    """

    name: str
    match: Match = Match()
    domains: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("https",)
    methods: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    deny_private: bool = True
    message: str = ""


class Data(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where data with any of these labels may not go.

    Attributes:
        regions: it may go to these only; empty for no such bound.
        never_external: it may not leave this machine.
        never_domains, never_tools: nor be given to these.
    """

    labels: tuple[str, ...]
    regions: tuple[str, ...] = ()
    never_external: bool = False
    never_domains: tuple[str, ...] = ()
    never_tools: tuple[str, ...] = ()
    message: str = ""


class Tier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is asked for approval, and how.

    Attributes:
        approvers: roles, any of which may decide; empty for everybody.
        on_timeout: `deny`, or the number of the tier that is asked then.
        bind: always `exactArgs`.
        not_requester: whoever asked for it may not decide.
        step_up: how somebody must prove again who they are; "" for not at all.
        second_person: overriding a decision at this tier takes two.
    """

    approvers: tuple[str, ...] = ()
    quorum: int = 1
    timeout_ms: int = 0
    on_timeout: str = "deny"
    bind: str = "exactArgs"
    not_requester: bool = False
    step_up: str = ""
    second_person: bool = False


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Allow, ask or deny what it matches, where `when` (CEL) is true.

    Attributes:
        message: for people.
        message_expression: CEL that makes the message; wins over `message`.
    """

    id: str
    effect: Literal["allow", "approve", "deny"]
    match: Match = Match()
    when: str = ""
    tier: int = 0
    message: str = ""
    message_expression: str = ""


class Expected(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a test expects; `by` None for any rules."""

    decision: str
    tier: int = 0
    by: tuple[str, ...] | None = None
    stage: Literal["call", "list"] = "call"


class Test(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action and the decision that it must get.

    Attributes:
        action: values by dotted name, `agent.roles`.
        after: actions that happened before in the same run.
        spent: by budget and unit, what is spent.
    """

    name: str
    action: dict[str, JSON]
    expect: Expected
    after: tuple[dict[str, JSON], ...] = ()
    spent: dict[str, dict[str, int]] = {}


class PolicyVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared policy.

    Attributes:
        mode: `enforce`, or `observe`: decide and record, never hold anything up.
        applies_to: which actions it is about at all.
        on_error: what follows where a rule cannot be evaluated: `deny` or `approve:<tier>`.
        timezone: of `now` in rules.
    """

    name: str
    version: str
    description: str = ""
    labels: dict[str, str] = {}
    mode: Literal["enforce", "observe"] = "enforce"
    applies_to: Match = Match()
    on_error: Consequence = "deny"
    timezone: str = "UTC"
    agents: Agents = Agents()
    budgets: tuple[Budget, ...] = ()
    reservation: Reservation = Reservation()
    rates: tuple[Rate, ...] = ()
    quotas: tuple[Quota, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    windows: tuple[OpenHours, ...] = ()
    egress: tuple[Egress, ...] = ()
    data: tuple[Data, ...] = ()
    tiers: dict[str, Tier] = {}
    rules: tuple[Rule, ...] = ()
    tests: tuple[Test, ...] = ()
