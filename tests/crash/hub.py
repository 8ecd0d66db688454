"""A hub to be killed: `python -m tests.crash.hub STATE [POINT COUNT PAUSE_MS]`.

The production hub as the composition root makes it, with snapshots and passivation as frequent as they are in
months of a real one's life.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from podium.bootstrap import serve
from podium.cli.logs import log_to
from podium.runtime.shard import ShardHost
from tests.crash.points import set_point

SNAPSHOT_RECORDS = 150
PASSIVATE_MS = 100


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    log_to(folder / "hub.log")
    defaults = ShardHost.__init__.__kwdefaults__
    assert defaults is not None
    defaults.update(snapshot_records=SNAPSHOT_RECORDS, passivate_ms=PASSIVATE_MS)
    if len(sys.argv) > 2:
        set_point(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    serving = serve(folder)
    while not stopping.wait(0.05):
        if serving.hub.status != "serving":
            sys.exit(f"the hub does not serve: {serving.hub.trouble}")
    serving.stop(grace_ms=100)


if __name__ == "__main__":
    main()
