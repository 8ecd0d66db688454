"""A power failure at any moment: what an append acknowledged is there, and no batch is there in part."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from podium.audit.chain import Break, verify
from podium.store.interface import GENESIS, ColdRun, Head, StoreError, Wait
from podium.store.sqlite import SqliteStore
from tests.store.disks import Disk, RecordingDisk
from tests.store.kit import blob_of, head_after, rows_after, run_of

IMAGES = 100
CACHED = Disk(really_syncs=False)


class Promise(NamedTuple):
    """What holds once so many steps of the disk were taken."""

    steps: int
    epoch: int
    batch: int


class Work:
    """A writer's day on a recording disk, with the ledger of what it was promised."""

    def __init__(self, folder: Path, disk: RecordingDisk, random: Random) -> None:
        self.path = folder / "log.db"
        self.disk = disk
        self.random = random
        self.promises: list[Promise] = []
        self.ends = [0]
        """The seq that each batch ends at."""
        self.store = self._open()
        self.head = Head(0, 0, GENESIS)
        self._claim()

    def _open(self) -> SqliteStore:
        return SqliteStore(self.path, vfs=self.disk.name, checkpoint_pages=6, ballast_bytes=0)

    def _promise(self) -> None:
        self.promises.append(Promise(len(self.disk.steps), self.head.epoch, len(self.ends) - 1))

    def _claim(self) -> None:
        self.head = self.store.claim(0)
        self._promise()

    def append(self) -> None:
        """A batch that carries its own number in everything it writes."""
        number = len(self.ends)
        rows = rows_after(self.head, self.random.randint(1, 6), body_bytes=self.random.choice((0, 300, 9000)))
        wait = (Wait("timer", b"", number),)
        cold = [ColdRun(run_of(number % 3), rows[-1].seq, "waiting", b"%d" % number, wait)]
        self.store.append(0, rows, self.head, blobs=[blob_of(b"blob %d" % number)], cold=cold)
        self.head = head_after(self.head, rows)
        self.ends.append(self.head.seq)
        self._promise()

    def other(self) -> None:
        match self.random.randrange(3):
            case 0:
                self.store.checkpoint()
            case 1:
                self.store.close()
                self.store = self._open()
            case _:
                self._claim()

    def run(self, appends: int) -> None:
        for _ in range(appends):
            self.append()
            if self.random.random() < 0.15:
                self.other()
        self.store.close()

    def promised(self, steps: int) -> Promise:
        return max((p for p in self.promises if p.steps <= steps), default=Promise(0, 0, 0))


def broken(work: Work, steps: int, folder: Path) -> str:
    """Which promise the files in this folder break, if any."""
    promised = work.promised(steps)
    store = SqliteStore(folder / "log.db", vfs=CACHED.name, ballast_bytes=0)
    try:
        rows = store.read(0, 0, 100_000)
        verify(GENESIS, 0, rows)
        if len(rows) not in work.ends:
            return f"part of a batch: {len(rows)} records"
        batch = work.ends.index(len(rows))
        if batch < promised.batch:
            return f"lost batches {batch + 1} to {promised.batch}"
        if store.head(0).epoch < promised.epoch:
            return "an epoch is given twice"
        expected = sorted({run_of(n % 3): n for n in range(1, batch + 1)}.items())
        if [(run.run, int(run.state)) for run in store.cold_runs(0)] != expected:
            return "cold runs of another batch"
        if store.due(0, 10**6) != sorted((n, run) for run, n in expected):
            return "waits of another batch"
        for number in range(1, batch + 1):
            store.blob(blob_of(b"blob %d" % number)[0])
        store.claim(0)
        head = store.head(0)
        store.append(0, rows_after(head, 1), head)
    finally:
        store.close()
    return ""


def crash_images(work: Work, folder: Path, check: Callable[[int, Path], None], images: int) -> None:
    for _ in range(images):
        steps = work.random.randint(0, len(work.disk.steps))
        place = folder / "image"
        place.mkdir()
        for path, content in work.disk.image(steps, work.random).items():
            (place / path.name).write_bytes(content)
        check(steps, place)
        shutil.rmtree(place)


@pytest.mark.parametrize("seed", range(4))
def test_a_power_failure_loses_nothing_acknowledged_and_tears_nothing(tmp_path: Path, seed: int) -> None:
    work = Work(tmp_path, RecordingDisk(), Random(seed))
    work.run(30)

    def check(steps: int, place: Path) -> None:
        assert broken(work, steps, place) == "", f"after step {steps} of seed {seed}"

    crash_images(work, tmp_path, check, IMAGES)


def test_a_drive_that_lies_about_syncs_is_found_out(tmp_path: Path) -> None:
    """The same check on a disk that keeps no promise: it must not pass, or it checks nothing."""
    work = Work(tmp_path, RecordingDisk(honest=False), Random(1))
    work.run(10)
    found: set[str] = set()

    def check(steps: int, place: Path) -> None:
        try:
            found.add(broken(work, steps, place))
        except (StoreError, Break) as error:
            found.add(str(error))

    crash_images(work, tmp_path, check, 60)
    assert any(reason.startswith("lost batches") for reason in found), found
