"""Secrets: the placeholders that stand for them wherever something is decided, recorded or shown.

The value of a secret exists outside the hub's log and state only. An expression `$secrets.name.field` gives a
placeholder, a text that means the same in every run; who performs a call puts the value in its place. So that
nobody who only supplies data can have a secret sent somewhere, what comes from outside is made inert first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from podium.facts.values import JSON

OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Noncharacters of Unicode, which no text that is meant for others holds."""

AUTHORIZATION = f"{OPEN}authorization{CLOSE}"
"""Stands for the parameter of the `Authorization` header that a call is made with."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""Names that a secret may have."""

PLACEHOLDER = re.compile(f"{OPEN}secret:({NAME.pattern})((?:/[^{OPEN}{CLOSE}/]*)*){CLOSE}")
"""A placeholder: the secret's name, and a JSON pointer into it."""

_MARKS = re.compile(f"[{OPEN}{CLOSE}]")
_KNOWN = re.compile(f"{PLACEHOLDER.pattern}|{AUTHORIZATION}|[{OPEN}{CLOSE}]")
_OPEN_BYTES, _CLOSE_BYTES = OPEN.encode(), CLOSE.encode()

_encode = msgspec.json.Encoder().encode


def placeholder(name: str, path: Iterable[str] = ()) -> str:
    """The text that stands for a secret, or for the member at `path` of one that is an object."""
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return f"{OPEN}secret:{name}{pointer}{CLOSE}"


def parts_of(pointer: str) -> list[str]:
    """The names in a placeholder's JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def holds_marks(text: bytes) -> bool:
    """Whether UTF-8 text has anything of a placeholder."""
    return _OPEN_BYTES in text or _CLOSE_BYTES in text


def inert(value: JSON) -> JSON:
    """The value with nothing in it that could be taken for a placeholder; if there is nothing, itself."""
    return _replaced(value, frozenset()) if holds_marks(_encode(value)) else value


def only(value: JSON, sources: Iterable[bytes]) -> JSON:
    """The value with those placeholders alone that `sources`, which it was made of, had already."""
    if not holds_marks(_encode(value)):
        return value
    known = {
        found[0] for source in sources for found in _KNOWN.finditer(source.decode()) if len(found[0]) > 1
    }
    return _replaced(value, known)


def _replaced(value: JSON, known: Iterable[str]) -> JSON:
    if isinstance(value, str):
        if not _MARKS.search(value):
            return value
        return _KNOWN.sub(lambda found: found[0] if found[0] in known else _dulled(found[0]), value)
    if isinstance(value, list):
        return [_replaced(item, known) for item in value]
    if isinstance(value, dict):
        return {_replaced(name, known): _replaced(member, known) for name, member in value.items()}
    return value


def _dulled(text: str) -> str:
    return _MARKS.sub("\N{REPLACEMENT CHARACTER}", text)
