"""Accounts and API tokens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.api.acting import CONFLICT
from podium.server.gate import Visitor, needs, require, visits
from podium.server.problems import Trouble
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import (
    Account,
    AccountChange,
    Accounts,
    Done,
    Link,
    NewAccount,
    NewToken,
    Secret,
    Tokens,
)

Administers = Annotated[Caller, needs("admin")]
Visits = Annotated[Visitor, visits()]


def router(served: Served) -> APIRouter:
    routes = noun("people")

    @routes.get("/accounts", response_model=Accounts)
    async def accounts(caller: Administers) -> Response:
        """Who may use the hub."""
        return answered({"items": await served.ask("accounts", {}, caller)})

    @routes.post("/accounts", status_code=201, response_model=Account, responses=CONFLICT)
    async def add_account(body: NewAccount, caller: Administers) -> Response:
        """Make an account; a link or the identity provider lets its owner in."""
        return answered(await served.ask("account_add", body.model_dump(), caller), 201)

    @routes.patch("/accounts/{name}", response_model=Account, responses=CONFLICT)
    async def change_account(name: str, body: AccountChange, caller: Administers) -> Response:
        """Give an account other roles, or suspend it: its sign-ins and streams end at once."""
        asked = {key: value for key, value in body.model_dump().items() if value is not None}
        return answered(await served.ask("account_change", {"name": name, **asked}, caller))

    @routes.post("/accounts/{name}/link", response_model=Link)
    async def link(name: str, caller: Administers) -> Response:
        """A link that signs the account's owner in, once, within the hour: the secret of `/sign-in?link=`."""
        return answered(await served.ask("account_link", {"name": name}, caller))

    @routes.get("/tokens", response_model=Tokens)
    async def tokens(visitor: Visits, account: Annotated[str, Query(max_length=300)] = "") -> Response:
        """One's own tokens; with the scope `admin` those of anybody."""
        account = _whose(visitor, account) if "admin" not in visitor.scopes else account
        return answered({"items": await served.ask("tokens", {"account": account}, visitor.caller)})

    @routes.post("/tokens", status_code=201, response_model=Secret, responses=CONFLICT)
    async def create_token(body: NewToken, visitor: Visits) -> Response:
        """Make a token for oneself, with no scope that one lacks; with the scope `admin` for anybody."""
        asked = {**body.model_dump(), "account": _whose(visitor, body.account)}
        if "admin" not in visitor.scopes:
            if visitor.token:
                message = "a token makes no other tokens, unless it has the scope `admin`; sign in"
                raise Trouble(403, "scope", message, code="refused")
            require_all(visitor, body.scopes)
        return answered(await served.ask("token_create", asked, visitor.caller), 201)

    @routes.delete("/tokens/{id}", response_model=Done)
    async def revoke_token(id: str, visitor: Visits) -> Response:
        """Let nobody in with a token any more; one's own, or with the scope `admin` anybody's."""
        asked: dict[str, Any] = {"id": id}
        if "admin" not in visitor.scopes:
            asked["account"] = visitor.account.name
        return answered(await served.ask("token_revoke", asked, visitor.caller))

    return routes


def _whose(visitor: Visitor, account: str) -> str:
    """The account that is meant. Raises Trouble where it is none of the caller's business."""
    if account in ("", visitor.account.name):
        return visitor.account.name
    require(visitor, "admin")
    return account


def require_all(visitor: Visitor, scopes: list[str]) -> None:
    """Raise Trouble where somebody lacks one of these."""
    for scope in scopes:
        if scope not in visitor.scopes:
            raise Trouble(403, "scope", f"you have no scope `{scope}` to give", code="refused")
