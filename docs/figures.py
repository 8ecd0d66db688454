"""Writes the figures into docs/performance.md: `python docs/figures.py`; a test holds the page to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "performance.md"
RESULTS = Path(__file__).parents[1] / "bench" / "results"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"

_PEERS = {
    "podium": "Podium",
    "restate": "Restate, by its defaults",
    "restate_tuned": "Restate, one partition",
    "langgraph": 'LangGraph, `durability="sync"`',
    "dbos": "DBOS, by its defaults",
    "dbos_tuned": "DBOS, WAL and one connection",
}


def page() -> str:
    """The page with its figures as the results have them."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    latest = json.loads((RESULTS / "latest.json").read_text())
    peers = json.loads((RESULTS / "peers.json").read_text())
    return before + BEGIN + _own(latest) + "\n" + _peers(peers) + END + after


def _own(found: dict[str, Any]) -> str:
    at64, at256, at1 = (found[f"steps_at_{name}"] for name in ("64_runs", "256_runs", "1_run"))
    recovery, history = found["recovery"], found["recovery_over_history"]
    few, many = found["waiting_10000"], found["waiting_200000"]
    machine, large, hostile = found["machine"], found["large"], found["hostile"]
    cpu = max(at64["cpu_us_per_step"], at256["cpu_us_per_step"])
    behind = max(at64["views_behind_s"], at256["views_behind_s"])
    raw = at1["raw_commit_p50_ms"]
    again, later = (one["open_s"] + one["dispatched_again_after_up_s"] for one in (recovery, history))
    rows = [
        ("durable steps/s, 64 runs at a time", f"{at64['steps_per_s']:,.0f}", "≥ 15,000"),
        ("durable steps/s, 256 runs at a time", f"{at256['steps_per_s']:,.0f}", "≥ 15,000"),
        ("CPU a step, all threads", f"{cpu:.0f} µs", "≤ 60 µs"),
        ("one run alone: p50 of a step", f"{at1['step_latency_p50_ms']:.2f} ms", f"≤ {raw + 0.35:.2f} ms"),
        ("for comparison: p50 of a bare commit", f"{raw:.2f} ms", ""),
        ("growth of all files a step", f"{at64['growth_bytes_per_step']:,.0f} B", "≤ 1,200 B"),
        ("rows/s of a bare group commit over Podium's", f"{at64['raw_over_podium']:.1f} times", "≤ 4 times"),
        ("views behind at the end", _ms(behind), "≤ 1 s"),
        ("fan-out to 100 and join, p50", f"{found['fan_out']['fan_out_100_p50_ms']:.1f} ms", "≤ 30 ms"),
        ("map over 10,000 items, 256 at a time", f"{large['map_10000_p50_s']:.2f} s", "≤ 2 s"),
        ("graph of 1,000 nodes", _ms(large["graph_1000_p50_s"]), "shown"),
        ("100 tasks inside each other", f"{large['nested_100_p50_ms']:.1f} ms", "shown"),
        ("loop of 100,000 iterations", f"{large['loop_100000_s']:.1f} s", "shown"),
        ("the same, memory it adds", f"{large['loop_100000_grown_mb']:.0f} MB", "bounded"),
        (
            "others' wait for hostile expressions, at most",
            f"{hostile['hostile_wait_max_ms']:.0f} ms",
            "≤ 50 ms",
        ),
        ("10,000 waiting runs, memory over idle", f"{few['over_idle_mb']:.1f} MB", "≤ 20 MB"),
        ("200,000 waiting runs, memory over idle", f"{many['over_idle_mb']:.1f} MB", "shown"),
        ("start over 200,000 waiting runs", _ms(many["start_over_them_s"]), "shown"),
        ("killed with 1,000 in flight: up, and all dispatched again", _ms(again), "≤ 1 s"),
        ("the same with 300,000 records of history", _ms(later), "≤ 1 s"),
        ("`podium run examples/hello`: first step", _ms(found["start"]["hello_first_step_s"]), "≤ 800 ms"),
    ]
    rows += _governed(found) + _served(found)
    lines = ["| | measured | promised |", "|---|---:|---|"]
    lines += [f"| {what} | {measured} | {promised} |" for what, measured, promised in rows]
    where = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {machine['system']}"
    return "\n".join(lines) + f"\n\nMeasured on {where}.\n"


def _governed(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What governance costs; nothing where it was not measured."""
    rows = []
    governed, policy = found.get("governed"), found.get("policy")
    if governed is not None:
        growth = f"{governed['growth_bytes_per_step']:,.0f} B"
        rows += [
            ("governed steps/s: 20 rules, 4 scopes of budgets", f"{governed['steps_per_s']:,.0f}", "≥ 9,000"),
            ("growth of all files a governed step", growth, "≤ 2,000 B"),
        ]
    for name, what, promised in (
        ("governed_at_256_runs", "the same, 256 runs at a time", "shown"),
        ("governed_and_sealed", "the same, bodies sealed for 100 people", "≥ 7,500"),
    ):
        if name in found:
            rows.append((what, f"{found[name]['steps_per_s']:,.0f}", promised))
    if policy is not None:
        decision = policy["twenty_rules_transfer"]
        rows += [
            ("a decision by 20 rules, p50", f"{decision['p50_us']:.1f} µs", "≤ 25 µs"),
            ("a decision by 20 rules, p99", f"{decision['p99_us']:.1f} µs", "≤ 100 µs"),
        ]
    audit = found.get("audit")
    if audit is not None:
        proof = audit["inclusion_proof_at_1000000_p50_ms"]
        rows += [
            ("a record put into the Merkle tree", f"{audit['append_us']:.1f} µs", "≤ 4 µs"),
            ("records verified a second", f"{audit['verify_records_per_s']:,.0f}", "≥ 100,000"),
            ("an inclusion proof from 1,000,000 records", f"{proof:.1f} ms", "≤ 5 ms"),
        ]
    return rows


def _served(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the hub does over HTTP; nothing where it was not measured."""
    rows = []
    if (api := found.get("api")) is not None:
        before = f"{api['runs_before']:,} stored runs"
        rows += [
            (f"durable submits/s over HTTP, {before}", f"{api['submits_per_s']:,.0f}", "≥ 1,000"),
            ("1,000 submits/s at a steady pace, p99", f"{api['paced_p99_ms']:.0f} ms", "≤ 50 ms"),
            ("200 viewers at 1,000 records/s, lag p99", f"{api['lag_p99_ms']:.0f} ms", "≤ 500 ms"),
        ]
    if (workers := found.get("workers")) is not None:
        many, single = workers["batched"], workers["single"]
        rows += [
            ("attempts/s through 8 workers", f"{many['attempts_per_s']:,.0f}", "≥ 2,500"),
            ("the same, one at a time", f"{single['attempts_per_s']:,.0f}", "≥ 500"),
        ]
    if (size := found.get("size")) is not None:
        rows += [
            (f"a page of {size['runs']:,} runs, p95", f"{size['list_p95_ms']:.0f} ms", "≤ 100 ms"),
            ("what the console's other pages ask of them, p95", f"{size['ask_p95_ms']:.0f} ms", "shown"),
            ("start over them", _ms(size["open_s"]), "shown"),
        ]
        if "console_interactive_s" in size:
            interactive = _ms(size["console_interactive_s"])
            rows.append(("until the slowest page of the console can be used", interactive, "≤ 1 s"))
    return rows


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms"


def _peers(found: dict[str, Any]) -> str:
    lines = ["| 64 runs at a time | steps/s | CPU a step | Podium is |", "|---|---:|---:|---:|"]
    for name, label in _PEERS.items():
        one = found["summary"][name]
        ratio = found["ratios"].get(f"podium_over_{name}")
        times = f"{ratio:.1f} times faster" if ratio else ""
        cpu = f"{one['cpu_us_per_step_median']:,.0f} µs"
        lines.append(f"| {label} | {one['steps_per_s_median']:,.0f} | {cpu} | {times} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
