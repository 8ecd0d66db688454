"""The veil: puts the values of secrets into what a performer gets, and takes them out of what comes back."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import msgspec

from podium.facts.secrets import CLOSE, OPEN, PLACEHOLDER, holds_marks
from podium.facts.values import JSON

TEXT_MIN = 6
"""A shorter secret is only found where it stands alone: everywhere it would be found by chance."""

_ENCODED = re.compile(f"{quote(OPEN)}secret%3A.*?{quote(CLOSE)}")
_ENCODED_MARK = quote(OPEN).encode()
_encode = msgspec.json.Encoder().encode


class Veil:
    """What must not be told, with the names by which it may be called.

    Args:
        value: gives the value of a secret, or of a member, by its name and a JSON pointer.

    Attributes:
        used: names of the secrets that were put in.
    """

    def __init__(self, value: Callable[[str, str], JSON]) -> None:
        self.used: set[str] = set()
        self._value = value
        self._alone: dict[str, str] = {}
        self._within: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    # --- in

    def revealed(self, payload: JSON) -> JSON:
        """The payload with values for placeholders. Raises as `value` does."""
        encoded = _encode(payload)
        return self._filled(payload) if holds_marks(encoded) or _ENCODED_MARK in encoded else payload

    def _filled(self, payload: JSON) -> JSON:
        if isinstance(payload, str):
            return self._filled_text(payload)
        if isinstance(payload, list):
            return [self._filled(item) for item in payload]
        if isinstance(payload, dict):
            return {name: self._filled(member) for name, member in payload.items()}
        return payload

    def _filled_text(self, text: str) -> JSON:
        whole = PLACEHOLDER.fullmatch(text)
        if whole is not None:
            return self._revealed_one(whole)
        text = PLACEHOLDER.sub(lambda found: as_text(self._revealed_one(found)), text)
        return _ENCODED.sub(self._encoded, text)

    def _revealed_one(self, found: re.Match[str]) -> JSON:
        self.used.add(found[1])
        return self._value(found[1], found[2])

    def _encoded(self, found: re.Match[str]) -> str:
        """Of a placeholder that became part of a URI."""
        plain = PLACEHOLDER.fullmatch(unquote(found[0]))
        return found[0] if plain is None else quote(as_text(self._revealed_one(plain)), safe="")

    # --- what is hidden

    def hide(self, name: str, value: JSON) -> None:
        """Take a value, and every text or number in it, for one that must not be told."""
        mask = f"(secret {name})"
        for text in _texts(value):
            if text in self._alone or not text.strip():
                continue
            forms = dict.fromkeys(_forms(text), mask)
            with self._lock:
                # Another thread may be looking through what is hidden: it sees the old or the new.
                self._alone = {text: mask, **self._alone}
                self._within = {**forms, **self._within}
                self._pattern = _any_of(self._within)

    # --- out

    def text(self, told: str) -> str:
        """The text with masks for whatever is hidden."""
        if told in self._alone:
            return self._alone[told]
        pattern = self._pattern
        return told if pattern is None else pattern.sub(lambda found: self._within[found[0]], told)

    def masked(self, told: JSON) -> JSON:
        """The value with masks for whatever is hidden, in names too."""
        if isinstance(told, str):
            return self.text(told)
        if isinstance(told, list):
            return [self.masked(item) for item in told]
        if isinstance(told, dict):
            return {self.text(name): self.masked(member) for name, member in told.items()}
        if isinstance(told, int | float) and not isinstance(told, bool):
            return self._alone.get(as_text(told), told)
        return told


def _any_of(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def as_text(value: JSON) -> str:
    """A value inside a text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield as_text(value)


def _forms(text: str) -> Iterable[str]:
    """The forms in which a value may turn up inside other texts: as it is, line by line, and encoded."""
    for part in {text, text.strip(), *text.splitlines()}:
        if len(part) >= TEXT_MIN:
            yield part
            for written in (json.dumps(part), json.dumps(part, ensure_ascii=False)):
                yield written[1:-1]
            yield from (quote(part), quote(part, safe=""), quote_plus(part))
            yield from _base64_forms(part.encode())


def _base64_forms(value: bytes) -> Iterable[str]:
    """What any text that holds the value has in common in Base64, for each place it may begin at."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value).decode().rstrip("=")
        first = (before * 8 + 5) // 6
        last = (before + len(value)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= TEXT_MIN:
            yield core
            yield core.replace("+", "-").replace("/", "_")
