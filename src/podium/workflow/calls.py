"""`call: agent`, `call: tool`, `call: human`, `call: policy` and `call: http`."""

from __future__ import annotations

import re
from typing import Any

from podium.facts.values import JSON
from podium.resources.troubles import shown
from podium.workflow.authenticating import authentication
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import endpoint_part
from podium.workflow.expressions import WHOLE, Part, mapping, template
from podium.workflow.program import (
    Authentication,
    CallAgent,
    CallHttp,
    CallHuman,
    CallPolicy,
    CallTool,
    Expression,
    Schema,
)

AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*(@[0-9A-Za-z.+-]+)?")
_CAPABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_TOOL = re.compile(r"[a-z][a-z0-9._-]*(@[0-9A-Za-z.+-]+)?")
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
REROUTES_MAX = 100
"""To so many other agents a call may go at most."""
_IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")


def call_agent(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallAgent:
    """The arguments of `call: agent`."""
    if isinstance(arguments, dict) and ("capability" in arguments) == ("agent" in arguments):
        message = "`call: agent` needs either `capability` (any agent that offers it) or `agent` (this one)."
        rule = "missing-field" if "capability" not in arguments else "conflicting-fields"
        draft.refuse(rule, place, message)
    return asked_agent(draft, arguments, place, scope)


def asked_agent(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallAgent:
    """The same, with or without `capability` and `agent`."""
    given = draft.table(
        arguments, place, "`call: agent`",
        ("capability", "agent", "input", "idempotencyKey", "select", "reroute", "onFailure"),
        unsupported={
            "team": "name a capability; the least busy agent that offers it is asked",
            "budget": "limit the work with a `timeout`",
            "route": "use `select` with labels",
        },
    )  # fmt: skip
    require, prefer = _select(draft, given.get("select", {}), place / "select")
    return CallAgent(
        capability=_name(draft, given, "capability", place, _CAPABILITY, "`ticket.classify`"),
        agent=_name(draft, given, "agent", place, AGENT_NAME, "`name` or `name@version`"),
        input=draft.template(given["input"], place / "input", scope) if "input" in given else None,
        key=_key(draft, given, place, scope),
        require=require,
        prefer=prefer,
        reroute=_reroute(draft, given, place),
        dead_letter=_dead_letter(draft, given, place),
    )


def _reroute(draft: Draft, given: dict[str, JSON], place: Place) -> int:
    """How many other agents may be asked where one fails for good."""
    if "reroute" not in given:
        return 0
    value, at = given["reroute"], place / "reroute"
    if "agent" in given:
        draft.refuse(
            "conflicting-fields", at, "Only what any agent may do can go to another; name a `capability`."
        )
    if value is True:
        return REROUTES_MAX
    limits = draft.table(value, at, "`reroute`", ("max",), required=("max",))
    most = draft.count(limits.get("max", 1), at / "max", "`max`")
    if not 1 <= most <= REROUTES_MAX:
        draft.refuse("wrong-value", at / "max", f"`max` must be from 1 to {REROUTES_MAX}.")
    return most


def _dead_letter(draft: Draft, given: dict[str, JSON], place: Place) -> bool:
    """Whether a failure for good is kept until an operator sees to it."""
    if "onFailure" not in given:
        return False
    chosen = draft.choice(given["onFailure"], place / "onFailure", "`onFailure`", ("fault", "deadLetter"))
    return bool(chosen == "deadLetter")


def _name(
    draft: Draft, given: dict[str, JSON], field: str, place: Place, pattern: re.Pattern[str], form: str
) -> str:
    if field not in given:
        return ""
    name = draft.text(given[field], place / field, f"`{field}`")
    if name and not pattern.fullmatch(name):
        draft.refuse("wrong-value", place / field, f"`{field}` must look like {form}, not `{shown(name)}`.")
    return name


def _key(draft: Draft, given: dict[str, JSON], place: Place, scope: Scope) -> Expression | None:
    if "idempotencyKey" not in given:
        return None
    if not isinstance(given["idempotencyKey"], str) or not given["idempotencyKey"]:
        message = "`idempotencyKey` must be a text that is not empty."
        draft.refuse("wrong-type", place / "idempotencyKey", message)
    return draft.template(given["idempotencyKey"], place / "idempotencyKey", scope)


def _select(draft: Draft, value: JSON, place: Place) -> tuple[dict[str, str], dict[str, str]]:
    instead = "a task of its own can have that"
    select = draft.table(value, place, "`select`", ("require", "prefer"), unsupported={"by": instead})
    labels = {
        field: {
            name: draft.text(label, place / field / name, f"The label `{shown(name)}`")
            for name, label in draft.named(select.get(field, {}), place / field, f"`{field}`").items()
        }
        for field in ("require", "prefer")
    }
    return labels["require"], labels["prefer"]


def call_tool(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallTool:
    """The arguments of `call: tool`."""
    given = draft.table(
        arguments, place, "`call: tool`", ("tool", "args", "idempotencyKey", "onFailure"), required=("tool",)
    )
    return CallTool(
        tool=_name(draft, given, "tool", place, _TOOL, "`payments.refund` or `payments.refund@1.0.0`"),
        args=draft.template(given["args"], place / "args", scope) if "args" in given else None,
        key=_key(draft, given, place, scope),
        dead_letter=_dead_letter(draft, given, place),
    )


def call_human(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallHuman:
    """The arguments of `call: human`."""
    given = draft.table(
        arguments, place, "`call: human`",
        ("title", "description", "form", "decisions", "tier", "roles", "quorum", "escalate"),
        required=("title",),
    )  # fmt: skip
    request: dict[str, JSON] = {}
    for field in ("title", "description"):
        if field in given:
            request[field] = given[field]
            if not isinstance(given[field], str):
                draft.refuse("wrong-type", place / field, f"`{field}` must be a text.")
    return CallHuman(
        request=draft.template(request, place, scope),
        decisions=_decisions(draft, given.get("decisions", ["approve", "deny"]), place / "decisions"),
        form=_form(draft, given, place),
        **askers(draft, given, place),
    )


def askers(draft: Draft, given: dict[str, JSON], place: Place) -> dict[str, Any]:
    """Who may answer, how many of them must, and who is asked when nobody does."""
    found: dict[str, Any] = {}
    if "tier" in given and "roles" in given:
        draft.refuse("conflicting-fields", place / "roles", "Give a `tier` or `roles`: a tier has its own.")
    if "tier" in given:
        found["tier"] = _tier(draft, given["tier"], place / "tier")
    if "roles" in given:
        roles = draft.sequence(given["roles"], place / "roles", "`roles`")
        found["roles"] = tuple(
            draft.text(one, place / "roles" / at, "A role") for at, one in enumerate(roles)
        )
    if "quorum" in given:
        found["quorum"] = draft.count(given["quorum"], place / "quorum", "`quorum`")
        if found["quorum"] == 0:
            draft.refuse("wrong-value", place / "quorum", "`quorum` must be 1 or more.")
    if "escalate" in given:
        at = place / "escalate"
        escalate = draft.table(
            given["escalate"], at, "`escalate`", ("after", "tier"), required=("after", "tier")
        )
        found["escalate_ms"] = draft.span(escalate.get("after"), at / "after")
        found["escalate"] = _tier(draft, escalate.get("tier"), at / "tier")
    return found


def _tier(draft: Draft, value: JSON, place: Place) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        draft.refuse("wrong-type", place, "A tier is a whole number from 1, as policies name them.")
        return ""
    return str(value)


def _form(draft: Draft, given: dict[str, JSON], place: Place) -> Schema | None:
    return draft.schema_document(given["form"], place / "form") if "form" in given else None


def _decisions(draft: Draft, value: JSON, place: Place) -> tuple[str, ...]:
    decisions = draft.sequence(value, place, "`decisions`")
    names = tuple(draft.text(name, place / number, "A decision") for number, name in enumerate(decisions))
    if isinstance(value, list) and (not names or len(set(names)) != len(names)):
        draft.refuse("wrong-value", place, "`decisions` must name at least one, each once.")
    return names


def call_policy(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallPolicy:
    """The arguments of `call: policy`."""
    given = draft.table(arguments, place, "`call: policy`", ("name", "check", "data"))
    names: tuple[str, ...] = ()
    if "check" in given:
        named = draft.sequence(given["check"], place / "check", "`check`")
        names = tuple(draft.text(one, place / "check" / at, "A policy") for at, one in enumerate(named))
        if isinstance(given["check"], list) and (not names or len(set(names)) != len(names)):
            draft.refuse("wrong-value", place / "check", "`check` must name at least one policy, each once.")
    return CallPolicy(
        name=_name(draft, given, "name", place, _CAPABILITY, "`answers` or `support/answers`"),
        policies=tuple(sorted(names)),
        data=draft.template(given["data"], place / "data", scope) if "data" in given else None,
    )


def call_http(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallHttp:
    """The arguments of `call: http`."""
    given = draft.table(
        arguments, place, "`call: http`",
        ("method", "endpoint", "headers", "query", "body", "output", "redirect"),
        required=("method", "endpoint"),
    )  # fmt: skip
    method = draft.text(given.get("method", "get"), place / "method", "`method`")
    method = draft.choice(method.lower(), place / "method", "`method`", _METHODS).upper()
    headers = given.get("headers", {})
    proof = endpoint_authentication(draft, given.get("endpoint"), place / "endpoint", scope)
    if proof is not None:
        scope = with_authorization(scope, proof)
        _check_header(draft, headers, place / "headers")
    return CallHttp(
        request=_request(draft, given, method, place, scope),
        method=method,
        output=draft.choice(
            given.get("output", "content"), place / "output", "`output`", ("content", "raw", "response")
        ),
        redirect=draft.flag(given.get("redirect", False), place / "redirect", "`redirect`"),
        idempotent=method in _IDEMPOTENT or has_idempotency_key(headers),
        authentication=proof,
    )


def endpoint_authentication(
    draft: Draft, endpoint: JSON, place: Place, scope: Scope
) -> Authentication | None:
    """The `authentication` of an endpoint, if it has one."""
    if not isinstance(endpoint, dict) or "authentication" not in endpoint:
        return None
    return authentication(draft, endpoint["authentication"], place / "authentication", scope)


def with_authorization(scope: Scope, proof: Authentication) -> Scope:
    """What a request may use: `$authorization` too, unless it is only made in answer to a first request."""
    return scope if proof.scheme == "Digest" else scope.with_names("authorization")


def _check_header(draft: Draft, headers: JSON, place: Place) -> None:
    for name in headers if isinstance(headers, dict) else ():
        if str(name).lower() == "authorization":
            message = "`authentication` makes this header; leave one of them out."
            draft.refuse("conflicting-fields", place / name, message)


def has_idempotency_key(named: JSON) -> bool:
    """Whether headers, or parameters, make it safe to send a request again."""
    return isinstance(named, dict) and any(str(name).lower() == "idempotency-key" for name in named)


def _request(draft: Draft, given: dict[str, JSON], method: str, place: Place, scope: Scope) -> Expression:
    parts: dict[str, Part] = {
        "method": template(method, ""),
        "endpoint": endpoint_part(draft, given.get("endpoint", ""), place / "endpoint"),
    }
    for field in ("headers", "query"):
        if field in given:
            _check_texts(draft, given[field], place / field, field)
            parts[field] = draft.member(given[field], f"/{field}", place, scope)
    if "body" in given:
        parts["body"] = draft.member(given["body"], "/body", place, scope)
    return draft.finished(f"the request to {given.get('endpoint', '')}", mapping(parts), place, scope)


def _check_texts(draft: Draft, value: JSON, place: Place, field: str) -> None:
    if isinstance(value, str):
        if not WHOLE.fullmatch(value):
            draft.refuse("wrong-type", place, f"`{field}` must be an object or an expression in `${{ }}`.")
        return
    for name, member in draft.named(value, place, f"`{field}`").items():
        if not isinstance(member, str):
            draft.refuse("wrong-type", place / name, f"`{shown(name)}` must be a text; quote it.")
