"""Live through worlds until one breaks a guarantee; run on a copy of the sources that has a bug seeded.

`python -m tests.mutations.hunt SEEDS` prints
`{"caught": kind or "", "message": …, "seeds": how many it took}`.
"""

from __future__ import annotations

import sys

import msgspec
import structlog

from podium.sim.faults import draw
from podium.sim.shrinking import attempt


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    seeds = int(sys.argv[1])
    for seed in range(seeds):
        failure = attempt(seed, draw(seed))
        if failure is not None:
            told = {"caught": failure.kind, "message": str(failure.error)[:300], "seeds": seed + 1}
            break
    else:
        told = {"caught": "", "message": "", "seeds": seeds}
    print(msgspec.json.encode(told).decode())


if __name__ == "__main__":
    main()
