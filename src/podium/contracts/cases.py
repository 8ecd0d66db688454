"""Cases: a schema taken apart into alternatives, each a plain conjunction of bounds.

Taking apart may forget (a `oneOf` becomes an `anyOf`, `if` is dropped), so together the cases allow at least
what the schema allows. That is the safe side for whoever proves that nothing of it breaks a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

from podium.contracts.fragments import Fragment, Library, Unresolved, canonical, matches
from podium.facts.values import JSON

CASES_MAX = 64
"""Alternatives that multiply beyond this are forgotten."""
INTEGERS_MAX = 32
"""A range of so many whole numbers is looked at one by one."""

ATOMS = frozenset(("null", "boolean", "integer", "fraction", "string", "array", "object"))
"""The kinds of values, apart from each other: a `number` is an `integer` or a `fraction`."""

_OF_TYPE = {name: frozenset((name,)) for name in ATOMS} | {"number": frozenset(("integer", "fraction"))}
_COMBINING = ("$ref", "allOf", "anyOf", "oneOf")
_ARRAY = ("prefixItems", "items")
_OBJECT = ("properties", "patternProperties", "additionalProperties")


def atoms_of(types: str | Sequence[str]) -> frozenset[str]:
    """The atoms that a `type` names."""
    named = [types] if isinstance(types, str) else types
    return frozenset[str]().union(*(_OF_TYPE.get(name, frozenset()) for name in named))


def atom_of(value: JSON) -> str:
    """The atom that a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    kinds = {float: "fraction", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


@dataclass(slots=True)
class Case:
    """A conjunction.

    Attributes:
        parts: the schemas it is made of, without what combines schemas.
        implied: whole schemas, in canonical form, that whatever is allowed keeps.
        lower, upper: bounds of numbers, and whether the bound itself is out.
        clusters: keywords that are not understood, in canonical form.
    """

    parts: list[dict[str, Any]] = field(default_factory=list)
    implied: set[bytes] = field(default_factory=set)
    atoms: frozenset[str] = ATOMS
    values: list[JSON] | None = None
    lower: tuple[float, bool] | None = None
    upper: tuple[float, bool] | None = None
    multiples: list[float] = field(default_factory=list)
    length_min: int = 0
    length_max: float = float("inf")
    patterns: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    arrays: list[dict[str, Any]] = field(default_factory=list)
    items_min: int = 0
    items_max: float = float("inf")
    unique: bool = False
    objects: list[dict[str, Any]] = field(default_factory=list)
    required: set[str] = field(default_factory=set)
    members_min: int = 0
    members_max: float = float("inf")
    needs: dict[str, set[str]] = field(default_factory=dict)
    names: list[Fragment] = field(default_factory=list)
    nots: list[Fragment] = field(default_factory=list)
    clusters: set[bytes] = field(default_factory=set)

    # --- what stands inside --------------------------------------------------------------------------

    def item(self, index: int) -> list[Fragment]:
        """What an item at a place keeps."""
        found = []
        for array in self.arrays:
            prefix = array.get("prefixItems", [])
            if index < len(prefix):
                found.append(prefix[index])
            elif "items" in array:
                found.append(array["items"])
        return found

    @property
    def prefix(self) -> int:
        """From this place on all items keep the same."""
        return max((len(array.get("prefixItems", [])) for array in self.arrays), default=0)

    def member(self, name: str) -> list[Fragment]:
        """What a member of a name keeps, where there is one."""
        found = []
        for one in self.objects:
            own = [one["properties"][name]] if name in one.get("properties", {}) else []
            patterned = one.get("patternProperties", {})
            told = {pattern: matches(pattern, name) for pattern in patterned}
            own += [patterned[pattern] for pattern, matched in told.items() if matched]
            # Where a pattern cannot be tried, nothing is known of the member beyond its own schema.
            if not own and None not in told.values() and "additionalProperties" in one:
                own.append(one["additionalProperties"])
            found += own
        return found

    def rest(self) -> list[Fragment]:
        """What members keep that nothing names."""
        return [
            one["additionalProperties"]
            for one in self.objects
            if "additionalProperties" in one and not one.get("patternProperties")
        ]

    @property
    def named(self) -> list[str]:
        """Members that are named."""
        return list(dict.fromkeys(name for one in self.objects for name in one.get("properties", {})))

    @property
    def closed(self) -> bool:
        """Whether there are no members but the named ones."""
        return any(one is False for one in self.rest())

    @property
    def names_nothing(self) -> bool:
        """Whether nothing is said of members."""
        return not (self.objects or self.required or self.needs or self.names or self.members_min)

    @property
    def says_nothing(self) -> bool:
        """Whether every value is allowed."""
        return not any(part.keys() - _SILENT for part in self.parts)

    def whole(self) -> Fragment:
        """The case as one schema."""
        return {"allOf": self.parts}

    # --- taking a schema in --------------------------------------------------------------------------

    def take(self, schema: dict[str, Any]) -> None:
        """Add the bounds of a schema; what combines schemas in it is not looked at."""
        part = {name: value for name, value in schema.items() if name not in _COMBINING}
        if not part:
            return
        self.parts.append(part)
        if "type" in part:
            self.atoms &= atoms_of(part["type"])
        for listed in (part.get("enum"), [part["const"]] if "const" in part else None):
            if listed is not None:
                self.values = listed if self.values is None else _shared(self.values, listed)
        self._take_numbers(part)
        self.length_min = max(self.length_min, part.get("minLength", 0))
        self.length_max = min(self.length_max, part.get("maxLength", self.length_max))
        self.patterns |= {part["pattern"]} if "pattern" in part else set()
        self.formats |= {part["format"]} if "format" in part else set()
        self._take_containers(part)
        if "not" in part:
            self._take_not(part["not"])
        self.clusters |= {canonical(one) for one in clusters(part).values()}

    def _take_numbers(self, part: dict[str, Any]) -> None:
        for name, out in (("minimum", False), ("exclusiveMinimum", True)):
            if name in part:
                self.lower = max(self.lower or (part[name], out), (part[name], out))
        for name, out in (("maximum", False), ("exclusiveMaximum", True)):
            if name in part:
                bound = (part[name], out)
                if self.upper is None or (bound[0], not out) < (self.upper[0], not self.upper[1]):
                    self.upper = bound
        if "multipleOf" in part:
            self.multiples.append(part["multipleOf"])

    def _take_containers(self, part: dict[str, Any]) -> None:
        if any(name in part for name in _ARRAY):
            self.arrays.append(part)
        self.items_min = max(self.items_min, part.get("minItems", 0))
        self.items_max = min(self.items_max, part.get("maxItems", self.items_max))
        self.unique |= part.get("uniqueItems", False)
        if any(name in part for name in _OBJECT):
            self.objects.append(part)
        self.required |= set(part.get("required", ()))
        self.members_min = max(self.members_min, part.get("minProperties", 0))
        self.members_max = min(self.members_max, part.get("maxProperties", self.members_max))
        for name, needed in part.get("dependentRequired", {}).items():
            self.needs.setdefault(name, set()).update(needed)
        if "propertyNames" in part:
            self.names.append(part["propertyNames"])

    def _take_not(self, denied: Fragment) -> None:
        if isinstance(denied, dict) and denied.keys() == {"type"}:
            self.atoms -= atoms_of(denied["type"])
        else:
            self.nots.append(denied)

    def seal(self) -> None:
        """Allow no members but the named ones, unless something is said of the others."""
        spoken = any("additionalProperties" in one or "patternProperties" in one for one in self.objects)
        if self.named and not spoken:
            self.take({"properties": dict.fromkeys(self.named, True), "additionalProperties": False})

    # --- drawing conclusions -------------------------------------------------------------------------

    def conclude(self, library: Library) -> None:
        """Let the bounds bear on each other: kinds that they leave no value of go."""
        while more := set().union(*(self.needs.get(name, ()) for name in self.required)) - self.required:
            self.required |= more
        if self.values is not None:
            keeps = library.check_of(self.whole())
            kept = [value for value in self.values if keeps(value) is not False]
            self.values = kept
            self.atoms &= {atom_of(value) for value in kept}
        self._conclude_numbers()
        for place in range(self.prefix + 1):
            if any(one is False for one in self.item(place)):
                self.items_max = min(self.items_max, place)
        if self.closed:
            self.members_max = min(self.members_max, len(self.named))
        self.members_min = max(self.members_min, len(self.required))
        gone = {
            "string": self.length_min > self.length_max,
            "array": self.items_min > self.items_max,
            "object": self.members_min > self.members_max
            or any(one is False for name in self.required for one in self.member(name)),
        }
        self.atoms -= {atom for atom, is_gone in gone.items() if is_gone}

    def _conclude_numbers(self) -> None:
        if any(is_whole(multiple) for multiple in self.multiples):
            self.atoms -= {"fraction"}
        if "fraction" not in self.atoms and "integer" in self.atoms:
            self.lower, self.upper = _whole(self.lower, ceil, 1), _whole(self.upper, floor, -1)
        if self.lower is not None and self.upper is not None:
            (low, low_out), (high, high_out) = self.lower, self.upper
            if low > high or (low == high and (low_out or high_out)):
                self.atoms -= {"integer", "fraction"}
            elif low == high:
                self.atoms -= {"fraction"} if is_whole(low) else {"integer"}

    def finite(self) -> list[JSON] | None:
        """Every value that is allowed, and perhaps some more, if they are few; else None."""
        if self.values is not None:
            return [value for value in self.values if atom_of(value) in self.atoms]
        found: list[JSON] = []
        for atom in sorted(self.atoms):
            if atom == "null":
                found.append(None)
            elif atom == "boolean":
                found += [False, True]
            elif atom == "integer" and "fraction" not in self.atoms and self.lower and self.upper:
                low, high = self.lower[0], self.upper[0]
                if high - low >= INTEGERS_MAX:
                    return None
                found += range(int(low), int(high) + 1)
            else:
                return None
        return found


_SILENT = frozenset(
    "title description $comment examples default deprecated readOnly writeOnly $defs definitions $schema $id "
    "$anchor contentMediaType contentEncoding contentSchema".split()
)
"""Keywords that allow and refuse nothing."""


def clusters(part: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Keywords that mean something together, by the first of each; others are compared as a whole."""
    found: dict[str, dict[str, Any]] = {}
    for names in (("if", "then", "else"), ("contains", "minContains", "maxContains")):
        if names[0] in part:
            found[names[0]] = {name: part[name] for name in names if name in part}
    for name in ("patternProperties", "dependentSchemas", "propertyNames", "dependencies"):
        if name in part:
            found[name] = {name: part[name]}
    return found


def cases_of(library: Library, schemas: Sequence[Fragment], named_only: bool = False) -> list[Case]:
    """The cases of a conjunction; none if it is plain that it allows nothing.

    What references cannot be followed to is forgotten.

    Args:
        named_only: leave out objects with members that are not named, where some are.
    """
    drafts: list[tuple[list[Fragment], list[dict[str, Any]], set[bytes]]] = [(list(schemas), [], set())]
    done: list[Case] = []
    while drafts:
        waiting, plain, seen = drafts.pop()
        alive = True
        while waiting and alive:
            schema = waiting.pop()
            if schema is False:
                alive = False
            if not isinstance(schema, dict):
                continue
            key = canonical(schema)
            if key in seen:
                continue
            seen.add(key)
            plain.append(schema)
            waiting += schema.get("allOf", ())
            waiting += _referred(library, schema)
            branches = [list(schema[name]) for name in ("anyOf", "oneOf") if name in schema]
            room = CASES_MAX - len(done) - len(drafts)
            if len(branches) == 2:
                branches = [[{"allOf": [one, other]} for one in branches[0] for other in branches[1]]]
            for alternatives in branches:
                if len(alternatives) <= room:
                    drafts += [
                        ([*waiting, one], list(plain), set(seen)) for one in reversed(alternatives[1:])
                    ]
                    waiting.append(alternatives[0])
        if alive:
            case = Case(implied=seen)
            for schema in plain:
                case.take(schema)
            if named_only:
                case.seal()
            case.conclude(library)
            if case.atoms:
                done.append(case)
    return done


def _referred(library: Library, schema: dict[str, Any]) -> Iterator[Fragment]:
    if "$ref" in schema:
        try:
            yield library.resolve(schema["$ref"])
        except Unresolved:
            return


def _shared(values: Sequence[JSON], others: Sequence[JSON]) -> list[JSON]:
    """The values that are among the others, by JSON Schema's equality."""
    known = set(map(_key, others))
    return [value for value in values if _key(value) in known]


def _key(value: JSON) -> bytes:
    """The same for equal values: 1 is 1.0, and true is not 1."""
    return canonical(_with_whole_numbers(value))


def _with_whole_numbers(value: JSON) -> JSON:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_whole_numbers(member) for name, member in value.items()}
    return value


def is_whole(number: float) -> bool:
    """Whether a number is whole, as `1.0` is."""
    return isinstance(number, int) or number.is_integer()


def _whole(bound: tuple[float, bool] | None, round_in: Any, step: int) -> tuple[float, bool] | None:
    """A bound of whole numbers: the last one that is in."""
    if bound is None:
        return None
    number = round_in(bound[0])
    return (number + step if bound[1] and number == bound[0] else number), False
