"""Effects being requested: routed, checked against the contract, put to policy, and given a slot."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts.secrets import AUTHORIZATION
from podium.facts.values import AT_LEAST_ONCE, JSON, Delivery, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.flow import Entry, deadline
from podium.kernel.routing import Route
from podium.kernel.step import Step, text_of, validation_error
from podium.kernel.undoing import undo_key
from podium.policy.development import decide
from podium.workflow.program import (
    Authentication,
    CallAgent,
    CallHttp,
    CallHuman,
    CallOpenApi,
    Expression,
    RunProcess,
)

_WITHOUT_ATTEMPTS = frozenset({"human", "workflow"})
DEADLINES_MS = dict.fromkeys(("http", "openapi", "process"), 60_000)
"""By kind of effect, where neither agent nor task says it: how long an attempt may take."""


def request_agent(step: Step, entry: Entry) -> None:
    """Ask an agent. Faults the task where there is none, or where the input breaks the contract."""
    call = entry.node.detail
    assert isinstance(call, CallAgent)
    reference = entry.node.reference
    running = step.shard.running
    if entry.parent.kind == "fanout":
        route: Route | str = _chosen(step, entry)
    else:
        route = step.view.route(call, lambda digest: running.get(digest, 0))
    if isinstance(route, str):
        raise Faulted(standard_error("configuration", reference, route, "apply an agent that offers it"))
    agent = route.agent
    capability = call.capability or agent.capabilities[0].name
    given = entry.data
    if call.input is not None:
        given = step.evaluation.value(call.input, entry.data, entry.arguments, reference)
    check, _ = step.view.contract(route.digest, capability)
    breaches = check(given)
    if breaches:
        title = f"the input breaks the contract of {capability} ({agent.name}@{agent.version})"
        raise Faulted(validation_error(reference, title, breaches))
    key = ""
    if call.key is not None:
        key = _key(
            step.evaluation.value(call.key, entry.data, entry.arguments, reference), call.key, reference
        )
        if entry.parent.kind == "fanout":
            key = f"{key}/{agent.name}"
    request(
        step, entry, given, key, agent.deadline_ms,
        kind="agent", agent=f"{agent.name}@{agent.version}", digest=route.digest, capability=capability,
        delivery=_logged(agent.delivery), reason=route.reason, hold_nano=agent.cost_nano,
        heartbeat_ms=agent.heartbeat_ms,
    )  # fmt: skip


def _chosen(step: Step, entry: Entry) -> Route | str:
    """The agent that was chosen for this place when the fan-out began."""
    items = entry.parent.items
    if items is None:
        return "who was to be asked was erased"
    chosen = items[entry.slot]
    agent = step.view.agents.get(chosen["digest"])
    if agent is None:
        return f"{chosen['agent']} is not there any more"
    return Route(chosen["digest"], agent, chosen["reason"])


def _key(value: JSON, expression: Expression, reference: str) -> str:
    """An idempotency key. One that is missing would be the same for all who miss it."""
    if value is None or value == "":
        raise Faulted(
            standard_error("expression", reference, f"{expression.text[:200]} gave no key", "give a text")
        )
    return text_of(value)


def request_http(step: Step, entry: Entry) -> None:
    """Call an HTTP endpoint."""
    call = entry.node.detail
    assert isinstance(call, CallHttp)
    asked = dict(evaluated(step, entry, call.request, call.authentication))
    _check_request(asked, entry.node.reference)
    asked.update(method=call.method, output=call.output, redirect=call.redirect)
    request(
        step, entry, asked, "", DEADLINES_MS["http"],
        kind="http", delivery=AT_LEAST_ONCE if call.idempotent else "at-most-once",
        reason=call.method,
    )  # fmt: skip


def request_openapi(step: Step, entry: Entry) -> None:
    """Call an operation of an API; its performer finds out which request that is."""
    call = entry.node.detail
    assert isinstance(call, CallOpenApi)
    asked = dict(evaluated(step, entry, call.request, call.authentication))
    asked.update(operation=call.operation, output=call.output, redirect=call.redirect, local=call.local)
    if call.document_authentication is not None:
        policy = call.document_authentication.policy
        asked["documentAuthentication"] = step.evaluation.value(
            policy, entry.data, entry.arguments, entry.node.reference
        )
    request(
        step, entry, asked, "", DEADLINES_MS["openapi"],
        kind="openapi", delivery=AT_LEAST_ONCE if call.idempotent else "at-most-once",
        reason=call.operation,
    )  # fmt: skip


def request_process(step: Step, entry: Entry) -> None:
    """Run a script or a shell command; nobody knows whether it could be run twice."""
    process = entry.node.detail
    assert isinstance(process, RunProcess)
    asked = dict(step.evaluation.value(process.request, entry.data, entry.arguments, entry.node.reference))
    asked.update(
        {"what": process.what, "language": process.language, "code": process.code, "return": process.returns}
    )
    request(
        step, entry, asked, "", DEADLINES_MS["process"],
        kind="process", delivery="at-most-once", reason=f"a {process.what} ({process.language})",
    )  # fmt: skip


def evaluated(step: Step, entry: Entry, asked: Expression, proof: Authentication | None) -> JSON:
    """What a request is made of, with how it proves who makes it."""
    reference, arguments = entry.node.reference, entry.arguments
    if proof is None:
        return step.evaluation.value(asked, entry.data, arguments, reference)
    policy = step.evaluation.value(proof.policy, entry.data, arguments, reference)
    if "authorization" in asked.arguments:
        authorization = {"scheme": proof.scheme, "parameter": AUTHORIZATION}
        arguments = arguments.with_variable("authorization", authorization)
    made = step.evaluation.value(asked, entry.data, arguments, reference)
    return {**made, "authentication": policy}


def _check_request(request: dict[str, JSON], reference: str) -> None:
    """Fault the task where expressions gave what no request can be made of."""
    wanted = [(name, request.get(name), dict | None, "an object") for name in ("headers", "query")]
    endpoint = request["endpoint"]
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    for name, value, kinds, what in (*wanted, ("endpoint", uri, str, "a URI")):
        if not isinstance(value, kinds):
            title = f"`{name}` of the request must be {what}"
            raise Faulted(standard_error("expression", reference, title, f"it is {text_of(value)[:200]}"))


def request_human(step: Step, entry: Entry) -> None:
    """Ask a person; the effect waits for an answer as long as its task may."""
    call = entry.node.detail
    assert isinstance(call, CallHuman)
    asked = dict(step.evaluation.value(call.request, entry.data, entry.arguments, entry.node.reference))
    asked["decisions"] = list(call.decisions)
    if call.form is not None:
        asked["form"] = call.form.document
    request(step, entry, asked, "", 0, kind="human", reason="asks a person")


def request(step: Step, entry: Entry, given: JSON, key: str, deadline_ms: int, **fields: Any) -> None:
    """Record that an effect is wanted, and start its first attempt where a slot is free.

    Args:
        given: what the performer gets.
        key: idempotency key; "" for that of run and effect.
        deadline_ms: of an attempt; 0 for none. Without an agent it counts where the task has none.
        fields: the rest of `EffectRequested`.
    """
    node, run, shard = entry.node, step.run, step.shard
    if run.undos and not key and fields["kind"] not in _WITHOUT_ATTEMPTS:
        key = undo_key(step, entry)
    digest: str = fields.get("digest", "")
    decision = decide(fields["kind"], fields.get("capability", ""))
    effect = run.effect_last + 1
    task_deadline_at = deadline(step, node, entry.data, entry.arguments)
    started = fields["kind"] not in _WITHOUT_ATTEMPTS and has_slot(step, digest)
    if task_deadline_at and not digest:
        deadline_ms = 0
    deadline_at = attempt_deadline(shard.now, deadline_ms, task_deadline_at) if started else 0
    is_given = given is not entry.data
    body = None
    if is_given or not entry.same:
        body = e.EffectRequestedBody(None if entry.same else entry.data, given if is_given else None)
    step.emit(
        e.EffectRequested(
            effect=effect, frame=run.frame_last + 1, parent=entry.parent.id, node=node.index,
            task=node.reference, slot=entry.slot, key=key, same=entry.same,
            given=is_given, started=started, deadline_at=deadline_at,
            task_deadline_at=task_deadline_at, verdict=decision.verdict, rules=decision.rules, **fields,
        ),
        body,
    )  # fmt: skip


def attempt_deadline(now: int, deadline_ms: int, task_deadline_at: int) -> int:
    """The sooner of the attempt's own deadline and its task's; 0 for none."""
    own = now + deadline_ms if deadline_ms else 0
    if own and task_deadline_at:
        return min(own, task_deadline_at)
    return own or task_deadline_at


def has_slot(step: Step, digest: str) -> bool:
    """Whether an attempt may start now: a slot is free and nobody queued for it before."""
    return not step.shard.queues.get(digest) and step.shard.running.get(digest, 0) < step.view.limit(digest)


def _logged(delivery: Delivery) -> Delivery:
    """The same promise; the default is the very object that the log leaves out."""
    return AT_LEAST_ONCE if delivery == AT_LEAST_ONCE else delivery
