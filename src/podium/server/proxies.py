"""Proxies that end TLS for the hub: what they say of a request is believed, and of nobody else.

Source: `X-Forwarded-For` and `X-Forwarded-Proto` as proxies send them: each adds to the end what it saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.types import Scope

Network: TypeAlias = IPv4Network | IPv6Network

_CHAIN_MAX = 20


def networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as people write them, several in one text too. Raises ValueError."""
    words = [word.strip() for text in given for word in text.split(",")]
    return tuple(ip_network(word) for word in words if word)


def seen_by(proxies: tuple[Network, ...], scope: Scope, headers: Headers) -> Scope:
    """A request as its proxy saw it, where that is one of ours; as it came, otherwise."""
    client = scope["client"][0] if scope.get("client") else ""
    if not _is_one(proxies, client):
        return scope
    scope = dict(scope)
    told = [word.strip() for word in ",".join(headers.getlist("x-forwarded-for")).split(",")]
    for address in reversed(told[-_CHAIN_MAX:]):
        if not _is_address(address):
            break
        scope["client"] = (address, 0)
        if not _is_one(proxies, address):
            break
    schemes = [word.strip().lower() for word in ",".join(headers.getlist("x-forwarded-proto")).split(",")]
    if schemes[-1] in ("http", "https"):
        scope["scheme"] = schemes[-1]
    return scope


def _is_one(proxies: tuple[Network, ...], address: str) -> bool:
    return bool(proxies) and _is_address(address) and any(ip_address(address) in one for one in proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
