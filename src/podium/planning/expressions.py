"""Expressions: what is known of their values, from what is known of the data and the arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from podium.contracts.certainty import guessed
from podium.contracts.fragments import Fragment
from podium.facts.values import JSON
from podium.planning.knowledge import ANYTHING, NULL, Knowledge
from podium.workflow.jq_closures import NotCovered
from podium.workflow.jq_native import Operation, read
from podium.workflow.jq_text import Malformed, Token, embedded
from podium.workflow.jq_values import add

Scope: TypeAlias = Mapping[str, Fragment]
"""What is known of the arguments, by name without `$`."""

_BOOLEAN: Fragment = guessed({"type": "boolean"})
_KINDS: Fragment = guessed({"enum": ["null", "boolean", "number", "string", "array", "object"]})


@dataclass(frozen=True, slots=True)
class Told:
    """What one form of a text gives.

    Attributes:
        of: from what is known of the data and the arguments.
        literal: whether it is `value`, whatever the data.
        total: whether it always gives a value, or an error.
    """

    of: Callable[[Fragment, Scope], Fragment]
    literal: bool = False
    value: JSON = None
    total: bool = True


class Forms:
    """What is known of each form of the native part of jq (`workflow.jq_native.Forms`)."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    def literal(self, value: JSON) -> Told:
        known = self._knowledge.literal(value)
        return Told(lambda data, scope: known, True, value)

    def negated(self, operand: Told) -> Told:
        return Told(lambda data, scope: self._knowledge.number(operand.of(data, scope)))

    def variable(self, name: str) -> Told:
        return Told(lambda data, scope: scope.get(name, ANYTHING))

    def named(self, name: str) -> Told:
        if name in ("true", "false", "null"):
            return self.literal({"true": True, "false": False, "null": None}[name])
        if name in ("not", "length", "type"):
            known = {"not": _BOOLEAN, "length": guessed({"type": "number"}), "type": _KINDS}[name]
            return Told(lambda data, scope: known)
        raise NotCovered

    def path(self, names: tuple[str, ...]) -> Told:
        def follow(data: Fragment, scope: Scope) -> Fragment:
            for name in names:
                data = self._knowledge.member(data, name)
            return data

        return Told(follow)

    def step(self, term: Told, key: Told) -> Told:
        if not key.literal:
            return Told(lambda data, scope: ANYTHING)
        if isinstance(key.value, str):
            name = key.value
            return Told(
                lambda data, scope: self._knowledge.member(term.of(data, scope), name), total=term.total
            )
        if isinstance(key.value, int) and not isinstance(key.value, bool):
            index = key.value
            return Told(
                lambda data, scope: self._knowledge.element(term.of(data, scope), index), total=term.total
            )
        raise NotCovered

    def forgiving_step(self, term: Told, key: Told) -> Told:
        return self.tried(self.step(term, key))

    def tried(self, term: Told) -> Told:
        return Told(
            lambda data, scope: guessed(self._knowledge.either((term.of(data, scope), NULL))), total=False
        )

    def piped(self, first: Told, second: Told) -> Told:
        return Told(
            lambda data, scope: second.of(first.of(data, scope), scope), total=first.total and second.total
        )

    def alternative(self, first: Told, second: Told) -> Told:
        def choose(data: Fragment, scope: Scope) -> Fragment:
            known = first.of(data, scope)
            if not self._knowledge.may_be_nothing(known) and known is not False:
                return known
            return self._knowledge.either((self._knowledge.without_nothing(known), second.of(data, scope)))

        return Told(choose, total=second.total)

    def either(self, first: Told, second: Told) -> Told:
        return Told(lambda data, scope: _BOOLEAN)

    def both(self, first: Told, second: Told) -> Told:
        return Told(lambda data, scope: _BOOLEAN)

    def compared(self, operator: str, first: Told, second: Told) -> Told:
        return Told(lambda data, scope: _BOOLEAN)

    def computed(self, operation: Operation, first: Told, second: Told) -> Told:
        make = self._knowledge.sum if operation is add else self._knowledge.number
        return Told(lambda data, scope: make(first.of(data, scope), second.of(data, scope)))

    def chosen(self, condition: Told, yes: Told, no: Told) -> Told:
        return Told(
            lambda data, scope: self._knowledge.either(
                (guessed(yes.of(data, scope)), guessed(no.of(data, scope)))
            ),
            total=yes.total and no.total,
        )

    def array_of(self, items: list[Told]) -> Told:
        if not all(item.total for item in items):
            return Told(lambda data, scope: {"type": "array"})
        return Told(
            lambda data, scope: self._knowledge.array_of([item.of(data, scope) for item in items]),
            all(item.literal for item in items),
            [item.value for item in items],
        )

    def object_of(self, pairs: list[tuple[Told, Told]]) -> Told:
        if not all(key.literal and isinstance(key.value, str) for key, _ in pairs):
            return Told(lambda data, scope: {"type": "object"})
        named: dict[str, Told] = {key.value: value for key, value in pairs}
        return Told(
            lambda data, scope: self._knowledge.object_of(
                {name: value.of(data, scope) for name, value in named.items()}
            ),
            all(value.literal for value in named.values()),
            {name: value.value for name, value in named.items()},
            all(value.total for value in named.values()),
        )

    def joined(self, parts: list[Told], text: Callable[[JSON], str]) -> Told:
        least = sum(len(text(part.value)) for part in parts if part.literal)
        return Told(lambda data, scope: guessed({"type": "string", "minLength": least}))


class Reader:
    """Tells what is known of the values of a document's expressions."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._forms = Forms(knowledge)
        self._read: dict[str, Told] = {}

    def value(self, source: JSON, data: Fragment, scope: Scope) -> Fragment:
        """What is known of the value of what may hold `${ }` (`workflow.program.Expression.source`)."""
        if isinstance(source, str):
            return self._text(source, data, scope)
        if isinstance(source, list):
            return self._knowledge.array_of([self.value(item, data, scope) for item in source])
        if isinstance(source, dict):
            return self._knowledge.object_of(
                {name: self.value(member, data, scope) for name, member in source.items()}
            )
        return self._knowledge.literal(source)

    def _text(self, text: str, data: Fragment, scope: Scope) -> Fragment:
        if "${" not in text:
            return self._knowledge.literal(text)
        told = self._read.get(text)
        if told is None:
            told = self._read[text] = self._told(text)
        return told.of(data, scope)

    def _told(self, text: str) -> Told:
        try:
            pieces = embedded(text)
        except Malformed:
            return Told(lambda data, scope: ANYTHING)
        plain = [piece for piece in pieces if isinstance(piece, str)]
        inner: list[Any] = [piece for piece in pieces if not isinstance(piece, str)]
        if len(inner) == 1 and all(map(str.isspace, plain)):
            return self._expression(inner[0][1])
        least = sum(map(len, plain))
        return Told(lambda data, scope: guessed({"type": "string", "minLength": least}))

    def _expression(self, tokens: tuple[Token, ...]) -> Told:
        try:
            return read(tokens, self._forms)
        except NotCovered:
            return Told(lambda data, scope: ANYTHING)
