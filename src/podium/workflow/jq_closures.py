"""Closures for the part of jq that runs as Python: one for each form, made of those of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from podium.facts.values import JSON
from podium.workflow.jq_values import (
    BINARY,
    EXACT,
    LARGE,
    element,
    equal,
    field,
    indexed,
    length,
    negate,
    truthy,
    type_name,
)
from podium.workflow.program import ExpressionFailed, Undecided

Native: TypeAlias = Callable[[JSON, Mapping[str, JSON]], JSON]

COPIES_MAX = 64
"""Pipes that multiply their data beyond this are left to jq, which has a process of its own to fill."""


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
        copies: how often its data, or an argument, may at most be found in its value.
    """

    run: Native
    fields: tuple[str, ...] | None = None
    literal: bool = False
    total: bool = True
    copies: int = 1


def literal(value: JSON) -> Built:
    """What gives a value of the document as it is."""
    return Built(lambda data, arguments: value, literal=True)


def _negated_literal(operand: Built) -> Built:
    value = operand.run(None, {})
    if type(value) not in (int, float) or not value:
        raise NotCovered
    return literal(-value)


def negated(operand: Built) -> Built:
    """`-operand`"""
    if operand.literal:
        return _negated_literal(operand)
    run = operand.run
    return Built(lambda data, arguments: negate(run(data, arguments)), total=operand.total)


def variable(name: str) -> Built:
    """`$name`"""
    return Built(lambda data, arguments: arguments[name])


def named(name: str) -> Built:
    """A builtin without arguments."""
    if name in ("true", "false", "null"):
        return literal({"true": True, "false": False, "null": None}[name])
    if name == "not":
        return Built(lambda data, arguments: not truthy(data))
    if name == "length":
        return Built(lambda data, arguments: length(data))
    if name == "type":
        return Built(lambda data, arguments: type_name(data))
    raise NotCovered


def path(names: tuple[str, ...]) -> Built:
    """`.a.b`; `.` for no names."""
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


def member(term: Built, name: str) -> Built:
    """`term.name`"""
    if term.fields is not None:
        return path((*term.fields, name))
    run = term.run

    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        value = run(data, arguments)
        return value.get(name) if type(value) is dict else field(value, name)

    return Built(follow, total=term.total, copies=term.copies)


def step(term: Built, key: Built) -> Built:
    """`term[key]`"""
    if not key.literal:
        return _indexed(term, key)
    constant = key.run(None, {})
    if isinstance(constant, str):
        return member(term, constant)
    if type(constant) is int and abs(constant) < EXACT:
        run = term.run
        return Built(
            lambda data, arguments: element(run(data, arguments), constant),
            total=term.total,
            copies=term.copies,
        )
    raise NotCovered


def forgiving_step(term: Built, key: Built) -> Built:
    """`term[key]?`: nothing where the step fails; what is before it may still fail."""
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

    return Built(attempt, total=False, copies=term.copies)


def _indexed(term: Built, key: Built) -> Built:
    run, key_run = term.run, key.run

    def follow(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        key = key_run(data, arguments)
        return indexed(run(data, arguments), key)

    return Built(follow, total=term.total and key.total, copies=term.copies)


def tried(term: Built) -> Built:
    """`term?`: nothing where the term fails."""
    run = term.run

    def attempt(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            return run(data, arguments)
        except Undecided:
            raise
        except ExpressionFailed:
            raise Nothing from None

    return Built(attempt, total=False, copies=term.copies)


def piped(first: Built, second: Built) -> Built:
    """`first | second`"""
    if first.fields == ():
        return second
    if first.fields is not None and second.fields is not None:
        return path(first.fields + second.fields)
    copies = first.copies * second.copies
    if copies > max(COPIES_MAX, first.copies, second.copies):
        raise NotCovered
    one, two = first.run, second.run
    return Built(
        lambda data, arguments: two(one(data, arguments), arguments),
        total=first.total and second.total,
        copies=copies,
    )


def alternative(first: Built, second: Built) -> Built:
    """`first // second`"""
    one, two = first.run, second.run

    def choose(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            value = one(data, arguments)
        except Nothing:
            return two(data, arguments)
        return two(data, arguments) if value is None or value is False else value

    return Built(choose, total=second.total, copies=max(first.copies, second.copies))


def either(first: Built, second: Built) -> Built:
    """`first or second`"""
    one, two = first.run, second.run

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return truthy(one(data, arguments)) or truthy(two(data, arguments))

    return Built(decide, total=first.total and second.total)


def both(first: Built, second: Built) -> Built:
    """`first and second`"""
    one, two = first.run, second.run

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return truthy(one(data, arguments)) and truthy(two(data, arguments))

    return Built(decide, total=first.total and second.total)


def compared(operator: str, first: Built, second: Built) -> Built:
    """`first == second` and the like."""
    if operator in ("==", "!=") and second.literal:
        return _compared_with(first, second.run(None, {}), operator == "==")
    return computed(BINARY[operator], first, second)


def _compared_with(first: Built, value: JSON, wanted: bool) -> Built:
    run, kind = first.run, type(value)
    plain = kind is str or kind is int

    def decide(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        found = run(data, arguments)
        if plain and type(found) is kind:
            return (found == value) is wanted
        return equal(found, value) is wanted

    return Built(decide, total=first.total)


def computed(operation: Callable[[JSON, JSON], JSON], first: Built, second: Built) -> Built:
    """`first + second` and the like."""
    one, two = first.run, second.run

    def compute(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        # jq evaluates the right side first, which shows where both give an error.
        right = two(data, arguments)
        return operation(one(data, arguments), right)

    return Built(compute, total=first.total and second.total, copies=first.copies + second.copies)


def chosen(condition: Built, yes: Built, no: Built) -> Built:
    """`if condition then yes else no end`"""
    decide, one, two = condition.run, yes.run, no.run

    def choose(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        return one(data, arguments) if truthy(decide(data, arguments)) else two(data, arguments)

    total = condition.total and yes.total and no.total
    return Built(choose, total=total, copies=max(yes.copies, no.copies))


def array_of(items: list[Built]) -> Built:
    """`[item, …]`, each of one value or none."""
    if all(item.literal for item in items):
        value = [item.run(None, {}) for item in items]
        return literal(value)
    runs = [item.run for item in items]
    copies = sum(item.copies for item in items)
    if all(item.total for item in items):
        return Built(lambda data, arguments: [run(data, arguments) for run in runs], copies=copies)

    def collect(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        values = []
        for run in runs:
            try:
                values.append(run(data, arguments))
            except Nothing:
                continue
        return values

    return Built(collect, copies=copies)


def object_of(pairs: list[tuple[Built, Built]]) -> Built:
    """`{key: value, …}`"""
    if all(key.literal and value.literal for key, value in pairs):
        constant = {_key(key.run(None, {})): value.run(None, {}) for key, value in pairs}
        return literal(constant)
    total = all(key.total and value.total for key, value in pairs)
    copies = sum(value.copies + (0 if key.literal else key.copies) for key, value in pairs)
    if all(key.literal for key, _ in pairs):
        named = [(_key(key.run(None, {})), value.run) for key, value in pairs]
        return Built(
            lambda data, arguments: {name: run(data, arguments) for name, run in named},
            total=total,
            copies=copies,
        )
    runs = [(key.run, value.run) for key, value in pairs]

    def construct(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        made = {}
        for key, value in runs:
            name = key(data, arguments)
            if type(name) is not str:
                raise ExpressionFailed(f"Object keys must be strings, not {type_name(name)}")
            made[name] = value(data, arguments)
        return made

    return Built(construct, total=total, copies=copies)


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
        texts = [text(run(data, arguments)) for run in backwards]
        if sum(map(len, texts)) > LARGE:
            raise Undecided("jq makes large texts")
        return "".join(texts[::-1])

    total = all(part.total for part in parts)
    return Built(join, total=total, copies=sum(part.copies for part in parts))
