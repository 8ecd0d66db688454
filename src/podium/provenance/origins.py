"""Values that know where they came from.

A traced value is a JSON value together with what it was made of. Taking a member of it keeps what is known:
a member of what an agent gave is what that agent gave there, and a member of an object that an expression put
together is what was put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from podium.facts.values import JSON

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "unknown"})()
"""In place of a value that was erased, or that the log does not hold."""

Kind: TypeAlias = Literal["input", "effect", "event", "person", "error", "asker", "secret"]
How: TypeAlias = Literal["value", "choice"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value entered a run.

    Attributes:
        kind: `input` the run's; `effect` what its performer, or a person who was asked, gave; `event` one
            that was received; `person` what somebody made of an action; `error` one that was caught;
            `asker` what the performer of an effect asked for by itself; `secret` one of the hub's.
        number: the effect's, or the position of the record; 0 for neither.
        path: JSON pointer to the place in what was given.
    """

    kind: Kind
    number: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Making:
    """An expression that a value went through.

    Attributes:
        seq: position of the record that holds what it gave.
        task: reference of the task.
        part: which of its expressions: `input.from`, `output.as`, `export.as`, `set`, `with`, `for`, `when`.
        text: the expression.
        exact: whether it is known which part of its input the value was made of; else it is all of it.
    """

    seq: int
    task: str
    part: str
    text: str
    exact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """What the document says."""

    value: JSON

    def member(self, key: str | int) -> Traced:
        return Constant(taken(self.value, key))


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What somebody gave, or a part of it."""

    value: JSON
    origin: Origin

    def member(self, key: str | int) -> Traced:
        path = f"{self.origin.path}/{_escaped(key)}"
        return Given(taken(self.value, key), replace(self.origin, path=path))


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """An object or an array of which every member is known."""

    value: JSON
    members: Mapping[str | int, Traced]

    def member(self, key: str | int) -> Traced:
        if isinstance(key, int) and key < 0 and isinstance(self.value, list):
            key += len(self.value)
        found = self.members.get(key)
        return found if found is not None else Constant(taken(self.value, key))


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """Made of all of these, nobody can tell how; `choices` only decided what it is made of."""

    value: JSON
    parts: tuple[Traced, ...]
    choices: tuple[Traced, ...] = ()

    def member(self, key: str | int) -> Traced:
        return Mixed(taken(self.value, key), self.parts, self.choices)


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A value that an expression let through as it is, or put together. Made by `passed`."""

    inner: Traced
    making: Making | None
    choices: tuple[Traced, ...]
    value: JSON
    depth: int

    def member(self, key: str | int) -> Traced:
        chain: list[Passed] = []
        one: Traced = self
        while isinstance(one, Passed):
            chain.append(one)
            one = one.inner
        found = one.member(key)
        for wrapper in reversed(chain):
            found = passed(found, wrapper.making, wrapper.choices)
        return found


DEPTH_MAX = 100
"""Of a value that went through more expressions than that, it is only told what the last ones did to it."""


def passed(inner: Traced, making: Making | None = None, choices: tuple[Traced, ...] = ()) -> Traced:
    """A value that went through an expression."""
    depth = inner.depth + 1 if isinstance(inner, Passed) else 1
    if depth > DEPTH_MAX:
        return Mixed(inner.value, (inner,), choices)
    return Passed(inner, making, choices, inner.value, depth)


Traced: TypeAlias = Constant | Given | Composed | Mixed | Passed


def traced(value: Any) -> Traced:
    """A value as a traced one; what holds traced ones is put together of them."""
    if isinstance(value, Constant | Given | Composed | Mixed | Passed):
        return value
    if isinstance(value, dict) and value:
        return composed({key: traced(one) for key, one in value.items()})
    if isinstance(value, list | tuple) and value:
        return listed([traced(one) for one in value])
    return Constant(value)


def composed(members: dict[str, Traced]) -> Traced:
    """An object."""
    whole = {key: one.value for key, one in members.items()}
    value = UNKNOWN if any(one is UNKNOWN for one in whole.values()) else whole
    return Composed(value, dict[str | int, Traced](members.items()))


def listed(members: Sequence[Traced]) -> Traced:
    """An array."""
    whole = [one.value for one in members]
    value = UNKNOWN if any(one is UNKNOWN for one in whole) else whole
    return Composed(value, dict(enumerate(members)))


def known_as(one: Traced, value: JSON) -> Traced:
    """The same, where the log says what its value is."""
    if isinstance(one, Passed):
        return replace(one, inner=known_as(one.inner, value), value=value)
    if isinstance(one, Composed):
        members = {key: _known_below(member, value, key) for key, member in one.members.items()}
        return Composed(value, members)
    return replace(one, value=value)


def _known_below(member: Traced, whole: JSON, key: str | int) -> Traced:
    return known_as(member, taken(whole, key)) if member.value is UNKNOWN else member


def taken(value: JSON, key: str | int) -> JSON:
    """A member of a value as jq has it; unknown where it is not known."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(key, int):
        return value[key] if isinstance(value, list) and -len(value) <= key < len(value) else None
    return value.get(key) if isinstance(value, dict) else None


def at(one: Traced, path: str) -> Traced:
    """The place in it that a JSON pointer names. Raises KeyError where its value has no such place."""
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = one.value
        if isinstance(value, list):
            if not name.isdigit() or int(name) >= len(value):
                raise KeyError(name)
            one = one.member(int(name))
        else:
            if value is not UNKNOWN and (not isinstance(value, dict) or name not in value):
                raise KeyError(name)
            one = one.member(name)
    return one


def _escaped(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Sources:
    """All that a value rests on directly: where it entered the run, and the expressions on the way.

    Attributes:
        origins: each with whether the value was made of it, or it only decided of what.
        makings: in the order in which they took place.
    """

    origins: Mapping[Origin, How]
    makings: tuple[Making, ...]


def sources(*values: Traced) -> Sources:
    """What values rest on. What is inside another origin of the same giver is left out."""
    origins: dict[Origin, How] = {}
    makings: dict[Making, None] = {}
    seen: set[tuple[int, How]] = set()
    waiting: list[tuple[Traced, How]] = [(one, "value") for one in reversed(values)]
    while waiting:
        one, how = waiting.pop()
        if (id(one), how) in seen:
            continue
        seen.add((id(one), how))
        if isinstance(one, Given):
            if origins.get(one.origin) != "value":
                origins[one.origin] = how
        elif isinstance(one, Passed) and one.making is not None:
            makings[one.making] = None
        waiting += _below(one, how)
    # Of those of one record, whatever stands around another was found before that and took place after it.
    outermost_first = {making: place for place, making in enumerate(makings)}
    ordered = sorted(makings, key=lambda making: (making.seq, -outermost_first[making]))
    return Sources(_without_parts(origins), tuple(ordered))


def _below(one: Traced, how: How) -> Iterator[tuple[Traced, How]]:
    if isinstance(one, Passed):
        yield from ((choice, "choice") for choice in one.choices)
        yield one.inner, how
    elif isinstance(one, Mixed):
        yield from ((choice, "choice") for choice in one.choices)
        yield from ((part, how) for part in one.parts)
    elif isinstance(one, Composed):
        yield from ((part, how) for part in one.members.values())


def _without_parts(origins: Mapping[Origin, How]) -> Mapping[Origin, How]:
    kept: dict[Origin, How] = {}
    for origin, how in sorted(origins.items(), key=lambda item: _place(item[0])):
        above = any(replace(origin, path=path) in kept for path in _above(origin.path))
        if not above or any(
            kept.get(replace(origin, path=path)) == "choice" and how == "value"
            for path in _above(origin.path)
        ):
            kept[origin] = how
    return kept


def _place(origin: Origin) -> tuple[str, int, str]:
    return origin.kind, origin.number, origin.path


def _above(path: str) -> Iterable[str]:
    """The pointers to what a place is inside of."""
    while path:
        path = path.rpartition("/")[0]
        yield path
