"""Following: a thread that hears of commits, and makes spans and metrics of them.

It is never on the way of a commit: what is fed is only put into a queue. Where it cannot keep up, it lets go
of what waits and counts that; a collector that does not answer costs spans, and nothing else.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog

from podium.facts.events import Record
from podium.store.interface import Reader, StoreError
from podium.telemetry.metrics import Metrics
from podium.telemetry.registry import Family
from podium.telemetry.span import Span
from podium.telemetry.spans import Spans

BACKLOG_MAX = 200_000
"""So many records wait to be counted; more are counted as dropped."""

SPANS_MAX = 50_000
"""So many spans wait for the collector; the oldest make room."""

BATCH = 500
"""So many spans are exported with one request."""

PAUSE_S = 0.2
"""Between two looks at what was fed, so that it is taken by the batch."""

METRICS_S = 15.0
"""How often metrics are exported."""

RETRY_S, RETRY_MAX_S = 1.0, 30.0

log = structlog.get_logger("podium.telemetry")


class Exporter(Protocol):
    """Sends what was measured to a collector. Both give why it refuses that for good, "" if it takes it, and
    raise OSError where it does not take it now.
    """

    def spans(self, spans: list[Span]) -> str: ...
    def metrics(self, families: list[Family]) -> str: ...
    def close(self) -> None: ...


Decode = Callable[[Reader, int, int], Iterator[Record]]
"""Reader, shard and seq to the records of that record's run up to it, newest first."""


class Telemetry:
    """Follows what is committed.

    Args:
        open_reader: makes a reader of the log, for the thread; decode: reads a run's records with it.
        exporter: where spans and metrics go; None keeps metrics for whoever asks, and makes no spans.
        refresh: brings the gauges up to date, before metrics are exported.
    Attributes:
        metrics: what is counted.
        trouble: why nothing is exported, in a sentence; "" while all is well.
    """

    def __init__(
        self, open_reader: Callable[[], Reader], decode: Decode, exporter: Exporter | None = None,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.metrics = Metrics(self._history)
        self.trouble = ""
        self.refresh = refresh
        self._open_reader, self._decode, self._exporter = open_reader, decode, exporter
        self._spans = Spans(self._history) if exporter is not None else None
        self._fed: SimpleQueue[tuple[int, list[Record]] | None] = SimpleQueue()
        self._waiting = 0
        self._taken = 0
        self._ready: deque[Span] = deque()
        self._reader: Reader | None = None
        self._closing = False
        self._ended = threading.Event()
        self._retry_at = 0.0
        self._failures = 0
        self._metrics_at = time.monotonic() + METRICS_S
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="podium-telemetry", daemon=True)

    # --- from other threads --------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def feed(self, shard: int, records: list[Record]) -> None:
        """Hand over what was committed. From one thread alone; never waits and never fails."""
        if self.lag > BACKLOG_MAX:
            self.metrics.registry.count("podium_telemetry_dropped_total", "records", by=float(len(records)))
            return
        self._waiting += len(records)
        self._fed.put((shard, records))

    @property
    def lag(self) -> int:
        """Records that are not counted yet."""
        return self._waiting - self._taken

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything that was fed is counted; whether it is."""
        with self._moved:
            return self._moved.wait_for(lambda: self.lag <= 0, timeout_s)

    def close(self, grace_s: float = 3.0) -> None:
        """Take in and export what there is, and end."""
        self._closing = True
        self._ended.set()
        self._fed.put(None)
        if self._thread.ident is not None:
            self._thread.join(grace_s + 2.0)
        if self._exporter is not None:
            self._exporter.close()

    # --- the thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            self._turn()
            self._ended.wait(PAUSE_S)
        self._turn(last=True)
        if self._reader is not None:
            self._reader.close()

    def _turn(self, *, last: bool = False) -> None:
        try:
            self._take(wait=not last)
        except Exception as error:
            # What cannot be measured must never keep the rest from being.
            log.error("a batch was not measured", reason=str(error), exc_info=error)
        self._export(last=last)

    def _take(self, *, wait: bool) -> None:
        pause = 1.0 if self._exporter is None or not self._ready else PAUSE_S
        try:
            item = self._fed.get(timeout=pause) if wait else self._fed.get_nowait()
            while True:
                if item is not None:
                    self._measure(*item)
                item = self._fed.get_nowait()
        except Empty:
            return

    def _measure(self, shard: int, records: list[Record]) -> None:
        try:
            self.metrics.take(shard, records)
            if self._spans is not None:
                self._ready.extend(self._spans.take(shard, records))
        finally:
            with self._moved:
                self._taken += len(records)
                self._moved.notify_all()
        over = len(self._ready) - SPANS_MAX
        if over > 0:
            for _ in range(over):
                self._ready.popleft()
            self._drop("spans", over, "the collector does not keep up")

    def _drop(self, signal: str, number: int, reason: str) -> None:
        self.metrics.registry.count("podium_telemetry_dropped_total", signal, by=float(number))
        log.warning("measurements are gone", signal=signal, number=number, reason=reason)

    def _history(self, shard: int, record: Record) -> Iterator[Record]:
        """The records of a run up to one, oldest first; none where the log cannot be read."""
        if not record.event.previous:
            return iter(())
        try:
            if self._reader is None:
                self._reader = self._open_reader()
            return reversed(list(self._decode(self._reader, shard, record.seq)))
        except StoreError as error:
            log.warning("the past of a run is not known", run_id=record.run_id, reason=str(error))
            return iter(())

    def _export(self, *, last: bool) -> None:
        exporter, now = self._exporter, time.monotonic()
        if exporter is None or (now < self._retry_at and not last):
            return
        try:
            while self._ready:
                batch = [self._ready[number] for number in range(min(BATCH, len(self._ready)))]
                refused = exporter.spans(batch)
                for _ in batch:
                    self._ready.popleft()
                if refused:
                    self._drop("spans", len(batch), refused)
            if now >= self._metrics_at or last:
                self._metrics_at = now + METRICS_S
                self.refresh()
                if refused := exporter.metrics(self.metrics.registry.families()):
                    self._drop("metrics", 1, refused)
            if self.trouble:
                log.info("exporting again")
            self.trouble, self._failures = "", 0
        except OSError as error:
            self._failures += 1
            self._retry_at = now + min(RETRY_S * 2 ** (self._failures - 1), RETRY_MAX_S)
            if not self.trouble:
                log.warning("nothing is exported", reason=str(error))
            self.trouble = str(error)
