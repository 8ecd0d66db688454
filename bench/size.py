"""A hub with a million runs: `python -m bench.size --runs 1000000 --json`.

How long pages of the list of runs take, with every filter that the console has, the first and later ones;
what the console's other pages ask for; and until the console can be used in a browser. The state is made by
`bench.crowd`; `--state FOLDER` keeps it for another time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import crowd
from bench.api import Client, latency
from bench.browser import signed_in
from bench.world import fresh_folder
from podium.bootstrap import serve
from podium.cli.hubs import collect_again

PAGE = 100
"""As the console asks for."""

DEEP = 4
"""So many pages of each filter, and as many from the middle of the list."""

AGAIN = 5
"""So often each other question is asked."""

DAY_MS = 86_400_000

ASKED = (
    "overview", "flow", "approvals", "escalations", "budgets?limit=1000", "runs?status=faulted&limit=3",
    "workers", "status", "activity", "spend?days=14", "overrides", "acts", "schedules", "policies", "agents",
    "stuck", "search?text=c1234", "search?text=the+shop", "dead-letters",
)  # fmt: skip
"""What the console's pages ask for beside lists of runs."""


def hub(state: Path) -> None:
    """Be the hub: print where it is, and end when a line comes."""
    begun = time.perf_counter()
    serving = serve(state)
    accounts = serving.accounts()
    accounts.add("bench", ["admin", "operator", "approver"])
    _, secret = accounts.add_token("bench", "bench", (), 3_600_000)
    url = serving.listen("127.0.0.1", 0).url
    opened = time.perf_counter() - begun
    collect_again()
    found = {"url": url, "token": secret, "link": accounts.make_link("bench"), "open_s": round(opened, 2)}
    print(json.dumps(found), flush=True)
    sys.stdin.readline()
    serving.stop(0)


def lists(now: int) -> Iterator[tuple[str, str]]:
    """Every kind of list that the console shows: a name, and its address."""
    filters: dict[str, dict[str, str]] = {
        "all": {}, "unfinished": {"status": "unfinished"}, "for people": {"status": "waiting"},
        "running": {"status": "running"}, "suspended": {"status": "suspended"},
        "completed": {"status": "completed"}, "faulted": {"status": "faulted"},
        "cancelled": {"status": "cancelled"}, "workflow": {"workflow": "bench/done1"},
        "short workflow": {"workflow": "faulted2"}, "rare label": {"label": "customer=c3000"},
        "common label": {"label": "region=us"},
        "common label, rare status": {"label": "region=us", "status": "cancelled"},
        "rare label, common status": {"label": "customer=c17", "status": "completed"},
        "label, workflow and status": {
            "label": "region=eu", "workflow": "bench/faulted1", "status": "faulted",
        },
        "what nothing fits": {"workflow": "bench/done1", "status": "faulted"},
    }  # fmt: skip
    for name, asked in filters.items():
        yield name, f"/v1/runs?{urlencode({**asked, 'limit': PAGE})}"
    day = {"since": str(now - 10 * DAY_MS), "until": str(now - 9 * DAY_MS)}
    searches: dict[str, dict[str, str]] = {
        "a day": day, "a day, faulted": {**day, "status": "faulted"}, "words": {"text": "c1234"},
        "words of a day": {**day, "text": "c77"}, "words that nothing has": {"text": "nothing at all"},
        "a label on a day": {**day, "label": "customer=c3000"},
        "runs before one": {"workflow": "bench/done1", "status": "completed", "until": day["since"]},
    }  # fmt: skip
    for name, asked in searches.items():
        yield name, f"/v1/search/runs?{urlencode({**asked, 'limit': PAGE})}"


async def look(address: dict[str, str], runs: int) -> dict[str, Any]:
    """Ask for all of it, one after the other."""
    client = await Client(address).open()
    took: dict[str, list[float]] = {}
    middle = (1 << 40) | (runs * 3 // 2)

    async def timed(name: str, path: str) -> Any:
        begun = time.perf_counter()
        answer = await client.ask("GET", path)
        took.setdefault(name, []).append(time.perf_counter() - begun)
        return json.loads(answer)

    for name, path in lists(time.time_ns() // 1_000_000):
        for begin in (path, f"{path}&before={middle}"):
            following = begin
            for _ in range(DEEP):
                following = (await timed(f"list: {name}", following))["next"] or begin
    for path in ASKED:
        for _ in range(AGAIN):
            await timed(f"ask: {path}", f"/v1/{path}")
    pages = [one for name, many in took.items() if name.startswith("list") for one in many]
    asked = [one for name, many in took.items() if name.startswith("ask") for one in many]
    worst = sorted(((max(many), name) for name, many in took.items()), reverse=True)[:8]
    return {
        **latency("list", pages), **latency("ask", asked),
        "worst_ms": {name: round(1_000 * most, 1) for most, name in worst},
    }  # fmt: skip


def browse(address: dict[str, str]) -> dict[str, Any]:
    """How long until pages of the console show what they are for, each in a tab of its own; nothing without
    a browser.
    """
    shown = {
        "/": "[aria-label='Needs somebody'] a", "/runs": "table tbody tr",
        "/runs?status=faulted": "table tbody tr", "/runs?label=customer%3Dc3000": "table tbody tr",
        "/approvals": "[href^='/approvals/']", "/budgets": "main section, main table, main li",
        "/audit": "main table, main section",
    }  # fmt: skip
    took = {}
    with signed_in(address) as context:
        if context is None:
            return {}
        for path, what in shown.items():
            samples = []
            for _ in range(3):
                page = context.new_page()
                begun = time.perf_counter()
                page.goto(path, wait_until="commit")
                page.wait_for_selector(what)
                samples.append(time.perf_counter() - begun)
                page.close()
            took[path] = round(sorted(samples)[1], 3)
    return {"console_interactive_s": max(took.values()), "console_s": took}


def measure(state: Path, runs: int) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": runs}
    if not (state / "log.db").exists():
        found |= crowd.fill(state, runs)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.size", "--hub", str(state)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        address = json.loads(process.stdout.readline())
        found["open_s"] = address.pop("open_s")
        found |= asyncio.run(look(address, runs))
        found |= browse(address)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    finally:
        process.kill()
    found["log_bytes_per_run"] = round((state / "log.db").stat().st_size / runs)
    found["views_bytes_per_run"] = round((state / "views.db").stat().st_size / runs)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--state", type=Path, help="a folder for the state, which is left there")
    parser.add_argument("--hub", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.hub is not None:
        hub(given.hub)
        return
    state = given.state or fresh_folder("size") / "state"
    state.mkdir(parents=True, exist_ok=True)
    found = measure(state, given.runs)
    if given.state is None:
        shutil.rmtree(state.parent)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
