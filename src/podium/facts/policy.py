"""What policy is asked and what it answers: actions, decisions, and what a decision reserves and counts."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from podium.facts.approvals import Terms
from podium.facts.policy_version import PolicyVersion
from podium.facts.values import JSON

__all__ = [
    "Action",
    "Amounts",
    "Count",
    "Decision",
    "Deferral",
    "Destination",
    "Hold",
    "PolicyVersion",
    "Reach",
    "Verdict",
]

Reach: TypeAlias = Literal["", "vetted", "public"]
Verdict: TypeAlias = Literal["allow", "deny", "approve", "defer"]


class Destination(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Somewhere outside that an action reaches; `policy.destinations` makes one of a URL.

    Attributes:
        host: lower-case name without a dot at the end, or an address in its usual form.
        scheme: `https`.
        method: of the request, in upper case; "" where there is none or it is not known.
        port: 0 if it is the scheme's own.
        region: where the host stands; "" if nobody said.
    """

    host: str
    scheme: str = "https"
    method: str = ""
    port: int = 0
    region: str = ""


NOWHERE = Destination("", "")


class Action(msgspec.Struct, gc=False):
    """Something that somebody wants to do outside the hub, as policy looks at it.

    Attributes:
        kind: of the effect: `agent`, `tool`, `http`, `openapi`, `process`, `human`, `emit`, `workflow` or
            `guard`.
        target: what is used: a tool's name, `http.get`, `openapi.<operation>`, `process.shell`; of other
            kinds the agent's or workflow's name, the event's type, or the name of the check.
        capability: what an agent is asked for.
        groups: those that the tool declares; the first part of its name and `egress` are added to them here.
        side_effect: `none`, `read`, `write` or `irreversible`.
        risk: of the tool, 0 to 5.
        external: whether whoever performs it is outside this machine.
        args: what the performer gets.
        agent, agent_version, roles, state, attested: the agent that acts; all empty where the workflow does.
            `attested` is `measured` (started and hashed by the hub), `attested`, `declared` or "".
        depth: agents that asked each other to get here; 0 for what a workflow asks.
        workflow: `namespace/name` of the run's.
        tenant, principal: whose run it is.
        run, tree: ids of the run and of the root of its tree.
        credential: the secret that it is performed with.
        destinations: what it reaches outside.
        labels: of the data that it is given.
        result_labels: of whatever it gives.
        cost_nano: what it costs at worst, all attempts counted; None if nobody knows.
        input_tokens: tokens it is given, at most.
        output_tokens: tokens it gives, at most; None if nobody said.
        output_tokens_max: what the model can give at most; 0 if that is not known.
        duration_ms: time that it takes at worst.
        attempt: the attempt that is about to start; quotas count a first one only.
        asked_at: when it was asked for first, ms since 1970; 0 is now.
        stage: `call`, or `list` to ask whether it could ever be allowed, whatever its arguments.
        policies: names of those that must each allow it themselves, beside all that are about it.
    """

    kind: str
    target: str = ""
    capability: str = ""
    groups: tuple[str, ...] = ()
    side_effect: str = "none"
    risk: int = 0
    external: bool = False
    args: JSON = None
    agent: str = ""
    agent_version: str = ""
    roles: tuple[str, ...] = ()
    state: str = ""
    attested: str = ""
    depth: int = 0
    workflow: str = ""
    tenant: str = ""
    principal: str = ""
    run: str = ""
    tree: str = ""
    credential: str = ""
    destinations: tuple[Destination, ...] = ()
    labels: tuple[str, ...] = ()
    result_labels: tuple[str, ...] = ()
    cost_nano: int | None = 0
    input_tokens: int = 0
    output_tokens: int | None = None
    output_tokens_max: int = 0
    duration_ms: int = 0
    attempt: int = 1
    asked_at: int = 0
    stage: Literal["call", "list"] = "call"
    policies: tuple[str, ...] = ()


class Hold(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """An amount that an effect keeps reserved for as long as it lives.

    Attributes:
        counter: policy, budget, unit, scope values and end of the window, as one text.
        amount: nano-units of money, tokens, calls or ms.
        over: how much of it is beyond the ceiling, by people's leave.
    """

    counter: str
    amount: int
    over: int = 0


class Count(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """Something to count as an attempt starts.

    Attributes:
        counter: of a quota or a rate, as one text.
        amount: calls, or the sum of an argument.
        span: of a window that moves along how long it counts, in ms; of a rate how far one call
            moves it, in ns.
    """

    counter: str
    amount: int
    span: int = 0


class Amounts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an effect truly took: nano-units, tokens, ms."""

    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0


class Deferral(msgspec.Struct, frozen=True, gc=False):
    """What an action has to wait for.

    Attributes:
        rules: those that make it wait.
        message: why, for people.
        until: when it is decided again; 0 is when something that is held is released.
    """

    rules: tuple[str, ...]
    message: str
    until: int


class Decision(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The verdict on an action, why, and what follows where it goes ahead.

    Attributes:
        rules: those that gave the verdict, `policy/rule`; `default` where nothing allows it.
        policy: digest over all policies in force.
        tier: of an `approve`, the highest that is asked for.
        message: what the rules say of it, for people.
        holds: what the effect reserves where it goes ahead, by people's leave if need be.
        counts: what is counted as it starts.
        marks: what the run remembers as it starts.
        proofs: what the run remembers once it succeeded.
        until: of a `defer`, when it is decided again, ms since 1970; 0 is when something held is released.
        reads: the values that were read, by name.
        warnings: thresholds of budgets that it crosses.
        observed: what policies that only observe would have said, a line each.
        terms: of an `approve`, who is asked and how.
        deferral: of an `approve`, what it has to wait for even with their yes; None for nothing.
        reach: what the connection is held to: `vetted` leads nowhere else, `public` nor to a private address.
    """

    verdict: Verdict
    rules: tuple[str, ...]
    policy: str = ""
    tier: int = 0
    message: str = ""
    holds: tuple[Hold, ...] = ()
    counts: tuple[Count, ...] = ()
    marks: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    until: int = 0
    reads: dict[str, JSON] = {}
    warnings: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    terms: Terms | None = None
    reach: Reach = ""
    deferral: Deferral | None = None
