"""Signing in at an identity provider: OpenID Connect, code flow with PKCE.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx2
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""No `none`, and nothing whose key is the client's secret."""

BEGUN_MAX = 1_000
BEGUN_S = 600.0
KNOWN_S = 3_600.0
LEEWAY_S = 60

log = structlog.get_logger("podium.server")


class Refusal(Exception):
    """Nobody is let in this way; the message says why. Attributes: account: whose it is, if that is known."""

    def __init__(self, message: str, account: str = "") -> None:
        super().__init__(message)
        self.account = account


class Provider(NamedTuple):
    """An identity provider, and what the hub is to it.

    Attributes:
        roles: of people who have no account yet; without any they are not let in.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    roles: tuple[str, ...] = ()


class Begun(NamedTuple):
    """A sign-in under way."""

    nonce: str
    verifier: str
    goal: str
    at: float


class Person(NamedTuple):
    """Who the provider says that it is. `subject` never changes hands; `name` is what it proposes."""

    subject: str
    name: str


def provider_of(settings: Mapping[str, str] = os.environ) -> Provider | None:
    """The identity provider that is set; None if there is none.

    Raises:
        ValueError: what is set cannot be used.
    """
    issuer = settings.get("PODIUM_OIDC_ISSUER", "").rstrip("/")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("PODIUM_OIDC_ISSUER must be an https address")
    client_id = settings.get("PODIUM_OIDC_CLIENT_ID", "")
    if not client_id:
        raise ValueError("PODIUM_OIDC_CLIENT_ID is missing")
    roles = tuple(filter(None, (word.strip() for word in settings.get("PODIUM_OIDC_ROLES", "").split(","))))
    name = settings.get("PODIUM_OIDC_NAME", "") or parts.hostname or issuer
    return Provider(issuer, client_id, settings.get("PODIUM_OIDC_CLIENT_SECRET", ""), name, roles)


class SignIns:
    """Sign-ins at a provider. For one event loop."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        self._known: tuple[float, dict[str, Any], KeySet] | None = None

    async def begin(self, redirect: str, goal: str) -> tuple[str, str]:
        """Where a browser is sent, and the state that it must come back with. Raises Refusal."""
        discovered, _ = await self._discovered()
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        begun = Begun(secrets.token_urlsafe(24), verifier, goal, time.monotonic())
        self._begun[state] = begun
        while len(self._begun) > BEGUN_MAX:
            self._begun.popitem(last=False)
        asked = {
            "response_type": "code", "client_id": self.provider.client_id, "redirect_uri": redirect,
            "scope": "openid profile email", "state": state, "nonce": begun.nonce,
            "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{discovered['authorization_endpoint']}?{urlencode(asked)}", state

    async def end(self, redirect: str, state: str, code: str) -> tuple[Person, str]:
        """Who came back, and where he wanted to go. Raises Refusal."""
        begun = self._begun.pop(state, None)
        if begun is None or time.monotonic() - begun.at > BEGUN_S:
            raise Refusal("that sign-in was not begun here, or took too long; begin it again")
        discovered, keys = await self._discovered()
        token = await self._token(discovered["token_endpoint"], redirect, code, begun.verifier)
        if not _has_key(keys, token):
            # The provider signs with another key than when it was asked for them.
            self._known = None
            _, keys = await self._discovered()
        claims = _claims(token, keys, self.provider, begun.nonce)
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        return Person(f"{self.provider.issuer} {claims['sub']}", name), begun.goal

    async def _token(self, endpoint: str, redirect: str, code: str, verifier: str) -> str:
        provider = self.provider
        given = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect,
            "client_id": provider.client_id, "code_verifier": verifier,
        }  # fmt: skip
        basic = (provider.client_id, provider.client_secret) if provider.client_secret else None
        found = await self._fetch("POST", endpoint, data=given, auth=basic)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise Refusal("the identity provider gave no ID token")
        return token

    async def _discovered(self) -> tuple[dict[str, Any], KeySet]:
        """What the provider says of itself, and its keys."""
        if self._known is not None and time.monotonic() - self._known[0] < KNOWN_S:
            return self._known[1], self._known[2]
        found = await self._fetch("GET", f"{self.provider.issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != self.provider.issuer:
            raise Refusal("the identity provider says that it is another one")
        keys = KeySet.import_key_set(await self._fetch("GET", str(found["jwks_uri"])))  # type: ignore[arg-type]
        self._known = time.monotonic(), found, keys
        return found, keys

    async def _fetch(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=10, follow_redirects=False) as client:
                response = await client.request(method, url, **given)
                response.raise_for_status()
                found: dict[str, Any] = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            log.warning("the identity provider does not answer", url=url, reason=str(error))
            raise Refusal("the identity provider does not answer as it should") from None
        return found


def _claims(token: str, keys: KeySet, provider: Provider, nonce: str) -> dict[str, Any]:
    """What an ID token says, if it is for this hub and for this sign-in. Raises Refusal."""
    try:
        found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "values": [provider.issuer, provider.issuer + "/"]},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(found.claims)
    except (JoseError, ValueError) as error:
        raise Refusal(f"the ID token does not hold: {error}") from None
    others = found.claims["aud"]
    if isinstance(others, list) and len(others) > 1 and found.claims.get("azp") != provider.client_id:
        raise Refusal("the ID token is for somebody else")
    return dict(found.claims)


def _has_key(keys: KeySet, token: str) -> bool:
    """Whether the key that a token names is among these; of one that names none nobody can tell before."""
    try:
        kid = extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise Refusal(f"the ID token does not hold: {error}") from None
    return kid is None or any(key.kid == kid for key in keys.keys)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
