"""Plain conditions without the library: comparisons of what is read with literals, and what joins them.

The library compiles every expression and has the last word. A condition that is understood here gives the
same answer at a tenth of the price, or none: whatever is not beyond doubt (another type than that of the
literal, an argument that is not there, texts that are not ASCII, numbers beyond 64 bits) is left to it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from podium.facts.values import JSON

Condition = Callable[[Mapping[str, JSON]], bool]
"""Tells whether a condition holds for values by name. Raises one of `DOUBTS` where the library has to."""

DOUBTS = (KeyError, TypeError)

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\\n]*"|'[^'\\\n]*')|(?P<whole>-?\d+(?![\w.]))|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<sign>==|!=|<=|>=|&&|\|\||[<>!().,\[\]]))"""
)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
_ASKED: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": operator.contains,
}  # fmt: skip
_WORDS = frozenset({"true", "false", "null", "in"})
_WHOLE_MAX = 1 << 63
_TOKENS_MAX = 250
"""What is longer would nest too deep when it is asked."""


class _Unknown(Exception):
    """More than is understood here."""


class _Path(NamedTuple):
    """What is read: a declared name, and members below it."""

    name: str
    members: tuple[str, ...]

    def read(self, values: Mapping[str, JSON]) -> JSON:
        value: Any = values[self.name]
        for member in self.members:
            value = value[member]
        return value


def condition(text: str, names: Collection[str]) -> Condition | None:
    """What tells whether an expression holds; None for one that is left to the library.

    Args:
        text: one that the library has compiled.
        names: those that are declared.
    """
    if not text.isascii():
        return None
    try:
        parser = _Parser(_tokens(text), names)
        holds = parser.either()
        return holds if parser.is_over else None
    except _Unknown:
        return None


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _Unknown
        assert found.lastgroup is not None
        tokens.append((found.lastgroup, found[found.lastgroup]))
        if len(tokens) > _TOKENS_MAX:
            raise _Unknown
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], names: Collection[str]) -> None:
        self._tokens, self._names, self._at = tokens, names, 0

    @property
    def is_over(self) -> bool:
        return self._at == len(self._tokens)

    def either(self) -> Condition:
        holds = self._both()
        while self._take("||"):
            holds = _either(holds, self._both())
        return holds

    def _both(self) -> Condition:
        holds = self._one()
        while self._take("&&"):
            holds = _both(holds, self._one())
        return holds

    def _one(self) -> Condition:
        if self._take("!"):
            holds = self._term()
            if self._next() not in ("", "&&", "||", ")"):
                raise _Unknown
            return _not(holds)
        if self._kind() in ("text", "whole"):
            sought = self._literal()
            self._expect("in")
            return _within(sought, self._path())
        if self._next() in ("(", "has"):
            return self._term()
        path = self._path()
        compared = _COMPARED.get(self._next())
        if compared is not None:
            self._at += 1
            return self._comparison(path, compared)
        if self._take("in"):
            return _among(path, self._literals())
        if self._next() == "(":
            return self._question(path)
        return _is_true(path)

    def _term(self) -> Condition:
        """What `!` may stand before."""
        if self._take("!"):
            return _not(self._term())
        if self._take("("):
            holds = self.either()
            self._expect(")")
            return holds
        if self._take("has"):
            self._expect("(")
            path = self._path()
            self._expect(")")
            if not path.members:
                raise _Unknown
            return _has(_Path(path.name, path.members[:-1]), path.members[-1])
        path = self._path()
        return self._question(path) if self._next() == "(" else _is_true(path)

    def _comparison(self, path: _Path, compared: Callable[[Any, Any], bool]) -> Condition:
        if self._next() in ("true", "false"):
            literal: Any = self._next() == "true"
            self._at += 1
        else:
            literal = self._literal()
        if type(literal) is not int and compared not in (operator.eq, operator.ne):
            raise _Unknown
        return _compare(path, compared, literal)

    def _question(self, path: _Path) -> Condition:
        """A member function of a text, with a literal."""
        asked = _ASKED.get(path.members[-1]) if path.members else None
        self._expect("(")
        literal = self._literal()
        self._expect(")")
        if asked is None or type(literal) is not str:
            raise _Unknown
        return _ask(_Path(path.name, path.members[:-1]), asked, literal)

    def _path(self) -> _Path:
        words = [self._word()]
        while self._take("."):
            words.append(self._word())
        for length in range(len(words), 0, -1):
            name = ".".join(words[:length])
            if name in self._names:
                return _Path(name, tuple(words[length:]))
        raise _Unknown

    def _literals(self) -> list[Any]:
        self._expect("[")
        found = [self._literal()]
        while self._take(","):
            found.append(self._literal())
        self._expect("]")
        return found

    def _literal(self) -> str | int:
        kind, token = self._kind(), self._next()
        self._at += 1
        if kind == "text":
            return token[1:-1]
        if kind != "whole" or not -_WHOLE_MAX <= int(token) < _WHOLE_MAX:
            raise _Unknown
        return int(token)

    def _word(self) -> str:
        kind, token = self._kind(), self._next()
        if kind != "word" or token in _WORDS:
            raise _Unknown
        self._at += 1
        return token

    def _kind(self) -> str:
        return self._tokens[self._at][0] if not self.is_over else ""

    def _next(self) -> str:
        return self._tokens[self._at][1] if not self.is_over else ""

    def _take(self, token: str) -> bool:
        if self._next() != token or self._kind() == "text":
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _Unknown


# --- what is asked ----------------------------------------------------------------------------------


def _either(left: Condition, right: Condition) -> Condition:
    return lambda values: left(values) or right(values)


def _both(left: Condition, right: Condition) -> Condition:
    return lambda values: left(values) and right(values)


def _not(holds: Condition) -> Condition:
    return lambda values: not holds(values)


def _compare(path: _Path, compared: Callable[[Any, Any], bool], literal: Any) -> Condition:
    kind, read = type(literal), path.read
    if kind is not int:

        def holds(values: Mapping[str, JSON]) -> bool:
            value = read(values)
            if type(value) is not kind or (kind is str and not value.isascii()):
                raise KeyError
            return compared(value, literal)

    elif len(path.members) == 1:
        name, (member,) = path

        def holds(values: Mapping[str, JSON]) -> bool:
            value: Any = values[name][member]
            if type(value) is not int or not -_WHOLE_MAX <= value < _WHOLE_MAX:
                raise KeyError
            return compared(value, literal)

    else:

        def holds(values: Mapping[str, JSON]) -> bool:
            value = read(values)
            if type(value) is not int or not -_WHOLE_MAX <= value < _WHOLE_MAX:
                raise KeyError
            return compared(value, literal)

    return holds


def _is_true(path: _Path) -> Condition:
    def holds(values: Mapping[str, JSON]) -> bool:
        value = path.read(values)
        if value is True or value is False:
            return value
        raise KeyError

    return holds


def _has(of: _Path, member: str) -> Condition:
    def holds(values: Mapping[str, JSON]) -> bool:
        value = of.read(values)
        if type(value) is not dict:
            raise KeyError
        return member in value

    return holds


def _ask(path: _Path, asked: Callable[[str, str], bool], literal: str) -> Condition:
    def holds(values: Mapping[str, JSON]) -> bool:
        value = path.read(values)
        if type(value) is not str or not value.isascii():
            raise KeyError
        return asked(value, literal)

    return holds


def _among(path: _Path, literals: list[Any]) -> Condition:
    kind = type(literals[0])
    if any(type(one) is not kind for one in literals):
        raise _Unknown
    return _any([_compare(path, operator.eq, one) for one in literals])


def _any(conditions: list[Condition]) -> Condition:
    return lambda values: any(holds(values) for holds in conditions)


def _within(sought: str | int, path: _Path) -> Condition:
    if type(sought) is not str:
        raise _Unknown

    def holds(values: Mapping[str, JSON]) -> bool:
        listed = path.read(values)
        if type(listed) is not list or not all(type(one) is str and one.isascii() for one in listed):
            raise KeyError
        return sought in listed

    return holds
