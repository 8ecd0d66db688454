"""Effects put to policy, and what becomes of the verdict."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.policy import Decision
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.acting import READS, DestinationInvalid, action_for
from podium.kernel.arguments import Faulted
from podium.kernel.booking import held_by
from podium.kernel.ceilings import within
from podium.kernel.claiming import CONFLICT
from podium.kernel.consenting import RULE as CONSENT
from podium.kernel.consenting import consent_to, with_consent
from podium.kernel.excluding import RULE, excluded
from podium.kernel.policies import built_in
from podium.kernel.settling import fail
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.policy.advising import ways_out
from podium.policy.deciding import DEFAULT, decide

WITHOUT_ATTEMPTS = frozenset({"human", "workflow", "guard"})
"""Kinds of effects that nobody performs."""

BUDGET = "https://podium.dev/errors/budget"
"""The type of errors where a ceiling is reached; their status is 402."""

PRICELESS = (
    'say what a call costs, `cost: {perCall: {usd: "0"}}` where that is nothing, '
    "or have people asked: `reservation: {unknownPrice: approve:1}`"
)
"""What to do about a price that nobody knows."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def rule(
    step: Step, kind: str, digest: str, capability: str, given: JSON, *, asker: int = 0, duration_ms: int = 0
) -> Decision:
    """What policy says of an effect that is wanted now.

    Args:
        given: what its performer gets.
        asker: the effect whose attempt asks for it; 0 where the workflow does.
        duration_ms: what an attempt takes at most.
    """
    if step.view.policies is None:
        decision = _usual(step, kind, digest, given)
    else:
        asks = step.run.effects[asker] if asker else None
        depth = asks.depth + 1 if asks is not None else 0
        decision = _put(
            step, (), kind, digest, capability, given, asker=asks, depth=depth, duration_ms=duration_ms
        )
    if step.run.ceilings:
        decision = within(step, kind, digest, decision, asked=asker > 0)
    if digest in step.view.exclusives and decision.verdict == "allow":
        return _exclude(step, decision, digest, given)
    return decision


def rule_again(step: Step, effect: Effect) -> tuple[Decision, int]:
    """What policy says of an effect that has not begun, given what people granted meanwhile.

    Returns:
        the decision, and the record by which somebody overrode it; 0 if nobody did.
    """
    if step.view.policies is None:
        decision = _usual(step, effect.kind, effect.digest, effect.input)
    else:
        held = held_by(step.shard, step.run, effect.id)
        decision = _put(
            step, held.holds if held is not None else (), effect.kind, effect.digest, effect.capability,
            effect.input, asker=step.run.effects.get(effect.asker), depth=effect.depth,
            attempt=effect.attempt + 1, asked_at=effect.requested_at,
        )  # fmt: skip
    override = 0
    decision = _consented(step, effect, decision)
    if decision.verdict == "approve" and effect.granted and _is_granted(step, effect, decision):
        decision = agreed(decision)
    elif decision.verdict != "allow" and step.shard.overrides:
        actions = (action_of(step, effect), action_of(step, effect, anywhere=True))
        decision, override = overridden(step, decision, actions)
    if step.run.ceilings:
        held = held_by(step.shard, step.run, effect.id)
        own = held.holds if held is not None else ()
        decision = within(step, effect.kind, effect.digest, decision, own=own, asked=effect.asker > 0)
    if effect.digest in step.view.exclusives and decision.verdict == "allow":
        return _exclude(step, decision, effect.digest, effect.input, effect.id), override
    return decision, override


def _consented(step: Step, effect: Effect, decision: Decision) -> Decision:
    """The decision, but that people are asked who by the document have to agree and have not."""
    try:
        terms = consent_to(step, effect)
    except Faulted as faulted:
        return Decision("deny", (CONSENT,), decision.policy, message=faulted.error.title)
    asked = with_consent(decision, terms)
    if terms is None or (effect.granted and _is_granted(step, effect, asked)):
        return decision
    return asked


def _exclude(step: Step, decision: Decision, digest: str, given: JSON, effect: int = 0) -> Decision:
    """The decision, where nobody else is at work on the same."""
    held = held_by(step.shard, step.run, effect)
    name = step.view.agents[digest].name
    own = held.holds if held is not None else ()
    return excluded(step, decision, step.view.exclusives[digest], name, given, own)


def _put(step: Step, own: Any, *parts: Any, **rest: Any) -> Decision:
    policies, shard = step.view.policies, step.shard
    assert policies is not None, "the built-in policy is asked otherwise"
    try:
        action = action_for(step.view, step.run, *parts, **rest)
    except DestinationInvalid as error:
        message = f"nobody can say where it leads: {error}"
        return Decision("deny", ("destination",), policies.digest, message=message)
    decision = decide(policies, action, shard.ledger, step.run.marks, shard.now, own)
    if decision.verdict == "approve" and action.kind == "human":
        message = "a question to people cannot wait for people to agree to it"
        return msgspec.structs.replace(decision, verdict="deny", message=message, terms=None, tier=0)
    return decision


def _usual(step: Step, kind: str, digest: str, given: JSON) -> Decision:
    """What is said where no policy is declared; it depends on so little that it is known beforehand."""
    usual, name = step.view.usual, digest or kind
    if kind == "http":
        name = f"http {given['method'] in READS}"
    elif kind == "guard":
        name = f"guard {given['policies']}"
    known: Decision | None = usual.get(name)
    if known is None:
        try:
            action = action_for(step.view, step.run, kind, digest, "", given)
        except DestinationInvalid as error:
            message = f"nobody can say where it leads: {error}"
            return Decision("deny", ("destination",), message=message)
        decision = decide(built_in(), action, step.shard.ledger, {}, 0)
        known = msgspec.structs.replace(decision, policy="", reads={})
        usual[name] = known
    return known


def allowed(decision: Decision) -> Decision:
    """The same, but that it goes ahead."""
    return msgspec.structs.replace(decision, verdict="allow", terms=None, until=0)


def agreed(decision: Decision) -> Decision:
    """What people agreed to goes ahead, unless it has to wait for something else than them."""
    waits = decision.deferral
    if waits is None:
        return allowed(decision)
    return msgspec.structs.replace(
        decision, verdict="defer", rules=waits.rules, message=waits.message, until=waits.until, terms=None,
        tier=0, deferral=None,
    )  # fmt: skip


def overridden(step: Step, decision: Decision, actions: Iterable[str]) -> tuple[Decision, int]:
    """The decision, or its opposite where somebody broke the glass for one of these actions.

    Returns:
        beside it the record by which somebody did; 0 if nobody did.
    """
    for action in actions:
        known = step.shard.overrides.get(action)
        if known is not None and known.granted and known.expires_at > step.shard.now:
            return allowed(decision), known.seq
    return decision, 0


def _is_granted(step: Step, effect: Effect, decision: Decision) -> bool:
    """Whether people said yes to this very action, on terms no easier than those that it takes now."""
    terms = decision.terms
    if terms is None or effect.granted != action_of(step, effect):
        return False
    return any(
        (one.tier, one.roles) == (terms.tier, terms.roles)
        and one.quorum >= terms.quorum
        and one.others >= terms.others
        for one in effect.grants
    )


# --- what an action is ------------------------------------------------------------------------------


def action_of(step: Step, effect: Effect, *, anywhere: bool = False) -> str:
    """The keyed digest of the exact action of an effect.

    Args:
        anywhere: of the same action in whatever run, not of this effect alone.
    """
    place = [] if anywhere else [step.run.id, effect.id]
    return digest_action(
        step, place, effect.kind, effect.agent, effect.digest, effect.capability, effect.input
    )


def digest_action(step: Step, place: list[Any], *parts: JSON) -> str:
    """The same, of an effect that is not there yet; `parts` as `action_of` has them."""
    run = step.run
    content = _encode([place, run.digest, run.principal, *parts])
    return "hmac-sha256:" + hmac.digest(step.view.digest_key, content, "sha256").hex()


# --- consequences -----------------------------------------------------------------------------------


def reserve(kind: str, decision: Decision) -> e.Reserved | None:
    """What an attempt that starts with this decision takes; None where that is nothing."""
    if not (decision.holds or decision.counts or decision.marks or decision.proofs or decision.reach):
        return None
    return e.Reserved(
        decision.holds, decision.counts, decision.marks, decision.proofs, kind == "tool", decision.reach
    )


def warn(step: Step, effect: int, task: str, decision: Decision) -> None:
    """Record that thresholds of budgets are crossed."""
    if decision.warnings:
        step.emit(e.BudgetWarned(effect=effect, task=task, warnings=decision.warnings))


def denied(step: Step, effect: Effect, decision: Decision) -> Error:
    """The error of a task whose effect policy denies."""
    detail = f"by {', '.join(decision.rules)}"
    if decision.rules and all("/budgets/" in rule for rule in decision.rules):
        # Of a ceiling that would be passed it was read what is taken already; what has no price passes none.
        if all(any(read.startswith(f"{rule}/") for read in decision.reads) for rule in decision.rules):
            return Error(BUDGET, 402, f"a budget is exhausted: {decision.message}", detail, effect.task)
        detail = f"{detail}\n{PRICELESS}"
    elif decision.rules == (DEFAULT,):
        detail = f"{detail}\n{_ways_out(step, effect)}"
    if decision.rules and decision.rules[0].startswith(RULE):
        return Error(CONFLICT, 409, decision.message, detail, effect.task)
    title = f"policy denies it: {decision.message}" if decision.message else "policy denies it"
    return standard_error("authorization", effect.task, title, detail)


def _ways_out(step: Step, effect: Effect) -> str:
    asker = step.run.effects.get(effect.asker)
    parts = effect.kind, effect.digest, effect.capability, effect.input
    return ways_out(action_for(step.view, step.run, *parts, asker=asker, depth=effect.depth))


def deny(step: Step, effect: Effect, decision: Decision) -> None:
    """Let the task of a denied effect fault."""
    fail(step, effect, denied(step, effect, decision))


def decided(step: Step, effect: Effect, decision: Decision) -> None:
    """Record that policy does not let an effect begin that was to."""
    anywhere = decision.verdict == "deny"
    event = e.EffectDecided(
        effect=effect.id, task=effect.task, verdict=decision.verdict, rules=decision.rules,
        policy=decision.policy, terms=decision.terms, until=decision.until, observed=decision.observed,
        action=action_of(step, effect, anywhere=anywhere),
    )  # fmt: skip
    body = None
    if decision.message or decision.reads:
        body = e.EffectDecidedBody(decision.message, decision.reads)
    step.emit(event, body)
    if decision.verdict == "deny":
        deny(step, effect, decision)


def unchanged(effect: Effect, decision: Decision) -> bool:
    """Whether an effect that was deferred is so still: that is no news, whatever the reason is now."""
    return effect.status == "deferred" and decision.verdict == "defer"
