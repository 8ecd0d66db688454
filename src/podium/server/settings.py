"""Bounds of the API, and what it is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from podium.server.proxies import Network


@dataclass(frozen=True, slots=True)
class Settings:
    """How the hub is served.

    Attributes:
        body_bytes_max: a longer body is refused (413).
        rate_per_s: so many requests a second of one caller go on being answered; `rate_burst` at once.
        calls_open_max: so many calls may be open on the hub; more are turned away (429).
        streams_max: so many live streams may be open; `streams_each_max` of one caller.
        threads: that look at the state, side by side.
        proxies: addresses of those who end TLS for it: whom they name as client, and how he came to them, is
            believed.
    """

    body_bytes_max: int = 8 * 1024 * 1024
    rate_per_s: int = 5_000
    rate_burst: int = 10_000
    calls_open_max: int = 4_096
    streams_max: int = 1_024
    streams_each_max: int = 512
    threads: int = 12
    proxies: tuple[Network, ...] = ()
