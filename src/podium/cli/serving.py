"""`up`: be the hub of a state folder, in the foreground or for those who left their work behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say

if TYPE_CHECKING:
    from podium.bootstrap import Serving

Given = Annotated[Options, Parameter(parse=False)]

_LOOK_S = 0.5
_TAKE_S = 15.0
_AGAIN_S = 0.02


def up(
    *,
    idle_exit: float | None = None,
    ready_fd: Annotated[int, Parameter(show=False)] = -1,
    options: Given,
) -> int:
    """Serve the state folder until interrupted.

    Parameters
    ----------
    idle_exit
        End after so many seconds without clients and without anything to do.
    ready_fd
        Where to write a byte as soon as the hub serves.
    """
    values.seconds(idle_exit, "--idle-exit")
    from podium.cli.logs import veil

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    in_background = ready_fd >= 0
    serving = _serve(options.state, in_background)
    if serving is None:
        return Exit.OK
    veil(serving.hub.vault.mask)
    hubs.collect_again()
    if in_background:
        os.write(ready_fd, b"1")
        os.close(ready_fd)
    else:
        say(f"serving {serving.hub.folder} (pid {os.getpid()}); end with Ctrl-C")
    try:
        _wait(serving, stopping, idle_exit)
    finally:
        serving.stop()
    return Exit.OK


def _serve(folder: Path, in_background: bool) -> Serving | None:
    """The hub; None if another one serves already and nobody is there to be told so."""
    from podium.bootstrap import LOCK, serve
    from podium.cli.logs import log_to
    from podium.store.interface import Unwritable
    from podium.store.lock import held

    limit = time.monotonic() + _TAKE_S
    hubs.refuse_file(folder)
    with suppress(OSError):
        # Where it cannot be made, `serve` says why.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_to(folder / hubs.LOG, echo=not in_background)
    while True:
        if in_background and (found := hubs.find(folder)) is not None:
            found.client.close()
            return None
        try:
            return serve(folder)
        except Unwritable:
            # The one before may still be on its way out.
            if not in_background or not held(folder / LOCK) or time.monotonic() > limit:
                raise
        time.sleep(_AGAIN_S)


def _wait(serving: Serving, stopping: threading.Event, idle_exit: float | None) -> None:
    """Until told to stop, the hub ends by itself, or it had nothing to do for long enough."""
    idle_since = time.monotonic()
    while not stopping.wait(_LOOK_S):
        if serving.hub.status in ("stopped", "broken"):
            raise Stop(
                Exit.REFUSED, serving.hub.trouble or "the hub stopped", "see hub.log in the state folder"
            )
        if idle_exit is None:
            continue
        if _busy(serving):
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= idle_exit:
            # Who read the address just before still finds somebody there.
            serving.server.hide()
            if stopping.wait(_LOOK_S) or not _busy(serving):
                return
            with suppress(OSError):
                # On a full disk it stays hidden, and ends as soon as it may.
                serving.server.show()


def _busy(serving: Serving) -> bool:
    status = serving.door.call("status", {}).get("result", {})
    return bool(status.get("busy")) or serving.server.clients > 0
