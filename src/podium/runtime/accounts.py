"""Who may use the hub over the network: accounts, API tokens, sign-ins and one-time links, in `people.db`.

Of every secret only a hash is kept. All methods may be called from any thread, and bite at once.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import msgspec

FILE = "people.db"
"""In the state folder."""

TOKEN_PREFIX = "podium_"
"""What API tokens begin with, so that scanners find them where they should not be."""

STAY_MS = 12 * 3_600_000
"""A browser stays signed in so long, and half as long without a request."""

LINK_MS = 3_600_000
"""A one-time link is good for so long."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, roles TEXT NOT NULL, created_at INTEGER NOT NULL,
    suspended_at INTEGER NOT NULL DEFAULT 0, subject TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, account TEXT NOT NULL, name TEXT NOT NULL,
    scopes TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stays (
    hash BLOB PRIMARY KEY, account TEXT NOT NULL, how TEXT NOT NULL, csrf TEXT NOT NULL,
    begun_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    hash BLOB PRIMARY KEY, account TEXT NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_ACCOUNT = "SELECT name, roles, created_at, suspended_at, password != '', subject FROM accounts"
_TOKEN = "SELECT id, account, name, scopes, created_at, expires_at, revoked_at FROM tokens"
_SEEN_EVERY_MS = 60_000


class Account(msgspec.Struct, frozen=True):
    """Somebody with a name. Times are ms since 1970, 0 for never.

    Attributes:
        roles: as they were given, `approver:finance`.
        password: whether there is one.
        subject: who it is to the identity provider, `issuer subject`; "" for a local account.
    """

    name: str
    roles: tuple[str, ...]
    created_at: int
    suspended_at: int = 0
    password: bool = False
    subject: str = ""


class Token(msgspec.Struct, frozen=True):
    """An API token of an account, without its secret. `expires_at` is 0 for never."""

    id: str
    account: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int = 0
    revoked_at: int = 0


class Stay(msgspec.Struct, frozen=True):
    """Somebody who is signed in in a browser.

    Attributes:
        how: by which means: `password`, `link`, `oidc`.
        csrf: what every request that changes something must bring along.
    """

    account: str
    how: str
    csrf: str
    begun_at: int
    seen_at: int


class Accounts:
    """The accounts of a hub.

    Args:
        file: made, for this user alone, if it is not there.
        now: ms since 1970.
    Raises:
        OSError, apsw.Error: it cannot be opened.
    """

    def __init__(self, file: Path, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.RLock()
        file.touch(0o600)
        file.chmod(0o600)
        self._connection = apsw.Connection(str(file))
        self._connection.set_busy_timeout(5_000)
        self._connection.execute(
            "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;" + _SCHEMA
        ).fetchall()
        self._known: dict[bytes, Token | Stay] = {}
        self._known_accounts: dict[str, Account] = {}

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # --- accounts ------------------------------------------------------------------------------------

    def account(self, name: str) -> Account | None:
        """An account, from memory while nothing has changed."""
        with self._lock:
            found = self._known_accounts.get(name)
            if found is None and (rows := self._rows(f"{_ACCOUNT} WHERE name = ?", name)):
                found = self._known_accounts[name] = _account(rows[0])
            return found

    def accounts(self) -> list[Account]:
        """All of them, by name."""
        return [_account(row) for row in self._rows(f"{_ACCOUNT} ORDER BY name")]

    def of_subject(self, subject: str) -> Account | None:
        """The account of somebody whom an identity provider knows."""
        rows = self._rows(f"{_ACCOUNT} WHERE subject = ? AND subject != ''", subject)
        return _account(rows[0]) if rows else None

    def add(self, name: str, roles: Iterable[str], subject: str = "") -> bool:
        """Make an account without a password; False where there is one of that name."""
        sql = "INSERT OR IGNORE INTO accounts (name, password, roles, created_at, subject) VALUES (?,?,?,?,?)"
        return self._change(sql, name, "", _text(roles), self._now(), subject) > 0

    def set_roles(self, name: str, roles: Iterable[str]) -> bool:
        """Give an account these roles and no others."""
        return self._change("UPDATE accounts SET roles = ? WHERE name = ?", _text(roles), name) > 0

    def suspend(self, name: str, suspended: bool) -> bool:
        """Let nobody act for an account any more, or again. Its sign-ins end."""
        at = self._now() if suspended else 0
        with self._lock:
            self._change("DELETE FROM stays WHERE account = ?", name)
            self._change("DELETE FROM links WHERE account = ?", name)
            return self._change("UPDATE accounts SET suspended_at = ? WHERE name = ?", at, name) > 0

    def password(self, name: str) -> str:
        """The hash of an account's password; "" where it has none, or may not sign in."""
        rows = self._rows("SELECT password FROM accounts WHERE name = ? AND suspended_at = 0", name)
        return str(rows[0][0]) if rows else ""

    def set_password(self, name: str, hashed: str) -> bool:
        """Keep the hash of a new password. Whoever is signed in with the old one is no longer."""
        with self._lock:
            self._change("DELETE FROM stays WHERE account = ?", name)
            return self._change("UPDATE accounts SET password = ? WHERE name = ?", hashed, name) > 0

    # --- tokens --------------------------------------------------------------------------------------

    def add_token(self, account: str, name: str, scopes: Iterable[str], lasts_ms: int) -> tuple[Token, str]:
        """Make a token; gives it and its secret, which nobody can find out afterwards.

        Args:
            lasts_ms: it holds for so long; 0 for ever.
        """
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._now()
        expires_at = now + lasts_ms if lasts_ms else 0
        token = Token(secrets.token_hex(4), account, name, tuple(scopes), now, expires_at)
        self._change(
            "INSERT INTO tokens (id, hash, account, name, scopes, created_at, expires_at) "
            "VALUES (?,?,?,?,?,?,?)",
            token.id, _hash(secret), account, name, _text(token.scopes), token.created_at, expires_at,
        )  # fmt: skip
        return token, secret

    def tokens(self, account: str = "") -> list[Token]:
        """Those of an account, or all, oldest first; revoked ones too."""
        rows = self._rows(f"{_TOKEN} WHERE ? IN ('', account) ORDER BY created_at, id", account)
        return [_token(row) for row in rows]

    def revoke(self, id: str) -> bool:
        """Let nobody in with a token any more."""
        return (
            self._change("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0", self._now(), id)
            > 0
        )

    def by_token(self, secret: str) -> tuple[Token, Account] | None:
        """The token and the account of whoever shows this secret, if both still hold."""
        token = self._find(_hash(secret), Token, f"{_TOKEN} WHERE hash = ?", _token)
        if token is None or token.revoked_at or 0 < token.expires_at <= self._now():
            return None
        account = self.account(token.account)
        return (token, account) if account is not None and not account.suspended_at else None

    def token_now(self, id: str) -> Account | None:
        """The account of a token, if both still hold."""
        rows = self._rows(
            f"{_TOKEN} WHERE id = ? AND revoked_at = 0 AND (expires_at = 0 OR expires_at > ?)",
            id,
            self._now(),
        )
        account = self.account(rows[0][1]) if rows else None
        return account if account is not None and not account.suspended_at else None

    # --- browsers ------------------------------------------------------------------------------------

    def make_link(self, account: str) -> str:
        """A secret that signs somebody in once, soon."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._change("DELETE FROM links WHERE expires_at <= ?", self._now())
            self._change("INSERT INTO links VALUES (?,?,?)", _hash(secret), account, self._now() + LINK_MS)
        return secret

    def use_link(self, secret: str) -> Account | None:
        """Whose link it is; it is good no longer."""
        sql = "DELETE FROM links WHERE hash = ? RETURNING account, expires_at"
        rows = self._rows(sql, _hash(secret))
        if not rows or rows[0][1] <= self._now():
            return None
        account = self.account(rows[0][0])
        return account if account is not None and not account.suspended_at else None

    def begin_stay(self, account: str, how: str) -> tuple[str, Stay]:
        """Sign somebody in in a browser; gives the secret of the cookie."""
        secret, now = secrets.token_urlsafe(32), self._now()
        stay = Stay(account, how, secrets.token_urlsafe(24), now, now)
        with self._lock:
            self._change(
                "DELETE FROM stays WHERE begun_at <= ? OR seen_at <= ?", now - STAY_MS, now - STAY_MS // 2
            )
            self._change(
                "INSERT INTO stays VALUES (?,?,?,?,?,?)", _hash(secret), account, how, stay.csrf, now, now
            )
        return secret, stay

    def by_stay(self, secret: str) -> tuple[Stay, Account] | None:
        """Who is signed in in the browser that shows this secret."""
        hash, now = _hash(secret), self._now()
        sql = "SELECT account, how, csrf, begun_at, seen_at FROM stays WHERE hash = ?"
        stay = self._find(hash, Stay, sql, lambda row: Stay(*row))
        if stay is None or now >= min(stay.begun_at + STAY_MS, stay.seen_at + STAY_MS // 2):
            return None
        if now - stay.seen_at > _SEEN_EVERY_MS:
            self._change("UPDATE stays SET seen_at = ? WHERE hash = ?", now, hash)
        account = self.account(stay.account)
        return (stay, account) if account is not None and not account.suspended_at else None

    def end_stay(self, secret: str) -> bool:
        """Sign a browser out."""
        return self._change("DELETE FROM stays WHERE hash = ?", _hash(secret)) > 0

    # --- the file ------------------------------------------------------------------------------------

    def _find(self, hash: bytes, kind: type, sql: str, made: Callable[[Any], Any]) -> Any:
        """A row by the hash of its secret, from memory while nothing has changed."""
        with self._lock:
            found = self._known.get(hash)
            if found is None and (rows := self._rows(sql, hash)):
                found = self._known[hash] = made(rows[0])
            return found if isinstance(found, kind) else None

    def _rows(self, sql: str, *bindings: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, bindings).fetchall()

    def _change(self, sql: str, *bindings: Any) -> int:
        with self._lock:
            self._known.clear()
            self._known_accounts.clear()
            self._connection.execute(sql, bindings)
            return self._connection.changes()


def _hash(secret: str) -> bytes:
    # The secrets are random and long, so nothing is gained by a slow hash.
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _text(words: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(set(words))).decode()


def _account(row: Any) -> Account:
    return Account(row[0], tuple(msgspec.json.decode(row[1])), row[2], row[3], bool(row[4]), row[5])


def _token(row: Any) -> Token:
    id, account, name, scopes, created_at, expires_at, revoked_at = row
    return Token(id, account, name, tuple(msgspec.json.decode(scopes)), created_at, expires_at, revoked_at)
