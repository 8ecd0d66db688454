"""The state of a live hub beside what the log gives: equal, complete, and awake for all that is due."""

from __future__ import annotations

import msgspec

from podium.facts.identity import run_bytes, run_text
from podium.kernel.availability import may_begin
from podium.kernel.catalog import Catalog
from podium.kernel.state import (
    ALWAYS_READY,
    BREAKERS,
    GRACE_MS,
    SCHEDULES,
    Run,
    Shard,
    children_of,
    next_wake,
)
from podium.kernel.suspensions import of_askers
from podium.runtime.host import Host
from podium.runtime.sealing import Sealing, cleared
from podium.runtime.shard import IN_MEMORY, event_keys
from podium.sim.ledger import Ledger
from podium.sim.violation import hold
from podium.store.interface import Store

SHARD = 1

FOREVER = 1 << 60

_encode = msgspec.json.Encoder().encode


def compare(host: Host, ledger: Ledger, store: Store, stale: dict[str, None], now: int) -> None:
    """Hold a hub that is up to date to the replica.

    Args:
        stale: runs that have changed since they were last looked at, in memory or in the cold; emptied.
        now: what counts as past for the hub.
    Raises:
        Violation: I4, I8 or I9.
    """
    state, replica = host.shard.state, ledger.replica
    assert state is not None
    hold(state.now >= replica.now, "I9", f"kernel time {state.now} is before the log's {replica.now}")
    compare_runs(state, ledger, store, host.shard.sealing, stale)
    for run_id in _marked(store):
        known = run_id in state.runs or replica.runs[run_id].status != "running"
        hold(known, "I9", f"run {run_id} waited in memory, and was not taken back into it")
    if not host.trouble and not 0 < host.wake_at() <= now:
        for run in state.runs.values():
            _awake(state, run, now)
        for run_id in stale:
            _attentive(state, replica.runs[run_id], ledger)
        stale.clear()
    for run in state.runs.values():
        _together(state, run)
    _tidy(state)
    _slots(host, state)


def compare_runs(
    state: Shard, ledger: Ledger, store: Store, sealing: Sealing, stale: dict[str, None]
) -> None:  # fmt: skip
    """Hold a state, and the runs in the cold beside it, to the replica."""
    replica = ledger.replica
    hold(state.epoch == replica.epoch, "I4", f"epoch {state.epoch}, the log says {replica.epoch}")
    hold(state.revision == replica.revision, "I4", f"revision {state.revision}, not {replica.revision}")
    for run_id in state.runs:
        hold(run_id in replica.runs, "I4", f"run {run_id} is live and not in the log")
    hold(state.books() == replica.books(), "I4", f"the books at {state.seq} are not what the log gives")
    waits = _Waits(store)
    for run in replica.runs.values():
        live = state.runs.get(run.id)
        if live is not None:
            same = _encode(live) == _encode(run)
            hold(same, "I4", f"the live state of run {run.id} is not what the log gives at {state.seq}")
        elif run.id in stale:
            _cold(run, store, sealing, waits, ledger.catalog)


class _Waits:
    """Which runs in the cold something will wake."""

    def __init__(self, store: Store) -> None:
        self.timers = {run_text(run) for _, run in store.due(SHARD, FOREVER, 1_000_000)}
        self._store = store
        self.marked = set(_marked(store))

    def listens(self, run: Run, key: bytes) -> bool:
        """Whether an event with that key will find the run."""
        return run_bytes(run.id) in self._store.waiting(SHARD, "event", key, limit=1_000_000)


def _cold(run: Run, store: Store, sealing: Sealing, waits: _Waits, view: Catalog) -> None:
    """A run that is not in memory is in the cold as the log gives it, and something will wake it."""
    rows = store.cold(SHARD, [run_bytes(run.id)])
    hold(len(rows) == 1, "I4", f"run {run.id} is neither live nor in the cold: {describe(run)}")
    kept, erased = sealing.thaw(run.id, rows[0].seq, rows[0].state)
    same = rows[0].status == run.status and _encode(kept) == _encode(cleared(run) if erased else run)
    hold(same, "I4", f"the cold state of run {run.id} is not what the log gives")
    hold(not erased or run.ended, "I4", f"run {run.id} was erased, and goes on: {describe(run)}")
    if run.status == "running":
        due = next_wake(run)
        wakes = not due or run.id in waits.timers or run.id in waits.marked
        hold(wakes, "I9", f"nothing will wake run {run.id} at {due}: {describe(run)}")
    for key in event_keys(run, view):
        hold(waits.listens(run, key), "I4", f"no event will find run {run.id}: {describe(run)}")


def _marked(store: Store) -> list[str]:
    """The runs that wait in memory for what is not in the log."""
    found = store.waiting(SHARD, IN_MEMORY.kind, IN_MEMORY.key_hash, limit=1_000_000)
    return [run_text(run) for run in found]


def _awake(state: Shard, run: Run, now: int) -> None:
    """A hot run has a place in every structure that will let it go on."""
    if run.status != "running":
        return
    due = next_wake(run, state.now)
    at = state.timer_of.get(run.id, 0)
    hold(not due or 0 < at <= due, "I9", f"run {run.id} is due at {due} and looked at {at or 'never'}")
    hold(not at or (at, run.id) in state.timers, "I9", f"the timer of run {run.id} at {at} is lost")
    for effect in run.effects.values():
        if effect.status == "queued" or (effect.status == "backoff" and effect.retry_at < now):
            queued = (run.id, effect.id) in state.queues.get(effect.digest, ())
            passed = of_askers(state, run, effect) is not None
            hold(
                queued or passed,
                "I8",
                f"effect {effect.id} of run {run.id} is {effect.status} and in no queue",
            )
    listens = any(frame.kind == "listen" for frame in run.frames.values())
    hold(not listens or run.id in state.listeners, "I4", f"run {run.id} listens and is not known to")
    pending = state.pending.get(run.id)
    if pending is None:
        ready = [run.frames[of].task for of in run.ready if run.frames[of].kind not in ALWAYS_READY]
        hold(not ready, "I13", f"{ready} of run {run.id} could go on and does not: {describe(run)}")
    else:
        goes_on = pending.asked - pending.answers.keys()
        hold(bool(goes_on), "I13", f"run {run.id} has more to do, and nothing lets it: {describe(run)}")


def _together(state: Shard, run: Run) -> None:
    """A family is in memory whole, and those in it wait for each other."""
    for child in children_of(run):
        below = state.runs.get(child)
        hold(below is not None, "I4", f"run {child} is not in memory beside {run.id}: {describe(run)}")
        assert below is not None
        related = (below.parent, below.root, below.depth) == (run.id, run.root or run.id, run.depth + 1)
        hold(related and not below.ended, "I4", f"run {run.id} waits for {child} in vain: {describe(below)}")
    if run.root and not run.ended:
        above = state.runs.get(run.parent)
        waits = above is not None and run.id in children_of(above)
        hold(waits, "I4", f"nobody waits for run {run.id} of {run.parent}: {describe(run)}")


def _attentive(state: Shard, run: Run, ledger: Ledger) -> None:
    """No event lies in the buffer of a run while one of its tasks wants it."""
    if run.status == "running" and run.id not in state.pending:
        for kept in run.buffer:
            wanting = ledger.wanting(run, str(kept.event["type"]))
            hold(not wanting, "I13", f"an event waits in run {run.id} in vain: {describe(run)}")


def _tidy(state: Shard) -> None:
    """Nothing is remembered of runs that are not in memory."""
    for name in ("listeners", "pending", "timer_of"):
        known = (*state.runs, BREAKERS, SCHEDULES)
        strange = [of for of in getattr(state, name) if of not in known]
        hold(not strange, "I13", f"{name} of runs that are not in memory: {strange}")
    due = min((one.until for one in state.breakers.values() if one.until), default=0)
    woken = not due or 0 < state.timer_of.get(BREAKERS, 0) <= due
    hold(woken, "I13", f"a breaker is to be tried again at {due}, and nothing sees to it")
    times = (one.next_at for one in state.schedules.values() if one.next_at and not one.paused_at)
    due = min(times, default=0)
    woken = not due or 0 < state.timer_of.get(SCHEDULES, 0) <= due
    hold(woken, "I13", f"a schedule is due at {due}, and nothing sees to it")


def _slots(host: Host, state: Shard) -> None:
    running: dict[str, int] = {}
    tenants: dict[str, dict[str, int]] = {}
    back: dict[str, int] = {}
    for run in state.runs.values():
        for effect in run.effects.values():
            if effect.status == "running":
                running[effect.digest] = running.get(effect.digest, 0) + 1
                of_tenants = tenants.setdefault(effect.digest, {})
                of_tenants[run.tenant] = of_tenants.get(run.tenant, 0) + 1
                # What waited for what it had asked for has its slot again at once, whatever the limit is.
                back[effect.digest] = back.get(effect.digest, 0) + bool(effect.calls)
    held = {digest: count for digest, count in state.running.items() if count}
    hold(held == running, "I8", f"slots held {held}, attempts running {running}")
    for digest, queue in state.queues.items():
        shared = tenants.get(digest, {})
        hold(queue.under_way == shared, "I8", f"tenants have {shared} slots, not {queue.under_way}")
        count, limit = held.get(digest, 0), host.system.catalog.limit(digest)
        most = limit + back.get(digest, 0)
        hold(count <= most, "I8", f"{count} attempts of {digest}, whose limit is {limit}")
        waiting = [item for item in queue if _may_start(state, *item)]
        free = count < limit and may_begin(state, host.system.catalog, digest)
        hold(not waiting or not free, "I8", f"{waiting} wait for {digest}: {count} of {limit} run")


def _may_start(state: Shard, run_id: str, number: int) -> bool:
    run = state.runs.get(run_id)
    effect = run.effects.get(number) if run is not None else None
    if run is None or effect is None or run.status != "running":
        return False
    if of_askers(state, run, effect) is not None:
        return False
    return effect.status == "queued" or (effect.status == "backoff" and effect.retry_at <= state.now)


def overdue(host: Host, now: int) -> str:
    """What is due by `now`, did not happen, and will not at once, in a sentence; "" if nothing is."""
    state = host.shard.state
    assert state is not None
    if 0 < host.wake_at() <= now:
        return ""
    for run in state.runs.values():
        if run.status != "running" or run.id in state.pending:
            continue
        if 0 < run.deadline_at <= now:
            return f"run {run.id} was to end at {run.deadline_at}"
        for effect in run.effects.values():
            if effect.status == "running" and 0 < effect.deadline_at <= now - GRACE_MS:
                return f"an attempt at {effect.task} of run {run.id} was to end at {effect.deadline_at}"
        for frame in run.frames.values():
            due = min((at for at in (frame.wake_at, frame.deadline_at) if at), default=0)
            if 0 < due <= now:
                return f"{frame.task} of run {run.id} was due at {due}"
    return ""


def leftovers(host: Host) -> str:
    """What a hub still holds though every run has ended, in a sentence; "" if it holds nothing."""
    state = host.shard.state
    assert state is not None
    held = {
        "runs": list(state.runs),
        "slots": {digest: count for digest, count in state.running.items() if count},
        "timers": {of: at for of, at in state.timer_of.items() if of not in (BREAKERS, SCHEDULES)},
        "listeners": list(state.listeners),
        "questions": list(state.pending),
        "families": dict(state.families),
        "claims": dict(state.claims),
        "suspensions": list(state.suspended),
    }
    return ", ".join(f"{name} {value}" for name, value in held.items() if value)


def describe(run: Run) -> str:
    """Where a run stands."""
    frames = [f"{frame.task} {frame.phase or frame.kind}" for frame in run.frames.values()]
    effects = [f"effect {effect.id} {effect.status}" for effect in run.effects.values()]
    return f"{run.workflow} {run.status}: " + "; ".join(frames + effects)
