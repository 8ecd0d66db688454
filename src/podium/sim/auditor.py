"""The auditor reads the log beside the hubs, record by record, and holds their state to what it gives."""

from __future__ import annotations

from hashlib import sha256

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import RUN_ENDED
from podium.kernel.evolve import evolve
from podium.kernel.state import IN_FLIGHT, Run
from podium.runtime.host import Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SYSTEM_SHARD
from podium.sim.chain import Chain
from podium.sim.compare import SHARD, compare, compare_runs
from podium.sim.disk import Disk
from podium.sim.governed import Books
from podium.sim.ledger import Attempt, Ledger
from podium.sim.rules import look
from podium.sim.violation import hold


class Auditor:
    """Keeps the ledger.

    Attributes:
        events: how many records of each event there are.
        books: what is known of budgets and approvals.
        shapes: digests of the distinct states that runs were in.
    """

    def __init__(self, disk: Disk, ledger: Ledger) -> None:
        self._disk, self._ledger = disk, ledger
        self._runs, self._system = Chain(disk, SHARD), Chain(disk, SYSTEM_SHARD)
        self.events: dict[str, int] = {}
        self.shapes: set[bytes] = set()
        self.books = Books()
        self._changed: dict[str, None] = {}

    def begin_step(self) -> None:
        """A hub is about to serve."""
        self.read()
        self._ledger.torn.clear()
        self._ledger.before = self._ledger.replica.seq

    def read(self) -> None:
        """Take in what became durable since the last time."""
        ledger = self._ledger
        for record in self._system.follow():
            self._count(record)
            ledger.catalog.fold(record)
        for record in self._runs.follow():
            self._count(record)
            run = ledger.replica.runs.get(record.run_id)
            in_flight = _in_flight(run)
            if run is not None:
                look(ledger, run, record)
                self.books.before(run, record)
            evolve(ledger.replica, record)
            self.books.after(ledger.replica, record)
            if in_flight:
                self._note_torn(in_flight - _in_flight(run), record)
            if run is not None:
                self._add_up(run, record.event)
            self._note_shape(record.run_id)
        ledger.replica.abandoned.clear()
        ledger.replica.answers.clear()
        ledger.replica.kin.clear()
        ledger.replica.freed.clear()
        ledger.replica.released = False

    def compare(self, host: Host, now: int) -> None:
        """The live state of a hub is what the log gives; one that the log has left behind is no matter."""
        state, ledger = host.shard.state, self._ledger
        if state is not None and state.seq == ledger.replica.seq:
            compare(host, ledger, self._disk.store, self._changed, now)
            catalog = host.system.catalog
            if not host.trouble and catalog.seq == ledger.catalog.seq:
                same = state.revision == catalog.revision == ledger.catalog.revision
                hold(same, "I4", f"the shard decides by revision {state.revision} of {catalog.revision}")
                hold(catalog.digest == ledger.catalog.digest, "I4", "the catalog is not what the log gives")

    def compare_recovery(self, host: Host) -> None:
        """What a new hub would make up from snapshot and tail is what the log gives."""
        state, replica = host.shard.state, self._ledger.replica
        if state is None or state.seq != replica.seq:
            return
        store = self._disk.store
        sealing = self._disk.keys.sealing
        seen = ShardHost(store, SHARD, self._ledger.catalog, "observer", sealing=sealing).observe()
        compare_runs(seen, self._ledger, store, sealing, dict.fromkeys(replica.runs))

    def all_changed(self) -> None:
        """Look at every run in the cold again."""
        self._changed.update(dict.fromkeys(self._ledger.replica.runs))

    def _count(self, record: Record) -> None:
        name = type(record.event).__name__
        self.events[name] = self.events.get(name, 0) + 1
        self._ledger.principals.add(getattr(record.event, "principal", ""))

    def _note_torn(self, gone: set[Attempt], record: Record) -> None:
        """Attempts that are no longer in flight, though nothing became of them."""
        of = 0 if isinstance(record.event, e.AttemptParked) else getattr(record.event, "effect", 0)
        self._ledger.torn += sorted(attempt for attempt in gone if attempt[1] != of)

    def _add_up(self, run: Run, event: e.Event) -> None:
        if isinstance(event, e.AttemptFailed | e.EffectSettled | e.ResultsUnclaimed):
            costs = self._ledger.costs
            cost = costs[run.id] = costs.get(run.id, 0) + event.cost_nano
            hold(run.cost_nano == cost, "I7", f"run {run.id} cost {cost}, and {run.cost_nano} is booked")

    def _note_shape(self, run_id: str) -> None:
        run = self._ledger.replica.runs.get(run_id)
        if run is not None:
            self._changed[run_id] = None
            self.shapes.add(sha256(shape(run).encode()).digest()[:12])


def _in_flight(run: Run | None) -> set[Attempt]:
    if run is None:
        return set()
    effects = run.effects.values()
    return {(run.id, effect.id, effect.token) for effect in effects if effect.status in IN_FLIGHT}


def shape(run: Run) -> str:
    """What two runs in the same state have in common: ids, times and payloads left out."""
    if run.status in RUN_ENDED:
        return f"{run.workflow} {run.status}"
    frames = sorted(f"{frame.node}{frame.phase}{frame.cursor}{frame.tries}" for frame in run.frames.values())
    effects = sorted(f"{effect.task}{effect.status}{effect.attempt}" for effect in run.effects.values())
    return f"{run.workflow} {run.status} {len(run.buffer)} {' '.join(frames)} {' '.join(effects)}"
