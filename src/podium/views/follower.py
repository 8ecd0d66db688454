"""The follower: a thread that keeps the views' file up with the log."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import apsw
import structlog

from podium.facts.events import Record
from podium.facts.stored import UnknownRecord
from podium.store.interface import Reader, StoreError
from podium.views import source
from podium.views.opening import DAMAGED, drop
from podium.views.tables import Tables

PAUSE_S = 0.15
"""Between two batches: what comes meanwhile is folded together, which costs far less."""

RETRY_S = 1.0
RETRY_MAX_S = 60.0
"""After a failure, before trying again; doubled with every failure after the first."""

HURRY_RECORDS = 2_000
"""With so many records waiting the pause ends: what they hold on to is memory."""

BACKLOG_MAX = 100_000
"""With more records waiting than this, new ones are not kept but read from the log later."""

BATCH_RECORDS = 20_000
"""No more records than about this are written in one transaction."""

TURN_RECORDS = 256
"""After so many records other threads get a turn."""

log = structlog.get_logger("podium.views")

_Item = tuple[int, list[Record]]


class ViewsFollower:
    """Keeps the views of some shards up with what is committed.

    Args:
        path: the views' file; made if it is not there, dropped and made again if it cannot be trusted.
        reader_factory: makes a reader of the log, for the follower's own thread.
        shards: those to follow.
        pause_s: see `PAUSE_S`; `backlog_max`: see `BACKLOG_MAX`.
    Attributes:
        trouble: why the views do not move, in a sentence; "" while they do.
    """

    def __init__(
        self, path: Path, reader_factory: Callable[[], Reader], shards: Sequence[int] = (0, 1),
        pause_s: float = PAUSE_S, backlog_max: int = BACKLOG_MAX,
    ) -> None:  # fmt: skip
        self.trouble = ""
        self._path, self._reader_factory, self._shards = path, reader_factory, tuple(shards)
        self._pause_s, self._backlog_max = pause_s, backlog_max
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        # Each is changed by one thread alone: the hub's and the follower's.
        self._fed = 0
        self._taken = 0
        self._failures = 0
        self._closing = self._again = False
        self._stop_at = math.inf
        self._hurry = threading.Event()
        self._moved = threading.Condition()
        self._reached: dict[int, int] = {}
        self._reader: Reader | None = None
        self._tables: Tables | None = None
        self._thread = threading.Thread(target=self._work, name="podium-views", daemon=True)

    # --- from other threads --------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow: first whatever the log holds, then what is fed."""
        self._thread.start()

    def feed(self, shard: int, records: list[Record]) -> None:
        """Hand over what was committed. From one thread alone; never waits and never fails."""
        if self.backlog > self._backlog_max:
            # The last one says how far the log goes; the follower reads what it misses before it.
            records = records[-1:]
        before = self.backlog
        self._fed += len(records)
        self._queue.put((shard, records))
        if before < HURRY_RECORDS <= self.backlog:
            self._hurry.set()

    @property
    def backlog(self) -> int:
        """Records that wait in memory."""
        return self._fed - self._taken

    def caught_up(self) -> dict[int, int]:
        """Shard to seq of the last record that the views reflect."""
        return dict(self._reached)

    def wait_for(self, shard: int, seq: int, timeout_ms: int) -> bool:
        """Wait until the views reflect this position; False if they did not in time."""

        def there() -> bool:
            return not self._again and self._reached.get(shard, 0) >= seq

        with self._moved:
            if there():
                return True
            self._hurry.set()
            return self._moved.wait_for(there, timeout_ms / 1000)

    def rebuild(self) -> None:
        """Drop the views and make them again from the log, soon; `caught_up` starts over."""
        self._again = True
        self._queue.put(None)
        self._hurry.set()

    def close(self, grace_ms: int = 3_000) -> None:
        """Take in what was fed, and end. A longer catching up than `grace_ms` is left to the next start."""
        self._stop_at = time.monotonic() + grace_ms / 1000
        self._closing = True
        self._queue.put(None)
        self._hurry.set()
        if self._thread.ident is not None:
            self._thread.join()

    # --- the follower's thread -----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            try:
                if self._tables is None:
                    self._open()
                self._follow()
                self._shut()
                return
            except Exception as error:
                self._give_up(error)
                if self._closing:
                    self._close_reader()
                    return
                self._hurry.wait(min(RETRY_S * 2**self._failures, RETRY_MAX_S))
                self._hurry.clear()
                self._failures += 1

    def _follow(self) -> None:
        """Take batches until the end."""
        while not self._closing or not self._queue.empty():
            self._follow_once()
            if not self._closing:
                self._hurry.wait(self._pause_s)
                self._hurry.clear()

    def _follow_once(self) -> None:
        """Take one batch. Nothing may hold on to its records when this returns."""
        batch = self._drain()
        if self._again:
            self._start_over("it was asked for")
        if batch:
            self._take(batch)
            self._failures = 0

    def _drain(self) -> list[_Item]:
        """Everything that waits; sleeps until something does."""
        items = [self._queue.get()]
        try:
            while True:
                items.append(self._queue.get_nowait())
        except Empty:
            pass
        batch = [item for item in items if item is not None]
        self._taken += sum([len(records) for _, records in batch])
        return batch

    def _take(self, batch: list[_Item]) -> None:
        tables = self._opened()
        if not tables.present:
            self._start_over("its file is gone")
            tables = self._opened()
        at = {shard: seq for shard, (seq, _) in tables.progress.items()}
        folded = yielded = 0
        batch.reverse()
        while batch:
            # Taken off the list, so that what was folded need not be held until all is written.
            shard, records = batch.pop()
            seq = at.get(shard, 0)
            if records[-1].seq <= seq:
                continue
            if records[0].seq != seq + 1:
                folded += self._fold_missing(shard, records, seq, at)
            else:
                folded += self._fold(shard, records, at)
            if folded - yielded >= TURN_RECORDS:
                # The hub's thread waits for the interpreter; it must not wait for a whole batch.
                yielded = folded
                time.sleep(0)
            if folded >= BATCH_RECORDS:
                self._write(at)
                folded = yielded = 0
        self._write(at)

    def _fold(self, shard: int, records: list[Record], at: dict[int, int]) -> int:
        last = records[-1].seq
        assert records[0].seq == at.get(shard, 0) + 1 and last - records[0].seq == len(records) - 1, (
            f"records {records[0].seq} to {last} of shard {shard} do not follow {at.get(shard, 0)}"
        )
        self._opened().take(shard, records)
        at[shard] = last
        return len(records)

    def _fold_missing(self, shard: int, records: list[Record], seq: int, at: dict[int, int]) -> int:
        """Fold what lies between the last record folded and the end of these."""
        if records[0].seq <= seq:
            return self._fold(shard, records[seq + 1 - records[0].seq :], at)
        self._write(at)
        self._read_to(shard, records[-1].seq, at)
        return 0

    def _read_to(self, shard: int, last: int, at: dict[int, int]) -> None:
        """Fold from the log up to a seq at least; less far if it is time to stop."""
        reader = self._reader
        assert reader is not None
        while at.get(shard, 0) < last and time.monotonic() < self._stop_at:
            records = source.read(reader, shard, at.get(shard, 0))
            assert records, f"the log of shard {shard} ends before record {last}"
            self._fold(shard, records, at)
            self._write(at)

    def _write(self, at: dict[int, int]) -> None:
        """Write what was folded, and tell who waits for it."""
        tables, reader = self._opened(), self._reader
        assert reader is not None
        progress = {}
        for shard, seq in at.items():
            if seq != tables.progress.get(shard, (0, b""))[0]:
                row = reader.row(shard, seq)
                assert row is not None, f"the log of shard {shard} has no record {seq}"
                progress[shard] = seq, row.hash
        if progress:
            tables.write(progress)
            self._tell()

    def _tell(self) -> None:
        reached = {shard: seq for shard, (seq, _) in self._opened().progress.items()}
        with self._moved:
            self._reached = reached
            self._moved.notify_all()

    # --- opening and closing -------------------------------------------------------------------------

    def _opened(self) -> Tables:
        assert self._tables is not None
        return self._tables

    def _open(self) -> None:
        """Open the file, make sure it belongs to this log, and catch up with the log."""
        if self._reader is None:
            self._reader = self._reader_factory()
        self._tables = Tables(self._path)
        if self._again:
            self._start_over("it was asked for")
        elif not self._is_of_this_log():
            self._start_over("it belongs to another log")
        else:
            self._catch_up()
        if self.trouble:
            self.trouble = ""
            log.info("following again")

    def _is_of_this_log(self) -> bool:
        reader = self._reader
        assert reader is not None
        for shard, (seq, hash) in self._opened().progress.items():
            row = reader.row(shard, seq)
            if row is None or row.hash != hash:
                return False
        return True

    def _catch_up(self) -> None:
        reader = self._reader
        assert reader is not None
        at = {shard: seq for shard, (seq, _) in self._opened().progress.items()}
        self._tell()
        for shard in self._shards:
            self._read_to(shard, reader.head(shard).seq, at)

    def _start_over(self, why: str) -> None:
        log.info("building the views anew", reason=why)
        self._opened().abandon()
        self._tables = None
        drop(self._path)
        self._tables = Tables(self._path)
        # Before it is done: who waits for it must not take the old tables' reach for the new ones'.
        self._tell()
        self._again = False
        self._catch_up()

    def _give_up(self, error: Exception) -> None:
        """Let go of what is in memory; the log has it all. A file that is damaged goes, too."""
        expected = isinstance(error, (apsw.Error, StoreError, UnknownRecord, OSError))
        self.trouble = f"the views stand still: {error}"
        log.error("standing still", reason=str(error), exc_info=not expected)
        if self._tables is not None:
            try:
                self._tables.abandon()
            except apsw.Error as refused:
                log.warning("could not close the views", reason=str(refused))
            self._tables = None
        if isinstance(error, (*DAMAGED, AssertionError)):
            drop(self._path)

    def _shut(self) -> None:
        self._opened().close()
        self._tables = None
        self._close_reader()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def rebuild(path: Path, reader: Reader, shards: Sequence[int] = (0, 1)) -> dict[int, int]:
    """Drop the views and make them from the log; for when no hub is at work.

    Args:
        path: the views' file.
        reader: of the log; it stays open.
    Returns:
        shard to seq of the last record that the views reflect.
    Raises:
        apsw.Error: the file cannot be written.
        StoreError, UnknownRecord: the log cannot be read.
    """
    drop(path)
    tables = Tables(path)
    try:
        for shard in shards:
            seq = 0
            while records := source.read(reader, shard, seq):
                tables.take(shard, records)
                seq = records[-1].seq
                row = reader.row(shard, seq)
                assert row is not None
                tables.write({shard: (seq, row.hash)})
    except BaseException:
        tables.abandon()
        raise
    tables.close()
    return {shard: seq for shard, (seq, _) in tables.progress.items()}
