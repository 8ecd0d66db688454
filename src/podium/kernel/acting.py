"""What an effect is to policy: an action, made of the effect and of what is declared."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts.catalog import AgentVersion, ToolVersion
from podium.facts.policy import Action, Destination
from podium.facts.secrets import PLACEHOLDER
from podium.facts.sharing import TENANT
from podium.facts.values import JSON
from podium.kernel.state import Effect, Run
from podium.kernel.step import View
from podium.policy.destinations import DestinationInvalid, destination_of, is_public, mailbox_of
from podium.workflow.planned import SUFFIX

READS = frozenset({"GET", "HEAD"})
"""Methods of HTTP that change nothing."""

MAIL = "mailto"
"""The scheme of what is reached by an address of mail, not by a URL."""

_encode = msgspec.json.Encoder().encode


def action_for(
    view: View, run: Run, kind: str, digest: str, capability: str, given: JSON, *,
    asker: Effect | None = None, depth: int = 0, attempt: int = 1, asked_at: int = 0, duration_ms: int = 0,
) -> Action:  # fmt: skip
    """The action of an effect of a run.

    Args:
        given: what its performer gets.
        asker: the effect whose attempt asks for it; None where the workflow does.
        depth: agents that asked each other to get here.
        attempt: the one that is to start; asked_at: when it was asked for first, 0 for now.
        duration_ms: what it takes at worst, where nothing is declared that says it.
    Raises:
        DestinationInvalid: nobody can say for sure where it leads.
    """
    action = Action(
        kind, capability=capability, args=given, workflow=run.workflow.partition("@")[0],
        tenant=run.tenant or TENANT, principal=run.principal, run=run.id, tree=run.tree or run.id,
        labels=run.data_labels, attempt=attempt, asked_at=asked_at, duration_ms=duration_ms,
    )  # fmt: skip
    if asker is not None:
        _act_as(action, view, asker, depth)
    _DESCRIBE.get(kind, _describe_nothing)(action, view, digest, given)
    return action


def _act_as(action: Action, view: View, asker: Effect, depth: int) -> None:
    """The agent whose attempt asks is who acts."""
    agent = view.agents.get(asker.digest)
    name, _, version = asker.agent.partition("@")
    action.agent, action.agent_version, action.state, action.depth = name, version, "active", depth
    action.attested = "measured" if asker.code else "declared"
    if agent is not None:
        action.roles = agent.roles


def _describe_agent(action: Action, view: View, digest: str, given: JSON) -> None:
    agent = view.agents.get(digest)
    if agent is None:
        return
    action.target = agent.name
    action.duration_ms, action.cost_nano = agent.deadline_ms, agent.cost_nano if agent.priced else None
    action.input_tokens = len(_encode(given))
    _place(action, agent)


def _place(action: Action, one: AgentVersion | ToolVersion) -> None:
    """Where whoever performs it is: what HTTP reaches may be another machine."""
    if one.runtime.get("type") == "http":
        reached = destination_of(one.runtime.get("url"), "POST")
        action.external = is_public(reached.host)
        if action.kind == "tool":
            action.destinations = (reached,)


def _describe_tool(action: Action, view: View, digest: str, given: JSON) -> None:
    tool = view.tools.get(digest)
    if tool is None:
        return
    action.target, action.groups = tool.name, tool.groups
    action.side_effect, action.risk = tool.side_effect, tool.risk
    action.duration_ms, action.cost_nano = tool.deadline_ms, tool.cost_nano if tool.priced else None
    action.result_labels = tool.result_labels
    action.input_tokens = len(_encode(given))
    _place(action, tool)
    if tool.egress:
        reached = tuple(_reached(one, given) for one in tool.egress)
        action.destinations = action.destinations + reached
        action.external = action.external or any(is_public(one.host) for one in reached)


def _reached(one: Any, given: JSON) -> Destination:
    if not one.argument:
        return Destination(one.host, one.scheme, one.method, one.port, one.region)
    value = given
    for part in one.argument.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    if one.scheme == MAIL:
        return mailbox_of(value, one.region)
    return destination_of(value, one.method, one.region)


def _describe_http(action: Action, view: View, digest: str, given: JSON) -> None:
    method = given["method"]
    action.target = f"http.{method.lower()}"
    action.side_effect = "read" if method in READS else "write"
    endpoint = given["endpoint"]
    reached = destination_of(endpoint.get("uri") if isinstance(endpoint, dict) else endpoint, method)
    action.destinations, action.external = (reached,), is_public(reached.host)
    action.credential = _credential(given)


def _describe_openapi(action: Action, view: View, digest: str, given: JSON) -> None:
    """Which request it becomes only its performer finds out, so that it may be any."""
    action.target, action.side_effect, action.external = f"openapi.{given['operation']}", "write", True
    action.credential = _credential(given)


def _credential(given: JSON) -> str:
    """The secret that a call is authenticated with; "" if there is none."""
    proof = given.get("authentication")
    found = PLACEHOLDER.search(_encode(proof).decode()) if proof is not None else None
    return found[1] if found is not None else ""


def _describe_process(action: Action, view: View, digest: str, given: JSON) -> None:
    action.target, action.side_effect = f"process.{given['what']}", "write"


def _describe_emit(action: Action, view: View, digest: str, given: JSON) -> None:
    action.target = str(given["type"])


def _describe_workflow(action: Action, view: View, digest: str, given: JSON) -> None:
    declared = view.workflows.get(digest)
    if declared is not None:
        action.target = f"{declared.namespace}/{declared.name}"
    else:
        action.target = action.workflow + SUFFIX


def _describe_guard(action: Action, view: View, digest: str, given: JSON) -> None:
    """What is looked at is the data alone, as if they were the arguments of a tool of the check's name."""
    action.target, action.policies, action.args = given["check"], tuple(given["policies"]), given["data"]


def _describe_nothing(action: Action, view: View, digest: str, given: JSON) -> None:
    """A question to people is what it asks."""


_DESCRIBE = {
    "agent": _describe_agent,
    "tool": _describe_tool,
    "http": _describe_http,
    "openapi": _describe_openapi,
    "process": _describe_process,
    "emit": _describe_emit,
    "guard": _describe_guard,
    "workflow": _describe_workflow,
}

__all__ = ["DestinationInvalid", "action_for"]
