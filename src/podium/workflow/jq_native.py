"""The parser for the part of jq that runs as Python."""

from __future__ import annotations

from podium.workflow import jq_closures as form
from podium.workflow.jq_closures import Built, NotCovered
from podium.workflow.jq_text import Token
from podium.workflow.jq_values import EXACT, add, divide, multiply, scalar_text, subtract

_DEPTH = 60


def build(tokens: tuple[Token, ...]) -> Built:
    """The closure for a text.

    Raises:
        NotCovered: jq must have this one.
    """
    parser = _Parser(tokens)
    built = parser.pipe()
    parser.expect_end()
    return built


class _Parser:
    """Recursive descent in jq's precedence: `|`, `//`, or, and, comparison, `+ -`, `* /`, terms."""

    __slots__ = ("_depth", "_position", "_tokens")

    def __init__(self, tokens: tuple[Token, ...], depth: int = 0) -> None:
        self._tokens, self._position, self._depth = tokens, 0, depth

    def expect_end(self) -> None:
        if self._position != len(self._tokens):
            raise NotCovered

    def pipe(self) -> Built:
        self._depth += 1
        if self._depth > _DEPTH:
            raise NotCovered
        first = self._alternative()
        if self._take("|"):
            first = form.piped(first, self.pipe())
        self._depth -= 1
        return first

    def _alternative(self) -> Built:
        first = self._or()
        return form.alternative(first, self._alternative()) if self._take("//") else first

    def _or(self) -> Built:
        first = self._and()
        while self._take_keyword("or"):
            first = form.either(first, self._and())
        return first

    def _and(self) -> Built:
        first = self._comparison()
        while self._take_keyword("and"):
            first = form.both(first, self._comparison())
        return first

    def _comparison(self) -> Built:
        first = self._sum()
        operator = self._take("==", "!=", "<", "<=", ">", ">=")
        if not operator:
            return first
        second = self._sum()
        if self._peek("==", "!=", "<", "<=", ">", ">="):
            raise NotCovered
        return form.compared(operator, first, second)

    def _sum(self) -> Built:
        first = self._product()
        while operator := self._take("+", "-"):
            first = form.computed(add if operator == "+" else subtract, first, self._product())
        return first

    def _product(self) -> Built:
        first = self._signed()
        while operator := self._take("*", "/"):
            first = form.computed(multiply if operator == "*" else divide, first, self._signed())
        return first

    def _signed(self) -> Built:
        if not self._take("-"):
            return self._postfixed()
        # `- a * b` is -(a * b) in jq.
        self._depth += 1
        if self._depth > _DEPTH:
            raise NotCovered
        operand = self._product()
        self._depth -= 1
        return form.negated(operand)

    def _postfixed(self) -> Built:
        term = self._term()
        while True:
            token = self._next()
            if token is None:
                return term
            if token.kind == "field":
                self._position += 1
                term = self._step(term, form.literal(token.text[1:]))
            elif token.text == "." and token.kind == "operator":
                self._position += 1
                term = self._after_dot(term)
            elif self._take("["):
                term = self._index(term)
            elif self._take("?"):
                term = form.tried(term)
            else:
                return term

    def _after_dot(self, term: Built) -> Built:
        following = self._next()
        if following is not None and following.kind == "string":
            self._position += 1
            return self._step(term, self._string(following))
        if self._take("["):
            return self._index(term)
        raise NotCovered

    def _index(self, term: Built) -> Built:
        key = self.pipe()
        self._require("]")
        return self._step(term, key)

    def _step(self, term: Built, key: Built) -> Built:
        """`term[key]`, or `term[key]?`, which forgives this step and none before it."""
        return form.forgiving_step(term, key) if self._take("?") else form.step(term, key)

    def _term(self) -> Built:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind == "field":
            return self._step(form.path(()), form.literal(token.text[1:]))
        if token.kind == "number":
            return form.literal(_number(token.text))
        if token.kind == "string":
            return self._string(token)
        if token.kind == "variable":
            return form.variable(token.text[1:])
        if token.kind == "name":
            return form.named(token.text)
        if token.kind == "keyword" and token.text == "if":
            return self._conditional()
        if token.kind != "operator":
            raise NotCovered
        return self._bracketed(token.text)

    def _bracketed(self, opening: str) -> Built:
        if opening == ".":
            following = self._next()
            if following is not None and (following.kind == "string" or following.text == "["):
                return self._after_dot(form.path(()))
            return form.path(())
        if opening == "(":
            inner = self.pipe()
            self._require(")")
            return inner
        if opening == "[":
            return self._array()
        if opening == "{":
            return self._object()
        raise NotCovered

    def _array(self) -> Built:
        if self._take("]"):
            return form.literal([])
        items = [self._alternative()]
        if self._take("|"):
            # A pipe binds less than a comma: `[.a | .b, .c]` is one stream, and not covered.
            items = [form.piped(items[0], self.pipe())]
            self._require("]")
            return form.array_of(items)
        while self._take(","):
            items.append(self._alternative())
        self._require("]")
        return form.array_of(items)

    def _object(self) -> Built:
        pairs: list[tuple[Built, Built]] = []
        while not self._take("}"):
            if pairs:
                self._require(",")
            pairs.append(self._pair())
        return form.object_of(pairs)

    def _pair(self) -> tuple[Built, Built]:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind in ("name", "keyword") and token.text != "__loc__" and "::" not in token.text:
            key = form.literal(token.text)
        elif token.kind == "string":
            key = self._string(token)
        elif token.kind == "variable":
            self._position -= 1
            return form.literal(token.text[1:]), self._term()
        elif token.kind == "operator" and token.text == "(":
            key = self.pipe()
            self._require(")")
            self._require(":")
            return key, self._value()
        else:
            raise NotCovered
        if self._take(":"):
            return key, self._value()
        return key, form.step(form.path(()), key)

    def _value(self) -> Built:
        first = self._alternative()
        return form.piped(first, self._value()) if self._take("|") else first

    def _conditional(self) -> Built:
        condition = self.pipe()
        self._require_keyword("then")
        yes = self.pipe()
        if self._take_keyword("elif"):
            return form.chosen(condition, yes, self._conditional())
        no = form.path(())
        if self._take_keyword("else"):
            no = self.pipe()
        self._require_keyword("end")
        return form.chosen(condition, yes, no)

    def _string(self, token: Token) -> Built:
        if len(token.parts) == 1 and isinstance(token.parts[0], str):
            return form.literal(token.parts[0])
        parts: list[Built] = []
        for part in token.parts:
            if isinstance(part, str):
                parts.append(form.literal(part))
            else:
                inner = _Parser(part, self._depth)
                parts.append(inner.pipe())
                inner.expect_end()
        return form.joined(parts, scalar_text)

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
