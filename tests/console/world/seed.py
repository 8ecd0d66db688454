"""Fills a state folder with the past, claims settled as they were then, and then is `podium up` there.

    python -m tests.console.world.seed FOLDER

While it fills the folder the clock of this process is another one: what it commits happened when that says.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from podium.resources.manifest import Document, digest_of

WORLD = Path(__file__).parent
_now_ns = time.time_ns


def last_tuesday(now: datetime) -> datetime:
    """The last one before today, at ten."""
    return (now - timedelta((now.weekday() - 1) % 7 or 7)).replace(hour=10, minute=12, second=0)


def main(folder: Path) -> None:
    then = last_tuesday(datetime.now().astimezone())
    shift = _now_ns() - int(then.timestamp() * 1_000_000_000)
    time.time_ns = lambda: _now_ns() - shift

    from podium.bootstrap import serve
    from podium.cli.declaring import apply_to, load
    from podium.sdk.client import Client

    serving = serve(folder)
    try:
        client = Client(serving.door)
        apply_to(client, [earlier(one) for one in load((WORLD,))])
        for claim, customer, damage in PAST:
            given = {"claim": claim, "amount": 1200, "damage": damage}
            run = client.submit("claims/settle", given, labels={"customer": customer, "claim": claim})
            client.wait(run.run_id, timeout_ms=20_000)
        apply_to(client, load((WORLD,)), why="it is quicker")
    finally:
        serving.stop()
    time.time_ns = _now_ns


def earlier(document: Document) -> Document:
    """What was declared then: the assessor was another, slower and cheaper."""
    if document.name != "assessor":
        return document
    [offered] = document.spec["capabilities"]
    spec = {
        **document.spec, "version": "2.0.0", "cost_nano": 20_000_000, "concurrency": 4,
        "capabilities": [{**offered, "input": {**offered["input"], "description": "What is known"}}],
    }  # fmt: skip
    return replace(document, version="2.0.0", spec=spec, digest=digest_of(spec))


PAST = [
    ("C-0991", "birke", "water"), ("C-0992", "nordwind", "storm"), ("C-0993", "acme", "storm"),
    ("C-0994", "acme", "sudden"), ("C-0995", "ulme", "water"),
]  # fmt: skip

if __name__ == "__main__":
    main(Path(sys.argv[1]))
    from podium.cli.app import main as podium

    sys.argv[1:] = ["--state", sys.argv[1], "up", "--listen", "127.0.0.1:0"]
    sys.exit(podium())
