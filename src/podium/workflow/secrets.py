"""`$secrets`: each use becomes the placeholder of the secret, so that no expression ever sees a value."""

from __future__ import annotations

import json

from podium.facts.secrets import NAME, placeholder
from podium.workflow.jq_text import Malformed, Token, calls_of, tokens_of

_VARIABLE = "$secrets"
_WORDS = frozenset(("true", "false", "null"))
_BRANCHES = frozenset(("if", "then", "elif", "else", "end"))
_AFTER = frozenset((",", ")", "]", "}", "+", "//"))
_BEFORE = frozenset(("(", "[", ",", ":", "+", "//", "|"))


def with_placeholders(text: str) -> tuple[str, dict[str, int]]:
    """The text of an expression with placeholders for `$secrets`, and the names it uses with their places.

    Raises:
        Malformed: it does more with a secret than to put it somewhere.
    """
    tokens = tokens_of(text)
    for name, at in calls_of(tokens).items():
        if name not in _WORDS:
            raise _changes(name, at)
    names: dict[str, int] = {}
    pieces: list[str] = []
    position = 0
    for start, end, path in _uses(tokens):
        names.setdefault(path[0], start)
        pieces += [text[position:start], json.dumps(placeholder(path[0], path[1:]), ensure_ascii=False)]
        position = end
    return "".join([*pieces, text[position:]]), names


def _uses(tokens: tuple[Token, ...]) -> list[tuple[int, int, list[str]]]:
    """Where each use begins and ends, and the path that it takes from `$secrets`, in order."""
    found: list[tuple[int, int, list[str]]] = []
    number = 0
    while number < len(tokens):
        token = tokens[number]
        for part in token.parts:
            if not isinstance(part, str):
                found += _uses(part)
        _refuse_what_changes(token)
        if token.kind == "variable" and token.text == _VARIABLE:
            before = tokens[number - 1] if number else None
            path, number = _path(tokens, number + 1)
            last = tokens[number - 1]
            _check(token, path, before, tokens[number] if number < len(tokens) else None)
            found.append((token.at, last.at + len(last.text), path))
        else:
            number += 1
    return found


def _path(tokens: tuple[Token, ...], number: int) -> tuple[list[str], int]:
    """The names that follow, `.a`, `."a"` or `["a"]`, and the place after them."""
    path: list[str] = []
    while number < len(tokens):
        token, rest = tokens[number], tokens[number + 1 : number + 3]
        if token.kind == "field":
            path.append(token.text[1:])
            number += 1
        elif token.text == "." and rest and _literal(rest[0]) is not None:
            path.append(_literal(rest[0]) or "")
            number += 2
        elif token.text == "[" and len(rest) == 2 and rest[1].text == "]" and _literal(rest[0]) is not None:
            path.append(_literal(rest[0]) or "")
            number += 3
        else:
            break
    return path, number


def _literal(token: Token) -> str | None:
    parts = token.parts
    return parts[0] if token.kind == "string" and len(parts) == 1 and isinstance(parts[0], str) else None


def _refuse_what_changes(token: Token) -> None:
    """An expression with secrets in it may put texts together and choose among them, and nothing else."""
    if token.kind in ("format", "recurse") or (token.kind == "keyword" and token.text not in _BRANCHES):
        raise _changes(token.text, token.at)


def _changes(what: str, at: int) -> Malformed:
    message = (
        f"`{what}` would see what stands for the secret and not its value; beside `$secrets` an "
        "expression can only build objects and join texts with `+`"
    )
    return Malformed(message, at)


def _check(token: Token, path: list[str], before: Token | None, after: Token | None) -> None:
    if not path or not NAME.fullmatch(path[0]) or not all(path):
        raise Malformed("`$secrets` needs a name right after it, `$secrets.name`", token.at)
    if not _allows(before, _BEFORE) or not _allows(after, _AFTER):
        message = "a secret can only be put somewhere or joined with `+`, not be compared or computed with"
        raise Malformed(message, token.at)


def _allows(beside: Token | None, operators: frozenset[str]) -> bool:
    if beside is None or beside.kind == "keyword":
        return beside is None or beside.text in ("then", "else", "elif", "end")
    return beside.kind == "operator" and beside.text in operators
