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
from podium.cli.output import plural, say

if TYPE_CHECKING:
    from podium.bootstrap import Serving
    from podium.resources.manifest import Document

Given = Annotated[Options, Parameter(parse=False)]

_LOOK_S = 0.5
_TAKE_S = 15.0
_AGAIN_S = 0.02


def up(
    *paths: Path,
    listen: Annotated[str, Parameter(env_var="PODIUM_LISTEN", show_default=True)] = "127.0.0.1:7400",
    dev: bool = False,
    certificate: Path | None = None,
    key: Path | None = None,
    trusted_proxy: Annotated[list[str] | None, Parameter(env_var="PODIUM_TRUSTED_PROXY")] = None,
    idle_exit: float | None = None,
    ready_fd: Annotated[int, Parameter(show=False)] = -1,
    options: Given,
) -> int:
    """Serve the state folder, API and console until interrupted.

    Parameters
    ----------
    paths
        Manifests to apply first: files, or folders of them.
    listen
        Where API and console are served; `off` for the socket in the state folder alone.
    dev
        Serve although no policy is in force but the built-in one for development.
    certificate
        Certificate chain for TLS, in PEM; it takes `--key`, too.
    key
        Private key of the certificate, in PEM.
    trusted_proxy
        Address or network of a proxy that ends TLS: its `X-Forwarded-For` and `-Proto` are believed.
    idle_exit
        End after so many seconds without clients and without anything to do.
    ready_fd
        Where to write a byte as soon as the hub serves.
    """
    values.seconds(idle_exit, "--idle-exit")
    in_background = ready_fd >= 0
    address = None if in_background else _address(listen, certificate, key)
    from podium.cli.logs import veil

    documents = _declared(paths)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    serving = _serve(options.state, in_background)
    if serving is None:
        return Exit.OK
    veil(serving.hub.vault.mask)
    try:
        if documents:
            _apply(serving, documents)
        if address is not None:
            _open(serving, address, certificate, key, trusted_proxy or [], dev)
        hubs.collect_again()
        if in_background:
            os.write(ready_fd, b"1")
            os.close(ready_fd)
        else:
            say(f"serving {serving.hub.folder} (pid {os.getpid()}); end with Ctrl-C")
        _wait(serving, stopping, idle_exit)
    finally:
        serving.stop()
    return Exit.OK


def _address(listen: str, certificate: Path | None, key: Path | None) -> tuple[str, int] | None:
    """Host and port; None for none. Raises Stop."""
    if (certificate is None) != (key is None):
        raise Stop(Exit.USAGE, "TLS takes both `--certificate` and `--key`")
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise Stop(Exit.NOT_FOUND, f"there is no file {file}")
    if listen == "off":
        return None
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        message = f"{values.quoted(listen)} is no address to listen at"
        raise Stop(Exit.USAGE, message, "write `--listen 127.0.0.1:7400`, or `--listen off`")
    if certificate is None and not _is_local(host):
        message = f"{host} can be reached from elsewhere, and tokens would travel there in the clear"
        raise Stop(
            Exit.REFUSED, message, "add `--certificate` and `--key`, or listen at 127.0.0.1 behind a proxy"
        )
    return host, int(port)


def _is_local(host: str) -> bool:
    from ipaddress import ip_address

    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _declared(paths: tuple[Path, ...]) -> list[Document]:
    if not paths:
        return []
    from podium.cli.declaring import load

    return load(paths)


def _apply(serving: Serving, documents: list[Document]) -> None:
    from podium.cli.declaring import apply_to, tell_notices
    from podium.sdk.client import Client

    changed = apply_to(Client(serving.door), documents)
    tell_notices(changed.notices)
    say(f"{plural(len(documents), 'resource')}, {len(changed)} changed")


def _open(
    serving: Serving, address: tuple[str, int], certificate: Path | None, key: Path | None,
    proxies: list[str], dev: bool,
) -> None:  # fmt: skip
    """Serve over the network, and say where. Raises Stop."""
    policies = serving.door.call("get", {"kind": "policies"}).get("result", [])
    if not dev and not any(one["mode"] == "enforce" and one["name"] != "development" for one in policies):
        raise Stop(
            Exit.REFUSED, "no policy is in force: nothing would say what agents may do here",
            "`podium up PATH` applies one; `--dev` serves with the built-in policy for development",
        )  # fmt: skip
    try:
        listening = serving.listen(*address, certificate, key, proxies)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"the hub cannot be served like that: {error}") from None
    except OSError as error:
        message = f"{address[0]}:{address[1]} cannot be served: {error.strerror or error}"
        raise Stop(Exit.UNREACHABLE, message, "choose another address with `--listen`") from error
    say(f"API and console: {listening.url}")
    link = first_link(serving)
    if link:
        say(f"sign in once, within the hour: {listening.url}/sign-in?link={link}")


def first_link(serving: Serving) -> str:
    """Make the first account, if there is none; gives a link that signs its owner in, else ""."""
    from podium.runtime.identity import user_name

    accounts = serving.accounts()
    if accounts.accounts():
        return ""
    name = user_name(os.getuid())
    accounts.add(name, ("admin", "approver", "operator"))
    return accounts.make_link(name)


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
