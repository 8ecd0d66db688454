"""Occurrences: the lifecycle events that records of the log come to, for whoever wants some of them.

Of each run that anybody wants to hear of, the records are folded in their order; for one that matters, those
before it are read from the log unless they were heard just now. So what is kept in memory is bounded, and
what is told of a run is the same whenever it is asked for.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from podium.facts import events as e
from podium.facts.catalog import SubscriptionVersion
from podium.facts.events import Record
from podium.facts.notices import NOTIFIER, SUBSCRIBER
from podium.facts.values import JSON
from podium.runtime.sealing import Sealing
from podium.runtime.writer import decode_row
from podium.store.interface import Reader, Row

T = TypeVar("T")

KEPT_MAX = 1_000
"""So many runs are kept folded."""

WANTED_MAX = 20_000
"""Of so many runs it is remembered who wants to hear of them."""

ENDINGS = frozenset(("RunCompleted", "RunFaulted", "RunCancelled"))
"""The types of records that end a run."""

_PRIVATE = ("output", "error", "correlationKeys")
"""What is left out of events of runs that are about somebody: elsewhere nobody could make it unreadable."""

_RECORDS = {
    "started": ("RunStarted", "RunAdmitted"),
    "suspended": ("RunSuspended",),
    "resumed": ("RunResumed",),
    "cancelled": ("RunCancelled",),
    "faulted": ("RunFaulted",),
    "completed": ("RunCompleted",),
}
"""The types of records that kinds of events of workflows come from, where these are known."""

_OF_RUNS = "io.serverlessworkflow.workflow."


class Lifecycle(Protocol):
    """Tells of one run, record by record: `views.lifecycle.Lifecycle`."""

    def hear(self, record: Record) -> list[dict[str, JSON]]: ...
    @property
    def data_labels(self) -> tuple[str, ...]: ...


class Occurrence(NamedTuple):
    """A lifecycle event, and the labels of the data of its run."""

    event: dict[str, JSON]
    labels: tuple[str, ...]


class Wish(NamedTuple):
    """What a subscription wants to hear of.

    Attributes:
        digest: of the subscription version.
        records: types of the records that its events come from; None where that may be any.
    """

    digest: str
    version: SubscriptionVersion
    records: frozenset[str] | None

    def is_about(self, workflow: str, labels: Mapping[str, str]) -> bool:
        """Whether it is about runs of `namespace/name` with these labels."""
        version = self.version
        wanted = not version.workflows or any(_fits(one, workflow) for one in version.workflows)
        return wanted and all(labels.get(name) == value for name, value in version.match.items())

    def takes(self, kind: str) -> bool:
        """Whether it takes events of a type."""
        return any(_fits(one, kind) for one in self.version.types)


def wish(digest: str, version: SubscriptionVersion) -> Wish:
    """What a subscription version wants to hear of."""
    found: set[str] = set()
    for one in version.types:
        kind = one.removeprefix(_OF_RUNS).removesuffix(".v1")
        if kind not in _RECORDS:
            return Wish(digest, version, None)
        found.update(_RECORDS[kind])
    return Wish(digest, version, frozenset(found))


def _fits(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


class _Told(NamedTuple):
    """A run that is followed: what it is, and how many of its records were heard."""

    private: bool
    lifecycle: Lifecycle
    heard: int


class Occurrences:
    """Makes lifecycle events of rows. Lives on one thread.

    Args:
        lifecycle: gives what tells of a run, from the references of its tasks.
        tasks: these, of a workflow by its digest, or of a document that was planned.
        deliveries: whether a digest is of what sends events to subscribers.
    """

    def __init__(
        self, shard: int, sealing: Sealing, lifecycle: Callable[[Collection[str]], Lifecycle],
        tasks: Callable[[str, dict[str, JSON] | None], list[str]], deliveries: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self._shard, self._sealing = shard, sealing
        self._lifecycle, self._tasks, self._deliveries = lifecycle, tasks, deliveries
        self._wishes: tuple[Wish, ...] = ()
        self._wanted: OrderedDict[bytes, frozenset[str]] = OrderedDict()
        self._runs: OrderedDict[bytes, _Told] = OrderedDict()

    def declare(self, wishes: Iterable[Wish]) -> None:
        """This is wanted from now on, and nothing else."""
        self._wishes = tuple(wishes)
        self._wanted.clear()

    def of(self, row: Row, reader: Reader, wishes: Iterable[Wish]) -> list[tuple[Wish, Occurrence]]:
        """What a row comes to, for each of those who may want something of it. Raises StoreError.

        Args:
            wishes: some of those that were declared.
        """
        wishes = [one for one in wishes if one.records is None or row.type in one.records]
        if not wishes or not row.run:
            return []
        names = self._who_wants(row, reader)
        wishes = [one for one in wishes if one.version.name in names]
        if not wishes:
            return []
        record = decode_row(row, reader, self._sealing)
        told = self._caught_up(row, record.event.ordinal, reader)
        events = told.lifecycle.hear(record)
        if row.type not in ENDINGS:
            _keep(self._runs, row.run, told._replace(heard=record.event.ordinal), KEPT_MAX)
        labels = told.lifecycle.data_labels
        return [
            (one, Occurrence(_public(event) if told.private else event, labels))
            for one in wishes
            for event in events
            if one.takes(str(event["type"]))
        ]

    def _who_wants(self, row: Row, reader: Reader) -> frozenset[str]:
        """The names of the subscriptions that are about the run of a row."""
        names = self._wanted.get(row.run)
        if names is None:
            (first,) = deque(reader.chain(self._shard, row.seq), maxlen=1)
            names = self._about(decode_row(first, reader, self._sealing))
            _keep(self._wanted, row.run, names, WANTED_MAX)
        return names

    def _about(self, record: Record) -> frozenset[str]:
        event, body = record.event, record.body
        assert isinstance(event, e.RunStarted), "the chain of a run begins with its start"
        if event.principal in (NOTIFIER, SUBSCRIBER) or self._deliveries(event.digest):
            return frozenset()
        workflow = event.workflow.partition("@")[0]
        labels = body.labels if isinstance(body, e.RunStartedBody) else {}
        return frozenset(one.version.name for one in self._wishes if one.is_about(workflow, labels))

    def _caught_up(self, row: Row, ordinal: int, reader: Reader) -> _Told:
        """A run with all its records before this row heard."""
        known = self._runs.pop(row.run, None)
        if known is not None and known.heard == ordinal - 1:
            return known
        if known is not None and known.heard >= ordinal:
            # Another subscription is further on.
            known = None
        missing = []
        for one in reader.chain(self._shard, row.seq):
            if known is not None and decode_row(one, reader).event.ordinal <= known.heard:
                break
            missing.append(one.seq)
        for seq in reversed(missing):
            found = reader.row(self._shard, seq)
            assert found is not None, "the chain leads through records that are there"
            record = decode_row(found, reader, self._sealing)
            if known is None:
                known = self._begun(record)
            if seq < row.seq:
                known.lifecycle.hear(record)
        assert known is not None, "the chain of a run has its start"
        return known

    def _begun(self, record: Record) -> _Told:
        """A run of which nothing was heard."""
        event, body = record.event, record.body
        assert isinstance(event, e.RunStarted), "the chain of a run begins with its start"
        planned = body.document if isinstance(body, e.RunStartedBody) else None
        lifecycle = self._lifecycle(self._tasks(event.digest, planned))
        return _Told(bool(event.subject), lifecycle, 0)


def _keep(kept: OrderedDict[bytes, T], run: bytes, value: T, most: int) -> None:
    kept[run] = value
    if len(kept) > most:
        kept.popitem(last=False)


def _public(event: dict[str, Any]) -> dict[str, JSON]:
    data = {name: value for name, value in event["data"].items() if name not in _PRIVATE}
    return {**event, "data": data}
