"""Mutual exclusion: so many runs of a workflow at once for one key, and what becomes of one more.

The key is a value of the raw input, by `document.metadata.concurrency`. Who holds a key, and who waits for
it, is kept with the shard: a run that holds one may be out of memory. One that waits for it never is.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

import msgspec

from podium.facts import inputs as i
from podium.facts.values import JSON, Accepted, Problem, Refused, Reply
from podium.kernel.outcome import Outcome
from podium.kernel.state import Run, Shard
from podium.kernel.step import View
from podium.workflow.program import Concurrency, ExpressionFailed, Program

CONFLICT = "https://podium.dev/errors/concurrency"
"""The type of errors where somebody else is at work on the same; their status is 409."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Wanted(NamedTuple):
    """What a run must hold before it begins.

    Attributes:
        claim: names the workflow and the key's value, without telling it; "" for nothing.
        waits: somebody else holds it.
        busy: those who do, and those who wait before it, oldest first.
    """

    claim: str = ""
    waits: bool = False
    busy: tuple[str, ...] = ()


NOTHING = Wanted()


def wanted(shard: Shard, view: View, program: Program, given: JSON) -> Wanted | str:
    """What a run of a program with this input must hold; a text says why nobody knows."""
    terms = program.concurrency
    if terms is None:
        return NOTHING
    key = _key(terms, given)
    if isinstance(key, str):
        return key
    digest = hmac.digest(view.digest_key, _encode(key), "sha256").hex()[:32]
    claim = f"{program.namespace}/{program.name} {digest}"
    known = shard.claims.get(claim)
    if known is None:
        return Wanted(claim)
    busy = (*known.holders, *known.waiting)
    return Wanted(claim, len(known.holders) >= terms.limit or bool(known.waiting), busy)


def _key(terms: Concurrency, given: JSON) -> list[JSON] | str:
    assert terms.key.native is not None, "such a key does not compile"
    try:
        value = terms.key.native(given, {})
    except (ExpressionFailed, KeyError) as failure:
        return f"the key {terms.key.text[:200]} of its concurrency gave no value: {failure}"
    if value is None:
        return f"the key {terms.key.text[:200]} of its concurrency gave null"
    return [value]


def conflicted(told: i.SubmitRun, program: Program, found: Wanted) -> Reply | None:
    """The reply to a submission that is not to begin; None where it begins, now or later."""
    terms = program.concurrency
    if terms is None or not found.waits:
        return None
    if terms.on_conflict == "dedupe":
        return Accepted(found.busy[0], created=False, detail="the same work is under way")
    if terms.on_conflict == "reject":
        message = f"run {found.busy[0]} of {program.label} is at work on the same; {terms.limit} at most"
        return Refused("conflict", (Problem("at-work", "/input", message),))
    return None


def supersede(out: Outcome, program: Program, found: Wanted, run_id: str) -> None:
    """End those who hold what a run wants, or wait for it before, if its workflow wants that."""
    terms = program.concurrency
    if terms is not None and found.waits and terms.on_conflict == "cancelPrevious":
        for former in found.busy[: len(found.busy) + 1 - terms.limit]:
            out.inputs.append(cancelled(former, run_id))


def cancelled(former: str, run_id: str) -> i.CancelRun:
    """What ends a run whose place another takes."""
    return i.CancelRun(run_id=former, principal=f"run:{run_id}", why=f"run {run_id} took its place")


def above(shard: Shard, run: Run | None) -> set[str]:
    """A run and those that wait for it, one for the other."""
    found = set()
    while run is not None:
        found.add(run.id)
        run = shard.runs.get(run.parent) if run.root else None
    return found
