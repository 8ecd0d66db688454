"""`select.by` of `call: agent`: who chooses is told who could do it, and whoever is chosen does it."""

from __future__ import annotations

from dataclasses import replace

from podium.facts.secrets import inert
from podium.facts.values import JSON, standard_error
from podium.kernel.arguments import Arguments, Faulted
from podium.kernel.availability import avoided
from podium.kernel.flow import Entry
from podium.kernel.step import Step, text_of
from podium.workflow.program import CallAgent

REASON_MAX = 200
"""So much of what a chooser says of its choice stands in the reason of the effect."""


def question(step: Step, entry: Entry, call: CallAgent) -> JSON:
    """What a chooser gets: `{input, candidates}`, the best first as it would be without one.

    Raises:
        Faulted: nobody could do it.
        Waiting: as evaluation does.
    """
    wanted = step.program.nodes[call.chooses].detail
    assert isinstance(wanted, CallAgent)
    running = step.shard.running
    routes = step.view.routes(wanted, lambda digest: running.get(digest, 0), 0, avoided(step))
    if isinstance(routes, str):
        raise Faulted(
            standard_error("configuration", entry.node.reference, routes, "apply an agent that offers it")
        )
    given = entry.data
    if wanted.input is not None:
        given = step.evaluation.value(wanted.input, entry.data, entry.arguments, entry.node.reference)
    candidates = []
    for route in routes:
        agent = route.agent
        offered = next(one for one in agent.capabilities if one.name == wanted.capability)
        candidates.append(
            {
                "agent": agent.name, "version": agent.version, "labels": dict(agent.labels),
                "description": offered.description or agent.description,
            }
        )  # fmt: skip
    return {"input": inert(given) if step.run.secrets else given, "candidates": candidates}


def taken(step: Step, entry: Entry, call: CallAgent) -> tuple[Entry, CallAgent]:
    """The task as it is with the choice that came as its data: its own input, and the call of that agent.

    Raises:
        Faulted: what came is no choice.
    """
    name, why = _choice(entry.data)
    if not name:
        title = f"{call.chosen_by} chose nobody"
        told = f"it must give a name, or {{agent, reason}}, not {text_of(entry.data)[:REASON_MAX]}"
        raise Faulted(standard_error("validation", entry.node.reference, title, told))
    given = entry.parent.input
    was = entry.arguments
    arguments = Arguments(
        step.run, step.program, entry.node, was.variables, was.entered_at, given, given, around=was.around
    )
    by = call.chosen_by + (f": {why[:REASON_MAX]}" if why else "")
    own = Entry(entry.parent, entry.node, entry.slot, given, arguments, False)
    return own, replace(call, agent=name, chosen_by=by)


def _choice(answer: JSON) -> tuple[str, str]:
    """The name of who was chosen, and why; "" where nobody was."""
    if isinstance(answer, dict):
        name, why = answer.get("agent"), answer.get("reason")
    else:
        name, why = answer, ""
    return name if isinstance(name, str) else "", why if isinstance(why, str) else ""
