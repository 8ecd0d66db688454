"""Expressions: what they make of traced values.

Where an expression is in the part of jq that is read here, it is known which part of its input went where. Of
any other, all that it looks at counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

from podium.facts.values import JSON
from podium.provenance.origins import (
    UNKNOWN,
    Composed,
    Constant,
    Making,
    Mixed,
    Passed,
    Traced,
    composed,
    listed,
    passed,
)
from podium.workflow import jq_closures
from podium.workflow.jq_closures import Built, NotCovered, Nothing, literal
from podium.workflow.jq_native import Operation, read
from podium.workflow.jq_text import Malformed, Token, embedded
from podium.workflow.jq_values import add, truthy
from podium.workflow.program import ExpressionFailed


class Scope(Protocol):
    """The arguments of an expression."""

    def __call__(self, name: str) -> Traced:
        """The argument of a name without `$`."""


Told: TypeAlias = Callable[[Traced, Scope], Traced]
"""What one form of a text gives for data and arguments."""


class _Forms:
    """What each form of the native part of jq makes of traced values (`workflow.jq_native.Forms`)."""

    def literal(self, value: JSON) -> Told:
        constant = Constant(value)
        return lambda data, scope: constant

    def negated(self, operand: Told) -> Told:
        return _mixing(lambda parts: jq_closures.negated(parts[0]), operand)

    def variable(self, name: str) -> Told:
        return lambda data, scope: scope(name)

    def named(self, name: str) -> Told:
        if name in ("true", "false", "null"):
            return self.literal({"true": True, "false": False, "null": None}[name])
        built = jq_closures.named(name)
        return _mixing(lambda parts: Built(lambda data, _: built.run(parts[0].run(None, {}), {})), _itself)

    def path(self, names: tuple[str, ...]) -> Told:
        def follow(data: Traced, scope: Scope) -> Traced:
            for name in names:
                data = data.member(name)
            return data

        return follow

    def step(self, term: Told, key: Told) -> Told:
        def take(data: Traced, scope: Scope) -> Traced:
            whole, place = term(data, scope), key(data, scope)
            known = place.value
            if isinstance(known, bool) or not isinstance(known, str | int):
                return Mixed(UNKNOWN, (whole, place))
            member = whole.member(known)
            return member if isinstance(place, Constant) else passed(member, None, (place,))

        return take

    def forgiving_step(self, term: Told, key: Told) -> Told:
        return self.step(term, key)

    def tried(self, term: Told) -> Told:
        return term

    def piped(self, first: Told, second: Told) -> Told:
        return lambda data, scope: second(first(data, scope), scope)

    def alternative(self, first: Told, second: Told) -> Told:
        def choose(data: Traced, scope: Scope) -> Traced:
            one = first(data, scope)
            if one.value is UNKNOWN:
                return Mixed(UNKNOWN, (one, second(data, scope)))
            return one if truthy(one.value) else passed(second(data, scope), None, (one,))

        return choose

    def either(self, first: Told, second: Told) -> Told:
        return _mixing(lambda parts: jq_closures.either(*parts), first, second)

    def both(self, first: Told, second: Told) -> Told:
        return _mixing(lambda parts: jq_closures.both(*parts), first, second)

    def compared(self, operator: str, first: Told, second: Told) -> Told:
        return _mixing(lambda parts: jq_closures.compared(operator, *parts), first, second)

    def computed(self, operation: Operation, first: Told, second: Told) -> Told:
        mixing = _mixing(lambda parts: jq_closures.computed(operation, *parts), first, second)
        if operation is not add:
            return mixing

        def compute(data: Traced, scope: Scope) -> Traced:
            return _together(first(data, scope), second(data, scope)) or mixing(data, scope)

        return compute

    def chosen(self, condition: Told, yes: Told, no: Told) -> Told:
        def choose(data: Traced, scope: Scope) -> Traced:
            decided = condition(data, scope)
            if decided.value is UNKNOWN:
                return Mixed(UNKNOWN, (yes(data, scope), no(data, scope)), (decided,))
            return passed((yes if truthy(decided.value) else no)(data, scope), None, (decided,))

        return choose

    def array_of(self, items: list[Told]) -> Told:
        return lambda data, scope: listed([item(data, scope) for item in items])

    def object_of(self, pairs: list[tuple[Told, Told]]) -> Told:
        def construct(data: Traced, scope: Scope) -> Traced:
            named = [(key(data, scope), value(data, scope)) for key, value in pairs]
            if all(isinstance(key.value, str) for key, _ in named):
                return composed({key.value: value for key, value in named})
            return Mixed(UNKNOWN, tuple(one for pair in named for one in pair))

        return construct

    def joined(self, parts: list[Told], text: Callable[[JSON], str]) -> Told:
        return _mixing(lambda given: jq_closures.joined(given, text), *parts)


def _itself(data: Traced, scope: Scope) -> Traced:
    return data


def _mixing(make: Callable[[list[Built]], Built], *terms: Told) -> Told:
    """A value made of all of the terms, computed where they are known."""

    def mix(data: Traced, scope: Scope) -> Traced:
        parts = tuple(term(data, scope) for term in terms)
        if any(part.value is UNKNOWN for part in parts):
            return Mixed(UNKNOWN, parts)
        try:
            value = make([literal(part.value) for part in parts]).run(None, {})
        except (ExpressionFailed, Nothing, NotCovered, KeyError):
            value = UNKNOWN
        return Mixed(value, parts)

    return mix


def _together(first: Traced, second: Traced) -> Traced | None:
    """Two objects as one, or two arrays; None where that is not what they are."""
    one, two = first.value, second.value
    if isinstance(one, list) and not one and isinstance(first, Constant):
        return second
    if one is None or two is None:
        return second if one is None else first
    keys, more = _keys(first), _keys(second)
    if keys is not None and more is not None:
        members = {key: _kept(first, key) for key in keys}
        return composed({**members, **{key: _kept(second, key) for key in more}})
    if isinstance(one, list) and isinstance(two, list):
        if not one or not two:
            # That one of them was empty is part of what the whole is.
            return Mixed([*one, *two], (first, second))
        return listed([_kept(of, number) for of in (first, second) for number in range(len(of.value))])
    return None


def _keys(one: Traced) -> list[str] | None:
    """The keys of an object, where they are known; of what is put together, the values need not be."""
    if isinstance(one.value, dict):
        return list(one.value)
    while isinstance(one, Passed):
        one = one.inner
    if not isinstance(one, Composed) or one.value is not UNKNOWN:
        return None
    keys = [key for key in one.members if isinstance(key, str)]
    return keys if len(keys) == len(one.members) else None


def _kept(whole: Traced, key: str | int) -> Traced:
    """A member that is only carried along: what made it first is told, and not each time it was carried."""
    if not isinstance(whole, Passed):
        return whole.member(key)
    inner = whole.inner
    found = _kept(inner, key) if isinstance(inner, Composed | Passed) else inner.member(key)
    return found if isinstance(found, Passed) else passed(found, whole.making, whole.choices)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it was read: what it gives, and whether it is known what that was made of."""

    give: Told
    exact: bool
    trivial: bool = False


class Reader:
    """Follows values through what a document says, and remembers how its texts are read."""

    def __init__(self) -> None:
        self._read: dict[str, list[tuple[str, Reading] | str]] = {}

    def value(self, source: JSON, data: Traced, scope: Scope, making: Making) -> Traced:
        """What a value gives whose texts may hold `${ }`.

        Args:
            making: what is told of each of its expressions, but for their text.
        """
        if isinstance(source, str):
            return self._text(source, data, scope, making)
        if isinstance(source, list) and source:
            return listed([self.value(one, data, scope, making) for one in source])
        if isinstance(source, dict) and source:
            return composed({key: self.value(one, data, scope, making) for key, one in source.items()})
        return Constant(source)

    def _text(self, text: str, data: Traced, scope: Scope, making: Making) -> Traced:
        pieces = self._read.get(text)
        if pieces is None:
            pieces = self._read[text] = _pieces(text)
        inner = [piece for piece in pieces if not isinstance(piece, str)]
        if not inner:
            return Constant(text)
        values = [_noted(reading, reading.give(data, scope), shown, making) for shown, reading in inner]
        if len(values) == 1 and all(piece.isspace() for piece in pieces if isinstance(piece, str)):
            return values[0]
        return Mixed(UNKNOWN, tuple(values))


def _noted(reading: Reading, value: Traced, text: str, making: Making) -> Traced:
    if reading.trivial or isinstance(value, Constant):
        return value
    return passed(value, Making(making.seq, making.task, making.part, text, reading.exact))


def _pieces(text: str) -> list[tuple[str, Reading] | str]:
    if "${" not in text:
        return [text]
    try:
        pieces = embedded(text)
    except Malformed:
        return [(text, Reading(_itself, False))]
    return [piece if isinstance(piece, str) else (piece[0].strip(), reading_of(piece[1])) for piece in pieces]


def reading_of(tokens: tuple[Token, ...]) -> Reading:
    """How a text is read: exactly where all of it can be, else pipe by pipe."""
    trivial = len(tokens) == 1 and (tokens[0].text == "." or tokens[0].kind == "variable")
    try:
        return Reading(_whole(read(tokens, _FORMS)), True, trivial)
    except NotCovered:
        stages = [_stage(stage) for stage in _stages(tokens)]

    def give(data: Traced, scope: Scope) -> Traced:
        for stage in stages:
            data = stage(data, scope)
        return data

    return Reading(give, False)


_FORMS: Any = _Forms()


def _whole(told: Told) -> Told:
    def give(data: Traced, scope: Scope) -> Traced:
        try:
            return told(data, scope)
        except ExpressionFailed:
            return Mixed(UNKNOWN, (data,))

    return give


_BINDS = frozenset(("as", "def", "label", "import", "include"))


def _stages(tokens: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    """The parts of a text between the pipes that are in no bracket; the text itself where it binds names."""
    if any(token.kind == "keyword" and token.text in _BINDS for token in tokens):
        return [tokens]
    stages: list[tuple[Token, ...]] = []
    start = depth = 0
    for number, token in enumerate(tokens):
        if (token.kind == "operator" and token.text in "([{") or (token.kind, token.text) == (
            "keyword",
            "if",
        ):
            depth += 1
        elif (token.kind == "operator" and token.text in ")]}") or (token.kind, token.text) == (
            "keyword",
            "end",
        ):
            depth -= 1
        elif token.kind == "operator" and token.text == "|" and not depth:
            stages.append(tokens[start:number])
            start = number + 1
    return [*stages, tokens[start:]]


def _stage(tokens: tuple[Token, ...]) -> Told:
    try:
        return _whole(read(tokens, _FORMS))
    except NotCovered:
        taken_apart = _taken_apart(tokens)
    if taken_apart is not None:
        return taken_apart
    paths = list(_arguments(tokens))

    def give(data: Traced, scope: Scope) -> Traced:
        used = []
        for name, members in paths:
            one = scope(name)
            for member in members:
                one = one.member(member)
            used.append(one)
        looked_at = (data,) if _uses_data(tokens) else ()
        return Mixed(UNKNOWN, (*looked_at, *used))

    return give


def _taken_apart(tokens: tuple[Token, ...]) -> Told | None:
    """What stands in brackets, an object or a sum, each of whose parts is read by itself; None for others."""
    if not tokens or any(token.kind == "keyword" and token.text in _BINDS for token in tokens):
        return None
    if (
        tokens[0].text in ("(", "{")
        and tokens[0].kind == "operator"
        and _closing(tokens, 0) == len(tokens) - 1
    ):
        inner = tokens[1:-1]
        return reading_of(inner).give if tokens[0].text == "(" and inner else _object(inner)
    if _at_top(tokens, _BINDS_LESS):
        return None
    terms = _split(tokens, "+")
    if len(terms) < 2 or not all(terms):
        return None
    told = _stage(terms[0])
    for term in terms[1:]:
        told = _FORMS.computed(add, told, _stage(term))
    return told


def _object(tokens: tuple[Token, ...]) -> Told | None:
    """The members of an object, each read by itself."""
    pairs = []
    for member in _split(tokens, ","):
        named = len(member) > 2 and member[1].text == ":" and member[0].kind in ("name", "keyword")
        if not named:
            return None
        pairs.append((_FORMS.literal(member[0].text), reading_of(member[2:]).give))
    return _whole(_FORMS.object_of(pairs)) if pairs else None


_BINDS_LESS = frozenset(
    (
        "-",
        ",",
        "//",
        "and",
        "or",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "=",
        "|=",
        "+=",
        "-=",
        "*=",
        "/=",
        "%=",
        "//=",
    )
)
"""Operators that take a sum apart, or stand beside it; where one is at the top it is not read as a sum."""


def _at_top(tokens: tuple[Token, ...], texts: frozenset[str]) -> bool:
    """Whether one of these stands in no bracket."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind == "operator" and token.text in "([{":
            position = _closing(tokens, position) + 1
            continue
        if token.text in texts and token.kind in ("operator", "keyword"):
            return True
        if (token.kind, token.text) == ("keyword", "if"):
            return True
        position += 1
    return False


def _split(tokens: tuple[Token, ...], separator: str) -> list[tuple[Token, ...]]:
    """The parts of a text between separators that are in no bracket."""
    parts: list[tuple[Token, ...]] = []
    start = position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind == "operator" and token.text in "([{":
            position = _closing(tokens, position) + 1
            continue
        if token.kind == "operator" and token.text == separator:
            parts.append(tokens[start:position])
            start = position + 1
        position += 1
    return [*parts, tokens[start:]]


def _arguments(tokens: tuple[Token, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The arguments that a text looks at, each with the names that follow it; none that it binds itself."""
    own = {following.text for token, following in pairwise(tokens) if token.text == "as"}
    found: dict[tuple[str, tuple[str, ...]], None] = {}
    for number, token in enumerate(tokens):
        for part in token.parts:
            if not isinstance(part, str):
                found.update(dict.fromkeys(_arguments(part)))
        if token.kind != "variable" or token.text in own:
            continue
        members = []
        for following in tokens[number + 1 :]:
            if following.kind != "field":
                break
            members.append(following.text[1:])
        found[token.text[1:], tuple(members)] = None
    return list(found)


def _uses_data(tokens: tuple[Token, ...]) -> bool:
    """Whether a text may look at its data, and not at arguments alone.

    What stands behind a pipe looks at what that gives it.
    """
    stages = _stages(tokens)
    position, tokens = 0, stages[0]
    while position < len(tokens):
        token, before = tokens[position], tokens[position - 1] if position else None
        following = tokens[position + 1].text if position + 1 < len(tokens) else ""
        after_term = before is not None and (
            before.kind in ("variable", "field", "string") or before.text in (")", "]", "?")
        )
        if token.kind == "operator" and token.text in "([{":
            end = _closing(tokens, position)
            if end > position + 1 and _uses_data(tokens[position + 1 : end]):
                return True
            position = end + 1
            continue
        is_key = token.kind == "name" and following == ":"
        if not is_key and token.kind in ("name", "recurse"):
            return True
        if not after_term and (token.kind == "field" or token.text == "."):
            return True
        if any(not isinstance(part, str) and _uses_data(part) for part in token.parts):
            return True
        position += 1
    return False


def _closing(tokens: tuple[Token, ...], start: int) -> int:
    """Where the bracket is closed that is opened at `start`."""
    depth = 0
    for number in range(start, len(tokens)):
        if tokens[number].kind == "operator":
            depth += (tokens[number].text in "([{") - (tokens[number].text in ")]}")
        if not depth:
            return number
    return len(tokens)
