"""The gate: who makes a request, by API token or by the cookie of a sign-in; and what that lets him do.

Every route names the scope that it takes: `caller: Annotated[Caller, needs("read")]`. One that takes none
says `needs("")`: whoever is let in. Routes without a `needs` are open to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from fastapi import Depends, Request

from podium.facts.approvals import PERSON
from podium.runtime.accounts import TOKEN_PREFIX, Account, Accounts
from podium.runtime.identity import Caller
from podium.server.problems import Trouble
from podium.server.roles import SCOPES, known_to_policy, scopes_of

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
        secure: whether cookies travel over TLS only.
    """

    def __init__(self, accounts: Accounts, secure: bool = False) -> None:
        self.accounts = accounts
        self.secure = secure
        self.cookie = SECURE_COOKIE if secure else COOKIE

    def visitor(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Visitor | None:
        """Who makes a request; None if it says nothing of that.

        Raises:
            Trouble: what it says does not hold.
        """
        authorization = headers.get("authorization", "")
        if authorization:
            return self._by_token(authorization)
        secret = cookies.get(self.cookie, "")
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
        scope: one of `SCOPES`; "" for whoever is let in.
    """

    def __init__(self, scope: str) -> None:
        assert not scope or scope in SCOPES, f"{scope!r} is no scope"
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        return self.visitor(request).caller

    def visitor(self, request: Request) -> Visitor:
        """Who makes the request. Raises Trouble where he may not."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None:
            if (refusal := request.scope.get("podium.refusal")) is not None:
                raise refusal
            raise unknown("this takes a sign-in, or an API token in the header `Authorization`")
        if visitor.cookie and request.method not in _SAFE:
            refuse_others(visitor, request.headers)
        require(visitor, self.scope)
        return visitor


class Visits(Needs):
    """As `Needs`, for routes that ask more of the one who calls than the door does."""

    async def __call__(self, request: Request) -> Visitor:  # type: ignore[override]
        return self.visitor(request)


def needs(scope: str) -> Any:
    """The dependency of a route on a caller with a scope; gives a `Caller`."""
    return Depends(Needs(scope))


def visits(scope: str) -> Any:
    """The dependency of a route on a caller with a scope; gives a `Visitor`."""
    return Depends(Visits(scope))


def require(visitor: Visitor, scope: str) -> None:
    """Raise Trouble where somebody has not this scope."""
    if scope and scope not in visitor.scopes:
        has = ", ".join(sorted(visitor.scopes)) or "none"
        message = f"this takes the scope `{scope}` ({SCOPES[scope]}); {visitor.account.name} has {has} here"
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
    given = headers.get(CSRF_HEADER, "")
    site = headers.get("sec-fetch-site", "same-origin")
    if not compare_digest(given.encode(), visitor.csrf.encode()) or site not in ("same-origin", "none"):
        message = f"a browser must send the header {CSRF_HEADER} with what `GET /v1/whoami` gives as `csrf`"
        raise Trouble(403, "csrf", message, code="refused")
