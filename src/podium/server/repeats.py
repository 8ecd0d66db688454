"""Requests that are made again: with the same `Idempotency-Key` nothing is done twice.

What somebody asked for under a key, and what he was answered, is kept for a day in `repeats.db`. That it was
begun is kept before it is done: where a hub was killed in between, nobody knows, and whoever asks again is
told so instead of having it done twice.

Source: "The Idempotency-Key HTTP Header Field", draft 07: another request with the same key, and one that is
still under way, are conflicts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw

FILE = "repeats.db"
"""In the state folder."""

KEPT_MS = 86_400_000
KEYS_EACH_MAX = 1_000
"""So many keys of one caller are kept; a newer one takes the place of his oldest."""

ANSWER_BYTES_MAX = 64 * 1024
"""Of a longer answer only that there was one is kept."""

KEY_CHARACTERS_MAX = 1_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS repeats (
    caller TEXT NOT NULL, key TEXT NOT NULL, request BLOB NOT NULL, at INTEGER NOT NULL,
    status INTEGER NOT NULL, location TEXT NOT NULL, answer BLOB, PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS repeats_by_time ON repeats (caller, at);
"""
_FIND = "SELECT request, status, location, answer FROM repeats WHERE caller = ? AND key = ? AND at > ?"
_BEGIN = "REPLACE INTO repeats (caller, key, request, at, status, location) VALUES (?, ?, ?, ?, 0, '')"
_END = "UPDATE repeats SET status = ?, location = ?, answer = ? WHERE caller = ? AND key = ?"
_FORGET = "DELETE FROM repeats WHERE caller = ? AND key = ?"
_EXPIRE = "DELETE FROM repeats WHERE caller = ?1 AND at <= ?2"
_CROWD_OUT = (
    "DELETE FROM repeats WHERE caller = ?1 AND key IN "
    "(SELECT key FROM repeats WHERE caller = ?1 ORDER BY at DESC, key LIMIT -1 OFFSET ?2)"
)


class Kept(NamedTuple):
    """What was answered under a key.

    Attributes:
        same: whether it was to the same request.
        status: 0 where it was begun, and nobody knows whether it was done.
        location: of what it made; "" for nothing.
        answer: the body; None where that was not kept.
    """

    same: bool
    status: int
    location: str
    answer: bytes | None


class Repeats:
    """What was asked for under keys. From any thread.

    Args:
        file: made, for this user alone, if it is not there.
        now: ms since 1970.
    """

    def __init__(self, file: Path, now: Callable[[], int]) -> None:
        self._file, self._now = file, now
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._under_way: set[tuple[str, str]] = set()

    def begin(self, caller: str, key: str, request: bytes) -> Kept | None:
        """Somebody asks for something under a key; None if he never did, and it is to be done now.

        Args:
            request: a digest of all that he asks for.
        """
        with self._lock:
            connection, oldest = self._opened(), self._now() - KEPT_MS
            found = connection.execute(_FIND, (caller, key, oldest)).fetchone()
            if found is not None:
                known, status, location, answer = found
                return Kept(known == request, status, location, answer)
            with connection:
                connection.execute(_EXPIRE, (caller, oldest))
                connection.execute(_BEGIN, (caller, key, request, self._now()))
                connection.execute(_CROWD_OUT, (caller, KEYS_EACH_MAX))
            self._under_way.add((caller, key))
            return None

    def end(self, caller: str, key: str, status: int, location: str, answer: bytes | None) -> None:
        """It was done; `answer` is None for one that is not to be kept."""
        if answer is not None and len(answer) > ANSWER_BYTES_MAX:
            answer = None
        with self._lock:
            self._under_way.discard((caller, key))
            self._opened().execute(_END, (status, location, answer, caller, key))

    def forget(self, caller: str, key: str) -> None:
        """It was not done, and may be asked for again."""
        with self._lock:
            self._under_way.discard((caller, key))
            self._opened().execute(_FORGET, (caller, key))

    def lose(self, caller: str, key: str) -> None:
        """Nobody will ever know whether it was done."""
        with self._lock:
            self._under_way.discard((caller, key))

    def is_under_way(self, caller: str, key: str) -> bool:
        """Whether it is being done now."""
        return (caller, key) in self._under_way

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            self._file.touch(0o600)
            self._connection = apsw.Connection(str(self._file))
            self._connection.set_busy_timeout(5_000)
            self._connection.execute(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _SCHEMA
            ).fetchall()
        return self._connection
