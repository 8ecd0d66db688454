"""Subscriptions: a run is started for each lifecycle event that somebody subscribed to; it sends the event.

The log is read from where each subscription has come to, never faster than its sink takes: as long as too
many of its deliveries are not over, the rest stays in the log. Where it has come to is kept in a file that
need not be right: a run's id is made of subscription and event, so what is told again begins nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog

from podium.facts.catalog import DELIVERIES
from podium.facts.events import Record
from podium.facts.identity import run_id_of, run_text
from podium.facts.inputs import SubmitRun
from podium.facts.notices import SUBSCRIBER
from podium.facts.values import JSON, Refused, Reply
from podium.kernel.catalog import Catalog
from podium.kernel.starting import DATA
from podium.runtime.inquiry import Declined, Inquiry
from podium.runtime.occurrences import ENDINGS, Occurrence, Occurrences, Wish, wish
from podium.store.interface import Reader, Row, StoreError

FILE = "subscriptions.json"
"""The file in the state folder that says how far each subscription is."""

UNFINISHED_MAX = 100
"""So many deliveries of a subscription may be under way, or be dead letters; then it waits."""

FOUND_MAX = 1_000
"""So many deliveries that are not over are looked for when a hub starts."""

PAGE = 500
"""So many records are read at a time."""

LOOK_S = 30.0
SOON_S = 0.05
"""So long after something happened it looks, and at what else happened meanwhile."""

AGAIN_S = 2.0
"""So long after the hub took no more it is asked again."""

KEEP_S = 5.0
"""No more often is the file written."""

log = structlog.get_logger("podium.subscriber")


@dataclass
class _Subscribed:
    """A subscription that is declared.

    Attributes:
        since: when it was declared first, ms since 1970.
        position: the last record that was looked at for it.
        live: its deliveries that are not over.
        trouble: why it does not go on; "" if it does.
    """

    wish: Wish
    since: int
    position: int
    live: set[str] = field(default_factory=set)
    trouble: str = ""

    @property
    def name(self) -> str:
        return self.wish.version.name

    @property
    def full(self) -> bool:
        return len(self.live) >= UNFINISHED_MAX


class _Kept(msgspec.Struct):
    """How far a subscription was that was declared first at `since`."""

    since: int
    position: int


class Subscriber:
    """Starts those runs.

    Args:
        tell: tells the hub something.
        occurrences: makes events of records.
        revision: that of the catalog.
        open_reader: opens the log.
        file: where it is kept how far each subscription is.
    """

    def __init__(
        self, tell: Callable[[SubmitRun], Future[Reply]], inquiry: Inquiry, occurrences: Occurrences,
        revision: Callable[[], int], open_reader: Callable[[], Reader], file: Path, shard: int,
    ) -> None:  # fmt: skip
        self._tell, self._inquiry, self._occurrences = tell, inquiry, occurrences
        self._latest, self._open_reader, self._file, self._shard = revision, open_reader, file, shard
        self._subscribed: dict[str, _Subscribed] = {}
        self._deliveries: dict[str, str] = {}
        self._over: deque[str] = deque()
        self._revision = -1
        self._written: tuple[float, dict[str, _Kept]] = (0.0, {})
        self._stirred = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="podium-subscriber", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def feed(self, shard: int, records: Iterable[Record]) -> None:
        """Hear of a commit; never waits and never fails."""
        if not self._subscribed and self._latest() == self._revision:
            return
        if self._deliveries:
            for record in records:
                if record.run_id in self._deliveries and type(record.event).__name__ in ENDINGS:
                    self._over.append(record.run_id)
        self._stirred.set()

    def close(self) -> None:
        self._closing = True
        self._stirred.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def standings(self) -> dict[str, dict[str, JSON]]:
        """How each subscription stands, by its name."""
        return {
            one.name: {
                "status": "waiting" if one.full or one.trouble else "active", "position": one.position,
                "unfinished": len(one.live), "trouble": one.trouble or (_FULL if one.full else ""),
            }
            for one in list(self._subscribed.values())
        }  # fmt: skip

    # --- the thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            try:
                self.look()
                self._keep()
            except (Declined, StoreError, OSError) as error:
                log.warning("no events were sent", reason=str(error))
            except Exception:
                log.exception("no events were sent")
            stuck = any(one.trouble for one in self._subscribed.values())
            if self._stirred.wait(AGAIN_S if stuck else LOOK_S) and not self._closing:
                time.sleep(SOON_S)
            self._stirred.clear()
        try:
            self._keep(at_once=True)
        except OSError as error:
            log.warning("where subscriptions are was not kept", reason=str(error))

    def look(self) -> int:
        """Begin to send what is to be sent now; gives how many deliveries that began."""
        while self._over:
            self._end(self._over.popleft())
        if not self._subscribed and self._latest() == self._revision:
            return 0
        reader = self._open_reader()
        try:
            self._declare(reader)
            for one in self._subscribed.values():
                one.trouble = ""
            return sum(self._pages(reader))
        finally:
            reader.close()

    def _pages(self, reader: Reader) -> Iterator[int]:
        while not self._closing:
            ready = [one for one in self._subscribed.values() if not one.full and not one.trouble]
            if not ready:
                return
            after = min(one.position for one in ready)
            rows = reader.read(self._shard, after, PAGE)
            if not rows:
                return
            yield self._page(rows, reader, ready)
            while self._over:
                self._end(self._over.popleft())

    def _page(self, rows: list[Row], reader: Reader, ready: list[_Subscribed]) -> int:
        """Begin to send what a page of the log comes to."""
        told: list[tuple[_Subscribed, int, SubmitRun, Future[Reply]]] = []
        for row in rows:
            ready = [one for one in ready if not one.full]
            behind = {one.name: one for one in ready if one.position < row.seq}
            if not behind:
                if not ready:
                    break
                continue
            for of, found in self._of(row, reader, [one.wish for one in behind.values()]):
                one = behind[of.version.name]
                delivery = _delivery(of, found)
                one.live.add(delivery.run_id)
                self._deliveries[delivery.run_id] = one.name
                told.append((one, row.seq, delivery, self._tell(delivery)))
            for one in behind.values():
                one.position = row.seq
        return sum(self._answered(*each) for each in told)

    def _of(self, row: Row, reader: Reader, wishes: list[Wish]) -> list[tuple[Wish, Occurrence]]:
        try:
            return self._occurrences.of(row, reader, wishes)
        except StoreError:
            raise
        except Exception:
            # One run that cannot be told of must not keep all others from being told of.
            log.exception("a record came to no events", run_id=run_text(row.run), seq=row.seq)
            return []

    def _answered(
        self, one: _Subscribed, seq: int, delivery: SubmitRun, reply: Future[Reply], again: bool = False
    ) -> bool:
        """Whether a delivery has begun, and not before."""
        answer = reply.result()
        if not isinstance(answer, Refused):
            if not answer.created:
                self._known(delivery.run_id)
            return answer.created
        if answer.code == "conflict":
            self._known(delivery.run_id)
            return False
        if answer.code == "usage" and not again:
            # As long as what a run gave, with the envelope around it, is too much to be sent.
            smaller = msgspec.structs.replace(delivery, input=_without_output(delivery.input))
            return self._answered(one, seq, smaller, self._tell(smaller), again=True)
        self._end(delivery.run_id)
        reason = answer.problems[0].message
        log.warning("an event was not sent", subscription=one.name, id=delivery.key, reason=reason)
        if answer.code != "usage":
            one.position, one.trouble = min(one.position, seq - 1), reason
        return False

    def _known(self, run_id: str) -> None:
        """A delivery began before: it may be over, or not."""
        if self._inquiry.of_run(run_id, lambda run: run.ended):
            self._end(run_id)

    def _end(self, run_id: str) -> None:
        one = self._subscribed.get(self._deliveries.pop(run_id, ""))
        if one is not None:
            one.live.discard(run_id)

    # --- what is declared ----------------------------------------------------------------------------

    def _declare(self, reader: Reader) -> None:
        """Go by what is declared now."""
        revision = self._latest()
        if revision == self._revision:
            return
        declared = self._inquiry.sight.look(lambda _, catalog: _declared(catalog))
        for name in self._subscribed.keys() - declared.keys():
            del self._subscribed[name]
        kept = self._read()
        for name, (wanted, since) in declared.items():
            present = self._subscribed.get(name)
            if present is not None and present.since == since:
                present.wish = wanted
                continue
            before = kept.get(name)
            known = before is not None and before.since == since
            position = before.position if before is not None and known else self._first(reader, since)
            one = _Subscribed(wanted, since, min(position, reader.head(self._shard).seq))
            self._subscribed[name] = one
            self._find_unfinished(one)
        self._occurrences.declare(one.wish for one in self._subscribed.values())
        self._revision = revision

    def _find_unfinished(self, one: _Subscribed) -> None:
        workflow = f"{DELIVERIES}/{one.name}"
        for shown in self._inquiry.get("runs", status="unfinished", workflow=workflow, limit=FOUND_MAX):
            run_id = shown["id"]
            one.live.add(run_id)
            self._deliveries[run_id] = one.name
            # What ended before this was not heard of.
            self._known(run_id)

    def _first(self, reader: Reader, since: int) -> int:
        """The last record before a time."""
        low, high = 0, reader.head(self._shard).seq
        while low < high:
            middle = (low + high + 1) // 2
            row = reader.row(self._shard, middle)
            assert row is not None, "the log has no gaps"
            low, high = (middle, high) if row.at < since else (low, middle - 1)
        return low

    # --- the file ------------------------------------------------------------------------------------

    def _read(self) -> dict[str, _Kept]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, _Kept])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("it is looked again from where each subscription began", reason=str(error))
            return {}

    def _keep(self, at_once: bool = False) -> None:
        """Keep how far each subscription is. What was told is durable, so a file behind is harmless."""
        at, written = self._written
        now = {one.name: _Kept(one.since, one.position) for one in self._subscribed.values()}
        if now == written or (not at_once and time.monotonic() - at < KEEP_S):
            return
        beside = self._file.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(now))
        os.replace(beside, self._file)
        self._written = time.monotonic(), now


_FULL = f"{UNFINISHED_MAX} deliveries are not over; what comes after them waits in the log"


def _declared(catalog: Catalog) -> dict[str, tuple[Wish, int]]:
    """What each subscription wants, and since when, by its name."""
    found = catalog.listed("Subscription")
    return {one.name: (wish(digest, one), _since(catalog, one.name)) for digest, one in found}


def _since(catalog: Catalog, name: str) -> int:
    """When a subscription was declared first, or first again after it was deleted."""
    since = 0
    for revision in catalog.history["Subscription", name]:
        if revision.action == "deleted":
            since = 0
        elif not since:
            since = revision.at
    return since


def _delivery(of: Wish, found: Occurrence) -> SubmitRun:
    name = str(found.event["id"])
    return SubmitRun(
        run_id=run_id_of(f"subscription {of.version.name}", name), workflow=of.digest, input=found.event,
        key=name, principal=SUBSCRIBER, labels={DATA: ",".join(found.labels)} if found.labels else {},
    )  # fmt: skip


def _without_output(event: Any) -> JSON:
    data = {name: value for name, value in event["data"].items() if name not in ("output", "error")}
    return {**event, "data": data}
