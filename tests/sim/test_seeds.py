"""The hub keeps its guarantees in every world of the first seeds, and those worlds leave nothing out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.sim.faults import draw
from podium.sim.shrinking import attempt
from podium.sim.tally import Tally, lived
from podium.sim.world import live
from podium.store.sqlite import SqliteStore

SEEDS = 150
TOGETHER = 10
"""Worlds in one test: enough to be worth a worker's while, few enough to spread."""

WORLDS_MAX = 80
"""Within so many worlds every event and every fault happens."""


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_no_guarantee_is_broken(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        failure = attempt(seed, draw(seed))
        assert failure is None, f"python -m podium.sim --seed {seed}: {failure.kind} {failure.error}"


def test_every_event_and_every_fault_happens() -> None:
    tally, seed = Tally(), SEEDS
    while tally.missing() and tally.worlds < WORLDS_MAX:
        tally.add(lived(live(seed)))
        seed += 1
    assert tally.missing() == []


_DIGESTS = "from podium.sim.world import live; print(*(live(seed).digest for seed in range(300, 306)))"


def test_a_seed_is_the_same_world_whatever_python_hashes_by() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("1", "2")
    ]
    told = [child.communicate()[0].splitlines()[-1].split() for child in children]
    assert len(told[0]) == 6
    assert told[0] == told[1]


@pytest.mark.parametrize("seed", range(400, 404))
def test_a_world_on_sqlite_is_the_world_in_memory(seed: int, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db", ballast_bytes=0)
    try:
        assert live(seed, store=store).digest == live(seed).digest
    finally:
        store.close()
