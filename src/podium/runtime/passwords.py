"""Passwords: hashed with argon2id, checked in the same time whether there is such an account or not."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

LENGTH_MIN = 12
LENGTH_MAX = 1_000

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """The hash to be kept; it holds its salt and its cost."""
    return _hasher.hash(password)


def fits(kept: str, password: str) -> bool:
    """Whether this is the password whose hash was kept; never, where none was."""
    if len(password) > LENGTH_MAX:
        return False
    try:
        _hasher.verify(kept or _nobodys(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return bool(kept)


def trouble_with(password: str) -> str:
    """Why a password cannot be taken; "" if it can."""
    if len(password) < LENGTH_MIN:
        return f"a password has {LENGTH_MIN} characters at least; a few words do"
    if len(password) > LENGTH_MAX:
        return f"a password has {LENGTH_MAX} characters at most"
    if len(set(password)) < 5:
        return "a password is made of more than a few characters"
    return ""


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password, as it is only here to take its time")
