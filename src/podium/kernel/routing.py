"""Which agent performs an effect, in which version, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from podium.facts.catalog import AgentVersion
from podium.workflow.program import CallAgent

Load = Callable[[str], int]
"""Attempts in flight of an agent version, by digest."""


NOBODY: Mapping[str, str] = {}

SHUT = "its breaker is open"

ANYWHERE: Mapping[str, int] = {}

UNSTAFFED = "no live worker hosts it: it waits for one"


class Route:
    """The chosen agent version, the reason in a line that an operator reads, and who could be chosen."""

    __slots__ = ("agent", "candidates", "digest", "reason")

    def __init__(
        self, digest: str, agent: AgentVersion, reason: str, candidates: tuple[str, ...] = ()
    ) -> None:
        self.digest, self.agent, self.reason, self.candidates = digest, agent, reason, candidates


def choose(
    call: CallAgent,
    candidates: Sequence[tuple[str, AgentVersion]],
    load: Load,
    avoided: Mapping[str, str] = NOBODY,
    fleet: Mapping[str, int] = ANYWHERE,
) -> Route | str:
    """Choose among the candidates.

    The order of preference: carries all of `require`; may be asked now; has a live worker, if it needs
    one; carries most of `prefer`; has the fewest attempts in flight for what it takes at once; costs least;
    name. Deterministic: the same state gives the same choice.

    Args:
        call: what the task asks for.
        candidates: (digest, agent version) that offer it, the newest version of each agent.
        load: attempts in flight of an agent version, by digest.
        avoided: why some are not to be asked now, by digest.
        fleet: what live workers take at once of those that workers host, by digest.
    Returns:
        a Route, or why there is none.
    """
    if len(candidates) == 1 and not call.require:
        digest, agent = candidates[0]
        reason = "named by the task" if call.agent else "only agent"
        reason = f"chosen by {call.chosen_by}" if call.chosen_by else reason
        return Route(digest, agent, reason + _hindrance(digest, avoided, fleet))
    fitting = _ranked(call, candidates, load, avoided, fleet)
    if isinstance(fitting, str):
        return fitting
    digest, agent = fitting[0]
    reason = f"{len(fitting)} of {len(candidates)} fit; least busy" if len(fitting) > 1 else "only one fits"
    reason = f"chosen by {call.chosen_by}" if call.chosen_by else reason
    if call.prefer:
        reason += f"; prefers {', '.join(sorted(call.prefer))}"
    reason += _hindrance(digest, avoided, fleet)
    if digest not in avoided:
        reason += "".join(f"; not {_named(one)}: {avoided[of]}" for of, one in fitting if of in avoided)
    return Route(digest, agent, reason, tuple(_named(one) for _, one in candidates))


def _named(agent: AgentVersion) -> str:
    return f"{agent.name}@{agent.version}"


def _hindrance(digest: str, avoided: Mapping[str, str], fleet: Mapping[str, int]) -> str:
    """What the chosen one has to wait for, to be added to the reason."""
    why = avoided.get(digest, "")
    waits = f"; {why}: it waits until it is {'tried again' if why == SHUT else 'resumed'}" if why else ""
    return waits if fleet.get(digest, 1) else f"{waits}; {UNSTAFFED}"


def choose_several(
    call: CallAgent,
    candidates: Sequence[tuple[str, AgentVersion]],
    load: Load,
    count: int,
    avoided: Mapping[str, str] = NOBODY,
    fleet: Mapping[str, int] = ANYWHERE,
) -> list[Route] | str:
    """Choose so many of the candidates by the same preference, or all where `count` is 0.

    Returns:
        the Routes, best first, or why there are none.
    """
    fitting = _ranked(call, candidates, load, avoided, fleet)
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
    avoided: Mapping[str, str],
    fleet: Mapping[str, int],
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

    def rank(candidate: tuple[str, AgentVersion]) -> tuple[bool, bool, int, float, int, str]:
        digest, agent = candidate
        preferred = sum(agent.labels.get(name) == value for name, value in call.prefer.items())
        staff = fleet.get(digest, agent.concurrency)
        busy = load(digest) / (min(staff, agent.concurrency) or agent.concurrency)
        return digest in avoided, not staff, -preferred, busy, agent.cost_nano, agent.name

    return sorted(fitting, key=rank)
