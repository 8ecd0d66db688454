"""What a frame or an effect that goes takes with it. Called by `evolve` alone."""

from __future__ import annotations

from collections.abc import Iterable

from podium.kernel.state import Effect, Frame, Run, Shard


def leave(shard: Shard, run: Run, frame: Frame) -> None:
    """Drop a frame and everything below it."""
    if frame.open:
        leave_below(shard, run, frame)
    if frame.effect:
        effect = run.effects.get(frame.effect)
        if effect is not None:
            drop_effect(shard, run, effect)
    del run.frames[frame.id]
    run.ready.pop(frame.id, None)
    if frame.kind == "graph":
        shard.graphs.get(run.id, {}).pop(frame.id, None)
    elif frame.kind == "listen":
        shard.listeners[run.id] -= 1
        if not shard.listeners[run.id]:
            del shard.listeners[run.id]


def leave_below(shard: Shard, run: Run, frame: Frame) -> None:
    """Drop everything below a frame. Frames stand in the order of their numbers, parents before children."""
    gone = {frame.id}
    below = []
    for other in run.frames.values():
        if other.parent in gone:
            gone.add(other.id)
            below.append(other)
    _leave_each(shard, run, below)
    frame.open = 0


def _leave_each(shard: Shard, run: Run, frames: Iterable[Frame]) -> None:
    """Drop frames, parents before children; a parent's effect may take with it what is done about it."""
    for frame in frames:
        if frame.id in run.frames:
            frame.open = 0
            leave(shard, run, frame)


def leave_line(shard: Shard, run: Run, top: Frame, origin: int) -> None:
    """Drop everything below a frame: most often the line from it down to `origin`, and nothing else."""
    frame, line = run.frames[origin], list[Frame]()
    while frame.open == (1 if line else 0) and frame is not top:
        line.append(frame)
        frame = run.frames[frame.parent]
    if frame is not top or frame.open > len(line[:1]):
        leave_below(shard, run, top)
        return
    _leave_each(shard, run, reversed(line))
    top.open = 0


def release(shard: Shard, run: Run, effect: Effect) -> None:
    """Give a running attempt's slot back; one that waits for what it asked for has none."""
    if effect.asking:
        effect.asking = 0
        return
    shard.vacate(run, effect.digest)


def drop_asked(shard: Shard, run: Run, asker: Effect) -> None:
    """Drop what attempts of an effect asked for, where that is not over."""
    for other in [one for one in run.effects.values() if one.asker == asker.id]:
        drop_effect(shard, run, other)


def drop_probe(shard: Shard, run: Run, effect: Effect) -> None:
    """Forget who is being asked what became of an effect."""
    probe = run.effects.get(effect.probe) if effect.probe else None
    effect.probe = 0
    if probe is not None:
        drop_effect(shard, run, probe)


def drop_effect(shard: Shard, run: Run, effect: Effect) -> None:
    """Forget an effect that nobody waits for any more; its attempt is to be stopped."""
    del run.effects[effect.id]
    if effect.probe:
        drop_probe(shard, run, effect)
    if shard.held and effect.id in shard.held.get(run.id, ()):
        shard.dropped.append(effect.id)
    if effect.calls:
        drop_asked(shard, run, effect)
    if effect.status == "nested":
        run.children -= 1
        shard.kin.append(("orphaned", effect.key))
    elif effect.status in ("running", "asking"):
        release(shard, run, effect)
        shard.abandoned.append((run.id, effect.id, effect.token))
    elif effect.status == "deferred":
        shard.deferred.pop((run.id, effect.id), None)
    elif effect.status == "diverged":
        _leave_unclaimed(shard, run, effect)


def _leave_unclaimed(shard: Shard, run: Run, effect: Effect) -> None:
    """Drop what is being done about the results that an effect left over."""
    for frame in [one for one in run.frames.values() if (one.parent, one.slot) == (effect.frame, effect.id)]:
        leave(shard, run, frame)
        run.frames[effect.frame].open -= 1
