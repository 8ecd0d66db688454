"""`python -m bench.peers`: measure Podium and its peers in turns and write `bench/results/peers.json`."""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.peers import report
from bench.peers.catalog import NAMES
from bench.peers.environments import BENCH, ROOT, InstallFailed, fresh_work_folder, prepare_folder
from bench.peers.sampling import Load, SampleFailed, Worker, prepare, take_sample

RESULTS = ROOT / "bench" / "results" / "peers.json"


def main() -> int:
    """Exit code 0 when every peer gave every sample; 1, with the reason and no file, when one did not."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prepare_folder()
    try:
        with _alone():
            fresh_work_folder()
            workers = [prepare(name) for name in asked.only or NAMES]
            host = report.machine()
            load = Load(asked.runs, asked.seconds)
            samples = list(_rounds(workers, load, asked.rounds))
    except (InstallFailed, SampleFailed) as error:
        print(f"bench.peers: {error}", file=sys.stderr)
        return 1
    record = report.build(samples, load, asked.rounds, host)
    print(report.table(record))
    _write(record, asked.output or (None if asked.only else RESULTS))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="samples of each peer (3)")
    parser.add_argument("--runs", type=int, default=64, help="runs in flight at once (64)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a sample starts new runs (5)")
    parser.add_argument(
        "--only", type=_names, help=f"comma-separated, of: {', '.join(NAMES)}; writes no file"
    )
    parser.add_argument("--output", type=Path, help="where to write the record (bench/results/peers.json)")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(NAMES)}")
    return names


def _rounds(workers: list[Worker], load: Load, rounds: int) -> Iterator[dict[str, Any]]:
    for number in range(rounds):
        first = number % len(workers)
        for worker in workers[first:] + workers[:first]:
            sample = {"round": number + 1, **take_sample(worker, load)}
            told = f"{sample['steps_per_s']:,.0f} steps/s, others used {sample['other_cores']} cores"
            print(f"round {number + 1}  {worker.name}: {told}", file=sys.stderr)
            yield sample


@contextmanager
def _alone() -> Iterator[None]:
    with (BENCH / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SampleFailed("another comparison runs in this folder; wait for it to end") from error
        yield


def _write(record: dict[str, Any], output: Path | None) -> None:
    if output is None:
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=2) + "\n")
    print(f"written to {output}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
