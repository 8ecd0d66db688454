"""Fold what attempts ask for, and what becomes of that, into the state. Called by `evolve`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.identity import digest_of
from podium.facts.lifecycles import EFFECT
from podium.kernel.doubts import PROBE, answered
from podium.kernel.doubts import asked as probe_asked
from podium.kernel.governed import enqueue
from podium.kernel.leaving import release
from podium.kernel.state import GRACE_MS, Call, Effect, Frame, Run, Shard


def requested(shard: Shard, run: Run, effect: Effect, event: Any, body: Any, at: int) -> None:
    """Note that an attempt of another effect asked for this one, and waits for it."""
    asker = run.effects[event.asker]
    effect.asker, effect.depth = asker.id, asker.depth + 1
    if event.asked == PROBE:
        probe_asked(asker, effect)
        return
    asker.code = asker.code or event.code
    digest = digest_of(effect.input) if body is not None else ""
    asker.calls[effect.id] = Call(
        effect.id, event.asked, digest, event.key, effect.digest, asker.attempt, event.number
    )
    _wait(shard, run, asker, "EffectRequested/asked", event.park_at, at)


def _wait(shard: Shard, run: Run, asker: Effect, why: str, park_at: int, at: int) -> None:
    """Let an attempt wait for one thing more: its slot is free, and its time stands still."""
    if not asker.asking:
        release(shard, run, asker)
        asker.asking_since, asker.park_at = at, park_at
        if park_at:
            shard.wake(run.id, park_at)
    asker.status, asker.unbegun = EFFECT[asker.status, why], False
    asker.asking += 1


def settled(shard: Shard, run: Run, effect: Effect, event: Any, body: Any, at: int) -> None:
    """Keep what came of something that an attempt asked for, and let that go on."""
    if effect.probe_for:
        answered(shard, run, effect, event, body, at)
        return
    asker = run.effects.get(effect.asker)
    if asker is None:
        return
    call = asker.calls[effect.id]
    call.status = event.status
    call.output, call.error = body and body.output, body and body.error
    if call.attempt != asker.attempt:
        return
    if asker.status == "asking":
        shard.answers.append((run.id, asker.id, call.effect))
        asker.asking -= 1
        if not asker.asking:
            _go_on(shard, run, asker, at)
    elif asker.status == "parked" and not any(_is_awaited(asker, one) for one in asker.calls.values()):
        asker.status = EFFECT["parked", "EffectSettled/answered"]
        enqueue(shard, run, asker)


def _is_awaited(asker: Effect, call: Call) -> bool:
    return call.status == "open" and call.attempt == asker.attempt


def _go_on(shard: Shard, run: Run, asker: Effect, at: int) -> None:
    """All that an attempt waited for is there: it has its slot again at once, and the time that was left."""
    asker.status = EFFECT["asking", "EffectSettled/answered"]
    shard.occupy(run, asker.digest)
    asker.park_at = 0
    if asker.deadline_at:
        later = asker.deadline_at + at - asker.asking_since
        limit = run.frames[asker.frame].deadline_at
        asker.deadline_at = min(later, limit) if limit else later
        shard.wake(run.id, asker.deadline_at + GRACE_MS)


def forget_failures(asker: Effect) -> None:
    """An attempt that failed takes the failures that it was told with it: the next one asks anew."""
    asker.calls = {number: call for number, call in asker.calls.items() if call.status != "failed"}


def _repeated(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    asker = run.effects[event.effect]
    call = asker.calls[event.call]
    call.attempt, call.number = event.attempt, event.number
    if call.status == "open":
        _wait(shard, run, asker, "AskRepeated/open", event.park_at, record.at)
    else:
        shard.answers.append((run.id, asker.id, call.effect))


def _refused(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    """Kept for the record; nothing changes."""


def _parked(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    asker = run.effects[event.effect]
    asker.status = EFFECT[asker.status, "AttemptParked"]
    asker.asking = asker.park_at = asker.deadline_at = 0
    shard.abandoned.append((run.id, asker.id, asker.token))


def _unclaimed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    if event.then in ("continue", "fail"):
        return
    asker = run.effects[event.effect]
    asker.status = EFFECT[asker.status, "ResultsUnclaimed/kept"]
    release(shard, run, asker)
    run.cost_nano += event.cost_nano
    asker.output, asker.unclaimed, asker.then = body and body.output, event.calls, event.then
    look_again(run, run.frames[asker.frame])


def reconsidered(asker: Effect, output: Any) -> None:
    """Take in what a person said of what is left over, or that it is undone."""
    asker.then = str(output.get("decision", "")) if isinstance(output, dict) else "continue"


def look_again(run: Run, frame: Frame) -> None:
    """Let a task go on if something can be done about what an effect below it left over."""
    if not frame.open and any(one.frame == frame.id and can_go_on(one) for one in run.effects.values()):
        run.ready[frame.id] = None
    else:
        run.ready.pop(frame.id, None)


def can_go_on(effect: Effect) -> bool:
    """Whether an effect has left something over, and all of that has ended."""
    return effect.status == "diverged" and all(
        effect.calls[number].status != "open" for number in effect.unclaimed
    )


def askers(run: Run, effect: Effect) -> Iterator[int]:
    """The effects that wait for an effect, the nearest first."""
    while effect.asker:
        yield effect.asker
        effect = run.effects[effect.asker]


ASKED: dict[type[e.Event], Callable[[Shard, Run, Any, Any, Record], None]] = {
    e.AskRepeated: _repeated,
    e.AskRefused: _refused,
    e.AttemptParked: _parked,
    e.ResultsUnclaimed: _unclaimed,
}
