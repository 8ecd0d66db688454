"""The policy of a hub that was given none: visible as `development`, and like any other in all else."""

from __future__ import annotations

from podium.facts.policy_version import Match, PolicyVersion, Rule, Tier
from podium.policy.compiling import Compiled, compile_policy

NAME = "development"

_REACHING = ("tool", "http", "openapi")

DEVELOPMENT = PolicyVersion(
    name=NAME,
    version="1.0.0",
    description="holds as long as no policy is applied that enforces: asks before anything changes the world",
    tiers={"1": Tier(approvers=("operator",))},
    rules=(
        Rule("agents", "allow", Match(kinds=("agent",))),
        Rule("people", "allow", Match(kinds=("human",))),
        Rule("workflows", "allow", Match(kinds=("workflow",))),
        Rule("events", "allow", Match(kinds=("emit",))),
        Rule("guards", "allow", Match(kinds=("guard",))),
        Rule("processes", "allow", Match(kinds=("process",))),
        Rule("tools", "allow", Match(kinds=_REACHING)),
        Rule(
            "side-effects", "approve", Match(kinds=_REACHING, side_effects=("write", "irreversible")), tier=1,
            message="it changes something outside, and no policy of yours says that it may",
        ),
        Rule(
            "remote-agents", "approve", Match(kinds=("agent",), external=True), tier=1,
            message="the agent is on another machine, and no policy of yours says that it may be asked",
        ),
    ),
)  # fmt: skip


def development() -> Compiled:
    """The policy, ready to decide."""
    compiled, problems = compile_policy(DEVELOPMENT)
    assert compiled is not None, problems
    return compiled
