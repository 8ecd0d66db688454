"""Values on the command line: `key=value` pairs, JSON, and files of either."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from podium.cli.exits import Exit, Stop

JSON = Any

SECONDS_MAX = 1_000_000_000


class Unfit(ValueError):
    """JSON that means nothing certain: a key that is given twice, a number too large, half a character."""


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
        return decoded(text)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{name} is not JSON: {error}") from None


def pairs(given: Sequence[str], what: str) -> dict[str, str]:
    """`key=value` pairs with text values, such as labels. Raises Stop."""
    found = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise Stop(Exit.USAGE, f"{what} {quoted(item)} is not written as key=value")
        found[key] = value
    return found


def seconds(given: float | None, option: str) -> float | None:
    """A time to wait that a machine can wait for. Raises Stop."""
    if given is not None and not 0 <= given <= SECONDS_MAX:
        message = f"{option} is {given:g}; it must be a number of seconds from 0 to {SECONDS_MAX:,}"
        raise Stop(Exit.USAGE, message)
    return given


def quoted(text: str) -> str:
    """A text as a message quotes it: short."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def decoded(text: str) -> JSON:
    """What a JSON text means.

    Raises:
        Unfit: it is JSON, but cannot be kept as it stands.
        ValueError: it is no JSON; the message says where not.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"), parse_constant=_no_constant, parse_float=_finite,
            object_pairs_hook=_object,
        )  # fmt: skip
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    except UnicodeEncodeError:
        raise Unfit("it has half of a surrogate pair; write the whole character") from None
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except Unfit:
        raise
    except ValueError:
        raise Unfit("it has a whole number of more than 4,300 digits") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise Unfit(f"it has no number {name}; use null or text")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise Unfit(f"the number {text[:40]} is too large")
    return number


def _object(members: list[tuple[str, JSON]]) -> dict[str, JSON]:
    made = dict(members)
    if len(made) != len(members):
        left = dict(made)
        twice = next(name for name, _ in members if left.pop(name, left) is left)
        raise Unfit(f"{quoted(twice)} is given twice in one object; remove one")
    return made


def _set(whole: JSON, item: str) -> None:
    path, equals, text = item.partition("=")
    if not equals or not path:
        raise Stop(Exit.USAGE, f"the input {quoted(item)} is neither key=value nor @file")
    place = whole
    *outer, last = path.split(".")
    for name in outer:
        if isinstance(place, dict):
            place = place.setdefault(name, {})
    if not isinstance(place, dict):
        raise Stop(Exit.USAGE, f"the input {quoted(item)} goes into something that is not an object")
    place[last] = _value(text, path)


def _value(text: str, path: str) -> JSON:
    name = f"the value of {path}"
    if text.startswith("@"):
        name, text = text[1:], _read(text[1:])
    try:
        return decoded(text)
    except Unfit as error:
        # What begins as data was meant as data; `NaN` and `1e999` may well be words.
        if text.lstrip()[:1] in ("{", "["):
            raise Stop(Exit.USAGE, f"{name} is not JSON: {error}") from None
        return text
    except ValueError:
        return text


def _read(name: str) -> str:
    try:
        if name != "-":
            return Path(name).read_text(encoding="utf-8")
        if sys.stdin is None:
            raise Stop(Exit.USAGE, "stdin is closed")
        return sys.stdin.buffer.read().decode()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Stop(Exit.USAGE, f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{quoted(name)} cannot be read: {error}") from None
