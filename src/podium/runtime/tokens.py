"""Tokens of attempts: what names one to a worker, and proves that it was handed to it.

Nothing of them is kept: who has the hub's key makes the same one again, after a restart, too.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from podium.facts.identity import run_bytes, run_text

PREFIX = "attempt_"
_PURPOSE = b"podium attempt"
_CHARACTERS_MAX = 400


class Named(NamedTuple):
    """An attempt by its token, and the worker that it was handed to."""

    run_id: str
    effect: int
    token: int
    worker: str


def token_of(key: bytes, named: Named) -> str:
    """The token of an attempt."""
    text = f"{run_bytes(named.run_id).hex()}.{named.effect}.{named.token}.{named.worker}"
    return f"{PREFIX}{text}.{_mac(key, text)}"


def named_by(token: str) -> Named | None:
    """The attempt that a token says it is of, which anybody may say; None if it is no token."""
    if len(token) > _CHARACTERS_MAX or not token.isascii():
        return None
    text, _, _ = token.removeprefix(PREFIX).rpartition(".")
    parts = text.split(".", 3)
    try:
        run, effect, number, worker = parts
        return Named(run_text(bytes.fromhex(run)), int(effect), int(number), worker)
    except ValueError:
        return None


def is_genuine(key: bytes, token: str) -> bool:
    """Whether somebody with this key made a token."""
    text, _, mac = token.removeprefix(PREFIX).rpartition(".")
    return compare_digest(mac.encode(), _mac(key, text).encode())


def _mac(key: bytes, text: str) -> str:
    # The interpreter's lock is kept: letting it go for so little costs more than the digest.
    made = blake2b(text.encode(), key=key, digest_size=24, person=_PURPOSE).digest()
    return urlsafe_b64encode(made).decode()
