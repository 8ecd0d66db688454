"""Values on the command line: `key=value` pairs, JSON, and files of either."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from podium.cli.exits import Exit, Stop

JSON = Any


def inputs(given: Sequence[str]) -> JSON:
    """A run's input: `@file.json` is all of it, `key=value` a member, `a.b=1` one further in.

    A value is JSON where it reads as JSON, else text; `key=@file` takes it from a file, `@-` from stdin.
    Later pairs replace earlier ones. Raises Stop.
    """
    whole: JSON = {}
    for item in given:
        if item.startswith("@"):
            whole = document(item)
    for item in given:
        if not item.startswith("@"):
            _set(whole, item)
    return whole


def document(given: str) -> JSON:
    """JSON as it stands, or of `@file`. Raises Stop."""
    text, name = (_read(given[1:]), given[1:]) if given.startswith("@") else (given, "the value")
    try:
        return _decode(text)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{name} is not JSON: {error}") from None


def pairs(given: Sequence[str], what: str) -> dict[str, str]:
    """`key=value` pairs with text values, such as labels. Raises Stop."""
    found = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise Stop(Exit.USAGE, f"{what} {item!r} is not written as key=value")
        found[key] = value
    return found


def _set(whole: JSON, item: str) -> None:
    path, equals, text = item.partition("=")
    if not equals or not path:
        raise Stop(Exit.USAGE, f"the input {item!r} is neither key=value nor @file")
    place = whole
    *outer, last = path.split(".")
    for name in outer:
        if isinstance(place, dict):
            place = place.setdefault(name, {})
    if not isinstance(place, dict):
        raise Stop(Exit.USAGE, f"the input {item!r} goes into something that is not an object")
    place[last] = _value(text)


def _value(text: str) -> JSON:
    if text.startswith("@"):
        text = _read(text[1:])
    try:
        return _decode(text)
    except ValueError:
        return text


def _decode(text: str) -> JSON:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Stop(Exit.USAGE, f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
