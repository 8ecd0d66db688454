"""Dead letters: effects that failed for good and wait for an operator, who tries them again or drops them."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.inputs import SettleDeadLetter
from podium.facts.values import AT_LEAST_ONCE, Accepted, Problem, Refused, Reply, standard_error
from podium.kernel.availability import avoided
from podium.kernel.settling import fail
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.workflow.program import CallAgent, CallTool


def settle_dead_letter(step: Step, told: SettleDeadLetter) -> Reply:
    """Do what a person says about a dead letter."""
    kept = [effect for effect in step.run.effects.values() if effect.status == "dead"]
    named = [effect for effect in kept if told.effect in (0, effect.id)]
    if len(named) != 1:
        listed = ", ".join(f"{effect.id} ({effect.task})" for effect in kept) or "none"
        message = f"name one dead letter of the run; there are: {listed}"
        return Refused("usage" if named else "conflict", (Problem("no-dead-letter", "/effect", message),))
    effect = named[0]
    if told.verdict == "drop":
        error = effect.error or standard_error("runtime", effect.task, "it failed; why was erased")
        fail(step, effect, error, principal=told.principal, why=told.why)
        return Accepted(step.run.id, detail=f"{effect.task}: dropped")
    return _redrive(step, effect, told)


def _redrive(step: Step, effect: Effect, told: SettleDeadLetter) -> Reply:
    again = e.EffectRedriven(
        effect=effect.id, task=effect.task, agent=effect.agent, digest=effect.digest,
        delivery=AT_LEAST_ONCE if effect.delivery == AT_LEAST_ONCE else effect.delivery,
        heartbeat_ms=effect.heartbeat_ms, principal=told.principal, kind=effect.kind,
        capability=effect.capability,
        task_deadline_at=step.shard.now + effect.task_ms if effect.task_ms else 0,
    )  # fmt: skip
    problem = _choose(step, effect, again)
    if problem:
        return Refused("conflict", (Problem("no-performer", "/effect", problem),))
    step.emit(again, e.EffectRedrivenBody(told.why) if told.why else None)
    by = f" by {again.agent}" if again.agent else ""
    return Accepted(step.run.id, detail=f"{effect.task}: tried again{by}")


def _choose(step: Step, effect: Effect, again: e.EffectRedriven) -> str:
    """Choose who does it now: what failed may have been repaired by a new version. Gives why nobody can."""
    frame, view, running = step.run.frames[effect.frame], step.view, step.shard.running
    detail = step.node(frame).detail
    if isinstance(detail, CallAgent):
        own = effect.agent.partition("@")[0]
        asked = CallAgent("", own, None, None) if step.run.frames[frame.parent].kind == "fanout" else detail
        route = view.route(asked, lambda digest: running.get(digest, 0), avoided(step))
        if isinstance(route, str):
            return route
        again.digest, again.reason = route.digest, route.reason
    elif isinstance(detail, CallTool) and detail.tool:
        again.digest = view.current("Tool", detail.tool)
        if not again.digest:
            return f"no tool is named {detail.tool}"
        again.reason = "named by the task"
    else:
        return ""
    agent = view.agents[again.digest]
    capability = effect.capability or agent.capabilities[0].name
    if all(one.name != capability for one in agent.capabilities):
        return f"{agent.name}@{agent.version} does not offer {capability} any more"
    if view.contract(again.digest, capability)[0](effect.input):
        return f"the contract of {agent.name}@{agent.version} does not take the input"
    again.agent = f"{agent.name}@{agent.version}"
    again.delivery = AT_LEAST_ONCE if agent.delivery == AT_LEAST_ONCE else agent.delivery
    again.heartbeat_ms = agent.heartbeat_ms
    return ""
