"""Workers are killed, stopped and cut off, and the hub under them: nothing is lost, nothing done twice."""

from __future__ import annotations

from pathlib import Path

from tests.crash.fleet import Chaos

SEED = 11


def test_nothing_is_lost_and_nothing_done_twice_whatever_befalls_the_fleet(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, workers=5, runs=60, seed=SEED)
    try:
        found = chaos.run(strikes=9)
    finally:
        chaos.close()
    assert all(found.struck[what] for what in ("kill", "stop", "cut", "hub"))
    assert found.again > 0, "no attempt was lost: it struck at the wrong moments"
    assert found.late > 0, "nobody came back with what was too late"
