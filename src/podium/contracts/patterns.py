"""Texts that a pattern matches: a few of the plainest, for values that show what a schema allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

TEXTS_MAX = 4
_CHARACTERS = "ab1"
_CLASSES = {"d": "01", "w": "ab", "s": " ", "D": "ab", "W": "-", "S": "ab"}
_BRANCHES_MAX = 4
_REPEATS_MAX = 300


def texts_matching(pattern: str) -> list[str]:
    """Texts that the pattern is likely found in; whoever uses one tries it."""
    try:
        reader = _Reader(pattern)
        texts = reader.alternatives()
        if reader.rest:
            return []
    except (ValueError, IndexError):
        return []
    return list(islice(dict.fromkeys(texts), TEXTS_MAX))


class _Reader:
    """Reads a regular expression, and gives texts for each part."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def rest(self) -> str:
        return self._pattern[self._at :]

    def alternatives(self) -> list[str]:
        texts = self._sequence()
        while self.rest.startswith("|"):
            self._at += 1
            texts = [*texts[:_BRANCHES_MAX], *self._sequence()]
        return texts

    def _sequence(self) -> list[str]:
        parts: list[list[str]] = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._repeated(self._atom()))
        return ["".join(chosen) for chosen in islice(product(*parts), TEXTS_MAX * 2)]

    def _atom(self) -> list[str]:
        character = self._take()
        if character in "^$":
            return [""]
        if character == ".":
            return list(_CHARACTERS)
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        return [character]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _group(self) -> list[str]:
        if self.rest.startswith("?:"):
            self._at += 2
        elif self.rest.startswith("?"):
            raise ValueError("a group with a flag")
        texts = self.alternatives()
        if self._take() != ")":
            raise ValueError("a group without an end")
        return texts

    def _escape(self) -> list[str]:
        character = self._take()
        if character in "bB":
            return [""]
        if character in "pPuxkc0123456789":
            raise ValueError("an escape that is not followed")
        return list(_CLASSES.get(character, {"n": "\n", "t": "\t", "r": "\r"}.get(character, character)))

    def _class(self) -> list[str]:
        denied = self.rest.startswith("^")
        self._at += denied
        listed: list[str] = []
        first = True
        while first or not self.rest.startswith("]"):
            first = False
            character = self._take()
            found = self._escape() if character == "\\" else [character]
            if self.rest.startswith("-") and not self.rest.startswith("-]") and len(found) == 1:
                self._at += 1
                last = self._take()
                found = [found[0], last] if last != "\\" else [found[0], *self._escape()]
                found = list(_between(found[0], found[-1]))
            listed += found
        self._at += 1
        if denied:
            return [character for character in "aA0-_ é" if character not in listed][:3]
        return listed

    def _repeated(self, texts: list[str]) -> list[str]:
        least, most = 1, 1
        if self.rest[:1] in ("*", "+", "?"):
            least, most = {"*": (0, 2), "+": (1, 2), "?": (0, 1)}[self._take()]
        elif self.rest[:1] == "{" and "}" in self.rest:
            inside, _, _ = self.rest[1:].partition("}")
            low, comma, high = inside.partition(",")
            least = int(low)
            most = int(high) if high else (least + 1 if comma else least)
            self._at += len(inside) + 2
        if self.rest.startswith("?"):
            self._at += 1
        if least > _REPEATS_MAX:
            raise ValueError("too long")
        counts = dict.fromkeys((max(least, 1) if most else 0, least, min(most, _REPEATS_MAX)))
        return [text * count for count in counts for text in texts[:_BRANCHES_MAX]]


def _between(first: str, last: str) -> Iterator[str]:
    """The ends of a range and what follows the first: the plainest of it."""
    yield first
    if ord(first) + 1 < ord(last):
        yield chr(ord(first) + 1)
    yield last
