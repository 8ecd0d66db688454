"""Circuit breakers: which outcomes count, when one opens, and when it is tried again."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.inputs import Reported
from podium.facts.recovery import BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN, BreakerTerms, Counted
from podium.facts.values import Accepted, Problem, Refused, Reply
from podium.kernel.booking import UNPERFORMED
from podium.kernel.outcome import Outcome
from podium.kernel.state import Effect, Shard
from podium.kernel.step import Step, View


def succeeded(step: Step, effect: Effect) -> Counted | None:
    """What a success means for the breaker of whoever performed it; None if nothing."""
    breaker = step.shard.breakers.get(effect.digest)
    if breaker is None or effect.status != "running":
        return None
    terms = _terms(step, effect.digest)
    if terms is None or not _counts(step.shard, effect):
        return None
    if breaker.status == BREAKER_CLOSED and not terms.out_of:
        return None
    return _counted(effect, terms, failed=False)


def failed(step: Step, effect: Effect, reported: Reported) -> Counted | None:
    """What a failure means for the breaker of whoever performed it; None if nothing.

    It counts unless it is not the performer's: no other attempt would do better, or the hub itself ended it.
    """
    terms = _terms(step, effect.digest)
    if terms is None or not reported.retryable:
        return None
    if reported.status == "lost" and (effect.delivery != "at-most-once" or reported.error is None):
        return None
    stops = step.view.limit(effect.digest) == 0 and reported.status in ("lost", *UNPERFORMED)
    if stops or not _counts(step.shard, effect):
        return None
    return _counted(effect, terms, failed=True)


def _terms(step: Step, digest: str) -> BreakerTerms | None:
    agent = step.view.agents.get(digest)
    return agent.breaker if agent is not None else None


def _counts(shard: Shard, effect: Effect) -> bool:
    """Whether the breaker wants to know: while it is open nothing counts, then what began since."""
    breaker = shard.breakers.get(effect.digest)
    if breaker is None or breaker.status == BREAKER_CLOSED:
        return True
    return breaker.status == BREAKER_HALF_OPEN and effect.token > breaker.seq


def _counted(effect: Effect, terms: BreakerTerms, *, failed: bool) -> Counted:
    return Counted(effect.digest, effect.agent, failed, terms.within_ms, terms.out_of or terms.failures)


def judge(step: Step, effect: Effect, counted: Counted) -> None:
    """Open or close a breaker by what was counted."""
    breaker = step.shard.breakers.get(counted.digest)
    terms = _terms(step, counted.digest)
    if breaker is None or terms is None:
        return
    if breaker.status == BREAKER_HALF_OPEN:
        if counted.failed:
            _open(step, effect, counted, terms, "it was tried again, and failed")
        elif breaker.succeeded >= breaker.probes:
            step.out.emit(step.shard, None, e.BreakerClosed(digest=counted.digest, agent=counted.agent))
        return
    failures = sum(failed for _, failed in breaker.outcomes)
    if failures >= terms.failures:
        of = f"of its last {len(breaker.outcomes)} attempts " if terms.out_of else "attempts "
        reason = f"{failures} {of}failed within {terms.within_ms / 1000:g} s"
        _open(step, effect, counted, terms, reason)


def _open(step: Step, effect: Effect, counted: Counted, terms: BreakerTerms, reason: str) -> None:
    opened = e.BreakerOpened(
        digest=counted.digest, agent=counted.agent, until=step.shard.now + terms.open_ms, reason=reason,
        run=step.run.id, effect=effect.id,
    )  # fmt: skip
    step.out.emit(step.shard, None, opened)


def try_again(shard: Shard, view: View, out: Outcome) -> None:
    """Let the agents be tried again whose breakers have been open for as long as they say."""
    for digest, breaker in list(shard.breakers.items()):
        if breaker.status == BREAKER_OPEN and breaker.until <= shard.now:
            agent = view.agents.get(digest)
            terms = agent.breaker if agent is not None else None
            probes = terms.probes if terms is not None else 1
            out.emit(shard, None, e.BreakerHalfOpened(digest=digest, agent=breaker.agent, probes=probes))
    shard.wake_breakers()


def reset(shard: Shard, told: i.ResetBreaker, out: Outcome) -> Reply:
    """Close a breaker because somebody says so."""
    found = [
        (digest, one)
        for digest, one in shard.breakers.items()
        if one.status != BREAKER_CLOSED and told.agent in (digest, one.agent, one.agent.partition("@")[0])
    ]
    if not found:
        message = f"no breaker of {told.agent} is open; `podium get agents` shows those that are"
        return Refused("conflict", (Problem("not-open", "/agent", message),))
    if len(found) > 1:
        listed = ", ".join(one.agent for _, one in found)
        message = f"breakers of several versions are open: {listed}; name one"
        return Refused("usage", (Problem("ambiguous-agent", "/agent", message),))
    if not told.why:
        return Refused("usage", (Problem("missing-reason", "/why", "say why it is reset"),))
    digest, breaker = found[0]
    event = e.BreakerReset(digest=digest, agent=breaker.agent, principal=told.principal)
    out.emit(shard, None, event, e.BreakerResetBody(told.why))
    return Accepted(detail=f"the breaker of {breaker.agent} is closed")
