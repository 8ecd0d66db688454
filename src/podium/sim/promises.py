"""What hubs say and do, against what is durable: replies, attempts handed out, reports taken in."""

from __future__ import annotations

from collections.abc import Callable

from podium.facts import inputs as i
from podium.facts.events import Record
from podium.facts.orders import Abandon, Perform
from podium.facts.values import Accepted, Refused, Reply
from podium.kernel.state import IN_FLIGHT
from podium.runtime.host import Host, Listener
from podium.sim.compare import SHARD, describe
from podium.sim.disk import Disk
from podium.sim.ledger import Attempt, Ledger
from podium.sim.violation import hold


class Promises:
    """Remembers every promise and holds the hubs to it."""

    def __init__(self, disk: Disk, ledger: Ledger, read: Callable[[], None]) -> None:
        self._disk, self._ledger, self._read = disk, ledger, read
        self._accepted: dict[str, i.SubmitRun] = {}
        self._refused: set[str] = set()
        self._performed: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._reported: dict[Attempt, int] = {}

    # --- attempts ------------------------------------------------------------------------------------

    def performing(self, order: Perform, hub: str) -> None:
        """A hub hands out an attempt."""
        ledger = self._ledger
        self._read()
        key = (order.run_id, order.effect)
        row = self._disk.store.row(SHARD, order.token)
        hold(
            row is not None and row.type in ("EffectRequested", "AttemptStarted"),
            "I11",
            f"attempt {key} goes out before record {order.token} is durable",
        )
        assert row is not None
        owner = self._disk.claims.get((SHARD, order.epoch))
        hold(row.epoch == order.epoch and owner == hub, "I11", f"{hub} hands out {key} of another epoch")
        hold(key not in ledger.settled, "I7", f"{key} is performed again after it was settled")
        named = order.key.partition("/edit/")[0]
        same = self._keys.setdefault(key, named)
        hold(named == same, "I7", f"{key} has the keys {same} and {order.key}")
        count = self._performed[key] = self._performed.get(key, 0) + 1
        if order.delivery == "at-most-once":
            allowed = 1 + ledger.again.get(key, 0)
            hold(count <= allowed, "I5", f"at-most-once {key} is performed {count} times of {allowed}")

    def dispatched(self, host: Host, mine: dict[Attempt, Perform]) -> None:
        """Whatever runs by the state of a hub that is up to date was handed out by it."""
        state = host.shard.state
        if state is None or state.seq != self._ledger.replica.seq:
            return
        handed = mine.keys() | {
            (told.run_id, told.effect, told.token) for told in host.emitted if isinstance(told, i.Emitted)
        }
        for run in state.runs.values():
            for effect in run.effects.values():
                made = effect.status not in IN_FLIGHT or (run.id, effect.id, effect.token) in handed
                hold(made, "I6", f"attempt {effect.token} of {effect.task} of run {run.id} never went out")

    def listener(self, hub: str) -> Listener:
        """Hears what a hub publishes: durable records, each once, in order."""
        heard: dict[int, int] = {}

        def hear(shard: int, records: list[Record]) -> None:
            for record in records:
                durable = self._disk.store.row(shard, record.seq) is not None
                hold(durable, "I11", f"{hub} publishes record {record.seq}, which is not durable")
                last = heard.get(shard, record.seq - 1)
                hold(record.seq == last + 1, "I11", f"{hub} publishes record {record.seq} after {last}")
                heard[shard] = record.seq

        return hear

    def released(self, abandoned: list[Abandon], mine: dict[Attempt, Perform]) -> None:
        """A hub has released a step: it told performers to stop what was torn down."""
        told = {(order.run_id, order.effect, order.token) for order in abandoned}
        for attempt in self._ledger.torn:
            hold(attempt in told or attempt not in mine, "I7", f"attempt {attempt} was not told to stop")
        self._ledger.torn.clear()

    def consumed(self, reports: list[i.Reported]) -> None:
        """A hub took these reports in: each became an outcome, or a stale reply."""
        ledger = self._ledger
        for report in reports:
            attempt = (report.run_id, report.effect, report.token)
            count = self._reported[attempt] = self._reported.get(attempt, 0) + 1
            stale = ledger.stale.get(attempt, 0)
            applied = attempt in ledger.outcomes
            hold(count <= stale + applied, "I7", f"{count} reports of {attempt}: {stale} stale, {applied=}")

    # --- replies -------------------------------------------------------------------------------------

    def replied(self, told: i.Input, reply: Reply) -> None:
        """A hub answered."""
        self._read()
        principal = getattr(told, "principal", "")
        if isinstance(reply, Refused):
            if not isinstance(told, i.SubmitRun):
                self._refused.add(principal)
                self._nothing_of(principal)
        elif isinstance(told, i.SubmitRun):
            self._submitted(told)
        elif isinstance(told, i.SendEvent):
            self._sent(told)
        elif isinstance(told, (i.AnswerHuman, i.ResolveEffect, i.SettleDeadLetter, i.CancelRun)):
            known = principal in self._ledger.principals
            hold(known, "I1", f"what {principal} did was accepted and is not in the log")

    def _submitted(self, told: i.SubmitRun) -> None:
        run = self._ledger.replica.runs.get(told.run_id)
        hold(run is not None, "I1", f"run {told.run_id} was accepted and is not in the log")
        assert run is not None
        first = self._accepted.setdefault(told.key, told)
        # What a run got that is about somebody who was erased cannot be compared any more.
        same = told.input == first.input or self._disk.keys.erased(run.subject)
        hold(same, "I7", f"{told.key} was accepted with two inputs")

    def _sent(self, told: i.SendEvent) -> None:
        """The event is in the log of the run that it is for, or of all runs that wanted it."""
        ledger, event = self._ledger, told.event
        identity = (str(event["source"]), str(event["id"]))
        if told.run_id:
            hold((told.run_id, *identity) in ledger.heard, "I1", f"event {identity} is not in the log")
            return
        for run in ledger.replica.runs.values():
            wanted = any(
                ledger.listening[run.id, frame] <= ledger.before
                for frame in ledger.wanting(run, str(event["type"]))
            )
            reached = not wanted or (run.id, *identity) in ledger.heard
            hold(reached, "I1", f"event {identity} did not reach run {run.id}: {describe(run)}")

    def _nothing_of(self, principal: str) -> None:
        done = principal in self._ledger.principals
        hold(not done, "I1", f"what {principal} did was refused and is in the log")

    def finished(self) -> None:
        """Faults are over and the world is quiet: everything accepted has ended, nothing refused happened."""
        for told in self._accepted.values():
            run = self._ledger.replica.runs[told.run_id]
            hold(run.ended, "I13", f"run {run.id} has not ended: {describe(run)}")
        for principal in sorted(self._refused):
            self._nothing_of(principal)


def resubmitted(told: i.SubmitRun, first: i.SubmitRun, reply: Reply) -> None:
    """The same key again gives the same run, or a conflict; never another run."""
    if told.input == first.input:
        created = isinstance(reply, Accepted) and reply.created
        conflict = isinstance(reply, Refused) and reply.code == "conflict"
        hold(not created and not conflict, "I7", f"{first.key} submitted again: {reply}")
    else:
        hold(isinstance(reply, Refused), "I7", f"{first.key} with another input: {reply}")
