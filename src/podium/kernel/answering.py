"""People's answers: to requests that wait for them, and on effects in doubt."""

from __future__ import annotations

from podium.contracts.checking import compile_schema
from podium.facts import events as e
from podium.facts.approvals import Approval, fits, is_person
from podium.facts.inputs import AnswerHuman, ResolveEffect
from podium.facts.values import JSON, Accepted, Problem, Refused, Reply, standard_error
from podium.kernel.arguments import iso
from podium.kernel.booking import held_by, worst_of
from podium.kernel.settling import fail, settle
from podium.kernel.state import PROMISED, Effect
from podium.kernel.step import Step


def answer_human(step: Step, told: AnswerHuman) -> Reply:
    """Settle the request a person answers, if the answer is one that it allows."""
    found = _waiting(step, told.task)
    if isinstance(found, Refused):
        return found
    decisions = found.input["decisions"]
    if told.decision not in decisions:
        message = f"{told.decision!r} is none of the decisions {', '.join(decisions)}"
        return Refused("usage", (Problem("unknown-decision", "/decision", message),))
    form = found.input.get("form")
    if form is not None and told.decision != "deny":
        breaches = compile_schema(form)(told.data)
        if breaches:
            return Refused(
                "usage", tuple(Problem("form", f"/data{breach.path}", breach.message) for breach in breaches)
            )
    if found.approval is not None:
        return _vote(step, found, found.approval, told)
    settle_answer(step, found, told.decision, told.data, told.principal, via=told.via, why=told.why)
    return Accepted(step.run.id, detail=f"{found.task}: {told.decision}")


def settle_answer(
    step: Step, effect: Effect, decision: str, data: JSON, principal: str, *, via: str = "", why: str = ""
) -> None:
    """Record what a person answered, with which the task ends."""
    output = {"decision": decision, "by": principal, "at": iso(step.shard.now), "data": data}
    settle(step, effect, output, 0, {}, principal=principal, via=via, why=why)


def _vote(step: Step, effect: Effect, approval: Approval, told: AnswerHuman) -> Reply:
    """Take the answer to a question that not everybody may answer, or that several must."""
    terms, who = approval.terms, told.identity
    problem = None
    if not is_person(who):
        problem = Problem("not-a-person", "/principal", f"{who or 'an unknown caller'} is no person")
    elif terms.others and who in approval.requesters:
        problem = Problem("own-request", "/principal", f"{who} asked for it; somebody else must answer")
    elif not fits(told.roles, terms) and who not in approval.delegates:
        wanted = " or ".join(terms.roles)
        problem = Problem("missing-role", "/principal", f"{who} is no {wanted}, as this takes")
    if problem is not None:
        return Refused("refused", (problem,))
    if terms.deadline_at and terms.deadline_at <= step.shard.now:
        return Refused("conflict", (Problem("expired", "", "the time for it is over"),))
    others = (vote for vote in approval.votes if vote.principal != who)
    agreed = sum(vote.verdict == told.decision for vote in others) + 1
    if told.decision == "deny" or agreed >= terms.quorum:
        settle_answer(step, effect, told.decision, told.data, who, via=told.via, why=told.why)
        return Accepted(step.run.id, detail=f"{effect.task}: {told.decision}")
    step.emit(
        e.ApprovalDecided(
            effect=effect.id, task=effect.task, verdict=told.decision, principal=who, roles=told.roles,
            via=told.via,
        ),
        e.ApprovalDecidedBody(told.why) if told.why else None,
    )  # fmt: skip
    missing = terms.quorum - agreed
    return Accepted(step.run.id, detail=f"{effect.task}: {told.decision}; {missing} more must agree")


def _waiting(step: Step, task: str) -> Effect | Refused:
    waiting = [effect for effect in step.run.effects.values() if effect.status == "waiting"]
    named = [
        effect
        for effect in waiting
        if not task or task in (effect.task, effect.task.rsplit("/", 1)[-1], str(effect.id))
    ]
    if len(named) == 1:
        return named[0]
    if named:
        tasks = ", ".join(f"{effect.id} ({effect.task})" for effect in named)
        message = f"several tasks wait for an answer: {tasks}; name one, by its number where need be"
        return Refused("usage", (Problem("ambiguous-task", "/task", message),))
    message = f"nothing in run {step.run.id} waits for an answer" + (f" at {task}" if task else "")
    return Refused("conflict", (Problem("not-waiting", "/task", message),))


def resolve_effect(step: Step, told: ResolveEffect) -> Reply:
    """Take a person's word for what became of an effect in doubt."""
    doubtful = [effect for effect in step.run.effects.values() if effect.status == "in_doubt"]
    named = [effect for effect in doubtful if told.effect in (0, effect.id)]
    if len(named) != 1:
        listed = ", ".join(f"{effect.id} ({effect.task})" for effect in doubtful) or "none"
        message = f"name one effect in doubt; in doubt are: {listed}"
        return Refused("usage" if named else "conflict", (Problem("not-in-doubt", "/effect", message),))
    effect = named[0]
    if told.verdict == "succeeded" and effect.kind in PROMISED:
        breaches = step.view.contract(effect.digest, effect.capability)[1](told.output)
        if breaches:
            return Refused(
                "usage",
                tuple(Problem("contract", f"/output{breach.path}", breach.message) for breach in breaches),
            )
    body = e.EffectResolvedBody(told.output, told.why) if told.output is not None or told.why else None
    resolved = e.EffectResolved(
        effect=effect.id, task=effect.task, verdict=told.verdict, principal=told.principal
    )
    step.emit(resolved, body)
    if told.verdict == "succeeded":
        cost_nano = told.cost_nano
        if cost_nano < 0:
            held = held_by(step.shard, step.run, effect.id)
            cost_nano = worst_of(held.holds).cost_nano if held is not None else 0
        settle(step, effect, told.output, cost_nano, {}, principal=told.principal, why=told.why)
    elif told.verdict == "failed":
        title = f"{told.principal or 'an operator'} resolved it as failed"
        error = standard_error("runtime", effect.task, title, told.why)
        fail(step, effect, error, max(told.cost_nano, 0), principal=told.principal, why=told.why)
    return Accepted(step.run.id, detail=f"{effect.task}: {told.verdict}")
