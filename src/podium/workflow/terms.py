"""What programs are made of: expressions and schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from podium.facts.values import JSON


class ExpressionFailed(Exception):
    """A native expression gave no value; the message says why."""


class Undecided(ExpressionFailed):
    """The native form leaves this one to jq: ask `Expression.program` instead.

    Raised where exactness would need jq's own number formats (integers beyond 2^53, very large or very
    small floats) or where a result could be large. Rare; the values it stands for are never wrong.
    """


@dataclass(frozen=True, slots=True)
class Expression:
    """Something that gives a value from data and arguments.

    Attributes:
        text: as written in the document, for messages.
        program: the jq program over `{"d": data, "v": {argument: value}}`; the first output counts,
            no output is null.
        arguments: names of the arguments it uses, without `$`.
        native: the same as a function of data and arguments, where the fast path covers it. It looks
            arguments up by name (KeyError where there is none), raises ExpressionFailed where jq would
            give an error, and Undecided where jq must be asked after all.
        constant: whether it is a literal that uses neither data nor arguments.
        source: what it was made of, as a value that may hold `${ }`; null where that is no one value.
        loose: texts of a `loose` document that may be expressions; `program` and `native` take the value of
            each, or the text itself where it has none, as an argument.
    """

    text: str
    program: str
    arguments: tuple[str, ...] = ()
    native: Callable[[JSON, Mapping[str, JSON]], JSON] | None = None
    constant: bool = False
    source: JSON = None
    loose: tuple[Loose, ...] = ()


@dataclass(frozen=True, slots=True)
class Loose:
    """A text that is an expression if it has a value, and else a text: `argument` is what stands for that."""

    argument: str
    expression: Expression
    text: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled JSON Schema: `check(payload)` gives the problems (`contracts.Breach`), if any."""

    document: JSON
    check: Callable[[JSON], list[Any]]
