"""Signing in and out in a browser, by pages that need no script."""

from __future__ import annotations

from html import escape
from http.cookies import SimpleCookie
from typing import Annotated
from urllib.parse import parse_qs, quote, urlsplit

import structlog
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from podium.runtime import passwords
from podium.runtime.accounts import STAY_MS, Account
from podium.runtime.identity import Caller
from podium.server.doorkeeper import Rates
from podium.server.forms import STYLE, account_form, link_form, password_form, shown, trouble
from podium.server.gate import Visitor, cookie_name, fits_csrf, from_elsewhere, is_secure
from podium.server.misses import Misses
from podium.server.problems import too_much
from podium.server.routing import noun
from podium.server.served import Served

TRIES_PER_S = 1 / 20
TRIES_AT_ONCE = 8
"""Of passwords and links, from one address, and for one account."""

MISSES = "misses"
"""Under this name other ways of signing in find who counts those that fail."""

_FIELDS_BYTES_MAX = 16 * 1024

log = structlog.get_logger("podium.server")


def router(served: Served) -> APIRouter:
    routes = noun("sign-in", "")
    accounts = served.gate.accounts
    tries, misses = Rates(TRIES_PER_S, TRIES_AT_ONCE), Misses(served.ask)
    served.extra[MISSES] = misses

    def guesses(request: Request, name: str) -> list[str]:
        return [f"from {client_of(request)}", *([f"of {name}"] if name else [])]

    def bound(request: Request, name: str) -> None:
        """Raise Trouble where somebody guesses."""
        wait = max(map(tries.wait, guesses(request, name)))
        if wait:
            raise too_much("too many tries; wait a little", int(wait) + 1, "tries")

    async def missed(request: Request, name: str, how: str) -> None:
        for one in guesses(request, name):
            tries.take(one)
        await misses.miss(name if accounts.account(name) else "", how, client_of(request))

    def provider() -> str:
        return str(served.extra.get("provider", ""))

    @routes.get("/sign-in", include_in_schema=False)
    async def page(
        request: Request,
        link: Annotated[str, Query(max_length=200)] = "",
        next: Annotated[str, Query(max_length=2_000)] = "/",
    ) -> Response:
        """Where people sign in. To look at a link does not use it: scanners of messages look at links."""
        goal = local(next)
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is not None and visitor.cookie and not link:
            return RedirectResponse(goal, 303)
        return shown("Sign in", link_form(link, goal) if link else password_form(goal, "", provider()))

    @routes.post("/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        """Sign in with a name and a password, or with a link."""
        if from_elsewhere(request.headers):
            return shown("Sign in", trouble("That came from another site."), 403)
        fields = await _fields(request)
        goal, link, name = local(fields.get("next", "/")), fields.get("link", ""), fields.get("name", "")
        bound(request, name)
        if link:
            account, how = accounts.use_link(link), "link"
        else:
            kept = accounts.password(name)
            fits = await served.do(passwords.fits, kept, fields.get("password", ""))
            account, how = accounts.account(name) if fits else None, "password"
        if account is None or account.suspended_at:
            await missed(request, name, how)
            log.warning("nobody was let in", account=name, how=how)
            why = (
                "That link was used already, or is too old." if link else "That name and password do not fit."
            )
            return shown("Sign in", password_form(goal, why, provider()), 403)
        has_password = account.password or account.subject
        goal = goal if has_password else f"/account?next={quote(goal)}"
        return await let_in(served, request, account, how, RedirectResponse(goal, 303))

    @routes.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        """End the sign-in of this browser."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is not None and visitor.cookie and not from_elsewhere(request.headers):
            await served.ask("note", {"act": "sign-out", "target": visitor.account.name}, visitor.caller)
            accounts.end_stay(visitor.cookie)
        response = RedirectResponse("/sign-in", 303)
        set_cookie(response, cookie_name(is_secure(request)), "", 0, is_secure(request))
        return response

    @routes.get("/account", include_in_schema=False)
    async def account_page(request: Request, next: Annotated[str, Query(max_length=2_000)] = "/") -> Response:
        """Where one sets one's password."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None or not visitor.cookie:
            return bounce(request)
        return shown(visitor.account.name, account_form(visitor, local(next), ""))

    @routes.post("/account", include_in_schema=False)
    async def set_password(request: Request) -> Response:
        """Set one's password; whoever is signed in with the old one no longer is."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None or not visitor.cookie:
            return RedirectResponse("/sign-in", 303)
        fields = await _fields(request)
        if from_elsewhere(request.headers) or not fits_csrf(visitor, fields.get("csrf", "")):
            return shown("Password", trouble("That came from another site."), 403)
        name, goal = visitor.account.name, local(fields.get("next", "/"))
        bound(request, name)
        kept, password = accounts.password(name), fields.get("password", "")
        why = passwords.trouble_with(password)
        if kept and not await served.do(passwords.fits, kept, fields.get("current", "")):
            await missed(request, name, "password")
            why = "That is not your present password."
        if why:
            return shown(name, account_form(visitor, goal, why), 422)
        await served.ask("note", {"act": "set-password", "target": name}, visitor.caller)
        accounts.set_password(name, await served.do(passwords.hashed, password))
        return await let_in(served, request, visitor.account, "password", RedirectResponse(goal, 303))

    @routes.get("/sign-in.css", include_in_schema=False)
    async def style() -> Response:
        """How these pages look."""
        return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})

    return routes


def client_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


def bounce(request: Request) -> Response:
    """What a page answers to nobody: the way to the sign-in.

    A browser that follows a link from elsewhere leaves its cookie at home; asked to look again it brings it.
    """
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        again = f'<meta http-equiv="refresh" content="0;url={escape(local(here), quote=True)}">'
        return shown(
            "One moment", f'<p><a href="{escape(local(here), quote=True)}">Go on</a></p>', head=again
        )
    return RedirectResponse(f"/sign-in?next={quote(local(here), safe='')}", 303)


def local(goal: str) -> str:
    """A place on this site; the first page where another is meant."""
    parts = urlsplit(goal.replace("\\", "/"))
    odd = any(ord(character) < 33 for character in goal)
    if odd or parts.scheme or parts.netloc or not goal.startswith("/") or goal.startswith(("//", "/\\")):
        return "/"
    return goal


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form."""
    body = await request.body()
    if len(body) > _FIELDS_BYTES_MAX:
        return {}
    given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in given.items()}


async def let_in(
    served: Served, request: Request, account: Account, how: str, response: Response
) -> Response:
    """Sign a browser in, and say so in the log; gives the response with the cookie."""
    caller = Caller(f"http {how}", principal=f"user:{account.name}")
    await served.ask("note", {"act": "sign-in", "target": account.name}, caller)
    secret, _ = served.gate.accounts.begin_stay(account.name, how)
    secure = is_secure(request)
    set_cookie(response, cookie_name(secure), secret, STAY_MS // 1000, secure)
    return response


def set_cookie(
    response: Response, name: str, value: str, lasts_s: int, secure: bool, site: str = "Strict"
) -> None:
    """Have a browser keep something that no script reads."""
    cookie = SimpleCookie()
    cookie[name] = value
    kept = {"httponly": True, "samesite": site, "path": "/", "max-age": lasts_s}
    for attribute, setting in kept.items():
        cookie[name][attribute] = setting
    if secure:
        cookie[name]["secure"] = True
    response.raw_headers.append((b"set-cookie", cookie.output(header="").strip().encode()))
