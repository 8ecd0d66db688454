"""A writer killed at any moment, again and again: what it was promised is there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from podium.audit.chain import verify
from podium.store.interface import GENESIS
from podium.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10

WRITER = """
import os, sys
from pathlib import Path
from random import Random
from podium.store.interface import ColdRun
from podium.store.sqlite import SqliteStore
from tests.store.kit import head_after, rows_after, run_of

path, ledger, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
random = Random(seed)
book = os.open(ledger, os.O_WRONLY | os.O_APPEND)
store = SqliteStore(path, checkpoint_pages=8, ballast_bytes=0)
head = store.claim(0)
while True:
    rows = rows_after(head, random.randint(1, 40), body_bytes=random.choice((0, 300, 5000)), mark=str(seed))
    end = head_after(head, rows)
    store.append(0, rows, head, cold=[ColdRun(run_of(1), end.seq, "waiting", rows[-1].hash)])
    head = end
    os.write(book, f"{head.epoch} {head.seq} {head.hash.hex()}\\n".encode())
    os.fsync(book)
    print(head.seq, flush=True)
"""


def test_no_acknowledged_record_is_lost_over_many_kills(tmp_path: Path) -> None:
    path, ledger = tmp_path / "log.db", tmp_path / "ledger"
    ledger.touch()
    random = Random(7)
    for seed in range(KILLS):
        write_until_killed(path, ledger, seed, acknowledgements=random.randint(1, 30))
        check(path, ledger, epoch=seed + 1)


def write_until_killed(path: Path, ledger: Path, seed: int, acknowledgements: int) -> None:
    command = [sys.executable, "-c", WRITER, str(path), str(ledger), str(seed)]
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(acknowledgements):
            assert process.stdout.readline(), "the writer ended by itself"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def check(path: Path, ledger: Path, epoch: int) -> None:
    entries = [line.split() for line in ledger.read_text().splitlines()]
    with SqliteStore(path, ballast_bytes=0) as store:
        rows = list(store.iterate(0))
        head = store.head(0)
        assert verify(GENESIS, 0, rows) == (head.seq, head.hash)
        assert head.epoch == epoch
        for entry_epoch, seq, digest in entries:
            row = rows[int(seq) - 1]
            assert (row.epoch, row.hash.hex()) == (int(entry_epoch), digest)
        [cold] = store.cold(0, [bytes(15) + b"\1"])
        assert (cold.seq, cold.state) == (head.seq, head.hash), "both sides of a transaction, or none"
