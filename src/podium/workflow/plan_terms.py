"""What a plan of an agent may use, and how much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the tasks of a plan may call; nothing else. A name that ends in `*` stands for all that begin so.

    Attributes:
        calls: kinds of calls.
        capabilities, agents, tools, workflows, hosts: names of what these may reach.
    """

    calls: frozenset[str]
    capabilities: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a plan may be.

    Attributes:
        tasks: in its document, functions counted as often as they are called.
        depth: of tasks inside tasks; those of the document itself are 1 deep.
        steps: events of its run.
        money_nano: what it may cost in nano-units, with all that it leads to; -1 for what policies allow.
    """

    tasks: int = 50
    depth: int = 4
    steps: int = 10_000
    money_nano: int = -1


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What an agent planned, which comes as its data, as a run of its own.

    Attributes:
        planner: who planned it, as it is told.
        asked: the node of the call of who planned it: the plan gets what that was given.
        allow: what the plan may use, and `limits` how much.
        tier, roles, quorum, escalate_ms, escalate: who is asked before it runs, as of a question to people.
    """

    planner: str
    asked: int
    allow: Allowance
    limits: Limits
    tier: str = ""
    roles: tuple[str, ...] = ()
    quorum: int = 0
    escalate_ms: int = 0
    escalate: str = ""

    @property
    def asks(self) -> bool:
        """Whether people are asked before it runs."""
        return bool(self.tier or self.roles)
