"""Keywords: of each one that bounds a value, whether a case already keeps the bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from podium.contracts.cases import Case, atoms_of, clusters, is_whole
from podium.contracts.fragments import Fragment, canonical, is_asserted
from podium.facts.values import JSON

_NUMBERS = frozenset(("integer", "fraction"))


@dataclass(frozen=True, slots=True)
class Gap:
    """What was not shown.

    Attributes:
        path: JSON pointer into the values; `*` stands for any member or item that nothing names.
        keyword: of the consumer's schema.
        wanted: the keyword's value.
        compared: whether the keyword was compared, and the producer's schema does not imply it.
        examples: values at the path that are likely to show it.
    """

    path: str
    keyword: str
    wanted: JSON = None
    compared: bool = True
    examples: tuple[JSON, ...] = ()


class Proofs(Protocol):
    """What a keyword needs of the prover."""

    def gaps(self, producer: Sequence[Fragment], consumer: Fragment, path: str) -> list[Gap]: ...
    def inside(
        self, producer: Sequence[Fragment], consumer: Fragment, path: str, part: str | int
    ) -> list[Gap]: ...


Check: TypeAlias = Callable[[Proofs, Case, dict[str, Any], Any, str], Iterable[Gap]]
"""Of prover, case, the consumer's schema, the keyword's value and the path."""


def _bound(name: str, atoms: frozenset[str], keeps: Callable[[Case, Any], bool]) -> Check:
    """A keyword that bounds values of some kinds by itself."""

    def check(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        return [] if not case.atoms & atoms or keeps(case, bound) else [Gap(path, name, bound)]

    return check


def _above(case: Case, bound: Any, out: bool) -> bool:
    return case.lower is not None and (case.lower[0] > bound or case.lower >= (bound, out))


def _below(case: Case, bound: Any, out: bool) -> bool:
    if case.upper is None:
        return False
    return case.upper[0] < bound or (case.upper[0] == bound and (case.upper[1] or not out))


def _is_multiple(case: Case, bound: Any) -> bool:
    """Only whole divisors: what a validator makes of fractions depends on its arithmetic."""
    if bound in case.multiples:
        return True
    if not is_whole(bound):
        return False
    if bound == 1 and "fraction" not in case.atoms:
        return True
    return any(is_whole(known) and known % bound == 0 for known in case.multiples)


def _is_distinct(case: Case, bound: Any) -> bool:
    return not bound or case.unique or case.items_max <= 1


def _has_format(case: Case, bound: Any) -> bool:
    return bound in case.formats or not is_asserted(bound)


def _types(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
    return [] if case.atoms <= atoms_of(bound) else [Gap(path, "type", bound)]


def _listed(name: str) -> Check:
    """`enum` and `const`: a case with few values does not come here."""
    return lambda proofs, case, consumer, bound, path: [Gap(path, name, bound)]


# --- arrays -----------------------------------------------------------------------------------


def _prefix(
    proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str
) -> Iterator[Gap]:  # fmt: skip
    if "array" in case.atoms:
        for place, wanted in enumerate(bound):
            if place < case.items_max:
                yield from proofs.inside(case.item(place), wanted, path, place)


def _items(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> Iterator[Gap]:
    if "array" not in case.atoms:
        return
    first = len(consumer.get("prefixItems", ()))
    for place in range(first, max(first, case.prefix)):
        if place < case.items_max:
            yield from proofs.inside(case.item(place), bound, path, place)
    beyond = max(first, case.prefix)
    if beyond < case.items_max:
        yield from proofs.inside(case.item(beyond), bound, path, "*")


def _contains(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
    if "array" not in case.atoms or canonical(clusters(consumer)["contains"]) in case.clusters:
        return []
    least, most = consumer.get("minContains", 1), consumer.get("maxContains", float("inf"))
    if most < case.items_max:
        return [Gap(path, "maxContains", most, compared=False)]
    if least == 0:
        return []
    places = range(case.prefix + 1)
    if case.items_min < least or any(proofs.inside(case.item(at), bound, path, at) for at in places):
        return [Gap(path, "contains", bound)]
    return []


# --- objects ----------------------------------------------------------------------------------


def _properties(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> Iterator[Gap]:
    if "object" in case.atoms:
        for name, wanted in bound.items():
            yield from proofs.inside(case.member(name), wanted, path, name)


def _additional(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> Iterator[Gap]:
    if "object" not in case.atoms:
        return
    for name in case.named:
        if name not in consumer.get("properties", {}):
            for gap in proofs.inside(case.member(name), bound, path, name):
                yield _closing(gap, path, bound)
    if not case.closed:
        for gap in proofs.inside(case.rest(), bound, path, "*"):
            yield _closing(gap, path, bound)


def _closing(gap: Gap, path: str, bound: Any) -> Gap:
    return Gap(path, "additionalProperties", bound) if bound is False else gap


def _required(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
    missing = [name for name in bound if name not in case.required]
    return [Gap(path, "required", missing)] if missing and "object" in case.atoms else []


def _dependent(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> Iterator[Gap]:
    if "object" not in case.atoms:
        return
    for name, needed in bound.items():
        missing = set(needed) - case.required - case.needs.get(name, set()) - {name}
        if missing and not any(one is False for one in case.member(name)):
            yield Gap(path, "dependentRequired", {name: sorted(missing)})


def _dependent_schemas(
    proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str
) -> Iterator[Gap]:
    if "object" not in case.atoms or canonical({"dependentSchemas": bound}) in case.clusters:
        return
    for name, wanted in bound.items():
        there = {"type": "object", "required": [name]}
        if proofs.gaps([*case.parts, there], wanted, path):
            yield Gap(path, "dependentSchemas", compared=False)


def _names(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
    if "object" not in case.atoms or canonical({"propertyNames": bound}) in case.clusters:
        return []
    if case.closed:
        names: Fragment = {"enum": case.named} if case.named else False
    else:
        names = {"allOf": [{"type": "string"}, *case.names]}
    gaps = proofs.gaps([names], bound, path)
    return [Gap(path, "propertyNames", bound)] if gaps else []


def _cluster(name: str, atom: str) -> Check:
    """A keyword that is not compared, unless the producer has the same."""

    def check(proofs: Proofs, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        same = bound is True or canonical({name: bound}) in case.clusters
        return [] if same or atom not in case.atoms else [Gap(path, name, bound, compared=False)]

    return check


_STRING, _ARRAY, _OBJECT = frozenset(("string",)), frozenset(("array",)), frozenset(("object",))

CHECKS: dict[str, Check] = {
    "type": _types,
    "enum": _listed("enum"),
    "const": _listed("const"),
    "minimum": _bound("minimum", _NUMBERS, lambda case, bound: _above(case, bound, False)),
    "exclusiveMinimum": _bound("exclusiveMinimum", _NUMBERS, lambda case, bound: _above(case, bound, True)),
    "maximum": _bound("maximum", _NUMBERS, lambda case, bound: _below(case, bound, False)),
    "exclusiveMaximum": _bound("exclusiveMaximum", _NUMBERS, lambda case, bound: _below(case, bound, True)),
    "multipleOf": _bound("multipleOf", _NUMBERS, _is_multiple),
    "minLength": _bound("minLength", _STRING, lambda case, bound: case.length_min >= bound),
    "maxLength": _bound("maxLength", _STRING, lambda case, bound: case.length_max <= bound),
    "pattern": _bound("pattern", _STRING, lambda case, bound: bound in case.patterns),
    "format": _bound("format", _STRING, _has_format),
    "prefixItems": _prefix,
    "items": _items,
    "minItems": _bound("minItems", _ARRAY, lambda case, bound: case.items_min >= bound),
    "maxItems": _bound("maxItems", _ARRAY, lambda case, bound: case.items_max <= bound),
    "uniqueItems": _bound("uniqueItems", _ARRAY, _is_distinct),
    "contains": _contains,
    "properties": _properties,
    "patternProperties": _cluster("patternProperties", "object"),
    "additionalProperties": _additional,
    "required": _required,
    "minProperties": _bound("minProperties", _OBJECT, lambda case, bound: case.members_min >= bound),
    "maxProperties": _bound("maxProperties", _OBJECT, lambda case, bound: case.members_max <= bound),
    "dependentRequired": _dependent,
    "dependentSchemas": _dependent_schemas,
    "propertyNames": _names,
    "dependencies": _cluster("dependencies", "object"),
    "unevaluatedProperties": _cluster("unevaluatedProperties", "object"),
    "unevaluatedItems": _cluster("unevaluatedItems", "array"),
}
"""Keywords that bound a value by themselves. Those that combine schemas are the prover's own."""
