"""Inquiries: what is asked about committed state, of a running hub or of a state folder that has none."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.identity import run_bytes, run_text
from podium.facts.policy_version import PolicyVersion
from podium.facts.recovery import Breaker
from podium.facts.suspension import Suspension
from podium.facts.values import JSON, Problem, Refused
from podium.kernel.books import Books
from podium.kernel.catalog import Catalog
from podium.kernel.policies import visible
from podium.kernel.state import Run, Shard
from podium.runtime import presenting, suspensions, verifying
from podium.runtime.budgets import Taken, budgets, taken
from podium.runtime.hub import Hub
from podium.runtime.presenting import Shown
from podium.runtime.schedules import listed as schedules_listed
from podium.runtime.sealing import UNSEALED, Sealing
from podium.runtime.shard import ShardHost, thaw
from podium.runtime.signing import verify_signature
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.tracing import Trace
from podium.runtime.writer import decode_row, read_records
from podium.store.interface import Reader, Store

T = TypeVar("T")

Runs = dict[str, Run]
Breakers = dict[str, Breaker]
Kind = Literal["runs", "budgets", "agents", "tools", "policies", "schedules", "subscriptions", "workflows"]

LISTS = {
    "agents": "Agent", "tools": "Tool", "policies": "Policy", "workflows": "Workflow",
    "subscriptions": "Subscription",
}  # fmt: skip
"""Kinds of resources by the name of their list."""

UNFINISHED = frozenset(("queued", "running", "suspended"))
STATUSES = ("queued", "running", "suspended", "completed", "faulted", "cancelled", "unfinished", "waiting")
"""What runs can be listed by; `waiting` are the unfinished ones that wait for people."""

_FOR_PEOPLE = frozenset(("human", "approval", "in_doubt", "dead_letter"))

_BUNCH = 1_000


class Declined(Exception):
    """A call breaks a rule; its answer is the refusal."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.problems[0].message)
        self.refused = refused


def decline(code: Any, rule: str, path: str, message: str) -> Declined:
    """A refusal with one problem, to be raised."""
    return Declined(Refused(code, (Problem(rule, path, message),)))


class Readers:
    """Readers to lend out: one thread at a time has each."""

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open = open_reader
        self._idle: list[Reader] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self) -> Iterator[Reader]:
        """A reader for the length of a block. Raises StoreError where the log cannot be read."""
        with self._lock:
            reader = self._idle.pop() if self._idle else None
        if reader is None:
            reader = self._open()
        try:
            yield reader
        finally:
            with self._lock:
                self._idle.append(reader)

    def close(self) -> None:
        """Close those that are back."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


class Sight(Protocol):
    """Where committed state is looked at."""

    readers: Readers
    shard: int
    sealing: Sealing

    def look(self, work: Callable[[Runs, Catalog], T]) -> T:
        """Let `work` look at the runs in memory and the catalog, while nothing changes them."""

    def breakers(self) -> dict[str, Breaker]:
        """The circuit breakers of which there is anything to remember, by digest."""

    def with_books(self, work: Callable[[Books, Catalog], T]) -> T:
        """Let `work` look at what the shard remembers across runs, and at the catalog."""


class HubSight:
    """The state of a running hub."""

    def __init__(self, hub: Hub, readers: Readers) -> None:
        self._hub = hub
        self.readers = readers
        self.shard, self.sealing = hub.shard.number, hub.shard.sealing

    def look(self, work: Callable[[Runs, Catalog], T]) -> T:
        hub = self._hub

        def on_hub() -> T:
            state = hub.shard.state
            assert state is not None, "the shard is open between steps"
            return work(state.runs, hub.system.catalog)

        return hub.do(on_hub).result()

    def breakers(self) -> dict[str, Breaker]:
        hub = self._hub

        def on_hub() -> dict[str, Breaker]:
            state = hub.shard.state
            assert state is not None, "the shard is open between steps"
            return {digest: copy(one) for digest, one in state.breakers.items()}

        return hub.do(on_hub).result()

    def with_books(self, work: Callable[[Books, Catalog], T]) -> T:
        hub = self._hub

        def on_hub() -> T:
            state = hub.shard.state
            assert state is not None, "the shard is open between steps"
            return work(state.books(), hub.system.catalog)

        return hub.do(on_hub).result()


class FolderSight:
    """The state of a folder without a hub, as of its last commit. Nothing is set going by looking.

    The state is made up when it is first looked at, so that a damaged log can still be checked.
    """

    def __init__(self, readers: Readers, shard: int, sealing: Sealing = UNSEALED) -> None:
        self.readers, self.shard, self.sealing = readers, shard, sealing

    def look(self, work: Callable[[Runs, Catalog], T]) -> T:
        shard, catalog = self._state
        return work(shard.runs, catalog)

    def breakers(self) -> dict[str, Breaker]:
        return self._state[0].breakers

    def with_books(self, work: Callable[[Books, Catalog], T]) -> T:
        shard, catalog = self._state
        return work(shard.books(), catalog)

    @cached_property
    def _state(self) -> tuple[Shard, Catalog]:
        catalog = Catalog()
        with self.readers.lend() as reader:
            for record in read_records(reader, SYSTEM_SHARD, 0):
                catalog.fold(record)
            store = cast(Store, reader)
            return ShardHost(store, self.shard, catalog, "", sealing=self.sealing).observe(), catalog


class Wanted(NamedTuple):
    """Which runs, newest first.

    Attributes:
        nested: those that other runs wait for, too.
        before: the cursor of the run after which to go on; 0 for the first page.
        labels: every run has all of these.
        after: the views must reflect this position of the log at least; -1 for all that is committed.
    """

    status: str = ""
    workflow: str = ""
    parent: str = ""
    nested: bool = False
    limit: int = 100
    before: int = 0
    labels: Mapping[str, str] = {}
    after: int = -1


class Newest(NamedTuple):
    """Ids and cursors of runs, newest first, from the views; `next` is where those after them begin, or 0.

    Where many had to be looked at there may be fewer than were asked for, and others after them all the same.
    """

    found: list[tuple[str, int]]
    next: int


FindNewest = Callable[[Wanted], Newest | None]
"""Finds the newest runs; None where the views are behind, or cannot be read."""

SCANNED_MAX = 100_000
"""In a log of no more records every run is looked at where the views cannot help."""


class Inquiry:
    """Answers about runs, resources and the log. From any thread.

    Args:
        newest: spares looking at every run to find the newest; what is shown of each is never the views'.
    """

    def __init__(self, sight: Sight, newest: FindNewest = lambda _: None) -> None:
        self.sight = self._sight = sight
        self._newest_ids = newest
        self.subscriptions: Callable[[], Mapping[str, Shown]] = dict
        """How each subscription stands, by its name; of a hub that is at work."""

    # --- which run -----------------------------------------------------------------------------------

    def run_id(self, given: str) -> str:
        """The run that an id, or the beginning of one, means. Raises Declined."""
        prefix = given.strip().lower()
        found = self._begins_with(prefix) if prefix else []
        if len(found) == 1:
            return found[0]
        if found:
            message = f"{given} is the beginning of several runs: {', '.join(found)}…; give more of it"
            raise decline("usage", "ambiguous-run", "/run_id", message)
        message = f"there is no run {given!r}; `podium get runs` lists them"
        raise decline("not-found", "unknown-run", "/run_id", message)

    def _begins_with(self, prefix: str) -> list[str]:
        """Up to three runs."""
        digits = prefix.replace("-", "")
        if not set(digits) <= set("0123456789abcdef") or len(digits) > 32:
            return []
        found = self._sight.look(lambda runs, _: [run_id for run_id in runs if run_id.startswith(prefix)][:3])
        after = int(digits.ljust(32, "0"), 16) - 1
        with self._sight.readers.lend() as reader:
            cold = reader.cold_runs(
                self._sight.shard, "", after.to_bytes(16, "big") if after >= 0 else b"", 3
            )
        found += [run_id for run_id in (run_text(row.run) for row in cold) if run_id.startswith(prefix)]
        return list(dict.fromkeys(found))[:3]

    def run(self, run_id: str) -> Shown:
        """One run as it stands, by its whole id. Raises Declined."""
        shown = self.of_run(run_id, presenting.run_shown)
        return self.with_why([shown])[0]

    def with_why(self, rows: list[Shown]) -> list[Shown]:
        """The same runs; of what waits in line they say why nobody begins it, where that is known."""
        queued = [one for row in rows for one in row["waiting_for"] if one["kind"] in ("queue", "retry")]
        if queued:
            breakers, unstaffed, suspended = self._sight.with_books(_hindrances)
            presenting.show_breakers(queued, breakers)
            presenting.show_unstaffed(queued, unstaffed)
            suspensions.show_suspended(queued, suspended)
        return rows

    def suspensions(self) -> list[Shown]:
        """What people suspended, and did not resume: everything first."""
        return suspensions.shown(self._suspended())

    def _suspended(self) -> dict[str, Suspension]:
        return self._sight.with_books(lambda books, _: dict(books.suspended))

    def of_run(self, run_id: str, work: Callable[[Run], T]) -> T:
        """What `work` makes of a run as it stands, by its whole id. Raises Declined."""

        def hot(runs: Runs, _: Catalog) -> list[T]:
            run = runs.get(run_id)
            return [work(run)] if run is not None else []

        if found := self._sight.look(hot):
            return found[0]
        with self._sight.readers.lend() as reader:
            for frozen in reader.cold(self._sight.shard, [run_bytes(run_id)]):
                return work(thaw(frozen, self._sight.sealing))
        # It may have come back from the cold between the two.
        if found := self._sight.look(hot):
            return found[0]
        raise decline(
            "not-found", "unknown-run", "/run_id", f"there is no run {run_id}; `podium get runs` lists them"
        )

    # --- lists ---------------------------------------------------------------------------------------

    def get(
        self, kind: Kind, *, status: str = "", workflow: str = "", parent: str = "", nested: bool = False,
        limit: int = 100, before: int = 0, labels: Mapping[str, str] | None = None, after: int = -1,
    ) -> list[Shown]:  # fmt: skip
        """Runs (newest first), or resources of a kind (by name), as lines of a list. Raises Declined.

        Args:
            parent: only runs that tasks of this run started.
            nested: runs that other runs wait for, too; those that wait for people are shown in any case.
            before, labels, after: as in `Wanted`; a run has its `cursor` where that is known.
        """
        if kind == "budgets":
            found, policies = self._sight.with_books(_budgets)
            return budgets(found, policies, limit)
        if kind == "schedules":
            return self._sight.with_books(schedules_listed)[:limit]
        if kind in LISTS:
            return self._listed(LISTS[kind], limit)
        wanted = self._wanted(status, workflow, parent, nested, limit, before, labels, after)
        rows: list[Shown] = []
        while len(rows) < limit:
            more, following = self._page(wanted._replace(limit=limit - len(rows)))
            rows += more
            if not following:
                break
            wanted = wanted._replace(before=following)
        return self.with_why(rows)

    def page(
        self, *, status: str = "", workflow: str = "", parent: str = "", nested: bool = False,
        limit: int = 100, before: int = 0, labels: Mapping[str, str] | None = None, after: int = -1,
    ) -> Shown:  # fmt: skip
        """A page of runs as of `get`, found in a short time however many there are. Raises Declined.

        Returns:
            `items`, and `next`: the `before` of the page after this one, 0 where there is none. A page may be
            short, and another follow it all the same.
        """
        wanted = self._wanted(status, workflow, parent, nested, limit, before, labels, after)
        rows, following = self._page(wanted)
        return {"items": self.with_why(rows), "next": following}

    def _wanted(
        self, status: str, workflow: str, parent: str, nested: bool, limit: int, before: int,
        labels: Mapping[str, str] | None, after: int,
    ) -> Wanted:  # fmt: skip
        if status and status not in STATUSES:
            known = ", ".join(STATUSES)
            raise decline("usage", "unknown-status", "/status", f"{status!r} is no status; known: {known}")
        parent = self.run_id(parent) if parent else ""
        nested = nested or parent != "" or status == "waiting"
        return Wanted(status, workflow, parent, nested, limit, before, labels or {}, after)

    def _page(self, wanted: Wanted) -> tuple[list[Shown], int]:
        """Lines of a list, and where the next page begins."""
        newest = self._newest_ids(wanted)
        if newest is not None:
            lines = self._listed_runs(newest.found)
            if wanted.status == "waiting":
                # The views say who waited a moment ago.
                lines = [line for line in lines if _for_people(line)]
            return lines, newest.next
        if wanted.before or wanted.labels or not self._is_small():
            message = "the tables for queries are not up with the log yet; ask again soon"
            raise decline("refused", "views-behind", "/before", message)
        found = self._newest(
            lambda run: (
                _is(run, wanted.status)
                and _runs(run, wanted.workflow)
                and wanted.parent in ("", run.parent)
                and (wanted.nested or not run.root)
            ),
            wanted.status,
            wanted.limit,
        )
        return found, 0

    def _is_small(self) -> bool:
        with self._sight.readers.lend() as reader:
            return reader.head(self._sight.shard).seq <= SCANNED_MAX

    def _listed_runs(self, found: list[tuple[str, int]]) -> list[Shown]:
        """Lines of a list of these runs, as they stand."""

        def hot(runs: Runs, _: Catalog) -> dict[str, Shown]:
            return {id: presenting.run_listed(runs[id]) for id, _ in found if id in runs}

        lines = self._sight.look(hot)
        missing = [run_bytes(id) for id, _ in found if id not in lines]
        with self._sight.readers.lend() as reader:
            for row in reader.cold(self._sight.shard, missing):
                run = thaw(row, self._sight.sealing)
                lines[run.id] = presenting.run_listed(run)
        if len(lines) < len(found):
            # They may have come back from the cold between the two.
            lines |= self._sight.look(hot)
        return [{**lines[id], "cursor": cursor} for id, cursor in found if id in lines]

    def _listed(self, kind: str, limit: int) -> list[Shown]:
        shown = presenting.LISTED[kind]
        chosen = visible if kind == "Policy" else list
        found = self._sight.look(
            lambda _, catalog: [shown(digest, of) for digest, of in chosen(catalog.listed(kind))][:limit]
        )
        if kind == "Subscription":
            standings = self.subscriptions()
            found = [{**one, **standings.get(one["name"], {})} for one in found]
        if kind in ("Agent", "Tool"):
            suspensions.show_performers(found, self._suspended())
        if any("breaker" in one for one in found):
            breakers = self._sight.breakers()
            for one in found:
                presenting.show_breaker(one, breakers)
        return found

    def _newest(self, wanted: Callable[[Run], bool], status: str, limit: int) -> list[Shown]:
        found = self._sight.look(
            lambda runs, _: [
                (run.started_at, run.id, presenting.run_listed(run))
                for run in heapq.nlargest(limit, filter(wanted, runs.values()), key=_newness)
            ]
        )
        hot = {run_id for _, run_id, _ in found}
        cold = (run for run in self._cold(status) if run.id not in hot and wanted(run))
        found += [
            (run.started_at, run.id, presenting.run_listed(run))
            for run in heapq.nlargest(limit, cold, key=_newness)
        ]
        return [shown for _, _, shown in heapq.nlargest(limit, found, key=lambda row: row[:2])]

    def _cold(self, status: str) -> Iterator[Run]:
        stored = {"unfinished": UNFINISHED, "waiting": UNFINISHED}.get(status, (status,))
        for one in stored:
            after = b""
            with self._sight.readers.lend() as reader:
                while rows := reader.cold_runs(self._sight.shard, one, after, 500):
                    yield from (thaw(row, self._sight.sealing) for row in rows)
                    after = rows[-1].run

    def all_waiting(self, work: Callable[[Run], T]) -> list[T]:
        """What `work` makes of every run that waits for people, as it stands."""
        found = self._sight.look(
            lambda runs, _: {run.id: work(run) for run in runs.values() if _is(run, "waiting")}
        )
        for run in self._waiting_cold():
            if run.id not in found and _is(run, "waiting"):
                found[run.id] = work(run)
        return list(found.values())

    def _waiting_cold(self) -> Iterator[Run]:
        """Runs out of memory, all that wait for people among them."""
        wanted = Wanted("waiting", nested=True, limit=_BUNCH)
        while (newest := self._newest_ids(wanted)) is not None:
            with self._sight.readers.lend() as reader:
                for row in reader.cold(self._sight.shard, [run_bytes(id) for id, _ in newest.found]):
                    yield thaw(row, self._sight.sealing)
            if not newest.next:
                return
            wanted = wanted._replace(before=newest.next, after=0)
        yield from self._cold("waiting")

    def unfinished(self, workflow: str, input: JSON) -> list[Shown]:
        """Unfinished runs of the workflow that a name means now, with this input, newest first.

        Those that another run waits for are not among them.
        """
        digest = self._sight.look(lambda _, catalog: catalog.current("Workflow", workflow))
        return self._newest(
            lambda run: not run.ended and not run.root and run.digest == digest and run.input == input,
            "unfinished",
            100,
        )

    # --- one thing -----------------------------------------------------------------------------------

    def describe(self, kind: str, name: str) -> Shown:
        """All that is known of a run, or of a resource. Raises Declined."""
        if kind == "run":
            run_id = self.run_id(name)
            shown = self.run(run_id)
            if shown["input"] is None:
                body = self.records(run_id)[0].body
                shown["input"] = body.input if isinstance(body, e.RunStartedBody) else None
            return {"kind": "Run", **shown}
        if kind.capitalize() not in presenting.LISTED:
            known = ", ".join(["run", *(of.lower() for of in presenting.LISTED)])
            raise decline("usage", "unknown-kind", "/kind", f"{kind!r} is no kind; known: {known}")
        found = self._sight.look(lambda _, catalog: _declared(catalog, kind.capitalize(), name))
        if found is None:
            message = f"no {kind} is named {name}; `podium get {kind}s` lists them"
            raise decline("not-found", f"unknown-{kind}", "/name", message)
        if found["kind"] in ("Agent", "Tool"):
            suspensions.show_performers([found], self._suspended())
        if found.get("breaker"):
            found["breaker"] = {**found["breaker"], **presenting.breaker_shown(self._sight.breakers(), found)}
        return found

    def workflow(self, name: str) -> str:
        """The digest that a workflow's name means now; "" if nothing has it."""
        return self._sight.look(lambda _, catalog: catalog.current("Workflow", name))

    # --- the log -------------------------------------------------------------------------------------

    def records(self, run_id: str, after: int = 0) -> list[Record]:
        """A run's records later than a seq, oldest first. Raises Declined, StoreError."""
        last = self.of_run(run_id, lambda run: run.seq)
        found = []
        with self._sight.readers.lend() as reader:
            for row in reader.chain(self._sight.shard, last):
                if row.seq <= after:
                    break
                found.append(decode_row(row, reader, self._sight.sealing))
        found.reverse()
        return found

    def trace(self, run_id: str) -> list[str]:
        """References of the tasks that started, in that order. Raises Declined."""
        trace = Trace(self.tasks(run_id))
        for record in self.records(run_id):
            trace.hear(record.event)
        return trace.started

    def tasks(self, run_id: str) -> list[str]:
        """References of the tasks of a run's workflow. Raises Declined."""
        digest, document = self.of_run(run_id, lambda run: (run.digest, run.document))
        return self._sight.look(lambda _, catalog: named_tasks(catalog, digest, document))

    def verify(self) -> Shown:
        """Check all that is stored, but not who signed the checkpoints.

        Returns:
            `sound`, what was found (`findings`), and of each shard its number, epoch, records checked, the
            last one's hash, the root over them, and what was found first (`break`: `seq`, `reason`).
        """
        with self._sight.readers.lend() as reader:
            return verifying.shown(verifying.verify_log(reader, None, verify_signature))

    def close(self) -> None:
        self._sight.readers.close()


def _hindrances(books: Books, catalog: Catalog) -> tuple[Breakers, set[str], dict[str, Suspension]]:
    """Why nobody begins what waits in line: breakers, agents without a worker, and what is suspended."""
    breakers = {digest: copy(one) for digest, one in books.breakers.items()}
    return breakers, catalog.unstaffed(), dict(books.suspended)


def _budgets(books: Books, catalog: Catalog) -> tuple[Taken, dict[str, PolicyVersion]]:
    return taken(books), {version.name: version for _, version in catalog.listed("Policy")}


def named_tasks(catalog: Catalog, digest: str, document: dict[str, JSON] | None = None) -> list[str]:
    """References of a workflow's tasks; of one that was planned, if there is its `document`."""
    if document is not None:
        return [node.reference for node in catalog.planned(digest, document).nodes if node.name]
    if digest not in catalog.workflows:
        return []
    return [node.reference for node in catalog.program(digest).nodes if node.name]


def _newness(run: Run) -> tuple[int, str]:
    return run.started_at, run.id


def _is(run: Run, status: str) -> bool:
    if status == "unfinished":
        return not run.ended
    if status == "waiting":
        return any(one["kind"] in _FOR_PEOPLE for one in presenting.waiting_for(run))
    return not status or run.status == status


def _for_people(line: Shown) -> bool:
    return any(one["kind"] in _FOR_PEOPLE for one in line["waiting_for"])


def _runs(run: Run, workflow: str) -> bool:
    """Whether a run is of a workflow: `namespace/name@version` or its shorter forms."""
    full, _, _ = run.workflow.partition("@")
    return not workflow or workflow in (run.workflow, full, full.rpartition("/")[2], run.digest)


def _declared(catalog: Catalog, kind: str, name: str) -> Shown | None:
    digest = catalog.current(kind, name)
    if not digest:
        return None
    return presenting.resource_shown(kind, digest, catalog.versions[kind][digest])
