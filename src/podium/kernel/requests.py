"""Effects being requested: routed, checked against the contract, put to policy, and given a slot."""

from __future__ import annotations

from typing import Any

from podium.facts import events as e
from podium.facts.approvals import Terms
from podium.facts.secrets import AUTHORIZATION
from podium.facts.suspension import EVERYTHING
from podium.facts.values import AT_LEAST_ONCE, JSON, Delivery, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.availability import avoided, may_begin
from podium.kernel.choosing import question, taken
from podium.kernel.consenting import terms_of, with_consent
from podium.kernel.flow import Entry, deadline
from podium.kernel.governing import WITHOUT_ATTEMPTS, deny, digest_action, overridden, reserve, rule, warn
from podium.kernel.routing import Route
from podium.kernel.state import Effect
from podium.kernel.step import Step, text_of, validation_error
from podium.kernel.suspensions import of_askers
from podium.kernel.undoing import undo_key
from podium.workflow.program import (
    Authentication,
    CallAgent,
    CallHttp,
    CallHuman,
    CallOpenApi,
    Expression,
    RunProcess,
)

DEADLINES_MS = dict.fromkeys(("http", "openapi", "process"), 60_000)
"""By kind of effect, where neither agent nor task says it: how long an attempt may take."""


def request_agent(step: Step, entry: Entry) -> None:
    """Ask an agent. Faults the task where there is none, or where the input breaks the contract."""
    call = entry.node.detail
    assert isinstance(call, CallAgent)
    reference = entry.node.reference
    running = step.shard.running
    if call.chosen_by:
        entry, call = taken(step, entry, call)
    if entry.parent.kind == "fanout":
        route: Route | str = _chosen(step, entry)
    else:
        route = step.view.route(call, lambda digest: running.get(digest, 0), avoided(step))
    if isinstance(route, str):
        raise Faulted(standard_error("configuration", reference, route, "apply an agent that offers it"))
    agent = route.agent
    capability = call.capability or agent.capabilities[0].name
    given = question(step, entry, call) if call.chooses else entry.data
    if call.input is not None:
        given = step.evaluation.value(call.input, entry.data, entry.arguments, reference)
    check, _ = step.view.contract(route.digest, capability)
    breaches = check(given)
    if breaches:
        title = f"the input breaks the contract of {capability} ({agent.name}@{agent.version})"
        raise Faulted(validation_error(reference, title, breaches))
    key = ""
    if call.key is not None:
        key = idempotency_key(
            step.evaluation.value(call.key, entry.data, entry.arguments, reference), call.key, reference
        )
        if entry.parent.kind == "fanout":
            key = f"{key}/{agent.name}"
    request(
        step, entry, given, key, agent.deadline_ms,
        kind="agent", agent=f"{agent.name}@{agent.version}", digest=route.digest, capability=capability,
        delivery=same_promise(agent.delivery), reason=route.reason, hold_nano=agent.cost_nano,
        heartbeat_ms=agent.heartbeat_ms, candidates=route.candidates,
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


def idempotency_key(value: JSON, expression: Expression, reference: str) -> str:
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
    problem = check_request(asked)
    if problem is not None:
        raise Faulted(standard_error("expression", entry.node.reference, *problem))
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


def check_request(request: dict[str, JSON]) -> tuple[str, str] | None:
    """Why no request can be made of what expressions gave: what must be, and what is."""
    wanted = [(name, request.get(name), dict | None, "an object") for name in ("headers", "query")]
    endpoint = request["endpoint"]
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    for name, value, kinds, what in (*wanted, ("endpoint", uri, str, "a URI")):
        if not isinstance(value, kinds):
            return f"`{name}` of the request must be {what}", f"it is {text_of(value)[:200]}"
    return None


def request_human(step: Step, entry: Entry) -> None:
    """Ask a person; the effect waits for an answer as long as its task may."""
    call = entry.node.detail
    assert isinstance(call, CallHuman)
    asked = dict(step.evaluation.value(call.request, entry.data, entry.arguments, entry.node.reference))
    asked["decisions"] = list(call.decisions)
    if call.form is not None:
        asked["form"] = call.form.document
    terms = terms_of(step, call, entry.node.reference)
    request(step, entry, asked, "", 0, kind="human", reason="asks a person", terms=terms)


def request(
    step: Step, entry: Entry, given: JSON, key: str, deadline_ms: int, *, consent: Terms | None = None,
    **fields: Any,
) -> None:  # fmt: skip
    """Record that an effect is wanted, and start its first attempt where a slot is free.

    Args:
        given: what the performer gets.
        key: idempotency key; "" for that of run and effect.
        deadline_ms: of an attempt; 0 for none. Without an agent it counts where the task has none.
        consent: who has to agree, whatever policy says.
        fields: the rest of `EffectRequested`.
    """
    node, run = entry.node, step.run
    if run.undos and not key and fields["kind"] not in WITHOUT_ATTEMPTS:
        key = undo_key(step, entry)
    task_deadline_at = deadline(step, node, entry.data, entry.arguments)
    if task_deadline_at and not fields.get("digest"):
        deadline_ms = 0
    is_given = given is not entry.data
    body = None
    if is_given or not entry.same:
        body = e.EffectRequestedBody(None if entry.same else entry.data, given if is_given else None)
    requested = e.EffectRequested(
        effect=run.effect_last + 1, frame=run.frame_last + 1, parent=entry.parent.id, node=node.index,
        task=node.reference, slot=entry.slot, key=key, same=entry.same, given=is_given,
        task_deadline_at=task_deadline_at, **fields,
    )  # fmt: skip
    put(step, requested, body, given, deadline_ms, task_deadline_at, consent)


def request_asked(
    step: Step, asker: Effect, asked: str, given: JSON, deadline_ms: int, **fields: Any
) -> None:
    """Record that an attempt of `asker` wants an effect; the same otherwise.

    Args:
        asked: what it asks for, as it said it.
        fields: the rest of `EffectRequested`.
    """
    run = step.run
    frame = run.frames[asker.frame]
    name = fields["capability"] or fields["kind"]
    requested = e.EffectRequested(
        effect=run.effect_last + 1, frame=frame.id, parent=frame.parent, node=frame.node, slot=frame.slot,
        task=f"{asker.task}/{name}", given=True, asker=asker.id, asked=asked, **fields,
    )  # fmt: skip
    put(step, requested, e.EffectRequestedBody(None, given), given, deadline_ms, frame.deadline_at)


def put(
    step: Step, requested: e.EffectRequested, body: e.EffectRequestedBody | None, given: JSON,
    deadline_ms: int, limit_at: int, consent: Terms | None = None,
) -> None:  # fmt: skip
    """Put an effect to policy, and record it with the verdict; its first attempt starts where it may.

    Args:
        requested: complete but for the verdict and what follows from it.
        given: what the performer gets.
        deadline_ms: of an attempt; 0 for none.
        limit_at: when whoever waits for it gives up; 0 for never.
        consent: who has to agree, whatever policy says.
    """
    run, shard = step.run, step.shard
    kind, digest = requested.kind, requested.digest
    decision = rule(
        step, kind, digest, requested.capability, given, asker=requested.asker, duration_ms=deadline_ms
    )
    if consent is not None:
        decision = with_consent(decision, consent)
    anywhere = here = ""
    if decision.verdict != "allow":
        parts = (kind, requested.agent, digest, requested.capability, given)
        anywhere = digest_action(step, [], *parts)
        here = digest_action(step, [run.id, requested.effect], *parts)
        if shard.overrides:
            decision, requested.override = overridden(step, decision, (anywhere, here))
    requested.verdict, requested.rules = decision.verdict, decision.rules
    allowed, performed = decision.verdict == "allow", kind not in WITHOUT_ATTEMPTS
    may_start = allowed and performed and run.status == "running"
    requested.started = may_start and has_slot(step, digest, requested.asker)
    requested.confirms = requested.started and confirms(step, digest, requested.delivery)
    if requested.started:
        requested.deadline_at = attempt_deadline(shard.now, deadline_ms, limit_at)
    elif may_start and EVERYTHING in shard.suspended:
        requested.reason += f"; {shard.suspended[EVERYTHING].told('the hub')}"
    if decision.policy or decision.holds:
        requested.policy, requested.observed = decision.policy, decision.observed
        if requested.started or (allowed and not performed):
            requested.reserved = reserve(kind, decision)
        if decision.reads:
            body = body or e.EffectRequestedBody()
            body.reads = decision.reads
    if allowed:
        step.emit(requested, body)
        if decision.warnings and requested.reserved is not None:
            warn(step, requested.effect, requested.task, decision)
        return
    requested.terms, requested.until = decision.terms, decision.until
    requested.action = anywhere if decision.verdict == "deny" else here
    body = body or e.EffectRequestedBody()
    body.message = decision.message
    step.emit(requested, body)
    if decision.verdict == "deny":
        deny(step, run.effects[requested.effect], decision)


def attempt_deadline(now: int, deadline_ms: int, task_deadline_at: int) -> int:
    """The sooner of the attempt's own deadline and its task's; 0 for none."""
    own = now + deadline_ms if deadline_ms else 0
    if own and task_deadline_at:
        return min(own, task_deadline_at)
    return own or task_deadline_at


def has_slot(step: Step, digest: str, asker: int = 0) -> bool:
    """Whether an attempt may start now: a slot is free, nobody queued for it before, nobody holds it still.

    Args:
        asker: the effect whose attempt asks for it; 0 where the workflow does.
    """
    shard = step.shard
    if shard.queues.get(digest) or shard.running.get(digest, 0) >= step.view.limit(digest):
        return False
    if asker and shard.suspended and of_askers(shard, step.run, step.run.effects[asker]) is not None:
        return False
    return may_begin(shard, step.view, digest)


def confirms(step: Step, digest: str, delivery: Delivery) -> bool:
    """Whether it is recorded when an attempt begins: a worker elsewhere makes it, and not twice."""
    return delivery != AT_LEAST_ONCE and digest in step.view.fleet


def same_promise(delivery: Delivery) -> Delivery:
    """The same promise; the default is the very object that the log leaves out."""
    return AT_LEAST_ONCE if delivery == AT_LEAST_ONCE else delivery
