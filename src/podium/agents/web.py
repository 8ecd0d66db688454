"""Requests over HTTP, bounded in size, with failures as the seam has them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import podium
from podium.agents.interface import OUTPUT_BYTES_MAX, AttemptFailed
from podium.agents.output import too_large
from podium.agents.reaching import IsFit, Resolve, is_public_address, pinned, resolve
from podium.facts.policy import Reach

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 10.0
EXCERPT_CHARS = 500
RETRYABLE = frozenset({408, 425, 429})


class Answered:
    """A response that was read to its end. Names of headers are in lower case."""

    __slots__ = ("status", "headers", "body", "charset", "sent", "uri")

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes,
        charset: str,
        sent: dict[str, str],
        uri: str,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.charset = charset
        self.sent = sent
        self.uri = uri

    @property
    def is_json(self) -> bool:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    def text(self) -> str:
        """The body as text; what is not in its character set is replaced."""
        try:
            return self.body.decode(self.charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


class Web:
    """A client with kept connections; the library behind it is loaded with the first request."""

    def __init__(self, resolve: Resolve = resolve, is_fit: IsFit = is_public_address) -> None:
        self._resolve, self._is_fit = resolve, is_fit
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        digest: tuple[str, str] | None = None,
        reach: Reach = "",
    ) -> Answered:
        """Send a request and read its whole answer. Redirects are not followed; the caller's deadline holds.

        Args:
            digest: username and password for a server that asks for digest authentication.
            reach: `public` connects to a public address only, and to the one that was looked at.

        Raises:
            AttemptFailed: kind `authorization` if the address is not public; `communication`; unstarted where
                no connection came about, lost where it broke. Kind `validation` if the answer is too large,
                `configuration` if no request can be made of URL and headers.
        """
        client = await self._opened()
        import httpx2

        there, sent_headers, extensions = url, dict(headers), {}
        if reach == "public":
            place = await pinned(url, self._resolve, self._is_fit)
            there, extensions = place.url, {"sni_hostname": place.name}
            sent_headers = {"host": place.host, **sent_headers}
        try:
            async with client.stream(
                method,
                there,
                headers=sent_headers,
                content=body,
                auth=httpx2.DigestAuth(*digest) if digest else None,
                extensions=extensions,
            ) as response:
                content = await _content(response)
                sent = {name.lower(): value for name, value in response.request.headers.items()}
                uri = url if reach == "public" else str(response.request.url)
                charset = response.charset_encoding or "utf-8"
                return Answered(
                    response.status_code, dict(response.headers.items()), content, charset, sent, uri
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise AttemptFailed(
                f"no connection to {_origin(url)}", _words(error), unstarted=True, kind="communication"
            ) from None
        except (
            httpx2.InvalidURL,
            httpx2.UnsupportedProtocol,
            httpx2.LocalProtocolError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise AttemptFailed(
                f"no request can be made of {url!r} and its headers",
                _words(error),
                retryable=False,
                unstarted=True,
                kind="configuration",
            ) from None
        except httpx2.HTTPError as error:
            raise AttemptFailed(
                f"the connection to {_origin(url)} broke", _words(error), lost=True, kind="communication"
            ) from None

    async def _opened(self) -> httpx2.AsyncClient:
        async with self._opening:
            if self._client is None:
                # Importing it and reading the certificates takes a while; other attempts need not wait.
                self._client = await asyncio.to_thread(_open)
        return self._client

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _open() -> httpx2.AsyncClient:
    library = importlib.import_module("httpx2")
    client: httpx2.AsyncClient = library.AsyncClient(
        timeout=library.Timeout(None, connect=CONNECT_S),
        limits=library.Limits(max_connections=None, max_keepalive_connections=100),
        follow_redirects=False,
        headers={"user-agent": f"podium/{podium.__version__}"},
        # Requests of one run must not carry what servers told another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
    return client


async def _content(response: httpx2.Response) -> bytes:
    parts = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > OUTPUT_BYTES_MAX:
            raise too_large(size)
        parts.append(part)
    return b"".join(parts)


def refused(answered: Answered, what: str) -> AttemptFailed:
    """The failure that a status out of range stands for; `what` names who answered."""
    status = answered.status
    failure = AttemptFailed(
        f"{what} answered {status}",
        answered.text()[:EXCERPT_CHARS],
        retryable=status >= 500 or status in RETRYABLE,
        kind="communication",
        status=status,
    )
    pause_ms = _pause_ms(answered) if status in (429, 503) else 0
    if pause_ms:
        failure.provenance["retry_after_ms"] = pause_ms
    return failure


def _pause_ms(answered: Answered) -> int:
    """How long the server wants to be left alone; 0 if it does not say. Source: RFC 9110, section 10.2.3."""
    told = answered.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdecimal():
        return int(told[:9]) * 1000
    try:
        there, then = (parsedate_to_datetime(text) for text in (answered.headers.get("date", ""), told))
        return max(0, round((then - there).total_seconds() * 1000))
    except (TypeError, ValueError, OverflowError):
        return 0


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3]) if "://" in url else url


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
