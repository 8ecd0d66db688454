"""Foreseeing: what policy would say of the tasks of a plan, whatever their arguments turn out to be."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podium.facts.policy import Action, Decision
from podium.facts.values import Problem
from podium.kernel.acting import action_for
from podium.kernel.policies import built_in
from podium.kernel.step import Step
from podium.planning.vetting import tasks_of
from podium.policy.deciding import decide
from podium.policy.destinations import DestinationInvalid
from podium.workflow.program import CallAgent, CallTool, Node, Program, RunWorkflow


def foreseen(step: Step, program: Program) -> list[Problem]:
    """The tasks of a plan that policy denies whoever would do them."""
    problems = []
    for node in tasks_of(program):
        decisions = [_decision(step, program, node.kind, *parts) for parts in _parts(step, node)]
        if decisions and all(one is not None and one.verdict == "deny" for one in decisions):
            denied = decisions[0]
            assert denied is not None
            told = f"Policy denies it, by {', '.join(denied.rules)}"
            message = f"{told}: {denied.message}." if denied.message else f"{told}."
            problems.append(Problem("policy", node.reference, message))
    return problems


def _parts(step: Step, node: Node) -> Iterator[tuple[str, str]]:
    """Digest and capability of everybody who could do a task."""
    view, call = step.view, node.detail
    if isinstance(call, CallTool):
        yield view.current("Tool", call.tool), ""
    elif isinstance(call, RunWorkflow):
        yield view.current("Workflow", call.workflow), ""
    elif isinstance(call, CallAgent) and call.agent:
        digest = view.current("Agent", call.agent)
        yield digest, call.capability or view.agents[digest].capabilities[0].name
    elif isinstance(call, CallAgent):
        for digest, _ in view.candidates(call.capability):
            yield digest, call.capability


def _decision(step: Step, program: Program, kind: str, digest: str, capability: str) -> Decision | None:
    """What policy says of a call whose arguments nobody knows; None where it is not even known what it is."""
    try:
        action: Action = action_for(step.view, step.run, kind, digest, capability, None)
    except DestinationInvalid:
        return None
    action = msgspec.structs.replace(action, stage="list", workflow=program.label.partition("@")[0])
    return decide(step.view.policies or built_in(), action, step.shard.ledger, {}, step.shard.now)
