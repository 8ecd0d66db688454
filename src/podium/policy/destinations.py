"""Destinations: where a URL leads, read once and in one way, so that no spelling of it gets past a policy.

Whatever two readers could understand differently is refused, not guessed.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from podium.facts.policy import Destination

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ssh": 22, "smtp": 25, "smtps": 465}
"""Ports that need not be written."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(?:[/?#].*)?", re.S)
_MAILBOX = re.compile(r"[A-Za-z0-9.#$&'*+/=?^_`{|}~-]{1,64}@([^@]+)")
_UNCLEAR = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_TRANSLATED = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")


class DestinationInvalid(ValueError):
    """A URL or host that does not say in one way where it leads; the message says why."""


def destination_of(url: object, method: str = "", region: str = "") -> Destination:
    """Where a URL leads.

    Args:
        url: absolute, with a host.
        method: of the request.
        region: where the host stands, if anybody said.
    Raises:
        DestinationInvalid: it is no such URL, or it could be read in two ways.
    """
    if not isinstance(url, str):
        raise DestinationInvalid("a URL must be a text")
    if _UNCLEAR.search(url):
        raise DestinationInvalid("a URL must hold no spaces, control characters or backslashes")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise DestinationInvalid("a URL must be absolute and name a host, `https://host/path`")
    scheme, authority = parts[1].lower(), parts[2]
    if "@" in authority:
        raise DestinationInvalid("a URL must not name a user before its host")
    host, port = _host_and_port(authority)
    if port == PORTS.get(scheme):
        port = 0
    return Destination(host_of(host), scheme, method.upper(), port, region)


def mailbox_of(address: object, region: str = "") -> Destination:
    """Where a mail leads that is sent to one address, `ada@example.com`; its scheme is `mailto`.

    Raises:
        DestinationInvalid: it is no address, several, or one that needs quotes or has a name beside it.
    """
    parts = _MAILBOX.fullmatch(address) if isinstance(address, str) else None
    if parts is None:
        raise DestinationInvalid("a mail must go to one address, `name@host`, and nothing beside it")
    return Destination(host_of(parts[1]), "mailto", region=region)


def _host_and_port(authority: str) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host, colon, digits = host + bracket, rest[:1], rest[1:]
        if colon not in ("", ":"):
            raise DestinationInvalid("what follows an address in brackets must be a port")
    else:
        host, colon, digits = authority.partition(":")
    if not colon:
        return host, 0
    if not digits:
        return host, 0
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) < 65536):
        raise DestinationInvalid(f"`{digits[:20]}` is no port")
    return host, int(digits)


def host_of(host: str) -> str:
    """A host in its usual form: a lower-case name without a dot at the end, or an address.

    Raises:
        DestinationInvalid: it is neither.
    """
    if host.startswith("["):
        return _address(host[1:-1])
    if ":" in host:
        return _address(host)
    name = (host if host.isascii() else _in_ascii(host)).lower().removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _number(name)
    if len(name) > 253 or not all(map(_LABEL.fullmatch, name.split("."))):
        raise DestinationInvalid(f"`{host[:60]}` is no name of a host")
    return name


def is_public(host: str) -> bool:
    """Whether a host, in its usual form, is not on this machine or a private network as far as one can see.

    A name may still lead to a private address: whoever connects asks this again of the address.
    """
    try:
        if ":" in host:
            return _is_public_6(IPv6Address(host))
        if host.rpartition(".")[2].isdecimal():
            return _is_public_4(IPv4Address(host))
    except AddressValueError:
        return False
    return "." in host and not any(host.endswith("." + name) for name in _LOCAL_NAMES)


def _in_ascii(host: str) -> str:
    """A name of other letters as the domain name system has it. Source: RFC 5891, UTS 46."""
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise DestinationInvalid(f"`{host[:60]}` is no name of a host: {error}") from None


def _address(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise DestinationInvalid(f"`{text[:60]}` is no address") from None
    if address.scope_id is not None:
        raise DestinationInvalid("an address must not name an interface")
    return str(address.ipv4_mapped or address)


def _number(name: str) -> str:
    """An address of numbers as old programs read it: up to four parts, decimal, octal or hexadecimal."""
    values = [_value(part) for part in name.split(".")]
    *bytes_, last = values
    if len(values) > 4 or any(value > 255 for value in bytes_) or last >= 256 ** (5 - len(values)):
        raise DestinationInvalid(f"`{name[:60]}` is no address")
    whole = last
    for place, value in enumerate(bytes_):
        whole += value << 8 * (3 - place)
    return str(IPv4Address(whole))


def _value(part: str) -> int:
    if not _NUMBER.fullmatch(part) or len(part) > 12:
        raise DestinationInvalid(f"`{part[:20]}` is no part of an address")
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    if part[0] == "0":
        if not set(part) <= set("01234567"):
            raise DestinationInvalid(f"`{part}` is no octal number")
        return int(part, 8)
    return int(part)


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _is_public_6(address: IPv6Address) -> bool:
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED or address in _COMPATIBLE:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if not all(_is_public_4(one) for one in inner if one is not None):
        return False
    outside = address.is_global or address in _TRANSLATED
    return outside and not (address.is_multicast or address.is_site_local)
