"""What the samples say: medians, ratios, the machine, as JSON for the record and as a table for people."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.peers.catalog import NAMES, PEERS, PODIUM
from bench.peers.sampling import Load
from bench.peers.workload import RESULT_BYTES, STEPS


def machine() -> dict[str, Any]:
    """Processor, cores, system and interpreter, and how busy the machine was already."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average_1m": round(os.getloadavg()[0], 2),
    }


def build(samples: list[dict[str, Any]], load: Load, rounds: int, host: dict[str, Any]) -> dict[str, Any]:
    """The whole record: every sample as taken, then each peer in figures; rates are steps per second."""
    summary = {name: _summary(name, samples) for name in _measured(samples)}
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m bench.peers --rounds {rounds} --runs {load.runs} --seconds {load.seconds:g}",
        "machine": host,
        "workload": {
            "concurrent_runs": load.runs,
            "steps_per_run": STEPS,
            "step_result_bytes": RESULT_BYTES,
            "sample_seconds": load.seconds,
            "rounds": rounds,
        },
        "summary": summary,
        "ratios": _ratios(summary),
        "samples": samples,
    }


def table(record: dict[str, Any]) -> str:
    """The summary as aligned text."""
    rows = [("peer", "steps/s", "lowest", "highest", "CPU us/step", "others, cores", "podium over it")]
    for name, summary in record["summary"].items():
        ratio, others = record["ratios"].get(f"podium_over_{name}"), summary["other_cores_max"]
        rows.append(
            (
                name,
                f"{summary['steps_per_s_median']:,.0f}",
                f"{summary['steps_per_s_min']:,.0f}",
                f"{summary['steps_per_s_max']:,.0f}",
                f"{summary['cpu_us_per_step_median']:,.0f}",
                "" if others is None else f"{others:.2f}",
                f"{ratio:.1f}x" if ratio else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _measured(samples: list[dict[str, Any]]) -> list[str]:
    return [name for name in NAMES if any(sample["peer"] == name for sample in samples)]


def _summary(name: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    own = [sample for sample in samples if sample["peer"] == name]
    rates = [sample["steps_per_s"] for sample in own]
    disturbed = [sample["other_cores"] for sample in own if sample["other_cores"] is not None]
    described = {peer.name: peer.configuration for peer in PEERS}
    return {
        "steps_per_s_median": round(statistics.median(rates), 1),
        "steps_per_s_min": min(rates),
        "steps_per_s_max": max(rates),
        "cpu_us_per_step_median": round(statistics.median(sample["cpu_us_per_step"] for sample in own), 1),
        "other_cores_max": max(disturbed, default=None),
        **({"configuration": described[name]} if name in described else {}),
        **{key: own[-1][key] for key in ("versions", "durability") if key in own[-1]},
    }


def _ratios(summary: dict[str, dict[str, Any]]) -> dict[str, float]:
    if PODIUM not in summary:
        return {}
    podium = summary[PODIUM]["steps_per_s_median"]
    peers = [name for name in summary if name != PODIUM]
    return {f"podium_over_{name}": round(podium / summary[name]["steps_per_s_median"], 2) for name in peers}


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    figures = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *figures]).rstrip()


def _cpu_model() -> str:
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
