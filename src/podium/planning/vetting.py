"""Vetting: whether a plan that an agent made is within what its caller allows, and can be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from podium.facts.values import Problem
from podium.planning.declarations import Declarations
from podium.planning.reviewing import review
from podium.policy.destinations import DestinationInvalid, destination_of
from podium.policy.matching import is_below, named
from podium.resources.quantities import money_text
from podium.workflow import program as p
from podium.workflow.plan_terms import Allowance, CallPlan, Limits
from podium.workflow.program import CallAgent, CallHttp, CallHuman, CallTool, Node, Program
from podium.workflow.proposing import NAMELESS

_FREE = frozenset(
    {
        "do", "for", "fork", "try", "set", "switch", "raise", "wait", "map", "graph", "fanout", "compensate",
        "extended", "before", "foreach",
    }
)  # fmt: skip
"""Kinds of tasks that only say in what order things are done."""


def vet(program: Program, call: CallPlan, declared: Declarations) -> list[Problem]:
    """What keeps a plan from being run, worst first; nothing if it may.

    Args:
        program: compiled from what the planner gave.
        call: what its caller allows.
        declared: what there is.
    """
    problems = [*_sizes(program, call.limits)] or [*_uses(program, call.allow), *_schemas(program)]
    if problems:
        return problems
    broken = [remark for remark in review(program, "", declared) if remark.weight == "breaks"]
    if broken:
        return [remark.problem for remark in broken]
    return [*_price(program, call.limits, declared)]


def tasks_of(program: Program) -> list[Node]:
    """The tasks that a document has, without what is made around them."""
    own = _own(program)
    return [
        node
        for node in program.nodes
        if node.index not in own and (node.name or node.kind not in ("do", "before"))
    ]


def _own(program: Program) -> set[int]:
    """Nodes that are there for undoing, whatever the document says."""
    own = {program.undoing, program.unclaimed} if program.undoing else set()
    return own | {node.detail.escalation for node in program.nodes if isinstance(node.detail, p.Compensate)}


# --- sizes ------------------------------------------------------------------------------------------


def _sizes(program: Program, limits: Limits) -> Iterator[Problem]:
    tasks = tasks_of(program)
    if len(tasks) > limits.tasks:
        message = f"The plan has {len(tasks)} tasks; {limits.tasks} are allowed."
        yield Problem("too-many-tasks", "/do", message)
    deepest, where = _depth(program)
    if deepest > limits.depth:
        message = f"Tasks are nested {deepest} deep here; {limits.depth} are allowed."
        yield Problem("too-deep", where.reference, message)


def _depth(program: Program) -> tuple[int, Node]:
    """How deep tasks are nested, and the first of those that are so deep."""
    deepest, found = 0, program.nodes[0]
    waiting = [(0, 0)]
    while waiting:
        index, depth = waiting.pop()
        node = program.nodes[index]
        depth += 1 if node.name else 0
        if depth > deepest:
            deepest, found = depth, node
        waiting += [(child, depth) for child in _inside(node)]
    return deepest, found


def _inside(node: Node) -> list[int]:
    """The nodes that a task runs."""
    inside = _INSIDE.get(type(node.detail))
    found = list(inside(node.detail)) if inside is not None else []
    if node.undo is not None:
        found.append(node.undo.node)
    return found


_INSIDE: dict[type, Callable[[Any], Any]] = {
    p.Do: lambda detail: detail.children,
    p.For: lambda detail: (detail.body,),
    p.Fork: lambda detail: detail.branches,
    p.Try: lambda detail: filter(None, (detail.body, detail.catch.body)),
    p.Map: lambda detail: (detail.body,),
    p.Graph: lambda detail: detail.nodes,
    p.Fanout: lambda detail: detail.bodies,
    p.Listen: lambda detail: (detail.foreach.body,) if detail.foreach is not None else (),
    p.Extended: lambda detail: filter(None, (detail.before, detail.task, detail.after)),
}


# --- what it uses -----------------------------------------------------------------------------------


def _uses(program: Program, allow: Allowance) -> Iterator[Problem]:
    if program.secrets:
        yield Problem("not-allowed", "/use/secrets", "A plan cannot use secrets.")
    for node in tasks_of(program):
        message = _forbidden(node, allow)
        if message:
            yield Problem("not-allowed", node.reference, message)


def _forbidden(node: Node, allow: Allowance) -> str:
    """Why a task must not be in the plan; "" if it may."""
    if node.kind in _FREE:
        return ""
    if node.kind not in allow.calls:
        known = ", ".join(sorted(allow.calls)) or "none"
        return f"A plan must not use `{node.kind}` here; allowed are: {known}."
    if node.kind in NAMELESS:
        return ""
    detail = node.detail
    if isinstance(detail, CallAgent | CallTool) and detail.key is not None:
        return "A plan cannot choose an `idempotencyKey`: it could be that of something else."
    if isinstance(detail, CallAgent):
        bare = detail.agent.partition("@")[0]
        if detail.agent:
            return _unlisted("agent", (detail.agent, bare), allow.agents)
        return _unlisted("capability", (detail.capability,), allow.capabilities)
    if isinstance(detail, CallTool):
        return _unlisted("tool", (detail.tool, detail.tool.partition("@")[0]), allow.tools)
    if isinstance(detail, p.RunWorkflow):
        return _unlisted("workflow", (detail.workflow, detail.workflow.partition("@")[0]), allow.workflows)
    return _unlisted_host(node, allow.hosts)


def _unlisted(what: str, names: tuple[str, ...], patterns: tuple[str, ...]) -> str:
    if any(named(name, patterns) for name in names):
        return ""
    return f"The {what} {names[0]} is not among those allowed: {', '.join(patterns) or 'none'}."


def _unlisted_host(node: Node, hosts: tuple[str, ...]) -> str:
    asked = node.definition.get("with")
    endpoint = (
        asked.get("endpoint") if isinstance(asked, dict) and isinstance(node.detail, CallHttp) else None
    )
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    try:
        host = destination_of(uri).host
    except DestinationInvalid:
        return "A plan must write out the host of an endpoint, where it calls it."
    return "" if is_below(host, hosts) else f"The host {host} is not among those allowed: {', '.join(hosts)}."


def _schemas(program: Program) -> Iterator[Problem]:
    """A plan brings no schemas: whoever it calls has contracts, and a schema can take for ever to check."""
    message = "A plan cannot have schemas; the contracts of those it calls hold."
    if program.input_schema is not None:
        yield Problem("not-allowed", "/input/schema", message)
    if program.output_schema is not None:
        yield Problem("not-allowed", "/output/schema", message)
    for node in program.nodes:
        for field in ("input", "output", "export"):
            if getattr(node, f"{field}_schema") is not None:
                yield Problem("not-allowed", f"{node.reference}/{field}/schema", message)
        if isinstance(node.detail, CallHuman) and node.detail.form is not None:
            yield Problem("not-allowed", f"{node.reference}/with/form", message)


# --- what it costs ----------------------------------------------------------------------------------


def _price(program: Program, limits: Limits, declared: Declarations) -> Iterator[Problem]:
    """Whether all calls together may cost too much, each made once, by the dearest who might do it."""
    if limits.money_nano < 0:
        return
    several = {
        detail.bodies[0]: detail.count
        for detail in (node.detail for node in program.nodes)
        if isinstance(detail, p.Fanout) and len(detail.bodies) == 1
    }
    total = 0
    for node in program.nodes:
        reference, call = node.reference, node.detail
        if not isinstance(call, CallAgent | CallTool) or node.index == program.undoing:
            continue
        costs = [(one.cost_nano * max(one.retry.attempts, 1), one) for one, _ in declared.performers(call)]
        priceless = [one.name for _, one in costs if not one.priced]
        if priceless:
            message = (
                f"Nobody knows what {priceless[0]} costs, and the plan may cost {usd(limits.money_nano)}."
            )
            yield Problem("unknown-price", reference, message)
        asked = several.get(node.index, 1 + (call.reroute if isinstance(call, CallAgent) else 0))
        total += sum(sorted((cost for cost, _ in costs), reverse=True)[: asked or None])
    if total > limits.money_nano:
        message = f"The calls may cost {usd(total)}; {usd(limits.money_nano)} is allowed."
        yield Problem("too-expensive", "/do", message)


def usd(nano: int) -> str:
    """An amount of money for people."""
    return f"${money_text(nano, 2)}"
