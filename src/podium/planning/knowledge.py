"""Knowledge: what is known of a value that flows, as a schema, and what follows for what is made of it.

Nothing known is the schema `true`. What a value may be, without a promise that it can be each of these, is
marked as a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from podium.contracts.cases import Case, cases_of
from podium.contracts.certainty import guessed, is_guess
from podium.contracts.fragments import Fragment, Library, canonical
from podium.facts.values import JSON

ALTERNATIVES_MAX = 16
"""More ways in which a value may have come are not told apart."""
BYTES_MAX = 32_768
"""Knowledge that is larger than this is let go."""

ANYTHING: Fragment = True
NULL: Fragment = {"type": "null"}
_NUMBERS = frozenset(("integer", "fraction"))


class Knowledge:
    """What follows from what, within one library of schemas."""

    def __init__(self, library: Library) -> None:
        self.library = library

    # --- making --------------------------------------------------------------------------------------

    def literal(self, value: JSON) -> Fragment:
        """A value of the document as it is."""
        return self._kept({"const": value})

    def object_of(self, members: dict[str, Fragment]) -> Fragment:
        """An object with just these members."""
        return self._kept(
            {
                "type": "object", "properties": members, "required": list(members),
                "additionalProperties": False,
            }
        )  # fmt: skip

    def array_of(self, items: Sequence[Fragment]) -> Fragment:
        """An array of just these items."""
        number = {"minItems": len(items), "maxItems": len(items)}
        return self._kept({"type": "array", **number, **({"prefixItems": list(items)} if items else {})})

    def either(self, alternatives: Iterable[Fragment]) -> Fragment:
        """One of these; nothing at all where there are none."""
        found: dict[bytes, Fragment] = {}
        for one in alternatives:
            if one is True or one == {}:
                return ANYTHING
            inner = one["anyOf"] if isinstance(one, dict) and one.keys() == {"anyOf"} else [one]
            found.update((canonical(part), part) for part in inner if part is not False)
        if len(found) > ALTERNATIVES_MAX:
            return ANYTHING
        kept = list(found.values())
        return self._kept({"anyOf": kept} if len(kept) > 1 else kept[0] if kept else False)

    def narrowed(self, known: Fragment, schema: Fragment) -> Fragment:
        """What is known once a value was checked."""
        if known is True or schema is False:
            return schema
        return known if schema is True else self._kept({"allOf": [known, schema]})

    def _kept(self, fragment: Fragment) -> Fragment:
        return fragment if len(canonical(fragment)) <= BYTES_MAX else ANYTHING

    # --- taking apart --------------------------------------------------------------------------------

    def member(self, known: Fragment, name: str) -> Fragment:
        """What `.name` gives: null where an object lacks it, nothing where the value has no members."""
        return self.either(self._member(case, name) for case in self.cases(known))

    def _member(self, case: Case, name: str) -> Fragment:
        if case.says_nothing:
            return ANYTHING
        if case.values is not None:
            values = [value.get(name) for value in case.values if isinstance(value, dict)]
            values += [None for value in case.values if value is None]
            return _marked(case, {"enum": values} if values else False)
        found: list[Fragment] = [NULL] if "null" in case.atoms else []
        if "object" in case.atoms:
            schemas = case.member(name)
            # What an open object does not name may be there, and may be anything.
            if not schemas:
                return ANYTHING
            found.append(schemas[0] if len(schemas) == 1 else {"allOf": schemas})
            found += [] if name in case.required else [NULL]
        return _marked(case, self.either(found))

    def element(self, known: Fragment, index: int) -> Fragment:
        """What `.[index]` gives."""
        return self.either(self._element(case, index) for case in self.cases(known))

    def _element(self, case: Case, index: int) -> Fragment:
        if case.says_nothing or index < 0:
            return ANYTHING
        if case.values is not None:
            return ANYTHING
        found: list[Fragment] = [NULL] if "null" in case.atoms else []
        if "array" in case.atoms:
            if index < case.items_max:
                found.append(_all(case.item(index)))
            found += [] if index < case.items_min else [NULL]
        return _marked(case, self.either(found))

    def items(self, known: Fragment) -> Fragment:
        """What each item of an array is."""
        return self.either(one for case in self.cases(known) for one in self._items(case))

    def _items(self, case: Case) -> list[Fragment]:
        if case.values is not None:
            values = [item for value in case.values if isinstance(value, list) for item in value]
            return [_marked(case, {"enum": values})] if values else []
        if "array" not in case.atoms:
            return []
        places = range(int(min(case.prefix + 1, case.items_max)))
        return [_marked(case, _all(case.item(place))) for place in places]

    def is_never_empty(self, known: Fragment) -> bool:
        """Whether an array has at least one item."""
        cases = self.cases(known)
        return all(bool(case.items_min) or bool(case.values and all(case.values)) for case in cases)

    # --- kinds ---------------------------------------------------------------------------------------

    def cases(self, known: Fragment) -> list[Case]:
        """The alternatives that a value may be."""
        return cases_of(self.library, [known])

    def atoms(self, known: Fragment) -> frozenset[str]:
        """The kinds of values that it may be."""
        return frozenset[str]().union(*(case.atoms for case in self.cases(known)))

    def without_nothing(self, known: Fragment) -> Fragment:
        """What is left where null and false are not."""
        if known is True:
            return ANYTHING
        left = []
        for case in self.cases(known):
            if case.values is not None:
                values = [value for value in case.values if value is not None and value is not False]
                left.append(_marked(case, {"enum": values} if values else False))
            elif case.atoms & {"null", "boolean"}:
                left.append({"allOf": [*case.parts, {"not": {"type": "null"}}, {"not": {"const": False}}]})
            else:
                left.append(case.whole())
        return self.either(left)

    def may_be_nothing(self, known: Fragment) -> bool:
        """Whether it may be null or false."""
        for case in self.cases(known):
            values = case.finite()
            if values is None and case.atoms & {"null", "boolean"}:
                return True
            if values is not None and any(value is None or value is False for value in values):
                return True
        return False

    def sum(self, first: Fragment, second: Fragment) -> Fragment:
        """What `+` gives."""
        one, two = self.atoms(first), self.atoms(second)
        for kinds, schema in (
            (frozenset(("integer",)), {"type": "integer"}),
            (_NUMBERS, {"type": "number"}),
            (frozenset(("string",)), {"type": "string"}),
            (frozenset(("array",)), {"type": "array"}),
            (frozenset(("object",)), {"type": "object"}),
        ):
            if one <= kinds and two <= kinds:
                return guessed(schema)
        return ANYTHING

    def number(self, *operands: Fragment) -> Fragment:
        """What arithmetic gives of numbers; anything of what may be something else."""
        if all(self.atoms(operand) <= _NUMBERS for operand in operands):
            return guessed({"type": "number"})
        return ANYTHING


def _all(schemas: list[Fragment]) -> Fragment:
    if not schemas:
        return ANYTHING
    return schemas[0] if len(schemas) == 1 else {"allOf": schemas}


def _marked(case: Case, found: Any) -> Fragment:
    return guessed(found) if is_guess(case.parts) else found
