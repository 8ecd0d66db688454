"""`fanout` of `call: agent`: the same question to several agents, and one that makes one answer of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podium.facts.values import JSON
from podium.resources.troubles import shown
from podium.workflow.calls import AGENT_NAME, asked_agent, call_agent
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.program import CallAgent, Detail, Do, Fanout, Node, Undo
from podium.workflow.spreading import CONCURRENCY_MAX, quorum

ALL = "all"


def fanned(
    draft: Draft, arguments: Mapping[str, JSON], place: Place, scope: Scope, task: Mapping[str, JSON],
    undo: Undo | None,
) -> tuple[str, Detail]:  # fmt: skip
    """Kind and detail of a `call: agent` with `fanout`.

    Args:
        task: its definition.
        undo: what undoes each of its calls.
    """
    at = place / "fanout"
    given = draft.table(arguments["fanout"], at, "`fanout`", ("to", "quorum", "reconcile"), required=("to",))
    asked = {name: value for name, value in arguments.items() if name != "fanout"}
    if "agent" in asked:
        message = "With `fanout`, `to` names the agents; leave `agent` out."
        draft.refuse("conflicting-fields", place / "agent", message)
        del asked["agent"]
    call = asked_agent(draft, asked, place, scope)
    if call.reroute:
        message = "With `fanout` each agent answers for itself; leave `reroute` out."
        draft.refuse("conflicting-fields", place / "reroute", message)
    names, count = _to(draft, given.get("to", ALL), at / "to")
    if not names and not call.capability:
        draft.refuse(
            "missing-field", place, "`call: agent` needs `capability`, or `fanout.to` a list of agents."
        )
    needed = quorum(draft, given["quorum"], at / "quorum") if "quorum" in given else 0
    most = len(names) or count
    if most and needed > most:
        draft.refuse("wrong-value", at / "quorum", f"`quorum` is more than the {most} that are asked.")
    reconciles = "reconcile" in given
    made = _Maker(draft, task, undo)
    own = draft.reserve() if reconciles else None
    if names:
        calls = [(replace(call, agent=name), at / "to" / number) for number, name in enumerate(names)]
    else:
        calls = [(call, at / "to")]
    bodies = tuple(made.node(one, where.reference) for one, where in calls)
    fanout = Fanout(bodies, count, needed, reconciles)
    if own is None:
        return "fanout", fanout
    draft.nodes[own] = Node(own, "fanout", "", at.reference, fanout, definition=task, target=1)
    return "do", Do((own, _reconciler(draft, given["reconcile"], at / "reconcile", scope, task)), {})


class _Maker:
    """Makes the nodes of the calls."""

    def __init__(self, draft: Draft, task: Mapping[str, Any], undo: Undo | None) -> None:
        self._draft, self._task, self._undo = draft, task, undo

    def node(self, call: CallAgent, reference: str) -> int:
        index = self._draft.reserve()
        self._draft.nodes[index] = Node(
            index, "agent", "", reference, call, definition=self._task, undo=self._undo
        )
        return index


def _to(draft: Draft, value: JSON, place: Place) -> tuple[tuple[str, ...], int]:
    """The agents' names, or how many; neither for all."""
    if value == ALL:
        return (), 0
    if isinstance(value, list):
        names = tuple(draft.text(name, place / number, "An agent") for number, name in enumerate(value))
        for number, name in enumerate(names):
            if name and not AGENT_NAME.fullmatch(name):
                message = f"An agent must look like `name` or `name@version`, not `{shown(name)}`."
                draft.refuse("wrong-value", place / number, message)
            elif name in names[:number]:
                draft.refuse("duplicate-name", place / number, f"`{shown(name)}` is asked twice.")
        if not 0 < len(names) <= CONCURRENCY_MAX:
            draft.refuse("wrong-value", place, f"`to` must name 1 to {CONCURRENCY_MAX} agents.")
        return names, 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= CONCURRENCY_MAX:
        message = f"`to` must be a list of agents, a number from 1 to {CONCURRENCY_MAX}, or `{ALL}`."
        draft.refuse("wrong-value", place, message)
        return (), 0
    return (), value


def _reconciler(draft: Draft, value: JSON, place: Place, scope: Scope, task: Mapping[str, JSON]) -> int:
    index = draft.reserve()
    given = {"capability": value} if isinstance(value, str) else value
    call = call_agent(draft, given, place, scope)
    draft.nodes[index] = Node(index, "agent", "", place.reference, call, definition=task, target=2)
    return index
