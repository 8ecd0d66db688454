"""Live through worlds until one breaks a guarantee; run on a copy of the sources that has a bug seeded.

`python -m tests.mutations.hunt SEEDS` prints
`{"caught": kind or "", "message": …, "seeds": how many it took}`.
`--world FILE` lives through the world of that transcript alone; `--record FILE` shrinks what is found and
writes its transcript there, with what `--was` says.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from podium.sim import transcripts
from podium.sim.faults import Conditions, draw
from podium.sim.shrinking import attempt, shrink


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", type=int, nargs="?", default=1)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--world", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--was", default="")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    told = {"caught": "", "message": "", "seeds": arguments.seeds}
    for count, world in enumerate(_worlds(arguments), 1):
        failure = attempt(*world)
        if failure is not None:
            told = {"caught": failure.kind, "message": str(failure.error)[:300], "seeds": count}
            if arguments.record is not None:
                arguments.record.write_text(transcripts.text(shrink(failure), arguments.was))
            break
    print(msgspec.json.encode(told).decode())


def _worlds(arguments: argparse.Namespace) -> Iterator[tuple[int, Conditions]]:
    if arguments.world is not None:
        yield transcripts.read(arguments.world)
    else:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            yield seed, draw(seed)


if __name__ == "__main__":
    main()
