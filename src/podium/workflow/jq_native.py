"""The part of jq that runs as Python: parsing it, and building closures over data and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from podium.facts.values import JSON
from podium.workflow.jq_text import Token
from podium.workflow.jq_values import (
    BINARY,
    EXACT,
    add,
    divide,
    element,
    equal,
    field,
    indexed,
    length,
    multiply,
    negate,
    scalar_text,
    subtract,
    truthy,
    type_name,
)
from podium.workflow.program import ExpressionFailed, Undecided

Native: TypeAlias = Callable[[JSON, Mapping[str, JSON]], JSON]

_DEPTH = 60


class NotCovered(Exception):
    """The text is outside the native part, or is not jq at all."""


class Nothing(Exception):
    """The expression gives no output for this input."""


@dataclass(frozen=True, slots=True)
class Built:
    """A closure and what is known of it.

    Attributes:
        run: gives the value; raises ExpressionFailed, Undecided, KeyError for an argument, or Nothing.
        fields: the names, if it is a plain path from the data such as `.a.b`; () for `.` itself.
        literal: whether it is a literal of the text, which `run` gives for any data.
        total: whether it gives one output for any input that it gives no error for.
    """

    run: Native
    fields: tuple[str, ...] | None = None
    literal: bool = False
    total: bool = True


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
            first = _piped(first, self.pipe())
        self._depth -= 1
        return first

    def _alternative(self) -> Built:
        first = self._or()
        return _alternative(first, self._alternative()) if self._take("//") else first

    def _or(self) -> Built:
        first = self._and()
        while self._take_keyword("or"):
            first = _either(first, self._and())
        return first

    def _and(self) -> Built:
        first = self._comparison()
        while self._take_keyword("and"):
            first = _both(first, self._comparison())
        return first

    def _comparison(self) -> Built:
        first = self._sum()
        operator = self._take("==", "!=", "<", "<=", ">", ">=")
        if not operator:
            return first
        second = self._sum()
        if self._peek("==", "!=", "<", "<=", ">", ">="):
            raise NotCovered
        return _compared(operator, first, second)

    def _sum(self) -> Built:
        first = self._product()
        while operator := self._take("+", "-"):
            first = _computed(add if operator == "+" else subtract, first, self._product())
        return first

    def _product(self) -> Built:
        first = self._signed()
        while operator := self._take("*", "/"):
            first = _computed(multiply if operator == "*" else divide, first, self._signed())
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
        if operand.literal:
            return _negated_literal(operand)
        run = operand.run
        return Built(lambda data, arguments: negate(run(data, arguments)), total=operand.total)

    def _postfixed(self) -> Built:
        term = self._term()
        while True:
            token = self._next()
            if token is None:
                return term
            if token.kind == "field":
                self._position += 1
                term = self._step(term, literal(token.text[1:]))
            elif token.text == "." and token.kind == "operator":
                self._position += 1
                term = self._after_dot(term)
            elif self._take("["):
                term = self._index(term)
            elif self._take("?"):
                term = _tried(term)
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
        return _forgiving(term, key) if self._take("?") else _by(term, key)

    def _term(self) -> Built:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind == "field":
            return self._step(_path(()), literal(token.text[1:]))
        if token.kind == "number":
            return literal(_number(token.text))
        if token.kind == "string":
            return self._string(token)
        if token.kind == "variable":
            name = token.text[1:]
            return Built(lambda data, arguments: arguments[name])
        if token.kind == "name":
            return _named(token.text)
        if token.kind == "keyword" and token.text == "if":
            return self._conditional()
        if token.kind != "operator":
            raise NotCovered
        return self._bracketed(token.text)

    def _bracketed(self, opening: str) -> Built:
        if opening == ".":
            following = self._next()
            if following is not None and (following.kind == "string" or following.text == "["):
                return self._after_dot(_path(()))
            return _path(())
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
            return literal([])
        items = [self._alternative()]
        if self._take("|"):
            # A pipe binds less than a comma: `[.a | .b, .c]` is one stream, and not covered.
            items = [_piped(items[0], self.pipe())]
            self._require("]")
            return array_of(items)
        while self._take(","):
            items.append(self._alternative())
        self._require("]")
        return array_of(items)

    def _object(self) -> Built:
        pairs: list[tuple[Built, Built]] = []
        while not self._take("}"):
            if pairs:
                self._require(",")
            pairs.append(self._pair())
        return object_of(pairs)

    def _pair(self) -> tuple[Built, Built]:
        token = self._next()
        if token is None:
            raise NotCovered
        self._position += 1
        if token.kind in ("name", "keyword") and token.text != "__loc__" and "::" not in token.text:
            key = literal(token.text)
        elif token.kind == "string":
            key = self._string(token)
        elif token.kind == "variable":
            self._position -= 1
            return literal(token.text[1:]), self._term()
        elif token.kind == "operator" and token.text == "(":
            key = self.pipe()
            self._require(")")
            self._require(":")
            return key, self._value()
        else:
            raise NotCovered
        if self._take(":"):
            return key, self._value()
        return key, _by(_path(()), key)

    def _value(self) -> Built:
        first = self._alternative()
        return _piped(first, self._value()) if self._take("|") else first

    def _conditional(self) -> Built:
        condition = self.pipe()
        self._require_keyword("then")
        yes = self.pipe()
        if self._take_keyword("elif"):
            return _chosen(condition, yes, self._conditional())
        no = _path(())
        if self._take_keyword("else"):
            no = self.pipe()
        self._require_keyword("end")
        return _chosen(condition, yes, no)

    def _string(self, token: Token) -> Built:
        if len(token.parts) == 1 and isinstance(token.parts[0], str):
            return literal(token.parts[0])
        parts: list[Built] = []
        for part in token.parts:
            if isinstance(part, str):
                parts.append(literal(part))
            else:
                inner = _Parser(part, self._depth)
                parts.append(inner.pipe())
                inner.expect_end()
        return joined(parts, scalar_text)

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


def literal(value: JSON) -> Built:
    """What gives a value of the document as it is."""
    return Built(lambda data, arguments: value, literal=True)


def _negated_literal(operand: Built) -> Built:
    value = operand.run(None, {})
    if type(value) not in (int, float) or not value:
        raise NotCovered
    return literal(-value)


def _named(name: str) -> Built:
    if name in ("true", "false", "null"):
        return literal({"true": True, "false": False, "null": None}[name])
    if name == "not":
        return Built(lambda data, arguments: not truthy(data))
    if name == "length":
        return Built(lambda data, arguments: length(data))
    if name == "type":
        return Built(lambda data, arguments: type_name(data))
    raise NotCovered


def _path(names: tuple[str, ...]) -> Built:
    if not names:
        return Built(lambda data, arguments: data, fields=())
    if len(names) == 1:
        return Built(_one_field(names[0]), fields=names)
    if len(names) == 2:
        return Built(_two_fields(*names), fields=names)

    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        for name in names:
            data = field(data, name)
        return data

    return Built(follow, fields=names)


def _one_field(name: str) -> Native:
    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return data.get(name) if type(data) is dict else field(data, name)

    return follow


def _two_fields(name: str, second: str) -> Native:
    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            return data[name][second]
        except (KeyError, TypeError):
            return field(field(data, name), second)

    return follow


def _member(term: Built, name: str) -> Built:
    if term.fields is not None:
        return _path((*term.fields, name))
    run = term.run

    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        value = run(data, arguments)
        return value.get(name) if type(value) is dict else field(value, name)

    return Built(follow, total=term.total)


def _by(term: Built, key: Built) -> Built:
    if not key.literal:
        return _indexed(term, key)
    constant = key.run(None, {})
    if isinstance(constant, str):
        return _member(term, constant)
    if type(constant) is int and abs(constant) < EXACT:
        run = term.run
        return Built(lambda data, arguments: element(run(data, arguments), constant), total=term.total)
    raise NotCovered


def _forgiving(term: Built, key: Built) -> Built:
    run, key_run = term.run, key.run

    def attempt(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        key = key_run(data, arguments)
        value = run(data, arguments)
        try:
            return indexed(value, key)
        except Undecided:
            raise
        except ExpressionFailed:
            raise Nothing from None

    return Built(attempt, total=False)


def _indexed(term: Built, key: Built) -> Built:
    run, key_run = term.run, key.run

    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        key = key_run(data, arguments)
        return indexed(run(data, arguments), key)

    return Built(follow, total=term.total and key.total)


def _tried(term: Built) -> Built:
    run = term.run

    def attempt(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            return run(data, arguments)
        except Undecided:
            raise
        except ExpressionFailed:
            raise Nothing from None

    return Built(attempt, total=False)


def _piped(first: Built, second: Built) -> Built:
    if first.fields == ():
        return second
    if first.fields is not None and second.fields is not None:
        return _path(first.fields + second.fields)
    one, two = first.run, second.run
    return Built(
        lambda data, arguments: two(one(data, arguments), arguments), total=first.total and second.total
    )


def _alternative(first: Built, second: Built) -> Built:
    one, two = first.run, second.run

    def choose(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            value = one(data, arguments)
        except Nothing:
            return two(data, arguments)
        return two(data, arguments) if value is None or value is False else value

    return Built(choose, total=second.total)


def _either(first: Built, second: Built) -> Built:
    one, two = first.run, second.run

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return truthy(one(data, arguments)) or truthy(two(data, arguments))

    return Built(decide, total=first.total and second.total)


def _both(first: Built, second: Built) -> Built:
    one, two = first.run, second.run

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return truthy(one(data, arguments)) and truthy(two(data, arguments))

    return Built(decide, total=first.total and second.total)


def _compared(operator: str, first: Built, second: Built) -> Built:
    if operator in ("==", "!=") and second.literal:
        return _compared_with(first, second.run(None, {}), operator == "==")
    return _computed(BINARY[operator], first, second)


def _compared_with(first: Built, value: JSON, wanted: bool) -> Built:
    run, kind = first.run, type(value)
    plain = kind is str or kind is int

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        found = run(data, arguments)
        if plain and type(found) is kind:
            return (found == value) is wanted
        return equal(found, value) is wanted

    return Built(decide, total=first.total)


def _computed(operation: Callable[[JSON, JSON], JSON], first: Built, second: Built) -> Built:
    one, two = first.run, second.run

    def compute(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        # jq evaluates the right side first, which shows where both give an error.
        right = two(data, arguments)
        return operation(one(data, arguments), right)

    return Built(compute, total=first.total and second.total)


def _chosen(condition: Built, yes: Built, no: Built) -> Built:
    decide, one, two = condition.run, yes.run, no.run

    def choose(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return one(data, arguments) if truthy(decide(data, arguments)) else two(data, arguments)

    return Built(choose, total=condition.total and yes.total and no.total)


def array_of(items: list[Built]) -> Built:
    """`[item, …]`, each of one value or none."""
    if all(item.literal for item in items):
        value = [item.run(None, {}) for item in items]
        return literal(value)
    runs = [item.run for item in items]
    if all(item.total for item in items):
        return Built(lambda data, arguments: [run(data, arguments) for run in runs])

    def collect(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        values = []
        for run in runs:
            try:
                values.append(run(data, arguments))
            except Nothing:
                continue
        return values

    return Built(collect)


def object_of(pairs: list[tuple[Built, Built]]) -> Built:
    """`{key: value, …}`"""
    if all(key.literal and value.literal for key, value in pairs):
        constant = {_key(key.run(None, {})): value.run(None, {}) for key, value in pairs}
        return literal(constant)
    total = all(key.total and value.total for key, value in pairs)
    if all(key.literal for key, _ in pairs):
        named = [(_key(key.run(None, {})), value.run) for key, value in pairs]
        return Built(lambda data, arguments: {name: run(data, arguments) for name, run in named}, total=total)
    runs = [(key.run, value.run) for key, value in pairs]

    def construct(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        made = {}
        for key, value in runs:
            name = key(data, arguments)
            if type(name) is not str:
                raise ExpressionFailed(f"Object keys must be strings, not {type_name(name)}")
            made[name] = value(data, arguments)
        return made

    return Built(construct, total=total)


def _key(value: JSON) -> str:
    if not isinstance(value, str):
        raise NotCovered
    return value


def joined(parts: list[Built], text: Callable[[JSON], str]) -> Built:
    """A string out of parts, each turned into text."""
    runs = [part.run for part in parts]
    # jq evaluates the last part first.
    backwards = runs[::-1]

    def join(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return "".join([text(run(data, arguments)) for run in backwards][::-1])

    return Built(join, total=all(part.total for part in parts))
