"""Troubles: why a text is no resource, said to the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason why a declared document is refused.

    Attributes:
        rule: short stable name of the rule that was broken, `unknown-field`.
        path: JSON pointer into the document.
        message: what is wrong and what to do about it, in one sentence.
        file: what the text was read from.
        line: line in that file, from 1; 0 if unknown.
        column: column in that line, from 1; 0 if unknown.
    """

    rule: str
    path: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0


def pointer(parts: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) that the parts make."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parts_of(path: str) -> list[str]:
    """The parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the likeliest of the known words, or nothing; starts with a space."""
    by_fold = {name.casefold(): name for name in known}
    folded = word.casefold()[:100]
    close = get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    close = close or [name for name in by_fold if len(folded) > 2 and name.startswith(folded)]
    return f" Did you mean `{by_fold[close[0]]}`?" if close else ""


def shown(value: object, characters_max: int = 60) -> str:
    """A value as a message quotes it: short, and on one line."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"
