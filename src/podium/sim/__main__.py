"""The simulator's front door: `python -m podium.sim --seeds 200`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import structlog

from podium.sim import transcripts
from podium.sim.faults import Conditions, draw
from podium.sim.shrinking import Failure, attempt, shrink
from podium.sim.tally import Lived, Tally, lived
from podium.sim.world import live

_CRITICAL = 50


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m podium.sim",
        description="Live through worlds in which everything fails, and hold the hubs to their guarantees.",
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (200)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="this world only, with its transcript")
    parser.add_argument("--runs", type=int, help="how many runs are submitted in each world (12)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a processor)")
    parser.add_argument(
        "--transcript", type=Path, default=Path("violation.txt"), help="where a violation is written to"
    )
    return parser.parse_args()


def _conditions(seed: int, runs: int | None) -> Conditions:
    drawn = draw(seed)
    return drawn if runs is None else msgspec.structs.replace(drawn, runs=tuple(range(runs)))


def _live(asked: tuple[int, int | None]) -> Lived | int:
    """What is told of a world; its seed if it broke a guarantee."""
    seed, runs = asked
    _quiet()
    try:
        return lived(live(seed, _conditions(seed, runs)))
    except Exception:
        return seed


def _quiet() -> None:
    """Hubs in trouble tell their operators; here that is the order of the day."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))


def _all(arguments: argparse.Namespace) -> Iterator[Lived | int]:
    asked = [(seed, arguments.runs) for seed in range(arguments.first, arguments.first + arguments.seeds)]
    if arguments.jobs == 1:
        yield from map(_live, asked)
    else:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            yield from pool.map(_live, asked, chunksize=4)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")


def _violated(failure: Failure, path: Path) -> int:
    """Shrink it, write it down, and say where."""
    _tell(f"seed {failure.seed} broke a guarantee: {type(failure.error).__name__}: {failure.error}")
    small = shrink(failure)
    path.write_text(transcripts.text(small))
    _tell(f"shrunk to {len(small.conditions.runs)} runs and {len(small.transcript)} lines, in {path}")
    return 1


def main() -> int:
    """Exit code 0 if every guarantee held, 1 if one did not."""
    arguments = _arguments()
    _quiet()
    if arguments.seed is not None:
        conditions = _conditions(arguments.seed, arguments.runs)
        failure = attempt(arguments.seed, conditions)
        if failure is not None:
            return _violated(failure, arguments.transcript)
        world = live(arguments.seed, conditions)
        _tell("\n".join([*world.stage.transcript, "", str(conditions), f"digest {world.digest}"]))
        return 0
    tally = Tally()
    for told in _all(arguments):
        if isinstance(told, int):
            failure = attempt(told, _conditions(told, arguments.runs))
            assert failure is not None, f"seed {told} failed once and did not again: it is not deterministic"
            return _violated(failure, arguments.transcript)
        tally.add(told)
    _tell(tally.report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
