"""CEL: the one file that knows the library which compiles and evaluates the expressions of rules.

Names are declared, so that a misspelt one or a comparison of different types is found when a policy is
declared. Evaluation ends after 10,000 iterations. Whatever is not `true` or `false` is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cel_expr_python import cel

from podium.facts.values import JSON
from podium.policy import native
from podium.policy.findings import Unevaluable

_TEXT, _WHOLE, _YES_NO = cel.Type.STRING, cel.Type.INT, cel.Type.BOOL
_TEXTS = cel.Type.List(cel.Type.STRING)

NAMES: dict[str, Any] = {
    "action.kind": _TEXT, "action.target": _TEXT, "action.capability": _TEXT,
    "agent.name": _TEXT, "agent.version": _TEXT, "agent.roles": _TEXTS, "agent.state": _TEXT,
    "agent.attested": _TEXT, "agent.depth": _WHOLE,
    "tool.name": _TEXT, "tool.groups": _TEXTS, "tool.side_effect": _YES_NO, "tool.effect": _TEXT,
    "tool.risk": _WHOLE, "tool.external": _YES_NO,
    "args": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "dest.domain": _TEXT, "dest.scheme": _TEXT, "dest.method": _TEXT, "dest.port": _WHOLE,
    "dest.region": _TEXT,
    "data.labels": _TEXTS,
    "cost.nano": _WHOLE,
    "run.workflow": _TEXT, "run.tenant": _TEXT, "run.principal": _TEXT,
    "now.year": _WHOLE, "now.month": _WHOLE, "now.day": _WHOLE, "now.hour": _WHOLE, "now.minute": _WHOLE,
    "now.weekday": _WHOLE,
}  # fmt: skip
"""What expressions may name, with its type; `now.weekday` is 1 for Monday."""

FUSED_MAX = 32
"""So many conditions become one program."""

_environment = cel.NewEnv(variables=NAMES)

_DOT = r"\s*\.\s*"
_NAMED = {name: re.compile(rf"\b{_DOT.join(name.split('.'))}\b") for name in NAMES}
_MEMBER = re.compile(r"\bargs\b(?=(\s*\.\s*([A-Za-z_]\w*)(\s*\()?)?)")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")


class CelInvalid(ValueError):
    """An expression that does not compile; the message says where in it, and why.

    Attributes:
        line, column: in the expression, from 1; 0 if unknown.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class Needs(NamedTuple):
    """What expressions read.

    Attributes:
        names: declared ones.
        members: of `args`, those that are read; None for all of them.
    """

    names: frozenset[str]
    members: frozenset[str] | None

    def __or__(self, other: Any) -> Needs:
        both = None if self.members is None or other.members is None else self.members | other.members
        return Needs(self.names | other.names, both)


NOTHING = Needs(frozenset(), frozenset())


class Expression:
    """A compiled expression.

    Attributes:
        needs: what it reads.
        native: what tells whether it holds without the library; None where nothing does.
    """

    __slots__ = ("_program", "native", "needs", "text")

    def __init__(self, text: str, wanted: Any) -> None:
        """Compile an expression. Raises CelInvalid."""
        self.text = text
        self.needs = _needs(text)
        self._program = _compiled(text, wanted)
        self.native = native.condition(text, NAMES) if wanted == _YES_NO else None

    def condition(self, values: Mapping[str, JSON]) -> bool:
        """Whether it holds. Raises Unevaluable."""
        value = _evaluated(self._program, values)
        if value is True or value is False:
            return value
        raise Unevaluable(_in_words(value))

    def text_of(self, values: Mapping[str, JSON]) -> str:
        """The text it makes. Raises Unevaluable."""
        try:
            made = self._program.eval(data=values)
        except RuntimeError as error:
            raise Unevaluable(_in_words(str(error))) from None
        value = made.value()
        if made.type() == _TEXT:
            return str(value)
        raise Unevaluable(_in_words(value))


def condition(text: str) -> Expression:
    """Compile what is true or false. Raises CelInvalid."""
    return Expression(text, _YES_NO)


def message(text: str) -> Expression:
    """Compile what makes a text. Raises CelInvalid."""
    return Expression(text, _TEXT)


class Fused:
    """Conditions that are evaluated at once, at little more than the price of one if the library has to."""

    __slots__ = ("_natives", "_others", "_parts", "conditions", "needs")

    def __init__(self, conditions: Sequence[Expression]) -> None:
        self.conditions = tuple(conditions)
        self.needs = NOTHING
        for one in conditions:
            self.needs |= one.needs
        numbered = [(1 << number, one) for number, one in enumerate(conditions)]
        self._natives = [(bit, one.native, one) for bit, one in numbered if one.native is not None]
        self._others = [(bit, one) for bit, one in numbered if one.native is None]
        self._parts: list[Any] | None = []
        for first in range(0, len(self._others), FUSED_MAX):
            part = self._others[first : first + FUSED_MAX]
            bits = [f"(({one.text}\n) ? {1 << number} : 0)" for number, (_, one) in enumerate(part)]
            try:
                self._parts.append(_compiled(_balanced(bits), _WHOLE))
            except CelInvalid:
                self._parts = None
                break

    def holding(self, values: Mapping[str, JSON]) -> int:
        """Which hold: bit n for the nth. Raises Unevaluable if any of them fails, whichever."""
        found = 0
        for bit, holds, one in self._natives:
            try:
                if holds(values):
                    found |= bit
            except native.DOUBTS:
                if one.condition(values):
                    found |= bit
        return found | self._others_holding(values) if self._others else found

    def _others_holding(self, values: Mapping[str, JSON]) -> int:
        if self._parts is None:
            return sum(bit for bit, one in self._others if one.condition(values))
        found = 0
        for place, program in enumerate(self._parts):
            value = _evaluated(program, values)
            if type(value) is not int:
                raise Unevaluable(_in_words(value))
            if value:
                part = self._others[place * FUSED_MAX : (place + 1) * FUSED_MAX]
                found |= sum(bit for number, (bit, _) in enumerate(part) if value >> number & 1)
        return found


# --- the library --------------------------------------------------------------------------------


def _compiled(text: str, wanted: Any) -> Any:
    try:
        program = _environment.compile(text)
    except RuntimeError as error:
        raise _invalid(str(error)) from None
    given = program.return_type()
    if given == wanted or given == cel.Type.DYN:
        return program
    what = {"BOOL": "true or false", "STRING": "a text"}.get(wanted.name(), wanted.name())
    raise CelInvalid(f"it gives {given.name().lower()}, not {what}")


def _evaluated(program: Any, values: Mapping[str, JSON]) -> Any:
    """The value of a program that gives no text; of one that fails, a text that says why."""
    try:
        return program.eval(data=values).value()
    except RuntimeError as error:
        return str(error)


def _in_words(value: Any) -> str:
    if isinstance(value, str):
        return value.partition(": ")[2].partition(" [")[0] or value
    return f"it gave {type(value).__name__}, not what it must"


def _invalid(text: str) -> CelInvalid:
    place = _PLACE.search(text)
    if place is None:
        return CelInvalid(text.partition("\n")[0])
    return CelInvalid(place[3].removesuffix(" (in container '')"), int(place[1]), int(place[2]))


def _balanced(terms: Sequence[str]) -> str:
    """The sum of the terms, nested as little as can be: the library bounds how deep it goes."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({_balanced(terms[:middle])} + {_balanced(terms[middle:])})"


def _needs(text: str) -> Needs:
    """What an expression may read: all that it does, and what only its literals and comments name."""
    names = frozenset(name for name, pattern in _NAMED.items() if pattern.search(text))
    members = {(found[2], found[3]) for found in _MEMBER.finditer(text)}
    if any(name is None or called is not None for name, called in members):
        return Needs(names, None)
    return Needs(names, frozenset(name for name, _ in members))
