"""Kinds of tasks: what each makes of what is known of its data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podium.contracts.certainty import guessed
from podium.contracts.fragments import Fragment
from podium.facts.values import JSON
from podium.planning.expressions import Scope
from podium.planning.knowledge import ANYTHING, NULL
from podium.planning.walking import VISITS_MAX, Kind, State, Walk, Way, inside
from podium.workflow import program as p
from podium.workflow.program import CallAgent, CallTool, Node, Schema
from podium.workflow.targets import EXIT

_TEXT: Fragment = guessed({"type": "string"})
_ERROR: Fragment = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": {"type": "string"}, "status": {"type": "integer"}, "title": _TEXT, "detail": _TEXT,
        "instance": _TEXT,
    },
}  # fmt: skip

_CANDIDATE: Fragment = {
    "type": "object",
    "required": ["agent", "version", "labels", "description"],
    "properties": {
        "agent": {"type": "string"}, "version": {"type": "string"}, "description": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}  # fmt: skip
_CHOICE: JSON = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "required": ["agent"], "properties": {"agent": {"type": "string"}}},
    ]
}
"""Who chooses an agent gives its name, alone or with more."""


def _outside(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    """What comes from where nothing is promised."""
    return [(node.target, replace(state, data=ANYTHING))]


def _same(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    return [(node.target, state)]


def _do(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    state_at_end = walk.met(walk.scope(node, state, inside(scope)))
    return [] if state_at_end is None else [(node.target, state_at_end)]


def _set(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    assert isinstance(node.detail, p.Set)
    return [(node.target, replace(state, data=walk.made(node.detail.value, state.data, scope)))]


def _switch(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    assert isinstance(node.detail, p.Switch)
    cases = node.detail.cases
    state = replace(state, data=guessed(state.data))
    targets = [case.target for case in cases]
    if all(case.when is not None for case in cases):
        targets.append(node.target)
    return [(target, state) for target in targets]


def _stop(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    return []


def _loop(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.For)
    items = walk.made(detail.items, state.data, scope)
    count: Fragment = {"type": "integer", "minimum": 0}
    inner = {**inside(scope), detail.each: walk.knowledge.items(items), detail.at: guessed(count)}
    entry, after = state, None
    for visit in range(VISITS_MAX + 1):
        after = walk.body(detail.body, entry, inner)
        more = walk.entered(entry, after, visit) if after is not None else None
        if more is None:
            break
        entry = more
    ways = [] if after is None else [after]
    if not walk.knowledge.is_never_empty(items) or detail.while_ is not None:
        ways.append(State(guessed(state.data), state.context))
    met = walk.met(ways)
    return [] if met is None else [(node.target, met)]


def _spread(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Map)
    items = walk.knowledge.items(walk.made(detail.items, state.data, scope))
    inner = {**inside(scope), detail.each: items, detail.at: guessed({"type": "integer", "minimum": 0})}
    after = walk.body(detail.body, State(items if detail.fed else state.data, state.context), inner)
    if after is None:
        return []
    output = after.data
    if detail.on_error == "collect":
        output = walk.knowledge.either((output, {"type": "object", "required": ["error"]}))
    context = walk.knowledge.either((state.context, after.context))
    return [(node.target, State({"type": "array", "items": output}, context))]


def _graph(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Graph)
    ends: dict[int, State] = {}
    waiting = list(range(len(detail.nodes)))
    while waiting:
        place = next(one for one in waiting if all(need in ends for need in detail.needs[one]))
        waiting.remove(place)
        needs = {detail.names[need]: ends[need].data for need in detail.needs[place]}
        inner = {**inside(scope), "needs": walk.knowledge.object_of(needs)}
        end = walk.body(detail.nodes[place], State(state.data, ANYTHING), inner)
        if end is None:
            return []
        ends[place] = end
    output = {name: ends[place].data for place, name in enumerate(detail.names)}
    return [(node.target, State(walk.knowledge.object_of(output), ANYTHING))]


def _nested(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.RunWorkflow)
    given = walk.made(detail.input, state.data, scope)
    taken, output = walk.lookup.ends(detail.workflow)
    wanted = None if taken is None else Schema(taken, _unchecked)
    path = f"{node.reference}/run/workflow"
    path += "/input" if detail.input is not None else ""
    walk.hand(node.reference, path, f"workflow {detail.workflow}", given, wanted)
    if not detail.awaits:
        return [(node.target, state)]
    known = walk.knowledge.library.embed(output) if detail.gives_output else NULL
    return [(node.target, replace(state, data=known))]


def _fork(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Fork)
    ends = [walk.body(branch, state, inside(scope)) for branch in detail.branches]
    there = [end for end in ends if end is not None]
    if not there or (len(there) < len(ends) and not detail.compete):
        return []
    context = walk.knowledge.either([state.context, *(end.context for end in there)])
    if detail.compete:
        return [(node.target, State(walk.knowledge.either(end.data for end in there), context))]
    return [(node.target, State(walk.knowledge.array_of([end.data for end in there]), context))]


def _attempt(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Try)
    ways: list[Way] = []
    well = walk.body(detail.body, state, inside(scope))
    if well is not None:
        ways.append((node.target, well))
    caught = State(guessed(state.data), ANYTHING)
    if detail.catch.body:
        after = walk.body(detail.catch.body, caught, {**inside(scope), detail.catch.variable: _ERROR})
        if after is None:
            return ways
        caught = replace(after, data=guessed(after.data))
    target = node.target if detail.catch.target is None else detail.catch.target
    return [*ways, (target, caught)]


def _agent(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    call = node.detail
    assert isinstance(call, CallAgent | CallTool)
    is_tool = isinstance(call, CallTool)
    own = call.args if isinstance(call, CallTool) else call.input
    given = walk.made(own, state.data, scope)
    if isinstance(call, CallAgent) and call.chooses:
        given = _question(walk, walk.program.nodes[call.chooses], state, scope)
    outputs = []
    for offer in walk.lookup.offers(call):
        wanted = None if offer.input is None else Schema(offer.input, _unchecked)
        where = "args" if is_tool else "input"
        path = f"{node.reference}/with/{where}" if own is not None else node.reference
        taker = f"tool {offer.agent}" if is_tool else f"{offer.agent} ({offer.capability})"
        walk.hand(node.reference, path, taker, given, wanted, offer)
        outputs.append(walk.knowledge.library.embed(offer.output))
    output = walk.knowledge.either(outputs) if outputs else ANYTHING
    if isinstance(call, CallAgent) and call.chooses:
        walk.hand(node.reference, node.reference, "who chooses an agent", output, Schema(_CHOICE, _unchecked))
        # Whoever is chosen gets what the task got.
        return [(node.target, state)]
    return [(node.target, replace(state, data=output))]


def _question(walk: Walk, node: Node, state: State, scope: Scope) -> Fragment:
    """What is known of what a chooser gets."""
    call = node.detail
    assert isinstance(call, CallAgent)
    given = walk.made(call.input, state.data, scope)
    candidates = {"type": "array", "minItems": 1, "items": _CANDIDATE}
    return walk.knowledge.object_of({"input": given, "candidates": candidates})


def _human(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.CallHuman)
    answered = detail.form is not None and "deny" not in detail.decisions
    data = walk.embedded(detail.form) if answered and detail.form is not None else ANYTHING
    output = {
        "decision": {"enum": list(detail.decisions)}, "by": {"type": "string"}, "at": {"type": "string"},
        "data": data,
    }  # fmt: skip
    return [(node.target, replace(state, data=walk.knowledge.object_of(output)))]


def _listen(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Listen)
    context = state.context
    if detail.foreach is not None:
        item = {detail.foreach.item: ANYTHING, detail.foreach.at: ANYTHING}
        walk.body(detail.foreach.body, State(ANYTHING, ANYTHING), {**inside(scope), **item})
        context = ANYTHING
    return [] if detail.endless else [(node.target, State({"type": "array"}, context))]


def _fan_out(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    detail = node.detail
    assert isinstance(detail, p.Fanout)
    ends = [walk.body(body, state, inside(scope)) for body in detail.bodies]
    answer = walk.knowledge.either([end.data for end in ends if end is not None])
    if not detail.reconciles:
        return [(node.target, replace(state, data={"type": "array", "items": answer}))]
    one = walk.knowledge.object_of({"agent": {"type": "string"}, "output": answer})
    told = {"input": state.data, "answers": {"type": "array", "items": one}}
    return [(node.target, replace(state, data=walk.knowledge.object_of(told)))]


def _compensate(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    return [(node.target, State({"type": "array"}, ANYTHING))]


def _extended(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    """What an extension does leaves no trace in the data, unless it leaves the task."""
    detail = node.detail
    assert isinstance(detail, p.Extended)
    ways: list[Way] = []
    if detail.before:
        known = walk.body(detail.before, state, inside(scope))
        if _leaves(walk, detail.before):
            ways.append((node.target, State(ANYTHING, ANYTHING)))
        if known is None:
            return ways
        state = replace(state, context=walk.knowledge.either((state.context, known.context)))
    for target, result in walk.task(walk.program.nodes[detail.task], state, inside(scope)):
        if detail.after:
            known = walk.body(detail.after, result, inside(scope))
            if known is None:
                continue
            result = replace(result, context=walk.knowledge.either((result.context, known.context)))
        ways.append((target, result))
    return ways


def _leaves(walk: Walk, index: int) -> bool:
    """Whether a task in this list leads out of it."""
    detail = walk.program.nodes[index].detail
    assert isinstance(detail, p.Do)
    targets: list[int] = []
    for child in detail.children:
        node = walk.program.nodes[child]
        targets.append(node.target)
        if isinstance(node.detail, p.Switch):
            targets += [case.target for case in node.detail.cases]
        if isinstance(node.detail, p.Try) and node.detail.catch.target is not None:
            targets.append(node.detail.catch.target)
    return EXIT in targets


def _foreach(walk: Walk, node: Node, state: State, scope: Scope) -> list[Way]:
    return [(node.target, one) for one in walk.scope(node, state, inside(scope))]


def _unchecked(payload: JSON) -> list[Any]:
    return []


KINDS: dict[str, Kind] = {
    "do": _do,
    "for": _loop,
    "fork": _fork,
    "try": _attempt,
    "set": _set,
    "switch": _switch,
    "raise": _stop,
    "wait": _same,
    "listen": _listen,
    "foreach": _foreach,
    "map": _spread,
    "graph": _graph,
    "fanout": _fan_out,
    "compensate": _compensate,
    "extended": _extended,
    "before": _do,
    **dict.fromkeys(("emit", "http", "openapi", "plan", "process"), _outside),
    "workflow": _nested,
    "agent": _agent,
    "tool": _agent,
    "human": _human,
    "policy": _same,
}
"""What each kind of task makes of its data; of any other nothing is known."""
