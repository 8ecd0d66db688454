"""What every request passes first: bounds on body and number, who makes it, safe headers."""

from __future__ import annotations

import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.server.gate import Gate
from podium.server.problems import Trouble, too_much
from podium.server.proxies import seen_by
from podium.server.repeats import Repeats
from podium.server.settings import Settings

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_SAFE_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with forms, and nobody could sign in.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_SAFE = [(name.encode(), value.encode()) for name, value in _SAFE_HEADERS.items()]
_OF_API = [*_SAFE, (b"cache-control", b"no-store")]
_CALLERS_KEPT = 10_000


class Rates:
    """A bucket for each caller: so many requests at once, so many a second afterwards."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """0 if a request may be made now; else in how many seconds."""
        now = time.monotonic()
        left, wait = self._left(caller, now)
        self._buckets[caller] = (left - 1 if not wait else left, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _CALLERS_KEPT:
            self._buckets.popitem(last=False)
        return wait

    def wait(self, caller: str) -> float:
        """The same, but nothing is taken."""
        return self._left(caller, time.monotonic())[1]

    def _left(self, caller: str, now: float) -> tuple[float, float]:
        left, at = self._buckets.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        return left, 0.0 if left >= 1 else (1 - left) / self._per_s


class Doorkeeper:
    """The outermost part of the application (ASGI)."""

    def __init__(self, app: ASGIApp, gate: Gate, settings: Settings, repeats: Repeats) -> None:
        self._app, self._gate, self._settings, self._repeats = app, gate, settings, repeats
        self._rates = Rates(settings.rate_per_s, settings.rate_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = message["headers"]
                said = {name for name, _ in given}
                wanted = _OF_API if scope["path"].startswith("/v1") else _SAFE
                message["headers"] = [*given, *(one for one in wanted if one[0] not in said)]
            await send(message)

        try:
            headers = Headers(scope=scope)
            scope = seen_by(self._settings.proxies, scope, headers)
            self._bound(scope, headers)
            await self._app(scope, self._limited(receive), safely)
        except Trouble as trouble:
            if begun:
                raise
            await trouble.response()(scope, receive, safely)

    def _bound(self, scope: Scope, headers: Headers) -> None:
        """Find out who it is. Raises Trouble where there is too much of anything."""
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._settings.body_bytes_max:
            raise self._too_large()
        client = scope["client"][0] if scope.get("client") else ""
        try:
            visitor = self._gate.visitor(headers, _cookies(headers), scope["scheme"] == "https")
        except Trouble as trouble:
            if self._rates.take(f"?{client}"):
                raise too_much("too many requests; wait a little", rule="rate") from None
            scope["podium.refusal"] = trouble
            visitor = None
        scope["podium.visitor"] = visitor
        scope["podium.repeats"] = self._repeats
        wait = self._rates.take(visitor.caller.principal if visitor is not None else f"?{client}")
        if wait:
            raise too_much("too many requests; wait a little", int(wait) + 1, "rate")

    def _limited(self, receive: Receive) -> Receive:
        """Bodies of which nobody said how long they are end, too."""
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._settings.body_bytes_max:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> Trouble:
        bytes_max = self._settings.body_bytes_max
        return Trouble(413, "body-size", f"a body may have {bytes_max:,} bytes; put more into a file")


def _cookies(headers: Headers) -> dict[str, str]:
    given = headers.get("cookie", "")
    if not given:
        return {}
    try:
        return {name: one.value for name, one in SimpleCookie(given).items()}
    except CookieError:
        return {}
