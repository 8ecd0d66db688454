"""A shard where the kernel meets the store: decide, make durable, only then release.

Synchronous and without a clock or thread of its own, so that a simulator drives the very same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

import msgspec

from podium.facts import inputs as i
from podium.facts.events import EpochStarted, Record
from podium.facts.identity import run_bytes, run_text
from podium.facts.inputs import Input
from podium.kernel.books import Books
from podium.kernel.decide import decide, recover, resume
from podium.kernel.evolve import evolve
from podium.kernel.outcome import Outcome
from podium.kernel.shared import share
from podium.kernel.state import Run, Shard, children_of, idle, next_wake
from podium.kernel.step import View, program_of
from podium.kernel.summoning import summoned
from podium.runtime.sealing import UNSEALED, Sealing
from podium.runtime.writer import LogWriter, read_records
from podium.store.interface import ColdRun, Fenced, Snapshot, Store, StoreError, Wait
from podium.workflow.program import Listen

PASSIVATE_MS = 5_000
"""A run that is idle and not due for longer than this leaves memory with the commit that made it so."""

SNAPSHOT_RECORDS = 50_000
"""A snapshot is taken after so many records."""

ANY_EVENT = sha256(b"event").digest()[:16]
"""The key of the waits of runs that may take an event of any type."""

IN_MEMORY = Wait("memory", sha256(b"memory").digest()[:16], 0)
"""Marks a run that is not to stay in the cold, though it is there as it is in memory."""

_encode = msgspec.json.Encoder().encode


class ShardState(msgspec.Struct):
    """What a snapshot holds; `sealed` are runs that are: id, seq and frozen state."""

    seq: int
    now: int
    epoch: int
    revision: int
    runs: list[Run]
    books: Books | None = None
    sealed: list[tuple[str, int, bytes]] = []
    epoch_at: int = 0


_decode_state = msgspec.json.Decoder(ShardState).decode


class ShardHost:
    """One shard of runs: its state, its log, and the runs that are out in the cold.

    Attributes:
        store: where the shard is kept; for the hub's thread.
        sealing: seals what is kept of runs that are about somebody.
        number: the shard's place among the shards.
        state: as of the last commit, between steps. None after a failure, until `reload`.
        view: the catalog.
    """

    def __init__(
        self, store: Store, shard: int, view: View, hub: str, *,
        snapshot_records: int = SNAPSHOT_RECORDS, passivate_ms: int = PASSIVATE_MS,
        sealing: Sealing = UNSEALED,
    ) -> None:  # fmt: skip
        self.store = store
        self.sealing = sealing
        self._snapshot_records = snapshot_records
        self._passivate_ms = passivate_ms
        self._hub = hub
        self.number = shard
        self.view = view
        self.writer = LogWriter(store, shard, sealing)
        self.state: Shard | None = None
        self._cold_wake = 0
        self._overtaken: list[str] = []
        """Hot runs that are due by waits that the store still holds, from before they were thawed."""
        self._snapshot_seq = 0
        self._reloaded = False

    # --- taking over ---------------------------------------------------------------------------------

    def open(self, now: int) -> Outcome:
        """Take the shard over, make up its state, and see to what the former writer left in flight.

        Returns:
            what was decided, durable already: its orders may be carried out.
        Raises:
            StoreError: the shard could not be taken over.
        """
        head = self.writer.claim()
        state = self._load()
        self._recall(state)
        out = Outcome()
        self.state = None
        state.now = max(state.now, now)
        out.emit(state, None, EpochStarted(epoch=head.epoch, hub=self._hub))
        recover(state, self.view, out)
        self._commit(state, out, [])
        self.state = state
        return out

    def reload(self) -> None:
        """Make up the state from the log again, after a commit that failed. The epoch stays, and so do the
        attempts in flight; what the failed step had set in motion starts over with the next step.

        Raises:
            Fenced: another writer has taken the shard over meanwhile.
        """
        head = self.store.head(self.number)
        if head.epoch != self.writer.head.epoch:
            raise Fenced(f"shard {self.number} was taken over: its epoch is {head.epoch}; drop the shard")
        self.writer.go_on(head)
        self.state = self._load()
        self._recall(self.state)
        self._reloaded = True

    def observe(self) -> Shard:
        """The state as the log gives it, for looking at; nobody is fenced out and nothing set going."""
        return self._load()

    def _load(self) -> Shard:
        state = Shard()
        snapshot = self.store.snapshot(self.number)
        if snapshot is not None:
            loaded = _decode_state(snapshot.state)
            state.seq, state.now = loaded.seq, loaded.now
            state.epoch, state.epoch_at = loaded.epoch, loaded.epoch_at
            state.revision = loaded.revision
            if loaded.books is not None:
                state.open_books(loaded.books)
            for run in loaded.runs:
                state.admit(run)
            for frozen in loaded.sealed:
                run, erased = self.sealing.thaw(*frozen)
                if not erased:
                    state.admit(run)
            self._snapshot_seq = snapshot.seq
        for record in read_records(self.store, self.number, state.seq, sealing=self.sealing):
            self._replay(state, record)
        self._settle_memory(state)
        self._cold_wake = self.store.next_wake(self.number)
        return state

    def _replay(self, state: Shard, record: Record) -> None:
        """Fold a stored record in; runs that were cold when the snapshot was taken come back for it.

        A run that was erased ended before, so it is in the cold from its first record on.
        """
        run_id = record.run_id
        if run_id and run_id not in state.runs and (record.event.previous or record.erased):
            for frozen in self.store.cold(self.number, [run_bytes(run_id)]):
                if frozen.seq >= record.seq:
                    state.seq, state.now = record.seq, max(state.now, record.at)
                    share(state, record)
                    return
                state.admit(thaw(frozen, self.sealing))
        evolve(state, record)

    def _settle_memory(self, state: Shard) -> None:
        """Let go of runs that ended or are in the cold as they are."""
        candidates = [run for run in state.runs.values() if run.ended or idle(run)]
        for start in range(0, len(candidates), 500):
            batch = candidates[start : start + 500]
            frozen = {row.run: row.seq for row in self.store.cold(self.number, map(_key, batch))}
            for run in batch:
                if frozen.get(_key(run)) == run.seq:
                    state.dismiss(run.id)
        state.abandoned.clear()
        state.answers.clear()
        state.kin.clear()
        state.freed[:] = state.queues

    def _recall(self, state: Shard) -> None:
        """Take in the runs whose time came while they waited in memory for what is not in the log."""
        after = b""
        while found := self.store.waiting(self.number, IN_MEMORY.kind, IN_MEMORY.key_hash, after):
            missing = [run for run in found if run_text(run) not in state.runs]
            for frozen in self.store.cold(self.number, missing):
                state.admit(thaw(frozen, self.sealing))
            after = found[-1]
        self._gather(state, list(state.runs))

    def _gather(self, state: Shard, looked_at: list[str]) -> list[str]:
        """Take in who is missing of the families of these runs: a family is in memory whole, or not at all.

        Returns:
            those that were.
        """
        gathered: list[str] = []
        while looked_at:
            wanted = {
                one: None for of in looked_at for one in kindred(state.runs[of]) if one not in state.runs
            }
            if not wanted:
                break
            looked_at = self._admit(state, map(run_bytes, wanted))
            gathered += looked_at
        return gathered

    # --- stepping ------------------------------------------------------------------------------------

    def step(self, inputs: Iterable[Input], now: int) -> Outcome:
        """Decide inputs and make what follows durable, in one transaction.

        Returns:
            what may now be released: orders, replies.
        Raises:
            StoreError: nothing of it may be released; `reload` it, or `open` if Fenced, before the next step.
        """
        state = self.state
        assert state is not None, "the shard is not open"
        inputs = list(inputs)
        loaded = self._thaw(state, inputs, now)
        out = Outcome()
        for told in inputs:
            decide(state, told, now, self.view, out)
        if self._reloaded:
            resume(state, self.view, out)
        self.state = None
        self._commit(state, out, loaded)
        self.state = state
        self._reloaded = False
        return out

    def wake_at(self) -> int:
        """When the shard is due to be stepped with a `Tick`; 0 if never."""
        assert self.state is not None
        hot = self.state.timers[0][0] if self.state.timers else 0
        return min(filter(None, (hot, self._cold_wake)), default=0)

    def _thaw(self, state: Shard, inputs: list[Input], now: int) -> list[str]:
        """Load the cold runs that the inputs name, or that are due."""
        wanted: dict[str, None] = {}
        events: dict[bytes, None] = {}
        past = max(now, state.now)
        for told in inputs:
            run_id = getattr(told, "run_id", "")
            if run_id:
                if run_id not in state.runs and not (isinstance(told, i.SubmitRun) and not told.key):
                    wanted[run_id] = None
            elif type(told) is i.Tick and self._cold_wake and self._cold_wake <= past:
                wanted.update((run_text(run), None) for _, run in self.store.due(self.number, past))
                self._overtaken = [of for of in wanted if of in state.runs]
            if type(told) is i.EraseSubject:
                wanted.update(dict.fromkeys(self._waiting("subject", bytes.fromhex(told.subject))))
            if isinstance(told, i.Emitted) or (isinstance(told, i.SendEvent) and not run_id):
                events[ANY_EVENT] = events[event_key(told.event.get("type"))] = None
                wanted.update(dict.fromkeys(summoned(state, told.event, self.view)))
        for key in events:
            wanted.update(dict.fromkeys(self._listening(key)))
        missing = [run_bytes(run_id) for run_id in wanted if run_id not in state.runs]
        if not missing:
            return []
        loaded = self._admit(state, missing)
        return loaded + self._gather(state, loaded)

    def _admit(self, state: Shard, runs: Iterable[bytes]) -> list[str]:
        """Take runs in from the cold; gives those that are there.

        Raises:
            Fenced: another writer has put one of them there since: nothing may be decided about it here.
        """
        admitted = []
        for frozen in self.store.cold(self.number, runs):
            run = thaw(frozen, self.sealing)
            if run.seq > state.seq:
                raise Fenced(f"shard {self.number} was taken over: run {run.id} is ahead; drop the shard")
            state.admit(run)
            admitted.append(run.id)
        return admitted

    def _listening(self, key: bytes) -> Iterable[str]:
        return self._waiting("event", key)

    def _waiting(self, kind: str, key: bytes) -> Iterable[str]:
        after = b""
        while found := self.store.waiting(self.number, kind, key, after):
            yield from map(run_text, found)
            after = found[-1]

    # --- committing ----------------------------------------------------------------------------------

    def _commit(self, state: Shard, out: Outcome, loaded: list[str]) -> None:
        frozen: list[ColdRun] = []
        leaving: list[str] = []
        thawed: list[bytes] = []
        was_cold = frozenset(loaded)
        together: dict[str, bool] = {}
        for run in out.touched.values():
            if run.ended or (
                self._family_may_leave(state, run, together)
                if run.root or run.children
                else self._may_leave(state, run)
            ):
                frozen.append(freeze(run, self.view, self.sealing))
                leaving.append(run.id)
            elif run.id in was_cold:
                thawed.append(_key(run))
        for root in (root for root, may in together.items() if may):
            for run in family(state, root):
                if run.id not in out.touched and run.id not in was_cold:
                    frozen.append(freeze(run, self.view, self.sealing))
                    leaving.append(run.id)
        self._mark(state, leaving, frozen, thawed)
        if out.records or frozen or thawed:
            self.writer.append(out.records, frozen, thawed)
        unchanged = [
            of
            for of in loaded
            if of not in out.touched and self._family_may_leave(state, state.runs[of], together)
        ]
        for run_id in chain(leaving, unchanged):
            state.dismiss(run_id)
        self._note_wake(frozen, state.now)
        if state.seq - self._snapshot_seq >= self._snapshot_records:
            self.save_snapshot(state)

    def _mark(self, state: Shard, leaving: list[str], frozen: list[ColdRun], thawed: list[bytes]) -> None:
        """Replace the timers by which hot runs are due already; else the shard would be due without end.

        A run that waits in memory for a slot or for the evaluator, unchanged since it was in the cold, would
        lose its timer in a crash if it had neither a timer there nor a mark.
        """
        overtaken, self._overtaken = self._overtaken, []
        for run_id in overtaken:
            run = state.runs[run_id]
            if run_id in leaving:
                continue
            if idle(run):
                row = freeze(run, self.view, self.sealing)
                frozen.append(row._replace(waits=(IN_MEMORY, *(w for w in row.waits if w.kind != "timer"))))
            else:
                thawed.append(_key(run))

    def _may_leave(self, state: Shard, run: Run) -> bool:
        return run.id not in state.pending and idle(run) and not _due(run, state.now + self._passivate_ms)

    def _family_may_leave(self, state: Shard, run: Run, known: dict[str, bool]) -> bool:
        """Whether a run and all who wait for each other with it may leave; `known` is kept up, by root."""
        root = run.root or run.id
        may = known.get(root)
        if may is None:
            # Asked of those first that something was done with: one that may not leave is likely among them.
            may = self._may_leave(state, run) and all(
                self._may_leave(state, one) for one in family(state, root)
            )
            known[root] = may
        return may

    def _note_wake(self, frozen: list[ColdRun], now: int) -> None:
        if self._cold_wake and self._cold_wake <= now:
            self._cold_wake = self.store.next_wake(self.number)
            return
        for run in frozen:
            for wait in run.waits:
                if wait.wake_at and (not self._cold_wake or wait.wake_at < self._cold_wake):
                    self._cold_wake = wait.wake_at

    def save_snapshot(self, state: Shard | None = None) -> None:
        """Keep the state, so that recovery starts from here. A failure costs only recovery time."""
        state = state or self.state
        if state is None or state.seq == self._snapshot_seq:
            return
        runs = [run for run in state.runs.values() if not run.subject]
        sealed = [(run.id, run.seq, self.sealing.freeze(run)) for run in state.runs.values() if run.subject]
        content = _encode(
            ShardState(
                state.seq, state.now, state.epoch, state.revision, runs, state.books(), sealed, state.epoch_at
            )
        )
        digest = sha256(content).digest()
        try:
            self.store.save_snapshot(
                self.number, Snapshot(state.seq, self.writer.head.epoch, content, digest)
            )
        except StoreError:
            return
        self._snapshot_seq = state.seq


def kindred(run: Run) -> list[str]:
    """The unfinished runs next above and below one, which wait for each other with it."""
    return [run.parent, *children_of(run)] if run.root and not run.ended else children_of(run)


def family(state: Shard, root: str) -> Iterator[Run]:
    """An unfinished run and all unfinished ones that it waits for, those above first."""
    yield state.runs[root]
    found = [state.runs[root]]
    for run in found:
        for child in children_of(run):
            found.append(state.runs[child])
            yield state.runs[child]


def freeze(run: Run, view: View, sealing: Sealing = UNSEALED) -> ColdRun:
    """A run as the store keeps it while it is out of memory."""
    waits = () if run.ended else tuple(_waits(run, view))
    return ColdRun(_key(run), run.seq, run.status, sealing.freeze(run), waits)


def thaw(frozen: ColdRun, sealing: Sealing = UNSEALED) -> Run:
    """The inverse of `freeze`; of a run that was erased there is little left."""
    return sealing.thaw(run_text(frozen.run), frozen.seq, frozen.state)[0]


def _due(run: Run, by: int) -> bool:
    """Whether something is to happen in the run by a time; in one that is suspended nothing is."""
    return run.status == "running" and 0 < next_wake(run) <= by


def event_key(kind: Any) -> bytes:
    """The key of the waits of runs that listen for events of this type."""
    return sha256(f"event {kind}".encode()).digest()[:16]


def event_keys(run: Run, view: View) -> set[bytes]:
    """The keys by which events find a run."""
    keys: set[bytes] = set()
    for frame in run.frames.values():
        if frame.kind == "listen":
            listen = program_of(view, run).nodes[frame.node].detail
            assert isinstance(listen, Listen)
            keys.update(map(event_key, listen.kinds) if listen.kinds else (ANY_EVENT,))
    return keys


def _waits(run: Run, view: View) -> Iterable[Wait]:
    if run.status != "suspended":
        due = next_wake(run)
        if due:
            yield Wait("timer", b"", due)
    for key in sorted(event_keys(run, view)):
        yield Wait("event", key, 0)
    if run.subject:
        yield Wait("subject", bytes.fromhex(run.subject), 0)
    if any(effect.status in ("waiting", "approval") for effect in run.effects.values()):
        yield Wait("human", b"", 0)


def _key(run: Run) -> bytes:
    return run_bytes(run.id)
