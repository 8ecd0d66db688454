"""`account …` and `token …`: who may use the hub over the network."""

from __future__ import annotations

import time
from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import far, hubs
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import moment, say, show_one, show_rows

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]


def accounts(*, options: Given) -> int:
    """List accounts."""
    with hubs.asked(options.state) as client:
        rows = client.accounts()
    columns = (
        ("account", lambda row: row["name"]),
        ("roles", lambda row: ", ".join(row["roles"])),
        ("since", lambda row: moment(row["created_at"])),
        ("signs in by", _means),
        ("suspended", lambda row: moment(row["suspended_at"])),
    )
    show_rows(rows, options.format or "table", columns, "no accounts; `podium up` makes the first")
    return Exit.OK


def add(name: str, /, *, role: tuple[str, ...] = ("viewer",), subject: str = "", options: Given) -> int:
    """Make an account, and a link that signs its owner in once.

    Parameters
    ----------
    name
        Small letters, digits and . _ @ + - between them.
    role
        `viewer`, `operator`, `approver`, `approver:NAME` for policies that ask for the role NAME,
        `policy-admin`, `admin` or `worker`; may be repeated.
    subject
        Who it is to the identity provider: `issuer subject`.
    """
    with hubs.asked(options.state) as client:
        client.add_account(name, role, subject)
        if not subject:
            return _show_link(client.account_link(name), options)
    say(f"{name} signs in at the identity provider")
    return Exit.OK


def change(
    name: str, /, *, role: tuple[str, ...] = (), suspend: bool = False, restore: bool = False, why: str = "",
    options: Given,
) -> int:  # fmt: skip
    """Give an account other roles, or suspend it.

    Parameters
    ----------
    name
        Of the account.
    role
        All roles that it has from now on; may be repeated.
    suspend
        Let nobody act for it; its sign-ins and streams end at once, and its tokens let nobody in.
    restore
        Let it act again.
    why
        For the audit.
    """
    suspended = True if suspend else (False if restore else None)
    with hubs.asked(options.state) as client:
        found = client.change_account(name, roles=role or None, suspended=suspended, why=why)
    if options.format in ("json", "jsonl"):
        show_one(found, options.format)
    else:
        say(f"{found['name']}: {', '.join(found['roles'])}{' (suspended)' if found['suspended_at'] else ''}")
    return Exit.OK


def link(name: str, /, *, options: Given) -> int:
    """Make a link that signs an account's owner in, once, within the hour.

    Parameters
    ----------
    name
        Of the account.
    """
    with hubs.asked(options.state) as client:
        return _show_link(client.account_link(name), options)


def tokens(*, account: str = "", options: Given) -> int:
    """List API tokens, without their secrets.

    Parameters
    ----------
    account
        Only those of this account.
    """
    with hubs.asked(options.state) as client:
        rows = client.tokens(account)
    columns = (
        ("id", lambda row: row["id"]),
        ("account", lambda row: row["account"]),
        ("name", lambda row: row["name"]),
        ("scopes", lambda row: ", ".join(row["scopes"]) or "all of its account"),
        ("until", lambda row: moment(row["expires_at"])),
        ("status", _standing),
    )
    show_rows(rows, options.format or "table", columns, "no tokens; `podium token create` makes one")
    return Exit.OK


def create(
    name: str, /, *, scope: tuple[str, ...] = (), account: str = "", days: int = 90, options: Given
) -> int:
    """Make an API token; its secret goes to stdout, this once.

    Parameters
    ----------
    name
        What it is for.
    scope
        What it may do: `read`, `run`, `operate`, `declare`, `policy`, `approve`, `audit`, `admin`, `work`;
        may be repeated. All that its account may, unless given.
    account
        Whose it is; one's own unless given.
    days
        How long it holds.
    """
    with hubs.asked(options.state, begins=True) as client:
        found = client.create_token(name, scope, account, days)
    if options.format in ("json", "jsonl"):
        show_one(found, options.format)
    else:
        print(found["secret"])
        until = moment(int(found["expires_at"]))
        say(f"token {found['id']} of {found['account']}, until {until}; keep it secret")
    return Exit.OK


def revoke(id: str, /, *, options: Given) -> int:
    """Let nobody in with an API token any more.

    Parameters
    ----------
    id
        As `podium token list` shows it.
    """
    with hubs.asked(options.state) as client:
        detail = client.revoke_token(id)
    if options.format in ("json", "jsonl"):
        show_one({"detail": detail}, options.format)
    else:
        say(detail)
    return Exit.OK


def _means(row: Row) -> str:
    means = ["password"] * row["password"] + ["identity provider"] * bool(row["subject"])
    return ", ".join(means) or "link"


def _standing(row: Row) -> str:
    if row["revoked_at"]:
        return "revoked"
    return "expired" if 0 < row["expires_at"] <= time.time_ns() // 1_000_000 else "valid"


def _show_link(made: Row, options: Options) -> int:
    path = f"/sign-in?link={made['link']}"
    if options.format in ("json", "jsonl"):
        show_one({**made, "path": path}, options.format)
    else:
        print((far.chosen.url.rstrip("/") if far.chosen is not None else "") + path)
        say(f"signs {made['account']} in, once, within the hour; it goes behind the hub's address")
    return Exit.OK
