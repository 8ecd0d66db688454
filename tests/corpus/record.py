"""`python -m tests.corpus.record`: adds what the corpus lacks of what this release stores; changes nothing.

Worlds of the simulator are stopped in the middle, so that runs stand in every state there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import structlog

from podium import __version__
from podium.audit.tiles import Tile
from podium.facts.events import EVENTS
from podium.sim.faults import Conditions, draw
from podium.sim.world import World
from podium.store.interface import ColdRun, Head, Row
from podium.store.memory import MemoryStore
from podium.store.migrations import steps
from tests.corpus import worlds

RUNS = 4
SEEDS = 2_000
RECORDS_MAX = 260
"""What is rare may need one more for each world that was tried."""

TROUBLED_MS = 40_000

Kind = tuple[str, int]
"""Type and version of an event."""

ELSEWHERE = frozenset({("SubjectErased", 1), ("ActNoted", 1), ("AttemptBegun", 1)})
"""No world of the corpus has keys, people at a server, or workers elsewhere; `tests/facts/test_stored.py` has
their form."""


class KeepingStore(MemoryStore):
    """Keeps every form in which a run left memory."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[ColdRun] = []

    def append(
        self, shard: int, rows: Sequence[Row], previous: Head, *, blobs: Iterable[tuple[bytes, bytes]] = (),
        cold: Iterable[ColdRun] = (), thawed: Iterable[bytes] = (), tiles: Iterable[Tile] = (),
    ) -> None:  # fmt: skip
        cold = list(cold)
        super().append(shard, rows, previous, blobs=blobs, cold=cold, thawed=thawed, tiles=tiles)
        self.left += cold


def conditions_of(seed: int) -> tuple[Conditions, int]:
    """A small world, and when it is stopped in ms."""
    random = Random(f"corpus {seed}")
    runs = tuple(random.sample(range(100), RUNS))
    conditions = Conditions(
        draw(seed).faults, runs, within_ms=5_000, snapshot_records=random.choice((20, 60)), passivate_ms=0,
        meddling=0.1, schedules=draw(seed).schedules, troubled_ms=TROUBLED_MS,
    )  # fmt: skip
    return conditions, random.randrange(8_000, 120_000)


def lived(seed: int) -> tuple[World, KeepingStore]:
    """A world in the middle of its life, with its store."""
    conditions, until = conditions_of(seed)
    store = KeepingStore()
    world = World(seed, conditions, store)
    world.hubs.start()
    world.people.begin()
    world.hubs.trouble()
    world.stage.play(lambda: world.stage.now > until)
    return world, store


def kinds(rows: Iterable[Row]) -> set[Kind]:
    return {(row.type, row.version) for row in rows}


def missing() -> set[Kind]:
    """What this release stores and no world of the corpus has."""
    present = {(name, kind.VERSION) for name, kind in EVENTS.items()} - ELSEWHERE
    for path in worlds.FOLDER.glob("*.jsonl"):
        present -= {kind for rows in worlds.read(path).rows.values() for kind in kinds(rows)}
    return present


def steps_taken() -> int:
    """The newest format of the databases that the corpus has."""
    texts = [path.read_text() for path in worlds.FOLDER.glob("*.sql")]
    return max(int(text.partition("PRAGMA user_version = ")[2].partition(";")[0]) for text in texts)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    worlds.FOLDER.mkdir(exist_ok=True)
    lacks = missing()
    best = 4
    for seed in range(SEEDS):
        if not lacks:
            break
        _, store = lived(seed)
        rows = [*store.read(0, 0, 100_000), *store.read(1, 0, 100_000)]
        found = lacks & kinds(rows)
        best = max(best - (seed % 200 == 199), 1)
        if len(found) < min(best, len(lacks)) or len(rows) > RECORDS_MAX + seed:
            continue
        path = worlds.FOLDER / f"{len(list(worlds.FOLDER.glob('*.jsonl'))) + 1:04}.jsonl"
        added = sorted(name for name, _ in found)
        about = {"release": __version__, "seed": seed, "adds": added}
        worlds.write(path, about, store, store.left)
        dump = path.with_suffix(".sql")
        if not any(worlds.FOLDER.glob("*.sql")) or steps_taken() < len(steps()):
            worlds.write_database(dump, worlds.read(path))
        lacks -= found
        print(f"{path.stem}: {len(rows)} records, adds {', '.join(added)}")
    print("the corpus has everything" if not lacks else f"never seen: {sorted(lacks)}")


if __name__ == "__main__":
    main()
