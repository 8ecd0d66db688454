"""What people may do about an action that waits for them: say yes or no, let another decide, edit, break the
glass. Whoever lets them in says who they are; whether they may is decided here, and only here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.approvals import Approval, Terms, fits, is_person
from podium.facts.inputs import (
    AnswerHuman,
    DecideApproval,
    Deciding,
    Declassify,
    DelegateApproval,
    EditAction,
    OverrideDecision,
)
from podium.facts.secrets import only
from podium.facts.values import Accepted, Problem, Refused, Reply, standard_error
from podium.kernel.answering import answer_human, settle_answer
from podium.kernel.bounds import excess
from podium.kernel.requests import check_request
from podium.kernel.settling import fail
from podium.kernel.state import Denial, Effect
from podium.kernel.step import Step

BREAK_GLASS = "break-glass"
"""The role that may override decisions."""

STEWARD = "data-steward"
"""The role that may take labels from data."""

OVERRIDE_MS_MAX = 24 * 3_600_000
"""No override holds for longer."""

_encode = msgspec.json.Encoder().encode


def decide_approval(step: Step, told: DecideApproval) -> Reply:
    """Take a person's yes or no."""
    effect = _asked(step, told)
    if isinstance(effect, Refused):
        return effect
    if effect.kind == "human":
        return answer_human(
            step,
            AnswerHuman(
                run_id=told.run_id, task=str(effect.id), decision=told.verdict, principal=told.principal,
                why=told.why, via=told.via, identity=told.principal, roles=told.roles,
            ),
        )  # fmt: skip
    refusal = _unfit(step, effect, told)
    if refusal is not None:
        return refusal
    approval = _approval(effect)
    if any(vote.principal == told.principal and vote.verdict == told.verdict for vote in approval.votes):
        return _refused("conflict", "already-decided", f"{told.principal} has said so already")
    outcome = _outcome(approval, told)
    step.emit(
        e.ApprovalDecided(
            effect=effect.id, task=effect.task, verdict=told.verdict, principal=told.principal,
            roles=told.roles, via=told.via, action=told.action, outcome=outcome,
        ),
        e.ApprovalDecidedBody(told.why) if told.why else None,
    )  # fmt: skip
    if outcome == "denied":
        title = f"{told.principal} denied it"
        fail(step, effect, standard_error("authorization", effect.task, title, told.why))
    missing = approval.terms.quorum - approval.agreed("approve")
    waits = f"; {missing} more must agree" if not outcome and missing > 0 else ""
    return Accepted(step.run.id, detail=f"{effect.task}: {outcome or told.verdict}{waits}")


def _outcome(approval: Approval, told: DecideApproval) -> str:
    if told.verdict == "deny":
        return "denied"
    others = sum(v.verdict == "approve" and v.principal != told.principal for v in approval.votes)
    return "granted" if others + 1 >= approval.terms.quorum else ""


def delegate(step: Step, told: DelegateApproval) -> Reply:
    """Let another person decide, too."""
    effect = _asked(step, told)
    if isinstance(effect, Refused):
        return effect
    refusal = _unfit(step, effect, told, by_role=True)
    if refusal is not None:
        return refusal
    approval = _approval(effect)
    if not is_person(told.to):
        return _refused("usage", "not-a-person", f"{told.to!r} is no person; name one as `user:name`", "/to")
    if approval.terms.others and told.to in approval.requesters:
        return _refused("refused", "own-request", f"{told.to} asked for it, and may not decide it", "/to")
    step.emit(
        e.ApprovalDelegated(
            effect=effect.id, task=effect.task, principal=told.principal, via=told.via, to=told.to
        ),
        e.ApprovalDelegatedBody(told.why) if told.why else None,
    )
    return Accepted(step.run.id, detail=f"{effect.task}: {told.to} may decide, too")


def edit(step: Step, told: EditAction) -> Reply:
    """Make another action of the one that waits; it is decided afresh."""
    effect = _asked(step, told)
    if isinstance(effect, Refused):
        return effect
    if effect.kind == "human":
        return _refused("usage", "not-an-action", "a question is answered, not edited")
    if effect.kind == "workflow" and effect.digest not in step.view.workflows:
        message = "a plan is run as it was planned, or not at all; say yes or no to it"
        return _refused("usage", "not-an-action", message)
    if effect.kind == "guard":
        message = "a check is about data as they are; say yes or no to them"
        return _refused("usage", "not-an-action", message)
    refusal = _unfit(step, effect, told)
    if refusal is not None:
        return refusal
    given = only(told.input, [_encode(effect.input)]) if step.run.secrets else told.input
    if problems := _malformed(step, effect, given):
        return Refused("usage", problems)
    base = effect.key or f"{step.run.id}/{effect.id}"
    edited = e.ActionEdited(
        effect=effect.id, task=effect.task, principal=told.principal, via=told.via,
        key=f"{base}/edit/{step.run.ordinal + 1}",
    )  # fmt: skip
    step.emit(edited, e.ActionEditedBody(given, told.why))
    return Accepted(step.run.id, detail=f"{effect.task}: another action, decided afresh")


def _malformed(step: Step, effect: Effect, given: Any) -> tuple[Problem, ...]:
    """Why nothing can be made of an action that was edited."""
    if too_much := excess(given):
        return (Problem("too-large", "/input", f"the input has {too_much}"),)
    if effect.kind == "http":
        wanted = effect.input if isinstance(effect.input, dict) else {}
        if not isinstance(given, dict) or given.keys() != wanted.keys():
            members = ", ".join(sorted(wanted))
            return (Problem("bad-request", "/input", f"a request has these members: {members}"),)
        problem = check_request(given)
        return (Problem("bad-request", "/input", "; ".join(problem)),) if problem else ()
    if effect.capability:
        breaches = step.view.contract(effect.digest, effect.capability)[0](given)
        return tuple(Problem("contract", f"/input{one.path}", one.message) for one in breaches[:10])
    return ()


def override(step: Step, told: OverrideDecision) -> Reply:
    """Let one action through, whatever policy says."""
    found = _overridable(step, told)
    if isinstance(found, Refused):
        return found
    number, task, action, terms = found
    refusal = _no_glass(step, told, action)
    if refusal is not None:
        return refusal
    known = step.shard.overrides.get(action)
    first = () if known is None or known.expires_at <= step.shard.now else known.principals
    if told.principal in first:
        return _refused("conflict", "already-decided", f"{told.principal} has said so already")
    granted = bool(first) or not terms.seconded
    step.emit(
        e.DecisionOverridden(
            effect=number, task=task, principal=told.principal, roles=told.roles, via=told.via,
            action=action, expires_at=told.expires_at, outcome="granted" if granted else "",
        ),
        e.DecisionOverriddenBody(told.why),
    )  # fmt: skip
    return Accepted(
        step.run.id, detail=f"{task}: overridden" if granted else f"{task}: a second person must agree"
    )


def _no_glass(step: Step, told: OverrideDecision, action: str) -> Refused | None:
    """Why somebody may not break the glass now."""
    now = step.shard.now
    if not is_person(told.principal):
        return _not_a_person(told)
    if BREAK_GLASS not in told.roles:
        message = f"{told.principal} has not the role {BREAK_GLASS}, which overriding takes"
        return _refused("refused", "missing-role", message)
    if not told.why.strip():
        return _refused("usage", "missing-reason", "overriding takes a reason: it stays in the log", "/why")
    if not now < told.expires_at <= now + OVERRIDE_MS_MAX:
        message = f"an override holds for up to {OVERRIDE_MS_MAX // 3_600_000} hours from now"
        return _refused("usage", "bad-expiry", message, "/expires_at")
    if told.action != action:
        return _changed()
    return None


def _overridable(step: Step, told: OverrideDecision) -> tuple[int, str, str, Terms] | Refused:
    """The effect that a person means: its number, task and action, and whether it takes two."""
    held = [one for one in step.run.effects.values() if one.status in ("approval", "deferred")]
    found = [
        (one.id, one.task, one.action, one.approval.terms if one.approval else Terms())
        for one in held
        if one.action
    ]
    denials: list[Denial] = step.run.denials
    found += [(one.effect, one.task, one.action, Terms(seconded=one.seconded)) for one in denials]
    named = [one for one in found if told.effect in (0, one[0])]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{one[0]} ({one[1]})" for one in found) or "none"
    message = f"name one effect that policy holds back or denied; there are: {listed}"
    return _refused("usage" if named else "conflict", "nothing-held-back", message, "/effect")


def declassify(step: Step, told: Declassify) -> Reply:
    """Take labels from the data of a run."""
    if not is_person(told.principal):
        return _not_a_person(told)
    if STEWARD not in told.roles:
        message = f"{told.principal} has not the role {STEWARD}, which declassifying takes"
        return _refused("refused", "missing-role", message)
    if not told.why.strip():
        message = "declassifying takes a reason: it stays in the log"
        return _refused("usage", "missing-reason", message, "/why")
    strange = [one for one in told.labels if one not in step.run.data_labels]
    if strange or not told.labels:
        known = ", ".join(step.run.data_labels) or "none"
        message = f"the data of the run have these labels: {known}"
        return _refused("usage", "unknown-label", message, "/labels")
    step.emit(
        e.DataDeclassified(
            labels=told.labels, principal=told.principal, roles=told.roles, via=told.via
        ),
        e.DataDeclassifiedBody(told.why),
    )  # fmt: skip
    return Accepted(step.run.id, detail=f"no longer {', '.join(told.labels)}")


# --- silence ----------------------------------------------------------------------------------------


def expire_due(step: Step) -> None:
    """See to what nobody decided in time: ask the next tier, or take silence for a no."""
    now = step.shard.now
    for effect in list(step.run.effects.values()):
        approval = effect.approval
        if approval is None or not 0 < approval.terms.deadline_at <= now:
            continue
        following = step.view.terms(approval.terms.silence, now) if approval.terms.silence else None
        if following is not None and following.tier not in {one.tier for one in approval.silent}:
            step.emit(e.ApprovalEscalated(effect=effect.id, task=effect.task, terms=following))
            continue
        if effect.kind == "human" and "deny" in (effect.input or {}).get("decisions", ()):
            settle_answer(step, effect, "deny", None, "", why="nobody answered in time")
            continue
        step.emit(e.ApprovalExpired(effect=effect.id, task=effect.task))
        title = "nobody decided in time, and silence denies"
        asked = f"asked were {', '.join(approval.terms.roles) or 'all'}"
        fail(step, effect, standard_error("authorization", effect.task, title, asked))


# --- who, and what ----------------------------------------------------------------------------------


def _asked(step: Step, told: Deciding) -> Effect | Refused:
    """The effect that waits for people and that a person means."""
    waiting = [one for one in step.run.effects.values() if one.status in ("approval", "waiting")]
    named = [one for one in waiting if told.effect in (0, one.id)]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{one.id} ({one.task})" for one in waiting) or "none"
    message = f"name one action that waits for people; there are: {listed}"
    return _refused("usage" if named else "conflict", "not-waiting", message, "/effect")


def _unfit(step: Step, effect: Effect, told: Deciding, *, by_role: bool = False) -> Refused | None:
    """Why somebody may not decide on an action now; None if he may."""
    approval = _approval(effect)
    terms = approval.terms
    if not is_person(told.principal):
        return _not_a_person(told)
    if told.action != approval.action:
        return _changed()
    if terms.deadline_at and terms.deadline_at <= step.shard.now:
        return _refused("conflict", "expired", "the time for it is over")
    if terms.others and told.principal in approval.requesters:
        message = f"{told.principal} asked for it; somebody else must decide"
        return _refused("refused", "own-request", message)
    if fits(told.roles, terms) or (told.principal in approval.delegates and not by_role):
        return None
    return missing_role(told.principal, terms)


def missing_role(principal: str, terms: Terms) -> Refused:
    """Somebody is none of those who may decide."""
    wanted = " or ".join(terms.roles)
    return _refused("refused", "missing-role", f"{principal} is no {wanted}, as this takes")


def _approval(effect: Effect) -> Approval:
    return effect.approval or Approval(Terms())


def _not_a_person(told: Deciding) -> Refused:
    message = f"{told.principal or 'somebody without a name'} is no person; only people decide"
    return _refused("refused", "not-a-person", message, "/principal")


def _changed() -> Refused:
    message = "that is not the action as it waits now; look at it again (`podium approvals`)"
    return _refused("conflict", "other-action", message, "/action")


def _refused(code: Any, rule: str, message: str, path: str = "") -> Refused:
    return Refused(code, (Problem(rule, path, message),))


ACTS: dict[type[Deciding], Callable[[Step, Any], Reply]] = {
    DecideApproval: decide_approval,
    DelegateApproval: delegate,
    EditAction: edit,
    OverrideDecision: override,
    Declassify: declassify,
}
