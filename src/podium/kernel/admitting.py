"""Runs that wait for what others hold begin in their order, as soon as it is free."""

from __future__ import annotations

from podium.facts import events as e
from podium.kernel.books import Claim
from podium.kernel.claiming import cancelled
from podium.kernel.outcome import Outcome
from podium.kernel.scheduling import supersedes
from podium.kernel.state import Shard
from podium.kernel.step import Step, View
from podium.kernel.tasks import advance


def admit(shard: Shard, view: View, out: Outcome) -> None:
    """Let begin who waited for what is free now, in order."""
    while shard.freed_claims:
        claim = shard.freed_claims.pop(0)
        known = shard.claims.get(claim)
        while known is not None and known.waiting:
            run = shard.runs[known.waiting[0]]
            program = view.program(run.digest)
            limit = program.concurrency.limit if program.concurrency is not None else 1
            if len(known.holders) >= limit:
                break
            deadline_at = shard.now + program.timeout.ms if program.timeout is not None else 0
            step = Step(shard, run, view, out)
            step.emit(e.RunAdmitted(deadline_at=deadline_at))
            advance(step)
            known = shard.claims.get(claim)


def resume_claims(shard: Shard, view: View, out: Outcome) -> None:
    """After a crash: see to what was to follow from claims, and had not."""
    for claim, known in shard.claims.items():
        if known.waiting:
            shard.freed_claims.append(claim)
            _supersede_again(shard, view, out, claim, known)
    admit(shard, view, out)


def _supersede_again(shard: Shard, view: View, out: Outcome, claim: str, known: Claim) -> None:
    run = shard.runs[known.waiting[-1]]
    terms = view.program(run.digest).concurrency
    own = terms is not None and terms.on_conflict == "cancelPrevious"
    if own or supersedes(view, claim):
        limit = terms.limit if terms is not None else 1
        busy = (*known.holders, *known.waiting[:-1])
        out.inputs += (cancelled(former, run.id) for former in busy[: len(busy) + 1 - limit])
