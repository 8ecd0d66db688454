"""Fold what a record says about the whole shard: the ledger, what effects hold in it, and overrides.

A record of a run that is out of memory is folded here, too, when a shard is made up from its log, though the
run itself is kept elsewhere. So nothing here looks at a run: records say all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.policy import Amounts, Hold
from podium.kernel import schedules
from podium.kernel.books import Claim, Held, Override
from podium.kernel.breakers import count
from podium.kernel.state import GRACE_MS, Shard
from podium.policy.ledger import INPUT, MONEY, OUTPUT, TIME, TOKENS


def share(shard: Shard, record: Record) -> None:
    """Fold a record of a run in, as far as it concerns others."""
    event = record.event
    if event.torn:
        tear(shard, record, event)
    fold = SHARED.get(type(event))
    if fold is not None:
        fold(shard, record, event)


def forfeit(shard: Shard, holds: tuple[Hold, ...]) -> None:
    """Book what was held as if it had been taken: nobody knows better."""
    for hold in holds:
        shard.ledger.settle((hold,), _ALL.get(hold.counter[1], _nothing)(hold.amount))
    shard.released = True


_ALL: dict[str, Callable[[int], Amounts]] = {
    MONEY: lambda amount: Amounts(cost_nano=amount),
    INPUT: lambda amount: Amounts(input_tokens=amount),
    OUTPUT: lambda amount: Amounts(output_tokens=amount),
    TOKENS: lambda amount: Amounts(output_tokens=amount),
    TIME: lambda amount: Amounts(duration_ms=amount),
}


def _nothing(amount: int) -> Amounts:
    return Amounts()


# --- runs -------------------------------------------------------------------------------------------


def _run_started(shard: Shard, record: Record, event: e.RunStarted) -> None:
    if event.claim:
        claim = shard.claims.setdefault(event.claim, Claim())
        (claim.waiting if event.waits else claim.holders).append(record.run_id)
        shard.claimed[record.run_id] = event.claim
    if event.tree:
        shard.tree_of[record.run_id] = event.tree
        shard.trees[event.tree] = shard.trees.get(event.tree, 1) + 1


def _run_admitted(shard: Shard, record: Record, event: e.RunAdmitted) -> None:
    claim = shard.claims[shard.claimed[record.run_id]]
    claim.waiting.remove(record.run_id)
    claim.holders.append(record.run_id)


def _give_up(shard: Shard, run_id: str) -> None:
    """A run that is over holds nothing, and waits for nothing."""
    name = shard.claimed.pop(run_id, "")
    if not name:
        return
    claim = shard.claims[name]
    (claim.waiting if run_id in claim.waiting else claim.holders).remove(run_id)
    if not claim.waiting and not claim.holders:
        del shard.claims[name]
    elif claim.waiting:
        shard.freed_claims.append(name)


def _run_ended(shard: Shard, record: Record, event: e.Event) -> None:
    run_id = record.run_id
    if shard.claimed:
        _give_up(shard, run_id)
    if run_id in shard.scheduled:
        schedules.run_ended(shard, run_id, record.at)
    shard.held.pop(run_id, None)
    tree = shard.tree_of.pop(run_id, "")
    if tree or run_id in shard.trees:
        root = tree or run_id
        shard.trees[root] -= 1
        if not shard.trees[root]:
            del shard.trees[root]
            shard.ledger.close(root)
        if not tree:
            return
    if run_id in shard.ledger.bound:
        shard.ledger.close(run_id)


# --- effects ----------------------------------------------------------------------------------------


def _begun(shard: Shard, record: Record, event: Any) -> None:
    if event.override:
        shard.overrides = {of: one for of, one in shard.overrides.items() if one.seq != event.override}
    reserved: e.Reserved | None = event.reserved
    if reserved is None:
        return
    if shard.torn:
        _forfeit_silent(shard, record.at)
    ledger = shard.ledger
    if reserved.holds:
        held = shard.held.setdefault(record.run_id, {})
        former = held.get(event.effect)
        if former is not None:
            ledger.release(former.holds)
        held[event.effect] = Held(
            reserved.holds, record.seq, record.at, getattr(event, "deadline_at", 0), reserved.once
        )
        ledger.hold(reserved.holds)
    if reserved.counts:
        ledger.count(reserved.counts, record.at)


def _settled(shard: Shard, record: Record, event: Any) -> None:
    if event.counted is not None:
        count(shard, record, event.counted)
    if not shard.held:
        return
    of_run = shard.held.get(record.run_id)
    held = of_run.get(event.effect) if of_run is not None else None
    if of_run is None or held is None:
        return
    if event.took is None:
        # The next attempt has the same key, so that both count once.
        of_run[event.effect] = Held(held.holds, 0, held.since, 0, held.once)
        return
    _free(shard, record.run_id, event.effect)
    shard.ledger.settle(held.holds, event.took)
    shard.released = True


def _dead_lettered(shard: Shard, record: Record, event: e.EffectDeadLettered) -> None:
    """It holds nothing while it waits for somebody: it is decided afresh when it is tried again."""
    of_run = shard.held.get(record.run_id)
    if of_run is not None and event.effect in of_run:
        # Its last attempt was lost, and nobody knows what that took.
        forfeit(shard, _free(shard, record.run_id, event.effect).holds)


def _unclaimed(shard: Shard, record: Record, event: e.ResultsUnclaimed) -> None:
    """The attempt is over, whatever becomes of what it gave."""
    of_run = shard.held.get(record.run_id)
    if event.took is not None and of_run is not None and event.effect in of_run:
        held = _free(shard, record.run_id, event.effect)
        shard.ledger.settle(held.holds, event.took)
        shard.released = True


def _in_doubt(shard: Shard, record: Record, event: e.EffectInDoubt) -> None:
    if event.counted is not None:
        count(shard, record, event.counted)
    of_run = shard.held.get(record.run_id)
    held = of_run.get(event.effect) if of_run is not None else None
    if of_run is not None and held is not None:
        of_run[event.effect] = Held(held.holds, 0, held.since, 0, held.once, True)


def tear(shard: Shard, record: Record, event: e.Event) -> None:
    """What nobody waits for any more may be taken all the same: an attempt told to stop may say so."""
    for effect in event.torn:
        _tear(shard, record.run_id, effect)


def _tear(shard: Shard, run_id: str, effect: int) -> None:
    held = _free(shard, run_id, effect)
    if held.token:
        shard.torn[f"{run_id}/{effect}/{held.token}"] = held
    else:
        forfeit(shard, held.holds)


def _parked(shard: Shard, record: Record, event: e.AttemptParked) -> None:
    """The attempt is told to stop; the next one is decided anew."""
    if event.effect in shard.held.get(record.run_id, ()):
        _tear(shard, record.run_id, event.effect)


def _stale_reply(shard: Shard, record: Record, event: e.StaleReply) -> None:
    held = shard.torn.pop(f"{record.run_id}/{event.effect}/{event.token}", None) if shard.torn else None
    if held is not None:
        shard.ledger.settle(held.holds, event.took or Amounts())
        shard.released = True


def epoch_started(shard: Shard) -> None:
    """What went on in the former hub is over, and will not say what it took."""
    for held in shard.torn.values():
        forfeit(shard, held.holds)
    shard.torn.clear()


def _forfeit_silent(shard: Shard, at: int) -> None:
    over = [of for of, held in shard.torn.items() if 0 < held.deadline_at <= at - GRACE_MS]
    for of in over:
        forfeit(shard, shard.torn.pop(of).holds)


def _free(shard: Shard, run_id: str, effect: int) -> Held:
    of_run = shard.held[run_id]
    held = of_run.pop(effect)
    if not of_run:
        del shard.held[run_id]
    return held


def _overridden(shard: Shard, record: Record, event: e.DecisionOverridden) -> None:
    valid = {of: one for of, one in shard.overrides.items() if one.expires_at > record.at}
    known = valid.get(event.action)
    others = known.principals if known is not None else ()
    valid[event.action] = Override(
        record.seq, (*others, event.principal), event.expires_at, event.outcome == "granted"
    )
    shard.overrides = valid


def _paused(shard: Shard, record: Record, event: e.TargetPaused) -> None:
    shard.ledger.pause(event.counters, event.until)


SHARED: dict[type[e.Event], Callable[[Shard, Record, Any], None]] = {
    e.RunStarted: _run_started,
    e.RunAdmitted: _run_admitted,
    e.RunCompleted: _run_ended,
    e.RunFaulted: _run_ended,
    e.RunCancelled: _run_ended,
    e.EffectRequested: _begun,
    e.EffectDecided: _begun,
    e.AttemptStarted: _begun,
    e.AttemptFailed: _settled,
    e.EffectSettled: _settled,
    e.EffectInDoubt: _in_doubt,
    e.EffectDeadLettered: _dead_lettered,
    e.ResultsUnclaimed: _unclaimed,
    e.AttemptParked: _parked,
    e.StaleReply: _stale_reply,
    e.TargetPaused: _paused,
    e.DecisionOverridden: _overridden,
}
