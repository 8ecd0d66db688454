"""Occurrences: the lifecycle events that records of the log come to, for whoever wants some of them.

Of each run that anybody wants to hear of, the records are folded in their order; for one that matters, those
before it are read from the log unless they were heard just now. So what is kept in memory is bounded, and
what is told of a run is the same whenever it is asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from podium.facts import events as e
from podium.facts.catalog import SubscriptionVersion
from podium.facts.events import Record
from podium.facts.notices import NOTIFIER, SUBSCRIBER
from podium.facts.values import JSON
from podium.runtime.sealing import Sealing
from podium.runtime.writer import decode_row
from podium.store.interface import Reader, Row

KEPT_MAX = 1_000
"""So many runs are kept folded."""

UNWANTED_MAX = 20_000
"""Of so many runs it is remembered that nobody wants to hear of them."""

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

    workflow: str
    labels: Mapping[str, str]
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
        self._runs: OrderedDict[bytes, _Told] = OrderedDict()
        self._unwanted: OrderedDict[bytes, None] = OrderedDict()

    def forget(self) -> None:
        """Other things are wanted from now on."""
        self._unwanted.clear()

    def of(self, row: Row, reader: Reader, wishes: Iterable[Wish]) -> list[tuple[Wish, Occurrence]]:
        """What a row comes to, for each of those who may want something of it. Raises StoreError."""
        wishes = [one for one in wishes if one.records is None or row.type in one.records]
        if not wishes or not row.run or row.run in self._unwanted:
            return []
        record = decode_row(row, reader, self._sealing)
        known = self._runs.pop(row.run, None)
        if known is None or known.heard != record.event.ordinal - 1:
            known = self._caught_up(row, reader, wishes, known)
            if known is None:
                self._unwanted[row.run] = None
                if len(self._unwanted) > UNWANTED_MAX:
                    self._unwanted.popitem(last=False)
                return []
        told = known.lifecycle.hear(record)
        if row.type not in ENDINGS:
            self._runs[row.run] = known._replace(heard=record.event.ordinal)
            if len(self._runs) > KEPT_MAX:
                self._runs.popitem(last=False)
        labels = known.lifecycle.data_labels
        return [
            (one, Occurrence(_public(event) if known.private else event, labels))
            for one in wishes
            if one.is_about(known.workflow, known.labels)
            for event in told
            if one.takes(str(event["type"]))
        ]

    def _caught_up(
        self, row: Row, reader: Reader, wishes: Iterable[Wish], known: _Told | None
    ) -> _Told | None:
        """A run with all its records before this row heard; None if nobody wants to hear of it."""
        missing = []
        for one in reader.chain(self._shard, row.seq):
            if known is not None and _ordinal(one, reader) <= known.heard:
                break
            missing.append(one.seq)
        for seq in reversed(missing):
            found = reader.row(self._shard, seq)
            assert found is not None, "the chain leads through records that are there"
            record = decode_row(found, reader, self._sealing)
            if known is None:
                known = self._begun(record)
                if known is None or not any(one.is_about(known.workflow, known.labels) for one in wishes):
                    return None
            if seq < row.seq:
                known.lifecycle.hear(record)
        return known

    def _begun(self, record: Record) -> _Told | None:
        """A run of which nothing was heard; None for one that tells people, or subscribers."""
        event, body = record.event, record.body
        assert isinstance(event, e.RunStarted), "the chain of a run begins with its start"
        if event.principal in (NOTIFIER, SUBSCRIBER) or self._deliveries(event.digest):
            return None
        planned = body.document if isinstance(body, e.RunStartedBody) else None
        labels = body.labels if isinstance(body, e.RunStartedBody) else {}
        lifecycle = self._lifecycle(self._tasks(event.digest, planned))
        return _Told(event.workflow.partition("@")[0], labels, bool(event.subject), lifecycle, 0)


def _ordinal(row: Row, reader: Reader) -> int:
    return decode_row(row, reader).event.ordinal


def _public(event: dict[str, Any]) -> dict[str, JSON]:
    data = {name: value for name, value in event["data"].items() if name not in _PRIVATE}
    return {**event, "data": data}
