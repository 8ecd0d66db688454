"""Whether so much waits for an agent already that no more runs which need it are taken."""

from __future__ import annotations

from podium.facts.values import Problem, Refused
from podium.kernel.lines import Line
from podium.kernel.state import Shard
from podium.kernel.step import View
from podium.planning.reviewing import calls_of
from podium.workflow.program import CallAgent, Program

RULE = "overloaded"


def crowded(shard: Shard, view: View, program: Program, tenant: str) -> Refused | None:
    """The refusal of a run where all who could do one of its tasks have as much in line as may be.

    A tenant that has less than its part there is let in all the same: it does not pay for what others do.
    """
    full = {digest for digest, line in shard.queues.items() if _is_full(line, view.queue_max, tenant)}
    if not full:
        return None
    for reference, call in calls_of(program):
        if not isinstance(call, CallAgent) or call.chosen_by:
            continue
        if call.agent:
            able = {view.current("Agent", call.agent)}
        else:
            able = {digest for digest, _ in view.candidates(call.capability)}
        if able and able <= full:
            asked = call.agent or call.capability
            message = f"{view.queue_max:,} attempts wait for {asked} already; try again later"
            return Refused("refused", (Problem(RULE, reference, message),))
    return None


def _is_full(line: Line[tuple[str, int]], most: int, tenant: str) -> bool:
    if len(line) < most:
        return False
    waiting = line.tenants
    return waiting.get(tenant, 0) >= most // len({*waiting, tenant})
