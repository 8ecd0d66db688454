"""Hubs: finding the one that serves a state folder, being it, and leaving work to one in the background."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from podium.cli import far
from podium.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from podium.bootstrap import Serving
    from podium.sdk.client import Client

IDLE_EXIT_S = 5
"""A hub in the background ends when it had nothing to do, and nobody asked it anything, for so long."""

_TAKE_S = 15.0
"""How long to wait for a hub that holds the folder but does not answer: it starts, or it stops."""

_AGAIN_S = 0.02

LOG = "hub.log"
"""What hubs say of themselves, in the state folder."""


class Attached:
    """A client of the folder's hub, whoever that is.

    Attributes:
        serving: the hub, if it is this process; None if it is another.
        pid: the hub's.
    """

    def __init__(self, client: Client, pid: int, serving: Serving | None = None) -> None:
        self.client, self.pid, self.serving = client, pid, serving

    def leave(self, folder: Path) -> int:
        """Let go of the hub; what it has not finished is left to one in the background.

        Returns:
            the pid of the hub that goes on; 0 if there is nothing to go on with.
        """
        if self.serving is None:
            self.client.close()
            return self.pid
        # Whoever was let in meanwhile is served by the next one.
        busy = self._busy() or self.serving.server.clients > 0
        self.serving.stop(grace_ms=0 if not busy else 2_000)
        return spawn(folder) if busy else 0

    def _busy(self) -> bool:
        from podium.sdk.client import PodiumError

        try:
            return bool(self.client.status()["busy"])
        except PodiumError:
            # It broke. What is in the log goes on with the next hub that somebody starts.
            return False


def find(folder: Path) -> Attached | None:
    """A client of the hub that serves the folder now, if one does."""
    from podium.sdk.client import Client, SocketTransport, UnreachableError

    if far.chosen is not None:
        from podium.sdk.http import HttpTransport

        return Attached(Client(HttpTransport(*far.chosen)), 0)
    try:
        transport = SocketTransport(folder)
    except UnreachableError:
        return None
    return Attached(Client(transport), transport.pid)


def attach(folder: Path) -> Attached:
    """A client of the folder's hub; where there is none, this process becomes it.

    Raises:
        StoreError: it cannot be, and why.
    """
    refuse_file(folder)
    limit = time.monotonic() + _TAKE_S
    while True:
        if (found := find(folder) or _take(folder)) is not None:
            collect_again()
            return found
        if time.monotonic() > limit:
            message = f"another process holds {folder / 'hub.lock'} but does not answer"
            raise Stop(Exit.UNREACHABLE, message, "look at it with `podium doctor`, or end that process")
        time.sleep(_AGAIN_S)


def attach_background(folder: Path) -> Attached:
    """A client of the folder's hub; where there is none, one is started in the background."""
    if (found := find(folder)) is None:
        spawn(folder)
        found = find(folder)
    if found is None:
        raise Stop(Exit.UNREACHABLE, f"the hub in the background went away; see the end of {folder / LOG}")
    return found


def _take(folder: Path) -> Attached | None:
    from podium.bootstrap import LOCK, serve
    from podium.cli.logs import log_to, veil
    from podium.sdk.client import Client
    from podium.store.interface import Unwritable
    from podium.store.lock import held

    if held(folder / LOCK):
        return None
    with suppress(OSError):
        # Where it cannot be made, `serve` says why.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_to(folder / LOG)
    try:
        serving = serve(folder)
    except Unwritable:
        if held(folder / LOCK):
            return None
        raise
    veil(serving.hub.vault.mask)
    return Attached(Client(serving.door), os.getpid(), serving)


def refuse_far(what: str) -> None:
    """Raises Stop where a command is meant for a hub elsewhere that can only be given at its state folder."""
    if far.chosen is not None:
        message = f"`{what}` works where the hub's state folder is, not through {far.chosen.url}"
        raise Stop(Exit.USAGE, message, "leave out `--hub`, and unset PODIUM_HUB")


def refuse_file(folder: Path) -> None:
    """Raises Stop where something is that is no folder."""
    if folder.exists() and not folder.is_dir():
        raise Stop(Exit.UNREACHABLE, f"{folder} is no folder", "name a state folder with `--state`")


def is_new(folder: Path) -> bool:
    """Whether no hub has worked at the folder yet."""
    if far.chosen is not None:
        return False
    try:
        return not (folder / "log.db").exists()
    except OSError:
        return False


@contextmanager
def asked(folder: Path, *, begins: bool = False) -> Iterator[Client]:
    """A client for one act: of the hub, or of one in this process that leaves the rest to another.

    Args:
        begins: whether the act may be the first in its folder; others have nothing to act on there.
    """
    if not begins and is_new(folder):
        refuse_new(folder)
    attached = attach(folder)
    try:
        yield attached.client
    finally:
        attached.leave(folder)


def refuse_new(folder: Path) -> NoReturn:
    """Raises Stop."""
    refuse_file(folder)
    raise Stop(
        Exit.UNREACHABLE, f"there is nothing at {folder}: no hub has worked there yet",
        "`podium run` and `podium apply` begin one; `--state` names another folder",
    )  # fmt: skip


@contextmanager
def looked_at(folder: Path) -> Iterator[Client]:
    """A client that only looks: at the hub, or at what the folder holds; nothing is set going."""
    from podium.bootstrap import look
    from podium.sdk.client import Client

    if (found := find(folder)) is None and is_new(folder):
        refuse_new(folder)
    client = found.client if found is not None else Client(look(folder))
    with client:
        yield client


def collect_again() -> None:
    """Starting is over: what was imported stays, what comes from here on is collected, and seldom: a hub
    makes many objects that live for a moment and no circles.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def spawn(folder: Path) -> int:
    """Start a hub in the background and wait until it serves; gives its pid, or that of one that was faster.

    Raises:
        Stop: it does not start.
    """
    refuse_file(folder)
    ready, write = os.pipe()
    log = folder / LOG
    # `-P`: what lies in the present folder must not be taken for a module of ours.
    command = [sys.executable, "-P", "-m", "podium.cli", "--state", str(folder.absolute()), "up"]
    command += ["--idle-exit", str(IDLE_EXIT_S), "--ready-fd", str(write)]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as out:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                pass_fds=(write,), env=_environment(),
            )  # fmt: skip
    except OSError as error:
        os.close(ready)
        hint = "choose another state folder with `--state`, or let this user write there"
        raise Stop(Exit.UNREACHABLE, f"no hub can be started for {folder}: {error.strerror}", hint) from error
    finally:
        os.close(write)
    with os.fdopen(ready, "rb") as pipe:
        serves = pipe.read(1) == b"1"
    if serves:
        return child.pid
    if (found := find(folder)) is not None:
        found.client.close()
        return found.pid
    message = f"the hub in the background does not start: {_last_line(log)}"
    refused = child.wait() == Exit.REFUSED
    raise Stop(Exit.REFUSED if refused else Exit.UNREACHABLE, message, f"more is in {log}")


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.removeprefix("podium: ") for line in reversed(lines) if line.strip()), "")
    return "it said nothing"


def _environment() -> dict[str, str]:
    """The child finds this very package, wherever this process has it from."""
    import podium

    source = str(Path(podium.__file__).parents[1])
    paths = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
