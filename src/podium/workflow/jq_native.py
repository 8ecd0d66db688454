"""The parser for the part of jq that runs as Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from podium.facts.values import JSON
from podium.workflow import jq_closures
from podium.workflow.jq_closures import Built, NotCovered
from podium.workflow.jq_text import Token
from podium.workflow.jq_values import EXACT, add, divide, multiply, scalar_text, subtract

_DEPTH = 60

T = TypeVar("T")
Operation = Callable[[JSON, JSON], JSON]


class Forms(Protocol[T]):
    """What is made of each form of the text: closures by `jq_closures`, or what else is of use."""

    def literal(self, value: JSON) -> T: ...
    def negated(self, operand: T) -> T: ...
    def variable(self, name: str) -> T: ...
    def named(self, name: str) -> T: ...
    def path(self, names: tuple[str, ...]) -> T: ...
    def step(self, term: T, key: T) -> T: ...
    def forgiving_step(self, term: T, key: T) -> T: ...
    def tried(self, term: T) -> T: ...
    def piped(self, first: T, second: T) -> T: ...
    def alternative(self, first: T, second: T) -> T: ...
    def either(self, first: T, second: T) -> T: ...
    def both(self, first: T, second: T) -> T: ...
    def compared(self, operator: str, first: T, second: T) -> T: ...
    def computed(self, operation: Operation, first: T, second: T) -> T: ...
    def chosen(self, condition: T, yes: T, no: T) -> T: ...
    def array_of(self, items: list[T]) -> T: ...
    def object_of(self, pairs: list[tuple[T, T]]) -> T: ...
    def joined(self, parts: list[T], text: Callable[[JSON], str]) -> T: ...


def build(tokens: tuple[Token, ...]) -> Built:
    """The closure for a text.

    Raises:
        NotCovered: jq must have this one.
    """
    return read(tokens, jq_closures)


def read(tokens: tuple[Token, ...], forms: Forms[T]) -> T:
    """What the forms make of a text. Raises NotCovered where it holds what none of them stands for."""
    parser = _Parser(tokens, forms)
    made = parser.pipe()
    parser.expect_end()
    return made


class _Parser(Generic[T]):
    """Recursive descent in jq's precedence: `|`, `//`, or, and, comparison, `+ -`, `* /`, terms."""

    __slots__ = ("_depth", "_form", "_position", "_tokens")

    def __init__(self, tokens: tuple[Token, ...], forms: Forms[T], depth: int = 0) -> None:
        self._tokens, self._position, self._depth = tokens, 0, depth
        self._form = forms

    def expect_end(self) -> None:
        if self._position != len(self._tokens):
            raise NotCovered

    def pipe(self) -> T:
        self._depth += 1
        if self._depth > _DEPTH:
            raise NotCovered
        first = self._alternative()
        if self._take("|"):
            first = self._form.piped(first, self.pipe())
        self._depth -= 1
        return first

    def _alternative(self) -> T:
        first = self._or()
        return self._form.alternative(first, self._alternative()) if self._take("//") else first

    def _or(self) -> T:
        first = self._and()
        while self._take_keyword("or"):
            first = self._form.either(first, self._and())
        return first

    def _and(self) -> T:
        first = self._comparison()
        while self._take_keyword("and"):
            first = self._form.both(first, self._comparison())
        return first

    def _comparison(self) -> T:
        first = self._sum()
        operator = self._take("==", "!=", "<", "<=", ">", ">=")
        if not operator:
            return first
        second = self._sum()
        if self._peek("==", "!=", "<", "<=", ">", ">="):
            raise NotCovered
        return self._form.compared(operator, first, second)

    def _sum(self) -> T:
        first = self._product()
        while operator := self._take("+", "-"):
            first = self._form.computed(add if operator == "+" else subtract, first, self._product())
        return first

    def _product(self) -> T:
        first = self._signed()
        while operator := self._take("*", "/"):
            first = self._form.computed(multiply if operator == "*" else divide, first, self._signed())
        return first

    def _signed(self) -> T:
        if not self._take("-"):
            return self._postfixed()
        # `- a * b` is -(a * b) in jq.
        self._depth += 1
        if self._depth > _DEPTH:
            raise NotCovered
        operand = self._product()
        self._depth -= 1
        return self._form.negated(operand)

    def _postfixed(self) -> T:
        term = self._term()
        while True:
            token = self._next()
            if token is None:
                return term
            if token.kind == "field":
                self._position += 1
                term = self._step(term, self._form.literal(token.text[1:]))
            elif token.text == "." and token.kind == "operator":
                self._position += 1
                term = self._after_dot(term)
            elif self._take("["):
                term = self._index(term)
            elif self._take("?"):
                term = self._form.tried(term)
            else:
                return term

    def _after_dot(self, term: T) -> T:
        following = self._next()
        if following is not None and following.kind == "string":
            self._position += 1
            return self._step(term, self._string(following))
        if self._take("["):
            return self._index(term)
        raise NotCovered

    def _index(self, term: T) -> T:
        key = self.pipe()
        self._require("]")
        return self._step(term, key)

    def _step(self, term: T, key: T) -> T:
        """`term[key]`, or `term[key]?`, which forgives this step and none before it."""
        return self._form.forgiving_step(term, key) if self._take("?") else self._form.step(term, key)

    def _term(self) -> T:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind == "field":
            return self._step(self._form.path(()), self._form.literal(token.text[1:]))
        if token.kind == "number":
            return self._form.literal(_number(token.text))
        if token.kind == "string":
            return self._string(token)
        if token.kind == "variable":
            return self._form.variable(token.text[1:])
        if token.kind == "name":
            return self._form.named(token.text)
        if token.kind == "keyword" and token.text == "if":
            return self._conditional()
        if token.kind != "operator":
            raise NotCovered
        return self._bracketed(token.text)

    def _bracketed(self, opening: str) -> T:
        if opening == ".":
            following = self._next()
            if following is not None and (following.kind == "string" or following.text == "["):
                return self._after_dot(self._form.path(()))
            return self._form.path(())
        if opening == "(":
            inner = self.pipe()
            self._require(")")
            return inner
        if opening == "[":
            return self._array()
        if opening == "{":
            return self._object()
        raise NotCovered

    def _array(self) -> T:
        if self._take("]"):
            return self._form.literal([])
        items = [self._alternative()]
        if self._take("|"):
            # A pipe binds less than a comma: `[.a | .b, .c]` is one stream, and not covered.
            items = [self._form.piped(items[0], self.pipe())]
            self._require("]")
            return self._form.array_of(items)
        while self._take(","):
            items.append(self._alternative())
        self._require("]")
        return self._form.array_of(items)

    def _object(self) -> T:
        pairs: list[tuple[T, T]] = []
        while not self._take("}"):
            if pairs:
                self._require(",")
            pairs.append(self._pair())
        return self._form.object_of(pairs)

    def _pair(self) -> tuple[T, T]:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind in ("name", "keyword") and token.text != "__loc__" and "::" not in token.text:
            key = self._form.literal(token.text)
        elif token.kind == "string":
            key = self._string(token)
        elif token.kind == "variable":
            self._position -= 1
            return self._form.literal(token.text[1:]), self._term()
        elif token.kind == "operator" and token.text == "(":
            key = self.pipe()
            self._require(")")
            self._require(":")
            return key, self._value()
        else:
            raise NotCovered
        if self._take(":"):
            return key, self._value()
        return key, self._form.step(self._form.path(()), key)

    def _value(self) -> T:
        first = self._alternative()
        return self._form.piped(first, self._value()) if self._take("|") else first

    def _conditional(self) -> T:
        condition = self.pipe()
        self._require_keyword("then")
        yes = self.pipe()
        if self._take_keyword("elif"):
            return self._form.chosen(condition, yes, self._conditional())
        no = self._form.path(())
        if self._take_keyword("else"):
            no = self.pipe()
        self._require_keyword("end")
        return self._form.chosen(condition, yes, no)

    def _string(self, token: Token) -> T:
        if len(token.parts) == 1 and isinstance(token.parts[0], str):
            return self._form.literal(token.parts[0])
        parts: list[T] = []
        for part in token.parts:
            if isinstance(part, str):
                parts.append(self._form.literal(part))
            else:
                inner = _Parser(part, self._form, self._depth)
                parts.append(inner.pipe())
                inner.expect_end()
        return self._form.joined(parts, scalar_text)

    def _next(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _peek(self, *texts: str) -> str:
        token = self._next()
        return token.text if token is not None and token.kind == "operator" and token.text in texts else ""

    def _take(self, *texts: str) -> str:
        text = self._peek(*texts)
        self._position += bool(text)
        return text

    def _take_keyword(self, text: str) -> bool:
        token = self._next()
        found = token is not None and token.kind == "keyword" and token.text == text
        self._position += found
        return found

    def _require(self, text: str) -> None:
        if not self._take(text):
            raise NotCovered

    def _require_keyword(self, text: str) -> None:
        if not self._take_keyword(text):
            raise NotCovered


def _number(text: str) -> int | float:
    number = int(text) if text.isdigit() else float(text)
    # jq keeps the digits of a literal as written (`1.50`): only what Python writes alike is native.
    if abs(number) >= EXACT or (type(number) is float and repr(number) != text):
        raise NotCovered
    return number
