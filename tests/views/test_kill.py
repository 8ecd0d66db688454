"""A follower killed at any moment leaves tables that are exactly what its progress says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podium.runtime.writer import LogWriter
from podium.store.memory import MemoryStore
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from podium.views.follower import rebuild
from podium.views.queries import Views
from tests.views.hub import RUNS_SHARD, played
from tests.views.ledger import everything, log_of

FOLLOW = """
import sys
from pathlib import Path
from podium.store.sqlite_reader import SqliteReader
from podium.views import source
from podium.views.tables import Tables

source.ROWS = 7
folder = Path(sys.argv[1])
reader, tables = SqliteReader(folder / "log.db"), Tables(folder / "views.db")
for shard in (0, 1):
    seq = 0
    while records := source.read(reader, shard, seq):
        tables.take(shard, records)
        seq = records[-1].seq
        tables.write({shard: (seq, reader.row(shard, seq).hash)})
        print(shard, seq, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("lines", [1, 2, 9, 30, 70])
def test_a_killed_follower_leaves_tables_that_agree_with_its_progress(tmp_path: Path, lines: int) -> None:
    scene = played(3)
    keep(scene, tmp_path / "log.db")
    command = [sys.executable, "-c", FOLLOW, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as child:
        assert child.stdout is not None
        for _ in range(lines):
            said = child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    shard, seq = map(int, said.split())
    # Read before anything opens the file to write: what it holds is what the dead process left.
    left = everything(tmp_path / "views.db")
    views = Views(tmp_path / "views.db")
    progress = views.progress()
    views.close()
    assert progress[shard] >= seq
    reader = SqliteReader(tmp_path / "log.db")
    prefix = MemoryStore()
    for number, last in progress.items():
        copy(reader, prefix, number, last)
    rebuild(tmp_path / "prefix.db", prefix)
    assert left == everything(tmp_path / "prefix.db")


def keep(scene: MemoryStore, path: Path) -> None:
    """Write the log of a scene to a real store."""
    store = SqliteStore(path, ballast_bytes=0)
    for shard in (0, RUNS_SHARD):
        writer = LogWriter(store, shard)
        writer.claim()
        writer.append(log_of(scene, shard))
    store.close()


def copy(reader: SqliteReader, store: MemoryStore, shard: int, last: int) -> None:
    store.claim(shard)
    store.append(shard, reader.read(shard, 0, last), store.head(shard))
