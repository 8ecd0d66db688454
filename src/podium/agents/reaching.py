"""Reaching: the address that a URL leads to, looked at once and then connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from podium.agents.interface import AttemptFailed
from podium.policy.destinations import PORTS, DestinationInvalid, host_of, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses of a name."""


IsFit = Callable[[str], bool]
"""Whether an address may be connected to."""


class Pinned(NamedTuple):
    """A URL with an address in place of its name.

    Attributes:
        host: of the original, for the header.
        name: that the server must prove to be.
    """

    url: str
    host: str
    name: str


async def resolve(name: str, port: int) -> list[str]:
    """The addresses of a name, as the system has them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [*dict.fromkeys(str(one[4][0]) for one in found)]


async def pinned(url: str, resolving: Resolve, is_fit: IsFit) -> Pinned:
    """The URL, led to an address that was seen to be public.

    Args:
        resolving: gives the addresses of its name.
        is_fit: says of each whether it is public.

    Raises:
        AttemptFailed: `authorization` where any of the name's addresses is not public, so that it cannot be
            one thing when it is looked at and another when it is connected to; unstarted where it has none.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    port = parts.port or PORTS.get(parts.scheme, 0)
    try:
        addresses = await resolving(name, port)
    except OSError as error:
        raise AttemptFailed(
            f"no address is known for {name}", str(error), unstarted=True, kind="communication"
        ) from None
    private = [one for one in addresses if not is_fit(one)]
    if private or not addresses:
        raise AttemptFailed(
            f"{name} leads to {private[0] if private else 'nowhere'}, which is no public address",
            "Policy lets this lead to public addresses only.",
            retryable=False, unstarted=True, kind="authorization", status=403,
        )  # fmt: skip
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    authority = f"{address}:{parts.port}" if parts.port else address
    host = f"{parts.hostname}:{parts.port}" if parts.port else name
    return Pinned(parts._replace(netloc=authority).geturl(), host, name)


def is_public_address(address: str) -> bool:
    """Whether an address, however it is written, is public."""
    try:
        return is_public(host_of(address))
    except DestinationInvalid:
        return False
