"""A running hub becomes one that is served over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from podium.runtime.accounts import Accounts
from podium.runtime.door import Door
from podium.runtime.hub import Hub
from podium.runtime.system import SYSTEM_SHARD
from podium.server.app import make_app
from podium.server.gate import Gate
from podium.server.listening import Listening, bind
from podium.server.measuring import MEASURED, Measured
from podium.server.proxies import Network
from podium.server.repeats import FILE as REPEATS
from podium.server.repeats import Repeats
from podium.server.served import Served
from podium.server.settings import Settings
from podium.server.streams import Streams
from podium.views.looking import Looks


def listen(
    hub: Hub, door: Door, accounts: Accounts, views: Path, export: Callable[[Path], Any],
    host: str, port: int, certificate: Path | None = None, key: Path | None = None,
    measured: Measured | None = None, proxies: tuple[Network, ...] = (),
) -> Listening:  # fmt: skip
    """Serve a hub at an address.

    Args:
        views: the views' file.
        export: writes the log out into a folder.
        port: 0 for any that is free.
        certificate, key: files in PEM; with them it is served over TLS.
        measured: what measures the hub.
        proxies: as in `Settings`.
    Raises:
        OSError: the address or the files cannot be used.
    """
    settings = Settings(proxies=proxies)
    bound = bind(host, port)
    try:
        shown = f"[{host}]" if ":" in host else host
        url = f"http{'s' if certificate is not None else ''}://{shown}:{bound.getsockname()[1]}"
        served = made(hub, door, accounts, views, export, settings)
        served.extra[MEASURED] = measured
        listening = Listening(make_app(served), bound, url, served.streams.close, certificate, key)
        hub.do(lambda: hub.listen(served.streams.feed)).result()
        hub.said.append(served.streams.say)
        listening.start()
    except BaseException:
        bound.close()
        raise
    return listening


def made(
    hub: Hub, door: Door, accounts: Accounts, views: Path, export: Callable[[Path], Any], settings: Settings
) -> Served:
    """What is served of a hub."""

    def heads() -> tuple[int, int]:
        return hub.system.writer.head.seq, hub.shard.writer.head.seq

    assert hub.shard.number != SYSTEM_SHARD
    streams = Streams(heads, settings.streams_max, settings.streams_each_max)
    repeats = Repeats(views.with_name(REPEATS), hub.clock.now)
    return Served(
        door, Looks(views), Gate(accounts), streams, lambda: heads()[1],
        lambda: hub.status, export, settings, repeats,
    )  # fmt: skip
