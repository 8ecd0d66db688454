"""The auditor: reads what is durable as an outsider does, and holds every record to those before it.

The numbers are those of docs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from podium.audit import Break, verify
from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import RUN_ENDED
from podium.kernel.catalog import Catalog
from podium.kernel.evolve import evolve
from podium.kernel.settling import LOSSES_MAX
from podium.kernel.state import Effect, Frame, Run, Shard
from podium.runtime.host import Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import decode_row
from podium.sim.compare import SHARD, compare, compare_runs
from podium.sim.disk import Disk
from podium.sim.violation import Violation, hold
from podium.sim.workload import EXPECTED
from podium.workflow.program import RetryPolicy, Try

Attempt = tuple[str, int, int]
"""Run, effect and token."""

LATE_MS = 5_000
"""A timer fires at most this much late once the world has healed."""

WHILE_SUSPENDED = frozenset(
    "AttemptFailed EffectSettled EffectInDoubt EffectResolved StaleReply EventReceived RunResumed "
    "RunCancelled".split()
)


class Chain:
    """Follows the log of one shard, and checks what is true of any log."""

    def __init__(self, disk: Disk, shard: int) -> None:
        self._disk, self._shard = disk, shard
        self._seq, self._hash = disk.store.head(shard)[1:]
        self._epoch = self._at = 0

    def follow(self) -> Iterator[Record]:
        """What became durable since the last time. Raises Violation: I2, I3 or I9."""
        rows = self._disk.store.read(self._shard, self._seq, 1_000_000)
        try:
            self._seq, self._hash = verify(self._hash, self._seq, rows)
        except Break as broken:
            raise Violation(f"I3: {broken}") from None
        for row in rows:
            where = f"record {row.seq} of shard {self._shard}"
            record = decode_row(row, self._disk.store)
            if isinstance(record.event, e.EpochStarted):
                self._begin(record.event)
            hold(row.epoch == self._epoch, "I2", f"{where} is of epoch {row.epoch} in epoch {self._epoch}")
            if self._shard != SYSTEM_SHARD:
                hold(record.at >= self._at, "I9", f"{where} is at {record.at}, after one at {self._at}")
            self._at = record.at
            yield record

    def _begin(self, event: e.EpochStarted) -> None:
        hold(event.epoch > self._epoch, "I2", f"epoch {event.epoch} starts after {self._epoch}")
        claimant = self._disk.claims.get((self._shard, event.epoch))
        hold(event.hub == claimant, "I2", f"{event.hub} starts epoch {event.epoch} of {claimant}")
        self._epoch = event.epoch


class Auditor:
    """Follows the log record by record beside the hubs.

    Attributes:
        replica: the state folded from the log alone, by nothing but `evolve`.
        catalog: the same of the system shard.
        settled: (run, effect) of effects whose outcome is durable.
        outcomes: (run, effect, token) of attempts that have an outcome.
        stale: the same, and how many replies to them were recorded as stale.
        retried: (run, effect) to how often a person said that it was not performed.
        principals: everybody who did something that was recorded.
        heard: (run, source, id) of events that were received.
        torn: attempts in flight whose task was torn down since this was last emptied.
        answers: what agents answered: (run, effect, token) to output.
        shapes: digests of the distinct states that runs were in.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._runs, self._system = Chain(disk, SHARD), Chain(disk, SYSTEM_SHARD)
        self.replica = Shard()
        self.catalog = Catalog()
        self.settled: dict[tuple[str, int], e.EffectSettled] = {}
        self.outcomes: set[Attempt] = set()
        self.stale: dict[Attempt, int] = {}
        self.retried: dict[tuple[str, int], int] = {}
        self.principals: set[str] = set()
        self.heard: set[tuple[str, str, str]] = set()
        self.torn: list[Attempt] = []
        self.answers: dict[Attempt, Any] = {}
        self.events: dict[str, int] = {}
        self.shapes: set[bytes] = set()
        self._changed: dict[str, None] = {}
        self.punctual_from = 0

    def read(self) -> None:
        """Take in what became durable since the last time."""
        for record in self._system.follow():
            self._count(record)
            self.catalog.fold(record)
        for record in self._runs.follow():
            self._count(record)
            run = self.replica.runs.get(record.run_id)
            in_flight = _in_flight(run)
            if run is not None:
                self._look(run, record)
            evolve(self.replica, record)
            if in_flight:
                self._note_torn(in_flight - _in_flight(run), record)
            self._note_shape(record.run_id)
        self.replica.abandoned.clear()
        self.replica.freed.clear()

    def compare(self, host: Host, now: int) -> None:
        """The live state of a hub is what the log gives; one that the log has left behind is no matter."""
        state = host.shard.state
        if state is not None and state.seq == self.replica.seq:
            compare(host, self.replica, self._disk.store, self._changed, now)
            catalog = host.system.catalog
            if not host.trouble and catalog.seq == self.catalog.seq:
                same = state.revision == catalog.revision == self.catalog.revision
                hold(same, "I4", f"the shard decides by revision {state.revision} of {catalog.revision}")
                hold(catalog.digest == self.catalog.digest, "I4", "the catalog is not what the log gives")

    def compare_recovery(self, host: Host) -> None:
        """What a new hub would make up from snapshot and tail is what the log gives."""
        state = host.shard.state
        if state is None or state.seq != self.replica.seq:
            return
        store = self._disk.store
        seen = ShardHost(store, SHARD, self.catalog, "observer").observe()
        compare_runs(seen, self.replica, store, dict.fromkeys(self.replica.runs))

    def all_changed(self) -> None:
        """Look at every run in the cold again."""
        self._changed.update(dict.fromkeys(self.replica.runs))

    def _count(self, record: Record) -> None:
        name = type(record.event).__name__
        self.events[name] = self.events.get(name, 0) + 1
        self.principals.add(getattr(record.event, "principal", ""))

    def _note_torn(self, gone: set[Attempt], record: Record) -> None:
        """Attempts that are no longer in flight, though nothing became of them."""
        of = getattr(record.event, "effect", 0)
        self.torn += sorted(attempt for attempt in gone if attempt[1] != of)

    def _note_shape(self, run_id: str) -> None:
        run = self.replica.runs.get(run_id)
        if run is not None:
            self._changed[run_id] = None
            self.shapes.add(sha256(shape(run).encode()).digest()[:12])

    # --- what a record must not be, given all records before it --------------------------------------

    def _look(self, run: Run, record: Record) -> None:
        event = record.event
        name = type(event).__name__
        if run.ended:
            hold(name == "StaleReply", "I7", f"{name} at {record.seq} in run {run.id}, which has ended")
        elif run.status == "suspended":
            hold(name in WHILE_SUSPENDED, "I7", f"{name} at {record.seq} in run {run.id}, which is suspended")
        check = _CHECKS.get(type(event))
        if check is not None:
            check(self, run, event, record)

    def _task_completed(self, run: Run, event: e.TaskCompleted, record: Record) -> None:
        frame = run.frames.get(event.frame)
        if frame is not None and frame.kind == "wait":
            self._in_time(record, frame.wake_at)

    def _task_faulted(self, run: Run, event: e.TaskFaulted, record: Record) -> None:
        error = getattr(record.body, "error", None)
        frame = run.frames.get(event.frame)
        if frame is not None and error is not None and error.title == "the task took longer than its timeout":
            self._in_time(record, frame.deadline_at)
        catcher = run.frames[event.catcher]
        policy = self._policy(run, catcher)
        if policy is None:
            hold(not event.retry_at, "I6", f"{catcher.task} is tried again without a policy")
        elif policy.attempts is not None:
            left = policy.attempts - catcher.tries
            hold(left > 0 or not event.retry_at, "I6", f"{catcher.task} is tried more than it may be")
            hold(left <= 0 or event.retry_at > 0, "I6", f"{catcher.task} is given up {left} tries early")

    def _policy(self, run: Run, catcher: Frame) -> RetryPolicy | None:
        detail = self.catalog.program(run.digest).nodes[catcher.node].detail
        assert isinstance(detail, Try)
        return detail.catch.retry

    def _task_resumed(self, run: Run, event: e.TaskResumed, record: Record) -> None:
        self._in_time(record, run.frames[event.frame].wake_at)

    def _run_faulted(self, run: Run, event: e.RunFaulted, record: Record) -> None:
        error = getattr(record.body, "error", None)
        if error is not None and error.title == "the workflow took longer than its timeout":
            self._in_time(record, run.deadline_at)

    def _run_completed(self, run: Run, event: e.RunCompleted, record: Record) -> None:
        output = run.frames[1].data if event.same else getattr(record.body, "output", None)
        expected = EXPECTED.get(run.workflow.split("@")[0].split("/")[1])
        fits = expected is not None and expected(output)
        hold(fits, "I6", f"run {run.id} of {run.workflow} completed with {output!r}")

    def _attempt_started(self, run: Run, event: e.AttemptStarted, record: Record) -> None:
        hold(run.effects[event.effect].retry_at <= record.at, "I9", f"attempt at {record.seq} starts early")

    def _attempt_failed(self, run: Run, event: e.AttemptFailed, record: Record) -> None:
        effect = run.effects[event.effect]
        self._had_outcome(run, effect)
        who = f"effect {effect.id} of run {run.id}"
        if event.status != "lost":
            limit = self._attempts(effect)
            hold(effect.failures + 1 < limit, "I6", f"{who} fails {effect.failures + 1} times of {limit}")
        may_again = effect.delivery == "at-least-once" or event.status == "unstarted"
        hold(may_again, "I5", f"{who} is at-most-once, {event.status}, and will be attempted again")

    def _attempts(self, effect: Effect) -> int:
        agent = self.catalog.agents.get(effect.digest)
        return agent.retry.attempts if agent is not None else 1

    def _in_doubt(self, run: Run, event: e.EffectInDoubt, record: Record) -> None:
        effect = run.effects[event.effect]
        self._had_outcome(run, effect)
        hold(effect.delivery == "at-most-once", "I6", f"effect {effect.id} of run {run.id} is not in doubt")

    def _effect_settled(self, run: Run, event: e.EffectSettled, record: Record) -> None:
        effect = run.effects.get(event.effect)
        key = (run.id, event.effect)
        hold(key not in self.settled, "I7", f"{key} settled twice, at record {record.seq}")
        hold(effect is not None, "I7", f"{key} settled at record {record.seq}, though it is gone")
        assert effect is not None
        self.settled[key] = event
        if effect.status != "running":
            return
        self._had_outcome(run, effect)
        if event.status == "succeeded":
            attempt = (run.id, effect.id, effect.token)
            answered = attempt in self.answers and self.answers[attempt] == getattr(
                record.body, "output", None
            )
            hold(answered, "I7", f"{attempt} settled by what its agent did not answer")
            keeps = effect.kind != "agent" or "token" in self.answers[attempt]
            hold(keeps, "I7", f"{attempt} settled by an output that breaks its contract")
        elif effect.delivery == "at-least-once":
            given_up = effect.failures + 1 >= self._attempts(effect) or effect.losses + 1 >= LOSSES_MAX
            hold(given_up, "I6", f"{key} is given up after {effect.failures + 1} failures")

    def _had_outcome(self, run: Run, effect: Effect) -> None:
        if effect.status == "running":
            self.outcomes.add((run.id, effect.id, effect.token))

    def _resolved(self, run: Run, event: e.EffectResolved, record: Record) -> None:
        key = (run.id, event.effect)
        self.retried[key] = self.retried.get(key, 0) + (event.verdict == "retry")

    def _stale_reply(self, run: Run, event: e.StaleReply, record: Record) -> None:
        key = (run.id, event.effect, event.token)
        self.stale[key] = self.stale.get(key, 0) + 1

    def _event_received(self, run: Run, event: e.EventReceived, record: Record) -> None:
        key = (run.id, event.source, event.id)
        hold(key not in self.heard, "I7", f"{key} was received twice")
        self.heard.add(key)

    def _in_time(self, record: Record, due: int) -> None:
        late = record.at - due
        hold(late >= 0, "I9", f"record {record.seq} at {record.at} is due at {due}")
        if self.punctual_from and due > self.punctual_from:
            hold(late <= LATE_MS, "I9", f"record {record.seq} at {record.at} was due at {due}")


_CHECKS: dict[type[e.Event], Callable[[Auditor, Run, Any, Record], None]] = {
    e.TaskCompleted: Auditor._task_completed,
    e.TaskFaulted: Auditor._task_faulted,
    e.TaskResumed: Auditor._task_resumed,
    e.RunFaulted: Auditor._run_faulted,
    e.RunCompleted: Auditor._run_completed,
    e.AttemptStarted: Auditor._attempt_started,
    e.AttemptFailed: Auditor._attempt_failed,
    e.EffectInDoubt: Auditor._in_doubt,
    e.EffectResolved: Auditor._resolved,
    e.EffectSettled: Auditor._effect_settled,
    e.StaleReply: Auditor._stale_reply,
    e.EventReceived: Auditor._event_received,
}


def _in_flight(run: Run | None) -> set[Attempt]:
    if run is None:
        return set()
    effects = run.effects.values()
    return {(run.id, effect.id, effect.token) for effect in effects if effect.status == "running"}


def shape(run: Run) -> str:
    """What two runs in the same state have in common: ids, times and payloads left out."""
    if run.status in RUN_ENDED:
        return f"{run.workflow} {run.status}"
    frames = sorted(f"{frame.node}{frame.phase}{frame.cursor}{frame.tries}" for frame in run.frames.values())
    effects = sorted(f"{effect.task}{effect.status}{effect.attempt}" for effect in run.effects.values())
    return f"{run.workflow} {run.status} {len(run.buffer)} {' '.join(frames)} {' '.join(effects)}"
