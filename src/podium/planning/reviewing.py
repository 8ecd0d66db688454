"""Reviewing a workflow: what about it does not hold among the things that are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec

from podium.contracts.compatibility import Finding
from podium.facts.catalog import AgentVersion, Capability
from podium.facts.values import JSON, Problem
from podium.planning.declarations import Declarations
from podium.planning.flow import Flow, flow_of
from podium.workflow.program import CallAgent, CallPolicy, CallTool, Program, RunWorkflow

PLACES_MAX = 4
"""So many places in the data are named, where it is not known what comes."""

Weight: TypeAlias = Literal["breaks", "unknown", "warns"]


class Remark(msgspec.Struct, frozen=True):
    """Something to know about a change.

    Attributes:
        weight: `breaks`: it must not be applied like this. `unknown`: it could not be told whether it holds.
            `warns`: it holds, and is worth a look.
        rule: stable name, `handoff`.
        resource: what it is about, `Workflow/support/refund@1.0.0`.
        path: JSON pointer into its document.
        message: what is wrong, and what to do, in a sentence.
        at: of data: JSON pointer into it.
        keyword: of data: what of its schema is not kept.
        witness: of a break: data that shows it.
        runs: unfinished runs that it concerns.
    """

    weight: Weight
    rule: str
    resource: str
    path: str
    message: str
    at: str = ""
    keyword: str = ""
    witness: JSON = None
    runs: int = 0

    @property
    def problem(self) -> Problem:
        """The remark as the reason of a refusal."""
        return Problem(self.rule, self.path, self.message, resource=self.resource)


def review(program: Program, resource: str, declared: Declarations) -> list[Remark]:
    """What breaks, cannot be told, or is worth a look in one workflow.

    Args:
        resource: how to call it.
        declared: what is declared, the workflow itself included.
    """
    flow = flow_of(program, declared)
    return [
        *_missing(program, resource, declared),
        *_unenforced(program, resource, declared),
        *_handoffs(flow, resource),
        *_unreachable(flow, resource),
        *_deprecated(program, resource, declared),
    ]


def calls_of(program: Program) -> Iterator[tuple[str, CallAgent | CallTool]]:
    """The calls of agents and tools, with the references of their tasks."""
    for node in program.nodes:
        if isinstance(node.detail, CallAgent | CallTool) and node.index != (program.undoing or -1):
            yield node.reference, node.detail


def runs_of(program: Program) -> Iterator[tuple[str, str]]:
    """The workflows that tasks run, with the references of the tasks."""
    for node in program.nodes:
        if isinstance(node.detail, RunWorkflow):
            yield node.reference, node.detail.workflow


def _missing(program: Program, resource: str, declared: Declarations) -> Iterator[Remark]:
    for reference, call in calls_of(program):
        if declared.performers(call):
            continue
        if isinstance(call, CallTool):
            message = f"no tool is named {call.tool}; declare it"
            yield Remark("breaks", "missing-tool", resource, f"{reference}/with/tool", message)
        else:
            asked = [f"is named {call.agent}"] if call.agent else []
            asked += [f"offers {call.capability}"] if call.capability else []
            labels = ", ".join(f"{name}={value}" for name, value in call.require.items())
            message = f"no agent {' and '.join(asked)}{' with ' + labels if labels else ''}; declare one"
            yield Remark("breaks", "missing-agent", resource, f"{reference}/with", message)
    for reference, name in runs_of(program):
        if declared.current("Workflow", name) is None:
            message = f"no workflow is named {name}; declare it"
            yield Remark("breaks", "missing-workflow", resource, f"{reference}/run/workflow", message)


def _unenforced(program: Program, resource: str, declared: Declarations) -> Iterator[Remark]:
    """Checks by policies that do not enforce: nothing would ever pass them."""
    enforcing = declared.enforcing()
    for node in program.nodes:
        if isinstance(node.detail, CallPolicy):
            for name in node.detail.policies:
                if name not in enforcing:
                    message = f"no policy that enforces is named {name}, so that nothing passes; declare one"
                    place = f"{node.reference}/with/check"
                    yield Remark("breaks", "missing-policy", resource, place, message)


def _handoffs(flow: Flow, resource: str) -> Iterator[Remark]:
    for handoff in flow.handoffs:
        verdict = flow.verdict(handoff)
        for finding in verdict.findings if verdict.verdict == "breaks" else ():
            where = f"at {finding.path}: " if finding.path else ""
            message = f"what comes does not suit {handoff.taker}: {where}{finding.message}"
            yield Remark(
                "breaks", "handoff", resource, handoff.path, message, finding.path, finding.keyword,
                finding.witness,
            )  # fmt: skip
        if verdict.verdict == "unknown":
            places = _places(verdict.findings)
            message = f"whether what comes suits {handoff.taker} could not be shown: {places}"
            first = verdict.findings[0]
            yield Remark("unknown", "handoff", resource, handoff.path, message, first.path, first.keyword)


def _places(findings: Iterable[Finding]) -> str:
    """Where in the data which keywords are in question."""
    keywords: dict[str, list[str]] = {}
    for finding in findings:
        keywords.setdefault(finding.path, []).append(
            f"`{finding.keyword}`" if finding.keyword else finding.message
        )
    told = [f"{path or '/'} {', '.join(dict.fromkeys(of))}" for path, of in keywords.items()]
    return "; ".join(told[:PLACES_MAX]) + (
        f"; and {len(told) - PLACES_MAX} more" if len(told) > PLACES_MAX else ""
    )


def _unreachable(flow: Flow, resource: str) -> Iterator[Remark]:
    for reference in flow.unreachable:
        message = "nothing leads to this task; remove it, or let a `then` lead to it"
        yield Remark("warns", "unreachable-task", resource, reference, message)


def _deprecated(program: Program, resource: str, declared: Declarations) -> Iterator[Remark]:
    for reference, call in calls_of(program):
        for agent, capability in declared.performers(call):
            notice = deprecation(agent, capability)
            if notice:
                yield Remark("warns", "deprecated", resource, f"{reference}/with", notice)
    for reference, name in runs_of(program):
        entry = declared.current("Workflow", name)
        notice = declared.workflows[entry.digest].deprecated if entry is not None else ""
        if notice:
            message = f"workflow {name} is deprecated: {notice}"
            yield Remark("warns", "deprecated", resource, f"{reference}/run/workflow", message)


def deprecation(agent: AgentVersion, capability: Capability) -> str:
    """The notice that whoever uses a capability of an agent should see; "" if there is none."""
    if agent.deprecated:
        return f"{agent.name}@{agent.version} is deprecated: {agent.deprecated}"
    if capability.deprecated:
        return f"{capability.name} of {agent.name}@{agent.version} is deprecated: {capability.deprecated}"
    return ""
