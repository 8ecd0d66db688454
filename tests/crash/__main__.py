"""`python -m tests.crash --kills 500`: kill real hubs, and count what is lost."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.customers import CEILINGS, spend
from tests.crash.driver import Driver
from tests.crash.points import POINTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many hubs are killed (500)")
    parser.add_argument(
        "--in-flight", type=int, default=200, help="how many runs are unfinished at once (200)"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments and points")
    parser.add_argument("--every", type=int, default=10, help="a line after so many kills (10)")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="podium-crash-"))
    print(f"seed {arguments.seed}, in {folder}", flush=True)
    driver = Driver(folder, arguments.in_flight, arguments.seed, lambda line: print(line, flush=True))
    try:
        (folder / "bank").mkdir()
        spent = spend(folder / "bank", arguments.in_flight, at_once=True)
        print(
            f"{spent.runs} runs spend at once under {len(CEILINGS)} ceilings, {spent.kills} hubs killed: "
            f"{spent.done} payments of {spent.nano} nano-units are in the bank's book and the ledger,\n"
            f"{spent.found} of them found in the book by people; no ceiling was passed.",
            flush=True,
        )
        found = driver.run(arguments.kills, arguments.every)
    except AssertionError as broken:
        print(f"\nBROKEN: {broken}\nThe folder {folder} is kept.")
        return 1
    width = max(map(len, POINTS)) + 2
    print("\n" + "\n".join(f"{where:<{width}}{driver.killed[where]:>6}" for where in sorted(driver.killed)))
    print(
        f"\n{driver.killed.total()} kills, {found.runs} runs, {found.effects} effects, {found.records} "
        f"records: all ended, all links hold.\n{found.performed} attempts were performed, {found.again} of "
        "them again after a crash; none after it was settled, and nothing at-most-once twice."
    )
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
