"""The keys of subjects: one for each, wrapped by a key that wraps them all, in a file beside the log.

Whoever has the log without these has only what is not sealed; destroying a key here erases what it sealed,
everywhere. So these files belong into no backup that is kept for long.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

import apsw

from podium.audit.notes import NoteError, decode, encode
from podium.runtime.sealing import Cipher
from podium.store.interface import StoreError, Unwritable

KEYS = "keys.db"
"""The file of wrapped keys in the state folder."""

WRAPPING_KEY = "seal.key"
"""The file of the key that wraps them."""

VARIABLE = "PODIUM_SEAL_KEY"
"""The variable that names another file."""

KEY_BYTES = 32
CIPHERS_MAX = 10_000
"""So many keys are kept in memory; more are read and unwrapped again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subject (
    key BLOB PRIMARY KEY,
    mark BLOB UNIQUE,
    wrapped BLOB,
    state TEXT NOT NULL,
    principal TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT ''
) STRICT;
"""
_ADD = "INSERT INTO subject (key, mark, wrapped, state) VALUES (?, ?, ?, 'live')"
_ERASING = "UPDATE subject SET mark = NULL, state = 'erasing', principal = ?, why = ? WHERE key = ?"
_ERASED = "UPDATE subject SET wrapped = NULL, state = 'erased', principal = '', why = '' WHERE key = ?"


class KeyProvider(Protocol):
    """Wraps keys with one of its own, which it keeps: in a file, a keyring, a vault, a cloud."""

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises StoreError: it cannot be unwrapped here."""

    def rotate(self) -> None:
        """Wrap with a new key from here on; what was wrapped before can still be unwrapped."""

    def forget(self) -> None:
        """Keep no key but the newest: everything was wrapped with that."""


class FileKeys:
    """A `KeyProvider` whose keys lie in a file, for this user alone: a number and a key on each line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: dict[int, bytes] = {}

    def wrap(self, key: bytes) -> bytes:
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        if not self._loaded():
            self._write({1: os.urandom(KEY_BYTES)})
        newest = max(self._keys)
        return newest.to_bytes(4, "big") + aes_key_wrap(self._keys[newest], key)

    def unwrap(self, wrapped: bytes) -> bytes:
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        number = int.from_bytes(wrapped[:4], "big")
        if number not in self._loaded():
            raise StoreError(f"{self._path} does not hold key {number}, which seals; restore that file")
        try:
            return aes_key_unwrap(self._keys[number], wrapped[4:])
        except InvalidUnwrap:
            raise StoreError(
                f"{self._path} is not the key with which these were sealed; restore it"
            ) from None

    def rotate(self) -> None:
        newest = max(self._loaded(), default=0) + 1
        self._write({**self._keys, newest: os.urandom(KEY_BYTES)})

    def forget(self) -> None:
        newest = max(self._loaded())
        self._write({newest: self._keys[newest]})

    def _loaded(self) -> dict[int, bytes]:
        if not self._keys:
            try:
                lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
                self._keys = {
                    int(number): decode(key) for number, _, key in (line.partition(" ") for line in lines)
                }
            except OSError as error:
                raise Unwritable(f"the key that seals, {self._path}: {error.strerror}") from error
            except (NoteError, ValueError):
                raise StoreError(f"{self._path} holds no keys; restore it") from None
        return self._keys

    def _write(self, keys: dict[int, bytes]) -> None:
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        text = "".join(f"{number} {encode(key)}\n" for number, key in keys.items())
        try:
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._path)
        except OSError as error:
            raise Unwritable(f"the key that seals, {self._path}: {error.strerror}") from error
        self._keys = keys


class Erasing(NamedTuple):
    """An erasure that began."""

    key: str
    principal: str
    why: str


class Keyring:
    """The keys of subjects, from any thread.

    Nothing is made before it is needed. Subjects are found by a keyed digest of their name, which is nowhere.

    Args:
        folder: the state folder.
        provider: who wraps; `FileKeys` unless given.
    """

    def __init__(self, folder: Path, provider: KeyProvider | None = None) -> None:
        self._path = folder / KEYS
        named = os.environ.get(VARIABLE, "")
        self._provider = provider or FileKeys(Path(named) if named else folder / WRAPPING_KEY)
        self._connection: apsw.Connection | None = None
        self._lock = threading.Lock()
        self._ciphers: dict[str, Cipher | None] = {}
        self._known: dict[str, str] = {}
        self._marking = b""

    def cipher(self, subject: str) -> Cipher | None:
        """What seals with a key; None if it was destroyed. Raises StoreError if nobody knows it."""
        try:
            return self._ciphers[subject]
        except KeyError:
            with self._lock:
                return self._read(subject)

    def keys_of(self, names: Iterable[str]) -> dict[str, str]:
        """The key of each subject; those that have none get one, durable when this returns.

        Raises:
            StoreError: none can be made or kept.
        """
        wanted = dict.fromkeys(names)
        if not (wanted.keys() - self._known.keys()):
            return {name: self._known[name] for name in wanted}
        with self._lock, _Troubles(self._path):
            connection = self._opened()
            with connection:
                found = {
                    name: self._found(connection, name) or self._added(connection, name) for name in wanted
                }
        if len(self._known) > CIPHERS_MAX:
            self._known.clear()
        self._known.update(found)
        return found

    def find(self, name: str) -> str:
        """The key of a subject; "" if it has none."""
        if not self._path.exists():
            return ""
        with self._lock, _Troubles(self._path):
            return self._found(self._opened(), name)

    def erasing(self) -> list[Erasing]:
        """The erasures that began and have not ended."""
        if not self._path.exists():
            return []
        query = "SELECT key, principal, why FROM subject WHERE state = 'erasing'"
        with self._lock, _Troubles(self._path):
            return [Erasing(key.hex(), who, why) for key, who, why in self._opened().execute(query)]

    def begin_erasing(self, key: str, principal: str, why: str) -> None:
        """From here on the key means nobody: who comes under the same name gets another one."""
        with self._lock, _Troubles(self._path):
            self._known.clear()
            self._opened().execute(_ERASING, (principal, why, bytes.fromhex(key)))

    def destroy(self, key: str) -> None:
        """Destroy a key; what it sealed cannot be read by anybody any more."""
        with self._lock, _Troubles(self._path):
            self._opened().execute(_ERASED, (bytes.fromhex(key),))
            self._ciphers[key] = None

    def rotate(self) -> int:
        """Wrap all keys with a new one; gives how many. What they sealed stays as it is."""
        with self._lock, _Troubles(self._path):
            connection = self._opened()
            self._provider.rotate()
            with connection:
                rows = list(connection.execute("SELECT key, wrapped FROM subject WHERE wrapped IS NOT NULL"))
                again = [(self._provider.wrap(self._provider.unwrap(wrapped)), key) for key, wrapped in rows]
                connection.executemany("UPDATE subject SET wrapped = ? WHERE key = ?", again)
                marking = (self._provider.wrap(self._marking),)
                connection.execute("UPDATE meta SET value = ? WHERE name = 'marking'", marking)
            self._provider.forget()
            return len(again)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close(True)
                self._connection = None

    # --- under the lock ------------------------------------------------------------------------------

    def _read(self, subject: str) -> Cipher | None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not self._path.exists():
            raise StoreError(f"{self._path} is not there, but something is sealed; restore it beside the log")
        with _Troubles(self._path):
            query = "SELECT wrapped, state FROM subject WHERE key = ?"
            row = self._opened().execute(query, (bytes.fromhex(subject),)).fetchone()
        if row is None:
            raise StoreError(
                f"{self._path} does not know the key {subject}; restore the one that belongs to the log"
            )
        if len(self._ciphers) > CIPHERS_MAX:
            self._ciphers.clear()
        cipher = AESGCM(self._provider.unwrap(row[0])) if row[1] != "erased" else None
        self._ciphers[subject] = cipher
        return cipher

    def _found(self, connection: apsw.Connection, name: str) -> str:
        key = connection.execute("SELECT key FROM subject WHERE mark = ?", (self._mark(name),)).get
        return key.hex() if key is not None else ""

    def _added(self, connection: apsw.Connection, name: str) -> str:
        key = os.urandom(16)
        connection.execute(_ADD, (key, self._mark(name), self._provider.wrap(os.urandom(KEY_BYTES))))
        return key.hex()

    def _mark(self, name: str) -> bytes:
        return hmac.digest(self._marking, name.encode(), sha256)

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> apsw.Connection:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(2_000)
        for pragma in ("secure_delete = ON", "journal_mode = DELETE", "synchronous = EXTRA"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        with connection:
            connection.execute(_SCHEMA)
            wrapped = connection.execute("SELECT value FROM meta WHERE name = 'marking'").get
            if wrapped is None:
                self._marking = os.urandom(KEY_BYTES)
                made = (self._provider.wrap(self._marking),)
                connection.execute("INSERT INTO meta (name, value) VALUES ('marking', ?)", made)
            else:
                self._marking = self._provider.unwrap(wrapped)
        return connection


class _Troubles:
    """Turns what SQLite and the system raise into the store's errors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, apsw.Error):
            raise StoreError(f"the keys that seal, {self._path}: {error}") from error
        if isinstance(error, OSError):
            raise Unwritable(f"the keys that seal, {self._path}: {error.strerror}") from error
