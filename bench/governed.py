"""Governed steps a second: the runs of `bench.steps`, each step put to twenty rules and four budgets.

python -m bench.governed --runs 64 --seconds 5 --json
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from bench import steps, world
from podium.facts.catalog import Declared
from podium.resources.manifest import read_text

COST_NANO = 1_000
"""Of a step; nobody says what it truly cost, so that the worst is booked."""


def policy() -> Declared:
    """The policy beside this file."""
    path = world.HERE / "policy.yaml"
    (document,), troubles = read_text(path.read_bytes(), path.name, str(world.HERE))
    assert not troubles, troubles
    return Declared("Policy", document.name, document.version, document.digest, document.spec)


def measure(runs: int, seconds: float, subjects: int = 0) -> dict[str, Any]:
    """Figures of governed steps, with units in their keys; `subjects` as of a `Load`."""
    agent = world.agent(cost_nano=COST_NANO, priced=True)
    return steps.measure(runs, seconds, agent, policy(), subjects=subjects)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--subjects", type=int, default=0, help="runs are about so many people, and sealed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.runs, options.seconds, options.subjects)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
