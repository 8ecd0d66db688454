"""The floor: what SQLite alone commits, with rows of the same sizes in batches of the same size."""

from __future__ import annotations

import time
from os import urandom

import apsw

from bench import world

COLUMNS = "(position INTEGER PRIMARY KEY, epoch, run, type, version, at, envelope, body, hash)"


def commits(batch: int, seconds: float, envelope_bytes: int = 200, body_bytes: int = 172) -> dict[str, float]:
    """Rows a second and the median commit, over a plain table with synchronous=FULL."""
    folder = world.fresh_folder("raw")
    connection = apsw.Connection(str(folder / "raw.db"))
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute(f"CREATE TABLE log {COLUMNS}")
    envelope, body, hash = urandom(envelope_bytes), urandom(body_bytes), urandom(32)
    taken: list[float] = []
    position, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        rows = [
            (position + at, 1, hash[:16], "EffectSettled", 1, 0, envelope, body, hash) for at in range(batch)
        ]
        position += batch
        started = time.perf_counter()
        with connection:
            connection.executemany("INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?)", rows)
        taken.append(time.perf_counter() - started)
    elapsed = time.perf_counter() - begun
    connection.close()
    taken.sort()
    return {"rows_per_s": position / elapsed, "commit_p50_ms": taken[len(taken) // 2] * 1e3}
