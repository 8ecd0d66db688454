"""Authorization: from a policy to what a request carries; tokens are kept while they hold."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from podium.agents.interface import Attempt, AttemptFailed
from podium.agents.policies import Login, OAuth2, Token, policy_of
from podium.agents.web import Answered, Web
from podium.facts.values import JSON

KEPT_MAX = 256
"""Tokens of so many policies are kept."""
UNTOLD_S = 60
"""A token that does not say how long it holds is kept for so long."""
EARLY_S = 30
"""A token is replaced so long before it ends, or at half its time if that is shorter."""
DISCOVERED_S = 3600

HIDDEN = "authorization"
"""What masks call the parameter of an `Authorization` header."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a request carries: a header's scheme and parameter, or a login for digest.

    Attributes:
        renewable: it was kept from before, so another may be had where this one is refused.
    """

    scheme: str
    parameter: str = ""
    digest: tuple[str, str] | None = None
    renewable: bool = False


@dataclass(slots=True)
class _Kept:
    """Something fetched, until it ends; the lock lets one attempt fetch it for all."""

    value: Any = None
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Authorizer:
    """Gives access by policies. Lives on one loop; what it holds is gone with the process."""

    def __init__(self, web: Web, now: Callable[[], float] = time.monotonic) -> None:
        self._web, self._now = web, now
        self._kept: dict[str, _Kept] = {}

    async def access(self, given: JSON, attempt: Attempt, refused: Access | None = None) -> Access:
        """The access that a policy gives; its parameter is hidden in whatever the attempt tells.

        Args:
            given: `{kind: properties}`.
            refused: what it gave before, and the server did not accept.
        Raises:
            AttemptFailed: the policy is wrong, or the authority gives no token. Nothing was performed.
        """
        kind, policy = policy_of(given)
        if isinstance(policy, Login):
            if kind == "digest":
                return Access("Digest", digest=(policy.username, policy.password))
            access = Access("Basic", _basic(policy))
        elif isinstance(policy, Token):
            access = Access("Bearer", policy.token)
        else:
            access = await self._token(kind, policy, refused.parameter if refused else "")
        attempt.hide(HIDDEN, access.parameter)
        return access

    # --- tokens

    async def _token(self, kind: str, policy: OAuth2, refused: str) -> Access:
        known = hashlib.sha256(msgspec.json.encode([kind, policy], order="deterministic")).hexdigest()
        kept = self._place(known)
        async with kept.lock:
            if kept.value not in (None, refused) and self._now() < kept.until:
                return Access("Bearer", kept.value, renewable=True)
            endpoint = await self._endpoint(kind, policy)
            token, holds_s = await self._ask(endpoint, policy)
            kept.value, kept.until = token, self._now() + max(holds_s - EARLY_S, holds_s / 2)
            return Access("Bearer", token)

    def _place(self, name: str) -> _Kept:
        kept = self._kept.pop(name, None) or _Kept()
        self._kept[name] = kept
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return kept

    async def _endpoint(self, kind: str, policy: OAuth2) -> str:
        if kind == "oidc":
            return await self._discovered(policy.authority.rstrip("/"))
        if "://" in policy.endpoints.token:
            return policy.endpoints.token
        return policy.authority.rstrip("/") + "/" + policy.endpoints.token.lstrip("/")

    async def _discovered(self, authority: str) -> str:
        """The token endpoint that an authority names. Source: OpenID Connect Discovery 1.0, section 4."""
        kept = self._place(f"discovery {authority}")
        async with kept.lock:
            if kept.value is None or self._now() >= kept.until:
                where = f"{authority}/.well-known/openid-configuration"
                answered = await self._send("GET", where, {"accept": "application/json"})
                kept.value = _token_endpoint(_object(answered, where), authority, where)
                kept.until = self._now() + DISCOVERED_S
            return str(kept.value)

    async def _ask(self, endpoint: str, policy: OAuth2) -> tuple[str, float]:
        """A token and how many seconds it holds. Source: RFC 6749, sections 2.3.1, 4.3 and 4.4."""
        headers = {"accept": "application/json", "content-type": policy.request.encoding}
        answered = await self._send("POST", endpoint, headers | _client_header(policy), _body(policy))
        said = _object(answered, endpoint)
        token, kind = said.get("access_token"), said.get("token_type", "Bearer")
        if not isinstance(token, str) or not token or str(kind).lower() != "bearer":
            raise _failed(f"{endpoint} gave no bearer token", "It must answer with `access_token`.")
        _check_issuer(token, policy.issuers, endpoint)
        holds_s = said.get("expires_in")
        return token, float(holds_s) if isinstance(holds_s, int | float) and holds_s >= 0 else UNTOLD_S

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> Answered:
        try:
            answered = await self._web.request(method, url, headers, body)
        except AttemptFailed as failure:
            failure.unstarted, failure.lost = True, False
            raise
        if 200 <= answered.status < 300:
            return answered
        if answered.status >= 500 or answered.status == 429:
            raise AttemptFailed(f"{url} answered {answered.status}", unstarted=True, kind="communication")
        said = _said(answered)
        detail = " ".join(str(said[name]) for name in ("error", "error_description") if name in said)
        raise _failed(f"{url} refused to give a token ({answered.status})", detail[:500])


def _basic(login: Login) -> str:
    if ":" in login.username:
        raise AttemptFailed(
            "a username for `basic` must not hold `:`", retryable=False, unstarted=True, kind="configuration"
        )
    return base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _client_header(policy: OAuth2) -> dict[str, str]:
    client = policy.client
    if client.authentication != "client_secret_basic":
        return {}
    login = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
    return {"authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def _body(policy: OAuth2) -> bytes:
    client = policy.client
    members: dict[str, Any] = {"grant_type": policy.grant}
    if client.id and client.authentication != "client_secret_basic":
        members["client_id"] = client.id
        if client.authentication == "client_secret_post" and client.secret:
            members["client_secret"] = client.secret
    if policy.scopes:
        members["scope"] = " ".join(policy.scopes)
    if policy.audiences:
        members["audience"] = list(policy.audiences) if len(policy.audiences) > 1 else policy.audiences[0]
    if policy.grant == "password":
        members |= {"username": policy.username, "password": policy.password}
    if policy.request.encoding == "application/json":
        return msgspec.json.encode(members)
    return urlencode(members, doseq=True).encode()


def _said(answered: Answered) -> dict[str, Any]:
    """The object that it answered; an empty one if it did not."""
    try:
        said = msgspec.json.decode(answered.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _object(answered: Answered, where: str) -> dict[str, Any]:
    said = _said(answered)
    if not said:
        raise _failed(f"{where} did not answer with a JSON object")
    return said


def _token_endpoint(said: dict[str, Any], authority: str, where: str) -> str:
    endpoint = said.get("token_endpoint")
    if str(said.get("issuer", "")).rstrip("/") != authority:
        raise _failed(f"{where} speaks for another issuer", "Its `issuer` must be the `authority`.")
    scheme = authority.partition("://")[0]
    if not isinstance(endpoint, str) or not endpoint.startswith(("https://", f"{scheme}://")):
        raise _failed(f"{where} names no token endpoint that can be used")
    return endpoint


def _check_issuer(token: str, issuers: tuple[str, ...], endpoint: str) -> None:
    """Of a token that is a JWT; its signature is for those to check who accept it."""
    if not issuers:
        return
    try:
        claims = token.split(".")[1]
        said = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        issuer = said.get("iss")
    except (IndexError, binascii.Error, msgspec.DecodeError, AttributeError, ValueError):
        issuer = None
    if issuer not in issuers:
        raise _failed(f"the token of {endpoint} is from none of the `issuers`")


def _failed(title: str, detail: str = "") -> AttemptFailed:
    return AttemptFailed(title, detail, retryable=False, unstarted=True, kind="authentication")
