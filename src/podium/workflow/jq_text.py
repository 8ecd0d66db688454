"""The text of jq expressions: tokens, the variables and builtins a text uses, and `${ }` inside strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

TokenKind: TypeAlias = Literal[
    "number", "string", "field", "variable", "name", "keyword", "format", "operator", "recurse"
]

KEYWORDS = frozenset(
    "and as catch def elif else end foreach if import include label module or reduce then try __loc__".split()
)

OPENING = {"(": ")", "[": "]", "{": "}"}

_SKIPPED = re.compile(r"(?:[ \t\r\n]+|#(?:\\\\|\\\r?\n|[^\r\n])*)+")
_TOKEN = re.compile(
    r"""(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<field>\.[A-Za-z_][A-Za-z_0-9]*)
    |(?P<variable>\$(?:[A-Za-z_][A-Za-z_0-9]*::)*[A-Za-z_][A-Za-z_0-9]*)
    |(?P<name>(?:[A-Za-z_][A-Za-z_0-9]*::)*[A-Za-z_][A-Za-z_0-9]*)
    |(?P<format>@[A-Za-z0-9_]+)
    |(?P<recurse>\.\.)
    |(?P<operator>\?//=|\?//|//=|[|+\-*/%]=|==|!=|<=|>=|//|[.\[\](){}|,:;=<>+\-*/%?$])""",
    re.VERBOSE,
)
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Malformed(Exception):
    """The text is not jq; the message says what is wrong.

    Attributes:
        at: where in the text.
        path: JSON pointer to the string that holds it, in the value that was compiled.
    """

    def __init__(self, message: str, at: int, path: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.path = path


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `parts` of a string: its pieces, text or the tokens of a `\\( )`."""

    kind: TokenKind
    text: str
    at: int
    parts: tuple[str | tuple[Token, ...], ...] = ()


def tokens_of(text: str) -> tuple[Token, ...]:
    """The tokens of a whole expression, brackets balanced.

    Raises:
        Malformed: a bracket or string is not closed, or a character belongs to no token.
    """
    tokens, end = _scan(text, 0, "")
    if end != len(text):
        raise Malformed(f"unexpected {text[end]!r}", end)
    return tokens


def embedded(text: str) -> list[str | tuple[str, tuple[Token, ...]]]:
    """The pieces of a string of the document: plain text, or the inside of a `${ }` with its tokens.

    Raises:
        Malformed: a `${` is not closed, or what it holds is not jq.
    """
    pieces: list[str | tuple[str, tuple[Token, ...]]] = []
    position = 0
    while (start := text.find("${", position)) >= 0:
        if start > position:
            pieces.append(text[position:start])
        tokens, end = _scan(text, start + 2, "}")
        if end == len(text):
            raise Malformed("`${` has no closing `}`", start)
        pieces.append((text[start + 2 : end], tokens))
        position = end + 1
    if position < len(text):
        pieces.append(text[position:])
    return pieces


def _scan(text: str, position: int, closing: str) -> tuple[tuple[Token, ...], int]:
    """Tokens up to the unmatched `closing` bracket or the end, and where that is."""
    tokens: list[Token] = []
    open_brackets: list[str] = []
    while True:
        skipped = _SKIPPED.match(text, position)
        position = skipped.end() if skipped else position
        if position == len(text):
            if open_brackets:
                raise Malformed(f"`{open_brackets[-1]}` is missing at the end", position)
            return tuple(tokens), position
        if text[position] == '"':
            token, position = _string(text, position)
            tokens.append(token)
            continue
        found = _TOKEN.match(text, position)
        if found is None:
            raise Malformed(f"unexpected {text[position]!r}", position)
        piece = found.group()
        if piece in OPENING:
            open_brackets.append(OPENING[piece])
        elif piece in (")", "]", "}"):
            if not open_brackets and piece == closing:
                return tuple(tokens), position
            if not open_brackets or open_brackets.pop() != piece:
                raise Malformed(f"unexpected `{piece}`", position)
        tokens.append(_token(found, position))
        position = found.end()


def _token(found: re.Match[str], position: int) -> Token:
    piece = found.group()
    if found.lastgroup == "name" and piece in KEYWORDS:
        return Token("keyword", piece, position)
    return Token(found.lastgroup, piece, position)  # type: ignore[arg-type]  # the groups are the kinds


def _string(text: str, start: int) -> tuple[Token, int]:
    parts: list[str | tuple[Token, ...]] = []
    plain: list[str] = []
    position = start + 1
    while position < len(text):
        found = _PLAIN.match(text, position)
        if found is not None:
            plain.append(found.group())
            position = found.end()
        elif text[position] == '"':
            parts.append("".join(plain))
            return Token("string", text[start : position + 1], start, tuple(parts)), position + 1
        elif text.startswith("\\(", position):
            inner, position = _scan(text, position + 2, ")")
            parts += ["".join(plain), inner]
            plain = []
            position += 1
        else:
            escape, position = _escape(text, position)
            plain.append(escape)
    raise Malformed('`"` is missing at the end', start)


def _escape(text: str, position: int) -> tuple[str, int]:
    letter = text[position + 1 : position + 2]
    if letter in _ESCAPES and letter:
        return _ESCAPES[letter], position + 2
    if letter != "u":
        raise Malformed(f"`\\{letter}` is no escape", position)
    unit, position = _code_unit(text, position)
    if 0xD800 <= unit < 0xDC00 and text.startswith("\\u", position):
        low, after = _code_unit(text, position)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), after
    if 0xD800 <= unit < 0xE000:
        raise Malformed("a surrogate stands alone", position)
    return chr(unit), position


def _code_unit(text: str, position: int) -> tuple[int, int]:
    digits = text[position + 2 : position + 6]
    if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
        raise Malformed("`\\u` needs four hexadecimal digits", position)
    return int(digits, 16), position + 6


def variables_of(tokens: tuple[Token, ...]) -> dict[str, int]:
    """The variables that a text uses before or without binding them: name without `$`, and where."""
    used: dict[str, int] = {}
    bound: dict[str, int] = {}
    for run in _runs(tokens):
        for token in run:
            if token.kind == "variable":
                used[token.text[1:]] = min(token.at, used.get(token.text[1:], token.at))
        for name, at in _bound(run):
            bound[name] = min(at, bound.get(name, at))
    return {name: at for name, at in used.items() if at != bound.get(name)}


def calls_of(tokens: tuple[Token, ...]) -> dict[str, int]:
    """The functions that a text calls or defines, and where each first stands; keys of objects are none."""
    calls: dict[str, int] = {}
    for run in _runs(tokens):
        brackets: list[str] = []
        for number, token in enumerate(run):
            if token.kind == "operator" and token.text in OPENING:
                brackets.append(token.text)
            elif token.kind == "operator" and token.text in (")", "]", "}"):
                brackets.pop()
            elif (
                token.kind == "name" or (token.kind == "keyword" and token.text == "__loc__")
            ) and not _is_key(run, number, brackets):
                calls.setdefault(token.text, token.at)
    return calls


def _is_key(run: tuple[Token, ...], number: int, brackets: list[str]) -> bool:
    if not brackets or brackets[-1] != "{":
        return False
    return run[number - 1].text in ("{", ",") and run[number - 1].kind == "operator"


def _bound(run: tuple[Token, ...]) -> Iterator[tuple[str, int]]:
    binding = False
    for number, token in enumerate(run):
        if token.kind == "keyword" and token.text in ("as", "label"):
            binding = True
        elif token.kind == "operator" and token.text == "|":
            binding = False
        elif token.kind == "variable" and (binding or _is_parameter(run, number)):
            yield token.text[1:], token.at
        elif binding and token.text == "(" and run[number - 1].kind == "variable":
            # `reduce … as $x (` ends the pattern.
            binding = False


def _is_parameter(run: tuple[Token, ...], number: int) -> bool:
    """Whether the variable is a parameter of a `def name($x; $y):`."""
    while number > 0 and (run[number].kind in ("variable", "name") or run[number].text == ";"):
        number -= 1
    return run[number].text == "(" and number >= 2 and run[number - 2].text == "def"


def _runs(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The tokens themselves, and those inside every string."""
    yield tokens
    for token in tokens:
        for part in token.parts:
            if not isinstance(part, str):
                yield from _runs(part)
