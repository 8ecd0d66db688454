"""Tokens of attempts: what names one to a worker, and proves that it was handed to it.

Nothing of them is kept: who has the hub's key makes the same one again, after a restart, too.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

from podium.facts.identity import run_bytes, run_text

PREFIX = "attempt_"
_PURPOSE = b"podium attempt\0"
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


def read_token(key: bytes, token: str) -> Named | None:
    """The attempt that a token is of; None if nobody with this key made it."""
    if len(token) > _CHARACTERS_MAX or not token.isascii():
        return None
    text, _, mac = token.removeprefix(PREFIX).rpartition(".")
    if not text or not hmac.compare_digest(mac, _mac(key, text)):
        return None
    run, effect, number, worker = text.split(".", 3)
    return Named(run_text(bytes.fromhex(run)), int(effect), int(number), worker)


def _mac(key: bytes, text: str) -> str:
    made = hmac.digest(key, _PURPOSE + text.encode(), sha256)
    return urlsafe_b64encode(made[:24]).decode()
