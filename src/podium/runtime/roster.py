"""The roster: which workers are there, the attempts that they have, and those that wait for one.

It is for one thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from hmac import compare_digest
from typing import Literal, TypeAlias

from podium.agents.interface import AttemptFailed
from podium.facts.inputs import Reported
from podium.facts.orders import Perform
from podium.facts.sharing import PRIORITIES, Priority
from podium.kernel.lines import Line
from podium.runtime.members import Attempt, Key, Standing, Worker
from podium.runtime.reports import failed, logged, lost, returned, silent
from podium.runtime.tokens import is_genuine, named_by

SETTLED_KEPT = 10_000
"""So many attempts are remembered that are over, so that a repeated word is known for one."""
TOLD_MAX = 5
"""So many of the workers that an attempt could have gone to are named."""
GRACE_MS = 2_000
"""How long after a deadline, or after it was told to stop, a worker may still say so itself."""

Word: TypeAlias = Literal["accepted", "repeated", "stale", "unknown"]
"""What becomes of what a worker says of an attempt: it counts; it counted before; its attempt is over, or
another has its place; its token is none."""


class Roster:
    """Workers by id and attempts by key.

    Attributes:
        workers: all that are remembered.
        waiting: those that wait for attempts now.
        attempts: all that are not over.
        backlog: those of them that nobody has yet, by digest.
        reports: what the kernel has to be told.
    """

    def __init__(self, key: bytes) -> None:
        self.workers: dict[str, Worker] = {}
        self.waiting: dict[str, Worker] = {}
        self.attempts: dict[Key, Attempt] = {}
        self.backlog: defaultdict[str, Line[Attempt]] = defaultdict(Line)
        self.reports: list[Reported] = []
        self._key = key
        self._settled: OrderedDict[Key, None] = OrderedDict()

    # --- who gets what --------------------------------------------------------------------------------

    def place(self, attempt: Attempt, *, first: bool = False) -> None:
        """Give an attempt to the best of those that wait, or put it in line; `first` at its head."""
        worker = self._choose(attempt)
        if worker is not None:
            self._give(worker, attempt)
            return
        order = attempt.order
        self.backlog[order.digest].add(attempt, order.tenant, order.priority, first=first)

    def fill(self, worker: Worker, most: int) -> None:
        """Put what waits into a worker's mailbox: what is urgent first, and else its versions in turn."""
        while len(worker.mailbox) < most:
            lines = [self.backlog[of] for of in worker.hosts if of in self.backlog and worker.room(of) > 0]
            priority = _highest(lines)
            if priority is None:
                return
            urgent = [line for line in lines if line.priority == priority]
            worker.turn += 1
            self._give(worker, urgent[worker.turn % len(urgent)].take().item)

    def _give(self, worker: Worker, attempt: Attempt) -> None:
        worker.bind(attempt)
        worker.mailbox.append(attempt)
        worker.rouse()

    def _choose(self, attempt: Attempt) -> Worker | None:
        """Of the workers that wait, the one that has least to do for its weight."""
        digest = attempt.order.digest
        best: Worker | None = None
        rank, others = 0.0, []
        for worker in self.waiting.values():
            if len(worker.mailbox) < worker.most and worker.room(digest) > 0:
                busy = (len(worker.bound) + 1) / worker.told.weight
                others.append(worker.id)
                if best is None or busy < rank:
                    best, rank = worker, busy
        if len(others) > 1:
            told = ", ".join(others[:TOLD_MAX]) + (", …" if len(others) > TOLD_MAX else "")
            attempt.why = f"least busy for its weight, of {len(others)} that waited: {told}"
        return best

    def offer(self, worker: Worker | None) -> None:
        """A worker has room again: give it what waits, if it waits, too."""
        if worker is not None and worker.id in self.waiting:
            self.fill(worker, worker.most)

    # --- what workers say -----------------------------------------------------------------------------

    def held(self, token: str, now: int) -> tuple[Attempt | None, Word]:
        """The attempt that a token is of, if it counts; else what is to be said of it."""
        named = named_by(token)
        if named is None:
            return None, "unknown"
        key: Key = named[:3]
        attempt = self.attempts.get(key)
        # What was handed out here is known by its face; whatever else there is must be proven.
        if attempt is None or not compare_digest(attempt.token, token):
            if not is_genuine(self._key, token):
                return None, "unknown"
            if attempt is None:
                return None, "repeated" if key in self._settled else "stale"
            if attempt.token or not attempt.until:
                return None, "stale"
            attempt.token, attempt.worker = token, named.worker
        attempt.heard_at = now
        worker = self.workers.get(attempt.worker)
        if worker is not None and worker.present:
            worker.renew(now)
        return attempt, "accepted"

    def claim(self, worker: Worker, token: str, now: int) -> Word:
        """A worker that registers says that it has an attempt from before."""
        attempt, word = self.held(token, now)
        if attempt is None:
            return "stale" if word == "repeated" else word
        before = self.workers.get(attempt.worker)
        if before is not None:
            before.unbind(attempt)
        attempt.until = 0
        worker.bind(attempt)
        return "accepted"

    # --- what ends ------------------------------------------------------------------------------------

    def report(self, attempt: Attempt, outcome: Reported | AttemptFailed) -> None:
        """Tell the kernel what became of an attempt, once."""
        order = attempt.order
        report = failed(order, outcome) if isinstance(outcome, AttemptFailed) else outcome
        worker = self.workers.get(attempt.worker)
        if worker is not None:
            worker.succeeded += report.status == "succeeded"
            worker.failed += report.status != "succeeded"
        if attempt.lines:
            report = logged(report, attempt.lines, attempt.said)
        self.reports.append(_named(report, attempt.key, attempt.worker, worker, attempt.why))
        self.forget(attempt)

    def settle(self, attempt: Attempt, outcome: Reported | AttemptFailed) -> None:
        """The same, by the word of its worker, which is known when it comes again."""
        self.report(attempt, outcome)
        self._settled[attempt.key] = None
        if len(self._settled) > SETTLED_KEPT:
            self._settled.popitem(last=False)

    def report_late(self, token: str, outcome: Reported | AttemptFailed) -> None:
        """What comes too late goes into the log all the same."""
        named = named_by(token)
        assert named is not None, "it was read before"
        if isinstance(outcome, AttemptFailed):
            outcome = failed(_nameless(named[:3]), outcome)
        worker = self.workers.get(named.worker)
        self.reports.append(_named(outcome, named[:3], named.worker, worker))

    def give_back(self, attempt: Attempt, why: str) -> None:
        """Nobody began it: another attempt is to be made."""
        self.report(attempt, returned(attempt.order, why))

    def forget(self, attempt: Attempt) -> None:
        """It is over: nobody has it any more, and what it asked for nobody waits for."""
        self.attempts.pop(attempt.key, None)
        attempt.hush()
        worker = self.workers.get(attempt.worker)
        if worker is not None:
            worker.unbind(attempt)
            if attempt in worker.mailbox:
                worker.mailbox.remove(attempt)
            self.offer(worker)
        elif (queue := self.backlog.get(attempt.order.digest)) and attempt in queue:
            queue.remove(attempt)

    def tell_to_stop(self, attempt: Attempt) -> None:
        """Have whoever has an attempt stop it."""
        worker = self.workers.get(attempt.worker)
        if worker is not None and attempt.token:
            worker.stops.append(attempt.token)
            worker.rouse()

    def take_back(self, worker: Worker) -> None:
        """What a worker was meant to get and has not been given, others may have."""
        while worker.mailbox:
            attempt = worker.mailbox.pop()
            worker.unbind(attempt)
            attempt.worker = ""
            self.place(attempt, first=True)

    def lose(self, worker: Worker, why: str, standing: Standing) -> None:
        """A worker is gone, and what it had with it."""
        worker.standing = standing
        self.waiting.pop(worker.id, None)
        self.take_back(worker)
        why = f"the worker {worker.id} is gone: {why}"
        for attempt in list(worker.bound.values()):
            if attempt.stop:
                self.end_stopped(attempt)
            elif attempt.started:
                self.report(attempt, lost(attempt.order, why))
            else:
                self.give_back(attempt, why)
        worker.rouse()

    # --- what takes too long --------------------------------------------------------------------------

    def look_at(self, attempt: Attempt, now: int) -> None:
        """Notice that an attempt takes too long, if it does."""
        order = attempt.order
        if attempt.stop:
            if attempt.stopped_at + GRACE_MS <= now:
                self.end_stopped(attempt)
        elif attempt.until:
            # Whoever speaks of it without having registered lives as well.
            if max(attempt.until, attempt.heard_at + attempt.until - attempt.since) <= now:
                title = "no worker came back with it after the hub was started anew"
                self.report(attempt, lost(order, title))
        elif attempt.open:
            return
        elif attempt.deadline_at and attempt.deadline_at <= now and not attempt.started:
            title = "its deadline passed before a worker began it"
            self.tell_to_stop(attempt)
            self.report(attempt, AttemptFailed(title, unstarted=True, kind="timeout"))
        elif attempt.deadline_at and attempt.deadline_at + GRACE_MS <= now:
            self._overdue(attempt, "timeout")
        elif order.heartbeat_ms and attempt.started and now - attempt.heard_at > order.heartbeat_ms:
            self._overdue(attempt, "silent")
        elif attempt.delivered and not attempt.started:
            worker = self.workers[attempt.worker]
            if attempt.heard_at + worker.told.lease_ms <= now:
                self.tell_to_stop(attempt)
                self.give_back(attempt, f"{worker.id} did not begin it")

    def _overdue(self, attempt: Attempt, stop: Literal["timeout", "silent"]) -> None:
        self.tell_to_stop(attempt)
        self.report(attempt, silent(attempt.order, stop, attempt.since, attempt.lines or ()))

    def end_stopped(self, attempt: Attempt) -> None:
        """Wait no longer for the word of a worker that was told to stop an attempt."""
        order = attempt.order
        if order.delivery == "at-most-once" and attempt.started:
            self.report(attempt, lost(order, "it was abandoned while it ran"))
        else:
            self.forget(attempt)


def _highest(lines: list[Line[Attempt]]) -> Priority | None:
    """The highest priority that waits in any of them."""
    present = {line.priority for line in lines}
    return next((one for one in PRIORITIES if one in present), None)


def _named(report: Reported, key: Key, id: str, worker: Worker | None, why: str = "") -> Reported:
    """A report of this attempt, with the worker that made it."""
    run_id, effect, token = key
    provenance = {name: value for name, value in report.provenance.items() if name != "worker"}
    if id:
        region = worker.told.region if worker is not None else ""
        told = {"region": region, "reason": why}
        provenance["worker"] = {"id": id, **{name: text for name, text in told.items() if text}}
    return Reported(
        run_id=run_id, effect=effect, token=token, status=report.status, output=report.output,
        error=report.error, retryable=report.retryable, cost_nano=report.cost_nano, provenance=provenance,
        log=report.log,
    )  # fmt: skip


def _nameless(key: Key) -> Perform:
    """An order for an attempt of which nothing is known any more."""
    run_id, effect, token = key
    return Perform(
        run_id, "", effect, 0, token, 0, "agent", "", "", "", None, "at-least-once", 0, 0, ""
    )  # fmt: skip
