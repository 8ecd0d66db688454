"""The calls about accounts and API tokens, and what is noted of every act of a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import msgspec

from podium.facts.approvals import PERSON
from podium.facts.inputs import NoteAct
from podium.runtime.accounts import Account, Accounts, Token
from podium.runtime.identity import Caller, Identities
from podium.runtime.inquiry import decline
from podium.runtime.parameters import OfNothing, Parameters, convert
from podium.runtime.presenting import Shown
from podium.runtime.roles import ROLES, SCOPES, is_role, scopes_of

FIRST_ROLES = ("admin", "approver", "operator")
"""What the first account of a hub has."""

DAYS = 90
DAYS_MAX = 3_660

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,126}[a-z0-9])?")
_DAY_MS = 86_400_000
_WHY_MAX = 10_000


class AddAccount(Parameters, frozen=True):
    name: str
    roles: tuple[str, ...] = ("viewer",)
    subject: str = ""


class ChangeAccount(Parameters, frozen=True):
    name: str
    roles: tuple[str, ...] | None = None
    suspended: bool | None = None
    why: str = ""


class OfAccount(Parameters, frozen=True):
    name: str


class Tokens(Parameters, frozen=True):
    account: str = ""


class CreateToken(Parameters, frozen=True):
    name: str
    account: str = ""
    scopes: tuple[str, ...] = ()
    days: int = DAYS


class RevokeToken(Parameters, frozen=True):
    id: str
    account: str = ""


class Noted(Parameters, frozen=True):
    act: str
    target: str = ""
    why: str = ""


CALLS = frozenset((
    "accounts", "account_add", "account_change", "account_link", "tokens", "token_create",
    "token_revoke", "note",
))  # fmt: skip

Answers = Callable[[Any, str], Shown | list[Shown]]


class People:
    """Answers the calls about who may use the hub.

    Args:
        accounts: opened when it is first needed.
        tell: has an act noted in the log; the reply comes when that is durable.
    """

    def __init__(
        self, accounts: Callable[[], Accounts], identities: Identities, tell: Callable[[NoteAct], Future[Any]]
    ) -> None:
        self._accounts, self._identities, self._tell = accounts, identities, tell
        self.calls: dict[str, tuple[type[Parameters], Answers]] = {
            "accounts": (OfNothing, lambda p, _: list(map(account_shown, accounts().accounts()))),
            "account_add": (AddAccount, self._add),
            "account_change": (ChangeAccount, self._change),
            "account_link": (OfAccount, self._link),
            "tokens": (Tokens, lambda p, _: list(map(token_shown, accounts().tokens(p.account)))),
            "token_create": (CreateToken, self._create),
            "token_revoke": (RevokeToken, self._revoke),
            "note": (Noted, lambda p, _: {}),
        }

    def answer(self, call: str, params: Shown, via: Caller) -> Shown:
        """The result of a call. Raises Declined."""
        kind, answers = self.calls[call]
        asked = convert(params, kind)
        name = self._identities.of(via).principal.removeprefix(PERSON)
        if call not in ("accounts", "tokens"):
            # First, so that nothing is done that is not in the log.
            self.note(call, params, via).result()
        return {"result": answers(asked, name)}

    def note(self, call: str, params: Mapping[str, Any], via: Caller) -> Future[Any]:
        """Have it noted who is about to do what, and how it is known that it is he."""
        act, target = call, target_of(call, params)
        if call == "note":
            act, target = str(params["act"]), str(params.get("target", ""))
        why = str(params.get("why") or "")[:_WHY_MAX]
        principal = self._identities.of(via).principal
        return self._tell(NoteAct(principal=principal, via=str(via), act=act, target=target[:500], why=why))

    # --- accounts ------------------------------------------------------------------------------------

    def _add(self, asked: AddAccount, _: str) -> Shown:
        if not _NAME.fullmatch(asked.name):
            message = "a name has small letters, digits and . _ @ + - between them, 128 at most"
            raise decline("usage", "account-name", "/name", message)
        _check_roles(asked.roles)
        if not self._accounts().add(asked.name, asked.roles, asked.subject):
            raise decline("conflict", "account-taken", "/name", f"there is an account {asked.name} already")
        return account_shown(self._account(asked.name))

    def _change(self, asked: ChangeAccount, who: str) -> Shown:
        accounts, account = self._accounts(), self._account(asked.name)
        if asked.roles is not None:
            _check_roles(asked.roles)
        loses = asked.suspended or (asked.roles is not None and "admin" not in asked.roles)
        if loses and not any(one.name != account.name and _is_admin(one) for one in accounts.accounts()):
            raise decline(
                "refused", "last-admin", "/name", f"{account.name} is the last admin; name another first"
            )
        if asked.roles is not None:
            accounts.set_roles(account.name, asked.roles)
        if asked.suspended is not None:
            accounts.suspend(account.name, asked.suspended)
        return account_shown(self._account(asked.name))

    def _link(self, asked: OfAccount, _: str) -> Shown:
        account = self._account(asked.name)
        if account.suspended_at:
            raise decline("refused", "suspended", "/name", f"{account.name} is suspended")
        return {"account": account.name, "link": self._accounts().make_link(account.name)}

    # --- tokens --------------------------------------------------------------------------------------

    def _create(self, asked: CreateToken, who: str) -> Shown:
        accounts, name = self._accounts(), asked.account or who
        if not accounts.accounts():
            accounts.add(who, FIRST_ROLES)
        account = self._account(name)
        may = scopes_of(account.roles)
        if missing := [scope for scope in asked.scopes if scope not in may]:
            known = ", ".join(sorted(may)) or "none"
            message = f"{name} has no scope {', '.join(missing)} to give; only {known}"
            raise decline("refused" if set(missing) <= set(SCOPES) else "usage", "scopes", "/scopes", message)
        if not 1 <= asked.days <= DAYS_MAX:
            raise decline("usage", "days", "/days", f"a token holds for 1 to {DAYS_MAX} days")
        if not 0 < len(asked.name) <= 100:
            raise decline("usage", "token-name", "/name", "a token has a name of 100 characters at most")
        token, secret = accounts.add_token(name, asked.name, asked.scopes, asked.days * _DAY_MS)
        return {**token_shown(token), "secret": secret}

    def _revoke(self, asked: RevokeToken, _: str) -> Shown:
        accounts = self._accounts()
        found = next((one for one in accounts.tokens(asked.account) if one.id == asked.id), None)
        if found is None:
            message = f"there is no token {asked.id}; `podium token list` lists them"
            raise decline("not-found", "unknown-token", "/id", message)
        accounts.revoke(asked.id)
        return {"id": found.id, "detail": f"token {found.id} ({found.name}) lets nobody in any more"}

    def _account(self, name: str) -> Account:
        found = self._accounts().account(name)
        if found is None:
            message = f"there is no account {name}; `podium account list` lists them"
            raise decline("not-found", "unknown-account", "/name", message)
        return found


def target_of(call: str, params: Mapping[str, Any]) -> str:
    """What a call is about, in a word or two."""
    if call == "apply":
        resources = [one for one in params.get("resources", ()) if isinstance(one, dict)]
        return ", ".join(
            f"{one.get('kind')}/{one.get('name')}@{one.get('version')}" for one in resources[:10]
        )
    if call == "delete":
        return f"{params.get('kind')}/{params.get('name')}"
    for name in ("run_id", "schedule", "agent", "name", "id"):
        if params.get(name):
            effect = params.get("effect")
            return f"{params[name]}/{effect}" if effect and name == "run_id" else str(params[name])
    return ""


def account_shown(account: Account) -> Shown:
    """An account, with what it may do."""
    return {**msgspec.to_builtins(account), "scopes": sorted(scopes_of(account.roles))}


def token_shown(token: Token) -> Shown:
    """A token without its secret."""
    return dict(msgspec.to_builtins(token))


def _check_roles(roles: tuple[str, ...]) -> None:
    """Raise Declined where somebody cannot have them."""
    for role in roles:
        if not is_role(role):
            known = ", ".join(ROLES)
            raise decline(
                "usage", "unknown-role", "/roles", f"{role!r} is no role; known: {known}, approver:NAME"
            )
    if "policy-admin" in roles and any(role.partition(":")[0] == "approver" for role in roles):
        message = "whoever sets policy cannot approve: give the roles to two people"
        raise decline("refused", "separate-duties", "/roles", message)


def _is_admin(account: Account) -> bool:
    return "admin" in account.roles and not account.suspended_at
