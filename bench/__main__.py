"""Everything the project promises in figures, measured in one run: `make bench`.

Figures go to bench/results/latest.json, with units in their keys, beside the machine they were taken on.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import raw, start, world

RESULTS = world.HERE / "results" / "latest.json"


def child(module: str, *arguments: str) -> Any:
    """The figures of one benchmark, taken in a process of its own."""
    print(f"  {module} {' '.join(arguments)}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True, cwd=world.HERE.parent
    )
    return json.loads(done.stdout)


def steps(runs: int, module: str = "bench.steps", *arguments: str) -> dict[str, Any]:
    """Three samples, each beside the raw floor at the same batch size; the median of each figure."""
    samples = []
    for _ in range(3):
        figures = child(module, "--runs", str(runs), "--seconds", "4", "--json", *arguments)
        floor = raw.commits(max(int(figures["records_per_commit"]), 1), 1.5)
        figures["rows_per_s"] = round(figures["steps_per_s"] * figures["records_per_step"], 1)
        figures["raw_rows_per_s"] = round(floor["rows_per_s"], 1)
        figures["raw_over_podium"] = round(floor["rows_per_s"] / figures["rows_per_s"], 2)
        figures["raw_commit_p50_ms"] = round(floor["commit_p50_ms"], 4)
        samples.append(figures)
    return median(samples)


def median(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure."""
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def promises(figures: dict[str, Any]) -> list[tuple[str, bool]]:
    """Each promise, and whether these figures keep it."""
    busy = (figures["steps_at_64_runs"], figures["steps_at_256_runs"])
    one = figures["steps_at_1_run"]
    return [
        ("15,000 steps/s at 64 and 256 runs", all(at["steps_per_s"] >= 15_000 for at in busy)),
        ("60 us CPU a step", all(at["cpu_us_per_step"] <= 60 for at in busy)),
        ("one run: raw commit + 0.35 ms", one["step_latency_p50_ms"] <= one["raw_commit_p50_ms"] + 0.35),
        ("1.2 KB of file growth a step", all(at["growth_bytes_per_step"] <= 1_200 for at in busy)),
        ("within 4x of raw group commit", all(at["raw_over_podium"] <= 4 for at in busy)),
        ("views caught up within 1 s", all(at["views_behind_s"] <= 1 for at in busy)),
        ("100-way fan-out in 30 ms", figures["fan_out"]["fan_out_100_p50_ms"] <= 30),
        ("map over 10,000 items in 2 s", figures["large"]["map_10000_p50_s"] <= 2),
        ("50 ms of waiting for hostile expressions", figures["hostile"]["hostile_wait_max_ms"] <= 50),
        ("10,000 waiting runs in 20 MB", figures["waiting_10000"]["over_idle_mb"] <= 20),
        ("200,000 passivated", figures["waiting_200000"]["cold_runs"] >= 200_000),
        ("1,000 in flight again in 1 s", figures["recovery"]["dispatched_again_after_up_s"] <= 1),
        ("4 us to put a record into the tree", figures["audit"]["append_us"] <= 4),
        ("100,000 records/s verified", figures["audit"]["verify_records_per_s"] >= 100_000),
        (
            "a proof from 1,000,000 records in 5 ms",
            figures["audit"]["inclusion_proof_at_1000000_p50_ms"] <= 5,
        ),
        ("9,000 governed steps/s at 64 runs", figures["governed"]["steps_per_s"] >= 9_000),
        ("7,500 governed and sealed steps/s", figures["governed_and_sealed"]["steps_per_s"] >= 7_500),
        ("2 KB of file growth a governed step", figures["governed"]["growth_bytes_per_step"] <= 2_000),
        (
            "25 us to decide by 20 rules, 100 us at worst",
            figures["policy"]["twenty_rules_transfer"]["p50_us"] <= 25
            and figures["policy"]["twenty_rules_transfer"]["p99_us"] <= 100,
        ),
        ("1,000 durable submits/s over HTTP", figures["api"]["submits_per_s"] >= 1_000),
        ("1,000 submits/s at p99 50 ms", figures["api"]["paced_p99_ms"] <= 50),
        ("200 viewers at p99 500 ms", figures["api"]["lag_p99_ms"] <= 500),
        ("2,500 attempts/s through 8 workers", figures["workers"]["batched"]["attempts_per_s"] >= 2_500),
        ("500 attempts/s, one at a time", figures["workers"]["single"]["attempts_per_s"] >= 500),
        ("a page of runs at p95 100 ms over 1,000,000", figures["size"]["list_p95_ms"] <= 100),
        # Without a browser on the machine this is not measured.
        ("the console in 1 s over 1,000,000 runs", figures["size"].get("console_interactive_s", 0) <= 1),
        ("hello's first step in 0.8 s", figures["start"]["hello_first_step_s"] <= 0.8),
    ]


def main() -> None:
    begun = time.time()
    figures: dict[str, Any] = {"machine": machine()}
    for runs, name in ((64, "steps_at_64_runs"), (256, "steps_at_256_runs"), (1, "steps_at_1_run")):
        figures[name] = steps(runs)
    figures["fan_out"] = child("bench.fanout")
    figures["large"] = child("bench.large")
    figures["hostile"] = child("bench.hostile")
    figures["waiting_10000"] = median([child("bench.waiting", "--runs", "10000") for _ in range(3)])
    figures["waiting_200000"] = child("bench.waiting", "--runs", "200000")
    figures["recovery"] = child("bench.recovery", "--runs", "1000")
    figures["recovery_over_history"] = child("bench.recovery", "--runs", "1000", "--history", "300000")
    figures["audit"] = child("bench.audit")
    figures["governed"] = steps(64, "bench.governed")
    figures["governed_at_256_runs"] = steps(256, "bench.governed")
    figures["governed_and_sealed"] = steps(64, "bench.governed", "--subjects", "100")
    figures["policy"] = child("bench.policy")
    figures["api"] = child("bench.api", "--json")
    figures["workers"] = child("bench.workers", "--json")
    figures["size"] = child("bench.size", "--json")
    figures["start"] = start.measure()
    figures["took_s"] = round(time.time() - begun, 1)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    for promise, kept in promises(figures):
        print(f"{'kept  ' if kept else 'MISSED'}  {promise}")


if __name__ == "__main__":
    main()
