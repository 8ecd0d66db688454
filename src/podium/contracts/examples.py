"""Examples: values that a schema allows, plain ones and those at its edges.

They are guesses: whoever uses one tries it with a validator. Hints are what another schema draws its lines
by, so that the examples come to stand on both sides of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from podium.contracts.cases import Case, cases_of, is_whole
from podium.contracts.fragments import Fragment, Library, Unresolved, canonical
from podium.contracts.patterns import texts_matching
from podium.facts.values import JSON

DEPTH_MAX = 6
INNER_MAX = 24
"""So many examples of a member or an item."""
EXAMPLES_MAX = 400
STEPS_MAX = 4_000
"""After so many schemas looked into, only what was found so far is given."""
LENGTH_MAX = 5_000
"""No example is longer."""

_FORMATS = {
    "date-time": ("2030-01-31T12:00:00Z",), "date": ("2030-01-31",), "time": ("12:00:00Z",),
    "duration": ("PT30S",), "email": ("ada@example.org",), "idn-email": ("ada@example.org",),
    "hostname": ("example.org",), "idn-hostname": ("example.org",), "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",), "uri": ("https://example.org/a",), "uri-reference": ("/a",),
    "iri": ("https://example.org/a",), "iri-reference": ("/a",), "regex": ("^a",),
    "uuid": ("2eb8aa08-aa98-11ea-b4aa-73b441d16380",), "json-pointer": ("/a",),
    "relative-json-pointer": ("1/a",), "uri-template": ("/a/{b}",),
}  # fmt: skip

_ANYTHING: tuple[JSON, ...] = (None, "text", 0, True, 0.5, [], {})


@dataclass(slots=True)
class Hints:
    """What a schema draws its lines by."""

    numbers: set[float] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    values: list[JSON] = field(default_factory=list)


def hints_of(library: Library, fragment: Fragment) -> Hints:
    """The hints of a schema, references followed."""
    hints, waiting, seen = Hints(), [fragment], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict) and (key := canonical(one)) not in seen:
            seen.add(key)
            waiting += one.values()
            _hint(hints, one)
            if isinstance(one.get("$ref"), str):
                try:
                    waiting.append(library.resolve(one["$ref"]))
                except Unresolved:
                    continue
    return hints


def _hint(hints: Hints, schema: dict[str, Any]) -> None:
    for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        if _is_number(schema.get(name)):
            hints.numbers.add(schema[name])
    for name in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        if isinstance(schema.get(name), int):
            hints.lengths |= {max(schema[name] - 1, 0), schema[name], schema[name] + 1}
    if isinstance(schema.get("pattern"), str):
        hints.texts |= set(texts_matching(schema["pattern"]))
    for name in ("properties", "dependentRequired", "dependentSchemas"):
        if isinstance(schema.get(name), dict):
            hints.names |= set(schema[name])
    if isinstance(schema.get("required"), list):
        hints.names |= {name for name in schema["required"] if isinstance(name, str)}
    listed = schema["enum"] if isinstance(schema.get("enum"), list) else []
    for value in [*listed, *([schema["const"]] if "const" in schema else [])]:
        hints.values.append(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Examples:
    """Makes examples of schemas of one library.

    Args:
        named_only: see `cases_of`.
    """

    def __init__(self, library: Library, hints: Hints, *, named_only: bool = False) -> None:
        self._library, self._hints, self._named_only = library, hints, named_only
        self._steps_left = STEPS_MAX

    def of(self, schemas: Sequence[Fragment], most: int = EXAMPLES_MAX) -> list[JSON]:
        """Examples of what keeps all of these, plain ones first."""
        return self._of(schemas, most, 0)

    def _of(self, schemas: Sequence[Fragment], most: int, depth: int) -> list[JSON]:
        self._steps_left -= 1
        if depth > DEPTH_MAX or self._steps_left < 0:
            return []
        cases = cases_of(self._library, schemas, self._named_only)
        rows = [self._case(case, depth) for case in cases]
        return _distinct(_in_turn(rows), most)

    def _case(self, case: Case, depth: int) -> Iterator[JSON]:
        values = case.finite()
        if values is None and depth and case.says_nothing:
            values = [*_ANYTHING, *self._hints.values]
        if values is not None:
            yield from values
            return
        rows = [_MAKERS[atom](self, case, depth) for atom in _ORDER if atom in case.atoms]
        yield from _in_turn(rows)

    # --- plain values --------------------------------------------------------------------------------

    def _null(self, case: Case, depth: int) -> Iterator[JSON]:
        yield None

    def _boolean(self, case: Case, depth: int) -> Iterator[JSON]:
        yield from (True, False)

    def _integer(self, case: Case, depth: int) -> Iterator[JSON]:
        near = [bound[0] for bound in (case.lower, case.upper) if bound is not None]
        wanted = [*near, *sorted(self._hints.numbers), 0]
        found = [0, 1, *(int(number) + step for number in wanted for step in (0, 1, -1)), 10**9, -(10**9)]
        step = next((int(multiple) for multiple in case.multiples if is_whole(multiple) and multiple >= 1), 1)
        if step > 1:
            found = [number // step * step + more for number in found for more in (0, step)]
        yield from (number for number in found if _is_within(case, number))

    def _fraction(self, case: Case, depth: int) -> Iterator[JSON]:
        near = [bound[0] for bound in (case.lower, case.upper) if bound is not None]
        found = [number + step for number in (*near, *sorted(self._hints.numbers), 0) for step in (0.5, -0.5)]
        if case.lower and case.upper:
            found.append((case.lower[0] + case.upper[0]) / 2)
        found += [multiple * times for multiple in case.multiples for times in (1, 3)]
        yield from (number for number in found if _is_within(case, number))

    def _string(self, case: Case, depth: int) -> Iterator[JSON]:
        texts = [text for form in case.formats for text in _FORMATS.get(form, ())]
        texts += [text for pattern in sorted(case.patterns) for text in texts_matching(pattern)]
        if not case.patterns:
            texts += [text for text in self._hints.values if isinstance(text, str)]
            texts += ["text", "", *sorted(self._hints.texts)]
        lengths = {case.length_min, min(case.length_max, LENGTH_MAX), *self._hints.lengths}
        grown = [
            (text * (int(length) // max(len(text), 1) + 1))[: int(length)]
            for text in ("a", *texts[:2])
            for length in sorted(lengths)
            if length <= LENGTH_MAX
        ]
        yield from (text for text in [*texts, *grown] if case.length_min <= len(text) <= case.length_max)

    # --- containers ----------------------------------------------------------------------------------

    def _array(self, case: Case, depth: int) -> Iterator[JSON]:
        least = case.items_min
        if least > INNER_MAX:
            return
        base = self._row(case, least, depth)
        if base is not None:
            yield base
        lengths = {least, least + 1, case.prefix, *self._hints.lengths, 2}
        for length in sorted(lengths):
            if least <= length <= min(case.items_max, INNER_MAX) and (row := self._row(case, length, depth)):
                yield row
                if not case.unique and length > 1:
                    yield [*row[:-1], row[-2]]
        for place in range(min(max(case.prefix, least) + 1, int(min(case.items_max, INNER_MAX)))):
            start = self._row(case, max(place, least), depth)
            for value in self._of(case.item(place), INNER_MAX, depth + 1) if start is not None else ():
                assert start is not None
                yield [*start[:place], value, *start[place + 1 :]]

    def _row(self, case: Case, length: int, depth: int) -> list[JSON] | None:
        """An array of a length, its items as different as need be."""
        row: list[JSON] = []
        for place in range(length):
            found = self._of(case.item(place), INNER_MAX, depth + 1)
            fresh = [
                value for value in found if not case.unique or canonical(value) not in map(canonical, row)
            ]
            if not fresh:
                return None
            row.append(fresh[place % len(fresh)])
        return row

    def _object(self, case: Case, depth: int) -> Iterator[JSON]:
        members = {name: self._member(case, name, depth) for name in sorted({*case.named, *case.required})}
        if any(not members[name] for name in case.required):
            return
        order = [name for name in case.named if name in case.required]
        order += sorted(case.required - set(order))
        base = self._filled(case, {name: members[name][0] for name in order}, case.members_min, depth)
        yield base
        optional = {name: found[0] for name, found in members.items() if found and name not in base}
        full = {**base, **optional}
        if optional and len(full) <= case.members_max:
            yield full
        for name, found in members.items():
            yield from ({**base, name: value} for value in found[:INNER_MAX])
        for name in optional:
            yield {other: value for other, value in full.items() if other != name}
        if not case.closed:
            for name in (*sorted(self._hints.names - members.keys()), "another", *_matched_names(case)):
                yield from ({**base, name: value} for value in self._member(case, name, depth)[:INNER_MAX])
        for length in sorted(self._hints.lengths):
            if len(base) < length <= case.members_max:
                yield self._filled(case, base, length, depth)

    def _member(self, case: Case, name: str, depth: int) -> list[JSON]:
        return self._of(case.member(name), INNER_MAX, depth + 1)

    def _filled(self, case: Case, base: dict[str, JSON], least: int, depth: int) -> dict[str, JSON]:
        """With so many members at least, where that can be."""
        for name in (*case.named, *(f"more{number}" for number in range(min(least, INNER_MAX)))):
            if len(base) >= least:
                break
            found = self._member(case, name, depth) if name not in base else []
            if found:
                base = {**base, name: found[0]}
        return base


_ORDER = ("null", "string", "integer", "boolean", "object", "array", "fraction")
_MAKERS = {
    "null": Examples._null,
    "boolean": Examples._boolean,
    "integer": Examples._integer,
    "fraction": Examples._fraction,
    "string": Examples._string,
    "array": Examples._array,
    "object": Examples._object,
}


def _matched_names(case: Case) -> list[str]:
    patterns = [pattern for one in case.objects for pattern in one.get("patternProperties", {})]
    return [name for pattern in patterns for name in texts_matching(pattern)[:1]]


def _is_within(case: Case, number: float) -> bool:
    low, high = case.lower, case.upper
    if low is not None and (number < low[0] or (number == low[0] and low[1])):
        return False
    return high is None or not (number > high[0] or (number == high[0] and high[1]))


def _in_turn(rows: Iterable[Iterable[JSON]]) -> Iterator[JSON]:
    """One of each row, then the second of each, and so on."""
    waiting = [iter(row) for row in rows]
    while waiting:
        for row in tuple(waiting):
            try:
                yield next(row)
            except StopIteration:
                waiting.remove(row)


def _distinct(values: Iterable[JSON], most: int) -> list[JSON]:
    def fresh() -> Iterator[JSON]:
        seen = set()
        for value in islice(values, most * 4):
            key = canonical(value)
            if key not in seen:
                seen.add(key)
                yield value

    return list(islice(fresh(), most))
