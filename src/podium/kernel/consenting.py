"""Consent: who is asked where the document says so, and not policy."""

from __future__ import annotations

import msgspec

from podium.facts.approvals import Terms
from podium.facts.policy import Decision
from podium.facts.values import standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.workflow.plan_terms import CallPlan
from podium.workflow.program import CallHuman

RULE = "plan/approval"


def terms_of(step: Step, call: CallHuman | CallPlan, reference: str) -> Terms | None:
    """On what terms people are asked; None where everybody may answer at any time.

    Raises:
        Faulted: no policy has the tier.
    """
    if not (call.tier or call.roles or call.quorum > 1 or call.escalate):
        return None
    terms: Terms | None = Terms(roles=call.roles)
    if call.tier:
        terms = step.view.terms(call.tier, step.shard.now)
    if terms is None:
        title = f"no policy has a tier {call.tier} whose people could be asked"
        raise Faulted(standard_error("configuration", reference, title, "apply one, or give `roles`"))
    terms = msgspec.structs.replace(terms, quorum=max(terms.quorum, call.quorum))
    if call.escalate:
        deadline_at = step.shard.now + call.escalate_ms
        terms = msgspec.structs.replace(terms, deadline_at=deadline_at, silence=call.escalate)
    return terms


def with_consent(decision: Decision, terms: Terms | None) -> Decision:
    """The decision, where people must agree whatever policy says: they are asked first."""
    if terms is None or decision.verdict not in ("allow", "approve"):
        return decision
    message = "an agent planned this, and whoever asked for the plan wants people to look at it first"
    return msgspec.structs.replace(
        decision, verdict="approve", rules=(RULE,), message=message, terms=terms,
        tier=int(terms.tier) if terms.tier.isdecimal() else 0,
    )  # fmt: skip


def consent_to(step: Step, effect: Effect) -> Terms | None:
    """Who has to agree to an effect by the document's word. Raises Faulted."""
    if effect.kind != "workflow":
        return None
    call = step.node(step.run.frames[effect.frame]).detail
    return terms_of(step, call, effect.task) if isinstance(call, CallPlan) and call.asks else None
