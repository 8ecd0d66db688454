"""What records of recovery must not be: re-routing, dead letters, breakers."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.recovery import BREAKER_OPEN
from podium.facts.recovery_events import EffectDeadLettered, EffectRedriven, EffectRerouted
from podium.kernel.rerouting import LOSSES_MAX
from podium.kernel.state import Effect, Run
from podium.sim.ledger import Ledger
from podium.sim.violation import hold


def final(ledger: Ledger, run: Run, effect: Effect, event: e.AttemptFailed, limit: int) -> None:
    """The last attempt of a performer failed, and the effect goes on otherwise."""
    who = f"effect {effect.id} of run {run.id}"
    may_again = effect.delivery == "at-least-once" or event.status == "unstarted"
    last = effect.failures + 1 >= limit or effect.losses + 1 >= LOSSES_MAX or not may_again
    hold(last, "I6", f"{who} is given up after {effect.failures + 1} failures of {limit}")


def rerouted(ledger: Ledger, run: Run, event: EffectRerouted, record: Record) -> None:
    """Nothing goes to another agent that may have been done and must not be done twice, or to the same."""
    effect = run.effects[event.effect]
    said = ledger.said.get((run.id, effect.id, effect.token), set())
    repeatable = effect.delivery == "at-least-once" or not effect.token or said == {"unstarted"}
    hold(repeatable, "I5", f"effect {effect.id} of run {run.id} may have been done, and goes to another")
    seen = (*effect.tried, effect.digest)
    hold(event.digest not in seen, "I6", f"effect {effect.id} of run {run.id} goes to {event.agent} again")


def dead_lettered(ledger: Ledger, run: Run, event: EffectDeadLettered, record: Record) -> None:
    hold(bool(record.body), "I6", f"effect {event.effect} of run {run.id} is kept without an error")


def redriven(ledger: Ledger, run: Run, event: EffectRedriven, record: Record) -> None:
    """An operator's word allows another attempt."""
    key = (run.id, event.effect)
    ledger.again[key] = ledger.again.get(key, 0) + 1


def begins(ledger: Ledger, digest: str, task: str) -> None:
    """No attempt starts while the breaker of its performer is open, nor more than may try it."""
    breaker = ledger.replica.breakers.get(digest)
    if breaker is None:
        return
    hold(breaker.status != BREAKER_OPEN, "I8", f"{task} begins though the breaker of {breaker.agent} is open")
    if breaker.probes:
        running = ledger.replica.running.get(digest, 0)
        hold(running < breaker.probes, "I8", f"{task} tries {breaker.agent} though {running} others do")
