"""The console in a browser: a timeline of 10,000 spans, scrolled and zoomed: `python -m bench.console`.

Frames are those that the browser painted while something moved in each of them: 16.7 ms is as fast as its
clock goes. How soon pages can be used on a large state `bench.size` measures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bench.agents
from bench import world
from bench.browser import signed_in
from podium.bootstrap import serve
from podium.sdk.client import Client

SPANS = 10_000
SAMPLES = 5
FRAMES = 120

_MOVE = """async ([keys, frames]) => {
    const lanes = document.querySelector(".lanes");
    const frame = () => new Promise(requestAnimationFrame);
    const took = [];
    let before = await frame();
    for (let step = 0; step < frames; step += 1) {
        const key = keys[step % keys.length];
        lanes.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        await frame();
        const now = await frame();
        took.push((now - before) / 2);
        before = now;
    }
    return took;
}"""
"""Each step is given two frames: one in which it is worked out, and one in which it is painted."""

_READY = "() => /spans/.test(document.querySelector('[role=tabpanel]')?.textContent ?? '')"


def hub(state: Path, spans: int) -> None:
    """Be the hub: make the run, print where it is, and end when a line comes."""
    serving = serve(state)
    client = Client(serving.door)
    each = {"in": f"${{ [range(0; {spans})] }}", "each": "number", "function": "step", "concurrency": 64}
    tasks = [{"all": {"call": "map", "with": {**each, "input": bench.agents.ANSWER}}}]
    client.apply([world.agent(), world.workflow("spans", tasks, use={"functions": {"step": world.call()}})])
    run = client.submit("bench/spans", None).run_id
    assert client.wait(run, timeout_ms=120_000).status == "completed"
    accounts = serving.accounts()
    accounts.add("bench", ["admin", "operator", "approver"])
    url = serving.listen("127.0.0.1", 0).url
    print(json.dumps({"url": url, "run": run, "link": accounts.make_link("bench")}), flush=True)
    sys.stdin.readline()
    serving.stop(0)


def browse(address: dict[str, str]) -> dict[str, Any]:
    """What the browser says; nothing without one."""
    with signed_in(address) as context:
        if context is None:
            return {}
        opened = []
        page = context.new_page()
        for _ in range(SAMPLES):
            page.close()
            page = context.new_page()
            begun = time.perf_counter()
            page.goto(f"/runs/{address['run']}?tab=timeline", wait_until="commit")
            page.wait_for_function(_READY)
            opened.append(time.perf_counter() - begun)
        zoomed = page.evaluate(_MOVE, [["+"] * 10 + ["-"] * 10, FRAMES])
        page.evaluate(_MOVE, [["+"], 12])
        scrolled = page.evaluate(_MOVE, [["ArrowRight"] * 20 + ["ArrowLeft"] * 20, FRAMES])
    return {
        "timeline_open_s": round(sorted(opened)[SAMPLES // 2], 3),
        **_frames("zoom", zoomed), **_frames("scroll", scrolled),
    }  # fmt: skip


def _frames(name: str, took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {
        f"timeline_{name}_frame_p50_ms": round(ordered[len(ordered) // 2], 1),
        f"timeline_{name}_frame_p95_ms": round(ordered[len(ordered) * 95 // 100], 1),
    }


def measure(spans: int) -> dict[str, Any]:
    state = world.fresh_folder("console") / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.console", "--hub", str(state), "--spans", str(spans)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        found = {"timeline_spans": spans, **browse(json.loads(process.stdout.readline()))}
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    finally:
        process.kill()
        shutil.rmtree(state.parent)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=SPANS)
    parser.add_argument("--hub", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.hub is not None:
        hub(given.hub, given.spans)
        return
    found = measure(given.spans)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
