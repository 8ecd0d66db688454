"""Which agent performs an effect, in which version, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from podium.facts.catalog import AgentVersion
from podium.workflow.program import CallAgent

Load = Callable[[str], int]
"""Attempts in flight of an agent version, by digest."""


NOBODY: frozenset[str] = frozenset()

SHUT = "whose breaker is open"
WAITS = "its breaker is open: it waits until it is tried again"


class Route:
    """The chosen agent version and the reason, in a line that an operator reads."""

    __slots__ = ("agent", "digest", "reason")

    def __init__(self, digest: str, agent: AgentVersion, reason: str) -> None:
        self.digest, self.agent, self.reason = digest, agent, reason


def choose(
    call: CallAgent,
    candidates: Sequence[tuple[str, AgentVersion]],
    load: Load,
    avoided: Collection[str] = NOBODY,
) -> Route | str:
    """Choose among the candidates.

    The order of preference: carries all of `require`; has no open breaker; carries most of `prefer`; has the
    fewest attempts in flight for its concurrency; name. Deterministic: the same state gives the same choice.

    Args:
        call: what the task asks for.
        candidates: (digest, agent version) that offer it, the newest version of each agent.
        load: attempts in flight of an agent version, by digest.
        avoided: digests of those whose breaker is open.
    Returns:
        a Route, or why there is none.
    """
    if len(candidates) == 1 and not call.require:
        digest, agent = candidates[0]
        reason = "named by the task" if call.agent else "only agent"
        reason = f"chosen by {call.chosen_by}" if call.chosen_by else reason
        return Route(digest, agent, f"{reason}; {WAITS}" if digest in avoided else reason)
    fitting = _ranked(call, candidates, load, avoided)
    if isinstance(fitting, str):
        return fitting
    digest, agent = fitting[0]
    reason = f"{len(fitting)} of {len(candidates)} fit; least busy" if len(fitting) > 1 else "only one fits"
    reason = f"chosen by {call.chosen_by}" if call.chosen_by else reason
    if call.prefer:
        reason += f"; prefers {', '.join(sorted(call.prefer))}"
    if avoided:
        shut = [f"{one.name}@{one.version}" for of, one in fitting if of in avoided]
        reason += f"; {WAITS}" if digest in avoided else f"; not {', '.join(shut)}, {SHUT}" if shut else ""
    return Route(digest, agent, reason)


def choose_several(
    call: CallAgent,
    candidates: Sequence[tuple[str, AgentVersion]],
    load: Load,
    count: int,
    avoided: Collection[str] = NOBODY,
) -> list[Route] | str:
    """Choose so many of the candidates by the same preference, or all where `count` is 0.

    Returns:
        the Routes, best first, or why there are none.
    """
    fitting = _ranked(call, candidates, load, avoided)
    if isinstance(fitting, str):
        return fitting
    open_ones = sum(digest in avoided for digest, _ in fitting)
    if not count and len(fitting) > open_ones:
        fitting = fitting[: len(fitting) - open_ones]
    if len(fitting) < count:
        return f"{count} agents for {call.capability} are wanted, but only {len(fitting)} fit"
    chosen = fitting[:count] if count else fitting
    reason = f"one of {len(chosen)} that are asked, of {len(fitting)} that fit"
    return [Route(digest, agent, reason) for digest, agent in chosen]


def _ranked(
    call: CallAgent,
    candidates: Sequence[tuple[str, AgentVersion]],
    load: Load,
    avoided: Collection[str],
) -> list[tuple[str, AgentVersion]] | str:
    """Those that fit, best first; or why there are none."""
    fitting = [
        (digest, agent)
        for digest, agent in candidates
        if all(agent.labels.get(name) == value for name, value in call.require.items())
    ]
    if not fitting:
        asked = call.agent or call.capability
        if candidates:
            labels = ", ".join(f"{name}={value}" for name, value in call.require.items())
            return f"none of the agents for {asked} ({len(candidates)}) carries the labels {labels}"
        return f"no agent offers {asked}"

    def rank(candidate: tuple[str, AgentVersion]) -> tuple[bool, int, float, str]:
        digest, agent = candidate
        preferred = sum(agent.labels.get(name) == value for name, value in call.prefer.items())
        return digest in avoided, -preferred, load(digest) / agent.concurrency, agent.name

    return sorted(fitting, key=rank)
