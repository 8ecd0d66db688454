"""Who may be asked now: not everybody's breaker is closed, and people suspend agents, or everything."""

from __future__ import annotations

from collections.abc import Mapping

from podium.facts.suspension import EVERYTHING
from podium.facts.values import Error, standard_error
from podium.kernel.breakers import is_shut, shut
from podium.kernel.routing import NOBODY, SHUT
from podium.kernel.state import Effect, Shard
from podium.kernel.step import Step, View
from podium.kernel.suspensions import of_agent


def avoided(step: Step) -> Mapping[str, str]:
    """The agent versions that no attempt may start at now, by digest, and why each."""
    shard = step.shard
    if not shard.breakers and not shard.suspended:
        return NOBODY
    found = dict.fromkeys(shut(shard), SHUT)
    if shard.suspended.keys() - {EVERYTHING}:
        for digest in step.view.agents:
            if why := suspended(shard, step.view, digest):
                found[digest] = why
    return found


def obstacle(shard: Shard, view: View, digest: str) -> str:
    """Why an agent version is not to be asked now, though another may be; "" if it is."""
    if shard.breakers and is_shut(shard, digest):
        return SHUT
    return suspended(shard, view, digest) if shard.suspended else ""


def suspended(shard: Shard, view: View, digest: str) -> str:
    """By whom an agent version is suspended, and why; "" if it is not."""
    agent = view.agents.get(digest)
    held = of_agent(shard, f"{agent.name}@{agent.version}") if agent is not None else None
    return held[1].told("it") if held is not None else ""


def may_begin(shard: Shard, view: View, digest: str) -> bool:
    """Whether an attempt may begin, as far as breakers and people have it."""
    if not shard.breakers and not shard.suspended:
        return True
    return EVERYTHING not in shard.suspended and not obstacle(shard, view, digest)


def refused(shard: Shard, effect: Effect) -> Error | None:
    """Why nothing is done for an attempt at an effect that asks for something; None where it is."""
    held = of_agent(shard, effect.agent) if shard.suspended else None
    if held is None:
        return None
    title = held[1].told(effect.agent)
    return standard_error("authorization", effect.task, title, "nothing is done for it until it is resumed")
