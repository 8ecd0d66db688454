"""The gate: who makes a request, by API token or by the cookie of a sign-in; and what that lets him do.

Every route names the scope that it takes: `caller: Annotated[Caller, needs("read")]`. One that takes none
says `needs()`: whoever is let in. Routes without a `needs` are open to everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from podium.facts.approvals import PERSON
from podium.runtime.accounts import TOKEN_PREFIX, Account, Accounts
from podium.runtime.identity import Caller
from podium.runtime.roles import SCOPES, known_to_policy, scopes_of
from podium.runtime.tokens import PREFIX as ATTEMPT_PREFIX
from podium.server.problems import Trouble

COOKIE = "podium"
SECURE_COOKIE = "__Host-podium"
CSRF_HEADER = "x-podium-csrf"

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_SECRET_MAX = 512


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in.

    Attributes:
        caller: as the door knows callers.
        scopes: what he may do, by his roles and, where he shows a token, by that.
        account: whose it is.
        csrf: what a browser must bring along with whatever changes something; "" for tokens.
        cookie: the secret of the sign-in; "" for tokens.
        token: the id of the token; "" for browsers.
    """

    caller: Caller
    scopes: frozenset[str]
    account: Account
    csrf: str = ""
    cookie: str = ""
    token: str = ""


class Gate:
    """Tells who makes a request.

    Args:
        accounts: who there is.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts

    def visitor(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], secure: bool = False
    ) -> Visitor | None:
        """Who makes a request; None if it says nothing of that.

        Args:
            secure: whether the request came over TLS.
        Raises:
            Trouble: what it says does not hold.
        """
        authorization = headers.get("authorization", "")
        if authorization and not _bearer(authorization).startswith(ATTEMPT_PREFIX):
            return self._by_token(authorization)
        secret = "" if authorization else cookies.get(cookie_name(secure), "")
        return self._by_cookie(secret) if secret else None

    def still(self, visitor: Visitor) -> bool:
        """Whether somebody who was let in would be let in again, with as much as then."""
        accounts = self.accounts
        if visitor.token:
            found = accounts.token_now(visitor.token)
            return found is not None and visitor.scopes <= scopes_of(found.roles) | frozenset(("work",))
        return accounts.by_stay(visitor.cookie) is not None

    def _by_token(self, authorization: str) -> Visitor:
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret.startswith(TOKEN_PREFIX) or len(secret) > _SECRET_MAX:
            raise unknown("the header `Authorization` must be `Bearer podium_…`, an API token")
        found = self.accounts.by_token(secret)
        if found is None:
            raise unknown("that token is unknown, revoked or expired; `podium token create` makes another")
        token, account = found
        scopes = scopes_of(account.roles) & frozenset(token.scopes or SCOPES)
        caller = _caller(account, f"http token {token.id}", scopes)
        return Visitor(caller, scopes, account, token=token.id)

    def _by_cookie(self, secret: str) -> Visitor | None:
        if len(secret) > _SECRET_MAX:
            return None
        found = self.accounts.by_stay(secret)
        if found is None:
            return None
        stay, account = found
        scopes = scopes_of(account.roles)
        return Visitor(_caller(account, f"http {stay.how}", scopes), scopes, account, stay.csrf, secret)


class Needs:
    """What a route takes of a caller; the dependency that gives him.

    Args:
        scopes: of `SCOPES`; one of them is enough. None of them: whoever is let in.
    """

    def __init__(self, *scopes: str) -> None:
        assert set(scopes) <= set(SCOPES), f"{scopes} are no scopes"
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        return self.visitor(request).caller

    def admit(self, request: Request) -> None:
        """Raise Trouble where whoever asks may not; asked before anything of the body is read."""
        self.visitor(request)

    def visitor(self, request: Request) -> Visitor:
        """Who makes the request. Raises Trouble where he may not."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None:
            if (refusal := request.scope.get("podium.refusal")) is not None:
                raise refusal
            raise unknown("this takes a sign-in, or an API token in the header `Authorization`")
        if visitor.cookie and request.method not in _SAFE:
            refuse_others(visitor, request.headers)
        require(visitor, *self.scopes)
        return visitor


class Visits(Needs):
    """As `Needs`, for routes that ask more of the one who calls than the door does."""

    async def __call__(self, request: Request) -> Visitor:  # type: ignore[override]
        return self.visitor(request)


class OfAttempt(Needs):
    """Lets in who speaks of attempts: a worker by its API token, or who has the token of one that lives.

    Args:
        lives: whether a token is of an attempt that is not over.
    """

    def __init__(self, lives: Callable[[str], bool]) -> None:
        super().__init__("work")
        self._lives = lives

    async def __call__(self, request: Request) -> str:  # type: ignore[override]
        """The token of the one attempt that may be spoken of; "" where a worker speaks of any."""
        return _bearer(request.headers.get("authorization", "")) if self._by_attempt(request) else ""

    def admit(self, request: Request) -> None:
        if not self._by_attempt(request):
            self.visitor(request)
        elif not self._lives(_bearer(request.headers["authorization"])):
            raise Trouble(401, "attempt-over", "the token is of no attempt, or of one that is over")

    def _by_attempt(self, request: Request) -> bool:
        return _bearer(request.headers.get("authorization", "")).startswith(ATTEMPT_PREFIX)


def cookie_name(secure: bool) -> str:
    """Of the cookie of a sign-in. What came over TLS is believed only one that no other way can have set."""
    return SECURE_COOKIE if secure else COOKIE


def is_secure(request: Request) -> bool:
    """Whether a request came over TLS, as far as here or to a proxy that is trusted."""
    return request.url.scheme == "https"


def _bearer(authorization: str) -> str:
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def needs(*scopes: str) -> Any:
    """The dependency of a route on a caller with one of these scopes; gives a `Caller`."""
    return Depends(Needs(*scopes))


def visits(*scopes: str) -> Any:
    """The dependency of a route on a caller with one of these scopes; gives a `Visitor`."""
    return Depends(Visits(*scopes))


def require(visitor: Visitor, *scopes: str) -> None:
    """Raise Trouble where somebody has none of these scopes."""
    if scopes and not visitor.scopes & set(scopes):
        has = ", ".join(sorted(visitor.scopes)) or "none"
        takes = " or ".join(f"`{scope}` ({SCOPES[scope]})" for scope in scopes)
        message = f"this takes the scope {takes}; {visitor.account.name} has {has} here"
        raise Trouble(403, "scope", message, code="refused")


def unknown(detail: str) -> Trouble:
    """Nobody knows who makes the request."""
    return Trouble(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="podium"'})


def _caller(account: Account, channel: str, scopes: frozenset[str]) -> Caller:
    # Who may not approve here has no role by which a policy would let him.
    roles = known_to_policy(account.roles) if "approve" in scopes else ()
    return Caller(channel, principal=PERSON + account.name, roles=roles)


def refuse_others(visitor: Visitor, headers: Mapping[str, str]) -> None:
    """Raise Trouble where another site may have made a browser send this."""
    if not fits_csrf(visitor, headers.get(CSRF_HEADER, "")) or from_elsewhere(headers):
        message = f"a browser must send the header {CSRF_HEADER} with what `GET /v1/whoami` gives as `csrf`"
        raise Trouble(403, "csrf", message, code="refused")


def fits_csrf(visitor: Visitor, given: str) -> bool:
    """Whether this is what only a page of ours can know of the sign-in."""
    return compare_digest(given.encode("utf-8", "surrogatepass"), visitor.csrf.encode())


def from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site made a browser send this."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc != headers.get("host", "")
