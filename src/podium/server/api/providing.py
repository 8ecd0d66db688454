"""Signing in by an identity provider: away, and back again."""

from __future__ import annotations

import re
from html import escape
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from podium.runtime.accounts import Account
from podium.server.api.signing import MISSES, client_of, let_in, local, set_cookie
from podium.server.forms import shown, trouble
from podium.server.gate import cookie_name, is_secure
from podium.server.oidc import Person, Refusal, SignIns, provider_of
from podium.server.routing import noun
from podium.server.served import Served

STATE_S = 600

log = structlog.get_logger("podium.server")


def router(served: Served) -> APIRouter:
    routes = noun("sign-in", "/sign-in/oidc")
    provider = provider_of()
    if provider is None:
        return routes
    served.extra["provider"] = provider.name
    signing = SignIns(provider)

    def cookie(request: Request) -> str:
        return f"{cookie_name(is_secure(request))}-oidc"

    def back(request: Request) -> str:
        return f"{request.url.scheme}://{request.headers.get('host', '')}/sign-in/oidc/callback"

    @routes.get("", include_in_schema=False)
    async def away(request: Request, next: Annotated[str, Query(max_length=2_000)] = "/") -> Response:
        """Send a browser to the provider."""
        try:
            url, state = await signing.begin(back(request), local(next))
        except Refusal as refusal:
            return shown("Sign in", trouble(str(refusal)), 502)
        response = RedirectResponse(url, 303)
        # Lax: the browser comes back from another site, and must bring it.
        set_cookie(response, cookie(request), state, STATE_S, is_secure(request), "Lax")
        return response

    @routes.get("/callback", include_in_schema=False)
    async def callback(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4_000)] = "",
        error: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        """Take somebody in who comes back from the provider in the browser in which he left."""
        try:
            if error or not code:
                raise Refusal(f"the identity provider lets nobody in: {error or 'it gave no code'}")
            if not state or request.cookies.get(cookie(request)) != state:
                raise Refusal("that sign-in was begun in another browser; begin it again here")
            person, goal = await signing.end(back(request), state, code)
            account = _account(served, person, provider.roles)
        except Refusal as refusal:
            log.warning("nobody was let in", how="oidc", reason=str(refusal))
            await served.extra[MISSES].miss(refusal.account, "oidc", client_of(request))
            return shown("Sign in", trouble(str(refusal)), 403)
        # No redirect: that would still count as coming from elsewhere, and leave the cookie at home.
        again = f'<meta http-equiv="refresh" content="0;url={escape(goal, quote=True)}">'
        page = shown("One moment", f'<p><a href="{escape(goal, quote=True)}">Go on</a></p>', head=again)
        return await let_in(served, request, account, "oidc", page)

    return routes


def _account(served: Served, person: Person, roles: tuple[str, ...]) -> Account:
    """The account of somebody, made now where that is wanted. Raises Refusal."""
    accounts = served.gate.accounts
    found = accounts.of_subject(person.subject)
    if found is None:
        name = re.sub(r"[^a-z0-9._@+-]+", "-", person.name.lower()).strip("-._@+")[:100] or "somebody"
        if not roles:
            command = f"podium account add {name} --subject '{person.subject}'"
            raise Refusal(f"the hub has no account for you; `{command}` makes it")
        if not accounts.add(name, roles, person.subject):
            raise Refusal(f"there is another account {name}; whoever runs the hub must make yours")
        found = accounts.of_subject(person.subject)
    if found is None or found.suspended_at:
        raise Refusal("your account is suspended", found.name if found else "")
    return found
