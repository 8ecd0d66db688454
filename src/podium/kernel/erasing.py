"""Erasure: the unfinished runs of a subject end, before the key that seals them is destroyed."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.inputs import EraseSubject
from podium.facts.values import Accepted
from podium.kernel.outcome import Outcome
from podium.kernel.state import Shard


def erase(shard: Shard, told: EraseSubject, out: Outcome) -> Accepted:
    """Cancel the runs that are sealed with a key, and say that it is to be destroyed.

    The cold ones among them are hot: the host loads them before.
    """
    cancelled = 0
    for run in [run for run in shard.runs.values() if run.subject == told.subject]:
        if not run.ended:
            out.emit(shard, run, e.RunCancelled(principal=told.principal), e.RunCancelledBody(told.why))
            cancelled += 1
    event = e.SubjectErased(subject=told.subject, principal=told.principal, runs=cancelled)
    out.emit(shard, None, event, e.SubjectErasedBody(told.why))
    return Accepted(created=cancelled > 0, detail=f"{cancelled} cancelled")
