"""The auditor: reads what is durable as an outsider does, and holds the hubs to their guarantees.

The numbers are those of docs/testing.md.
"""

from __future__ import annotations

import msgspec

from podium.audit import Break, verify
from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.orders import Perform
from podium.kernel.evolve import evolve
from podium.kernel.state import Effect, Run, Shard
from podium.runtime.host import Host
from podium.runtime.writer import decode_row
from podium.sim.disk import Disk
from podium.store.interface import GENESIS

SHARD = 1

_encode = msgspec.json.Encoder().encode


class Violation(Exception):
    """A guarantee was broken."""


def hold(condition: bool, invariant: str, message: str) -> None:
    if not condition:
        raise Violation(f"{invariant}: {message}")


class Auditor:
    """Follows the log record by record beside the hubs.

    Attributes:
        replica: the state folded from the log alone, by nothing but `evolve`.
        settled: (run, effect) of effects whose outcome is durable.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.replica = Shard()
        self._seq, self._hash = 0, GENESIS
        self._epoch = 0
        self.settled: set[tuple[str, int]] = set()
        self._performed: dict[tuple[str, int], int] = {}
        self._allowed: dict[tuple[str, int], int] = {}
        self._due: dict[tuple[str, str, int], int] = {}
        self._promised: set[str] = set()
        self.events: dict[str, int] = {}

    # --- the log -------------------------------------------------------------------------------------

    def read(self) -> None:
        """Take in what became durable since the last time."""
        rows = self._disk.store.read(SHARD, self._seq, 1_000_000)
        try:
            seq, hash = verify(self._hash, self._seq, rows)
        except Break as broken:
            raise Violation(f"I3: {broken}") from None
        for row in rows:
            record = decode_row(row, self._disk.store)
            hold(row.epoch >= self._epoch, "I2", f"record {row.seq} of epoch {row.epoch} after {self._epoch}")
            if isinstance(record.event, e.EpochStarted):
                self._epoch = record.event.epoch
            hold(row.epoch == self._epoch, "I2", f"record {row.seq} before its epoch {row.epoch} started")
            self._look(record)
            evolve(self.replica, record)
            self.events[row.type] = self.events.get(row.type, 0) + 1
        self.replica.freed.clear()
        self.replica.abandoned.clear()
        self._seq, self._hash = seq, hash

    def _look(self, record: Record) -> None:
        """What a record must not be, given all records before it."""
        event, run_id = record.event, record.run_id
        if isinstance(event, e.TaskStarted) and event.wake_at:
            self._due[run_id, "task", event.frame] = event.wake_at
        elif isinstance(event, e.TaskCompleted) and event.frame:
            self._not_early(record, "task", event.frame)
        elif isinstance(event, e.TaskFaulted) and event.retry_at:
            self._due[run_id, "try", event.catcher] = event.retry_at
        elif isinstance(event, e.TaskResumed):
            self._not_early(record, "try", event.frame)
        elif isinstance(event, e.AttemptFailed):
            self._due[run_id, "effect", event.effect] = event.retry_at
        elif isinstance(event, e.AttemptStarted):
            self._not_early(record, "effect", event.effect)
        elif isinstance(event, e.EffectSettled):
            self._settle(record, event)
        elif isinstance(event, e.EffectResolved) and event.verdict == "retry":
            key = (run_id, event.effect)
            self._allowed[key] = self._allowed.get(key, 1) + 1

    def _not_early(self, record: Record, kind: str, number: int) -> None:
        due = self._due.pop((record.run_id, kind, number), 0)
        hold(record.at >= due, "I9", f"record {record.seq} at {record.at} is due at {due}")

    def _settle(self, record: Record, event: e.EffectSettled) -> None:
        key = (record.run_id, event.effect)
        hold(key not in self.settled, "I7", f"{key} settled twice, at record {record.seq}")
        self.settled.add(key)
        effect = self._effect(*key)
        body = record.body
        if effect is not None and effect.kind == "agent" and isinstance(body, e.EffectSettledBody):
            answered = isinstance(body.output, dict) and effect.status == "running"
            if answered:
                hold(
                    body.output["token"] == effect.token,
                    "I7",
                    f"{key} settled by the reply to token {body.output['token']}, current is {effect.token}",
                )

    def _effect(self, run_id: str, number: int) -> Effect | None:
        run = self.replica.runs.get(run_id)
        return run.effects.get(number) if run is not None else None

    # --- what the hubs do ----------------------------------------------------------------------------

    def performing(self, order: Perform) -> None:
        """A hub hands out an attempt."""
        self.read()
        key = (order.run_id, order.effect)
        row = self._disk.store.row(SHARD, order.token)
        hold(
            row is not None and row.type in ("EffectRequested", "AttemptStarted"),
            "I11",
            f"attempt {key} goes out before record {order.token} is durable",
        )
        hold(key not in self.settled, "I7", f"{key} is performed again after it was settled")
        count = self._performed[key] = self._performed.get(key, 0) + 1
        if order.delivery == "at-most-once":
            hold(count <= self._allowed.get(key, 1), "I5", f"at-most-once {key} is performed {count} times")

    def promised(self, run_id: str) -> None:
        """A hub said that it accepted a run."""
        self._promised.add(run_id)
        self.read()
        hold(run_id in self.replica.runs, "I1", f"run {run_id} was accepted and is not in the log")

    def compare(self, host: Host) -> None:
        """The live state is what the log gives, and slots are what runs hold."""
        state = host.shard.state
        if state is None or state.seq != self.replica.seq:
            return
        running: dict[str, int] = {}
        for run in state.runs.values():
            hold(
                _encode(run) == _encode(self.replica.runs[run.id]),
                "I4",
                f"the live state of run {run.id} is not what the log gives at {state.seq}",
            )
            for effect in run.effects.values():
                if effect.status == "running":
                    running[effect.digest] = running.get(effect.digest, 0) + 1
        held = {digest: count for digest, count in state.running.items() if count}
        hold(held == running, "I8", f"slots held {held}, attempts running {running}")
        for digest, count in held.items():
            hold(count <= host.system.catalog.limit(digest), "I8", f"{count} attempts of {digest}")

    def finished(self) -> None:
        """Faults are over and the world is quiet: everything accepted has ended."""
        for run_id in self._promised:
            run = self.replica.runs[run_id]
            hold(run.ended, "I13", f"run {run_id} is {run.status}: {_where(run)}")


def _where(run: Run) -> str:
    tasks = [f"{frame.task} {frame.phase}" for frame in run.frames.values()]
    return "; ".join(tasks + [f"effect {one.id} {one.status}" for one in run.effects.values()])
